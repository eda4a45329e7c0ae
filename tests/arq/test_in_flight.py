"""Runs of sent packets: what is taken out of the middle, what stays, and that the bytes add up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.in_flight import InFlight, Kind, SentRun


def data_run(first: int, count: int, offset: int = 0, chunk: int = 100, last: int = 40) -> SentRun:
    """count DATA packets of chunk file bytes, the last with fewer; 52 bytes of overhead each."""
    length = (count - 1) * chunk + last
    size = chunk + 52 if count > 1 else last + 52
    return SentRun(first, count, 7, size, last + 52, Kind.DATA, 3, offset, length, chunk)


def facts(run: SentRun) -> tuple[int, int, int, int, int]:
    return run.first, run.count, run.offset, run.length, run.total_size


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (10, 15, (10, 5, 1_000, 440, 4 * 152 + 92)),
        (10, 11, (10, 1, 1_000, 100, 152)),
        (12, 14, (12, 2, 1_200, 200, 304)),
        (14, 15, (14, 1, 1_400, 40, 92)),
        (13, 15, (13, 2, 1_300, 140, 152 + 92)),
    ],
)
def test_a_part_of_a_run_carries_its_own_bytes(start: int, stop: int, expected: tuple[int, ...]) -> None:
    assert facts(data_run(10, 5, 1_000).part(start, stop)) == expected


def test_taking_from_the_middle_leaves_both_ends() -> None:
    flight = InFlight()
    flight.add(data_run(10, 5, 1_000))
    assert [facts(run) for run in flight.take(12, 13)] == [(12, 1, 1_200, 100, 152)]
    assert [facts(run)[:4] for run in flight] == [(10, 2, 1_000, 200), (13, 2, 1_300, 140)]
    assert flight.take(12, 13) == []
    assert flight.bytes_in_flight == 3 * 152 + 92


def test_taking_over_several_runs() -> None:
    flight = InFlight()
    for first in (0, 10, 20):
        flight.add(data_run(first, 5, first * 100))
    assert [(run.first, run.stop) for run in flight.take(3, 22)] == [(3, 5), (10, 15), (20, 22)]
    assert [(run.first, run.stop) for run in flight] == [(0, 3), (22, 25)]


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (5, 5), (15, 20), (30, 99), (14, 16)])
def test_numbers_that_are_not_there_give_nothing(start: int, stop: int) -> None:
    flight = InFlight()
    flight.add(data_run(10, 4))
    flight.add(data_run(20, 4))
    assert flight.take(start, stop) == []
    assert len(flight) == 2


def test_probes_of_the_path_mtu_do_not_count_as_bytes_in_flight() -> None:
    flight = InFlight()
    flight.add(SentRun(0, 1, 0, 1_472, 1_472, Kind.PROBE))
    assert flight.bytes_in_flight == 0
    assert len(flight.take_all()) == 1
    assert flight.bytes_in_flight == 0
    assert not flight


RUNS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=8)  # (gap before, packets)
TAKEN = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 30)), max_size=12)


@given(RUNS, TAKEN)
@settings(max_examples=200)
def test_every_packet_is_taken_once_and_the_bytes_add_up(
    runs: list[tuple[int, int]], taken: list[tuple[int, int]]
) -> None:
    flight, model, at = InFlight(), {}, 0
    for gap, count in runs:
        run = data_run(at + gap, count, (at + gap) * 100)
        for number in range(run.first, run.stop):
            model[number] = facts(run.part(number, number + 1))
        flight.add(run)
        at = run.stop
    for start, length in taken:
        found = [
            facts(run.part(n, n + 1)) for run in flight.take(start, start + length) for n in range(run.first, run.stop)
        ]
        assert found == [model.pop(n) for n in range(start, start + length) if n in model]
        assert flight.bytes_in_flight == sum(total for *_, total in model.values())
    rest = [facts(run.part(n, n + 1)) for run in flight for n in range(run.first, run.stop)]
    assert rest == [model[n] for n in sorted(model)]
    oldest, newest = flight.oldest(), flight.newest()
    assert (oldest.first if oldest else None) == min(model, default=None)
    assert (newest.stop - 1 if newest else None) == max(model, default=None)
