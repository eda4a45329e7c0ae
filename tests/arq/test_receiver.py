"""ReceiveTransfer against a set of offsets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.receiver import ReceiveTransfer
from udpchat.config import MAX_TRANSFER_RUNS
from udpchat.errors import ErrorCode, ProtocolViolationError, UsageError

BIG = 10**12


@settings(max_examples=200)
@given(
    st.integers(0, 60),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 15)), max_size=40),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 15)), max_size=3),
)
def test_only_new_parts_are_reported(size: int, runs: list[tuple[int, int]], present: list[tuple[int, int]]) -> None:
    held = [(min(start, size), min(start + length, size)) for start, length in present]
    transfer, model = ReceiveTransfer(1, size, BIG, held), {n for run in held for n in range(*run)}
    for offset, length in runs:
        if offset + length > size:
            continue
        asked = set(range(offset, offset + length))
        parts = transfer.receive(offset, length)
        numbers = [n for part in parts for n in range(*part)]
        assert numbers == sorted(asked - model)
        assert all(start < stop for start, stop in parts)
        model |= asked
        assert transfer.received_bytes == len(model)
        assert transfer.is_complete == (len(model) == size)
        assert {n for run in transfer.received for n in range(*run)} == model


def test_a_file_in_order_is_one_part_after_the_other() -> None:
    transfer = ReceiveTransfer(1, 25, BIG)
    assert [transfer.receive(*run) for run in ((0, 10), (10, 10), (20, 5))] == [((0, 10),), ((10, 20),), ((20, 25),)]
    assert transfer.is_complete


def test_a_hole_is_filled_around_what_is_there() -> None:
    transfer = ReceiveTransfer(1, 100, BIG)
    transfer.receive(20, 10)
    assert transfer.receive(10, 30) == ((10, 20), (30, 40))
    assert transfer.receive(10, 30) == ()


@pytest.mark.parametrize("size", [50, 100])  # the limit, and the end of the file
@pytest.mark.parametrize(
    ("offset", "length", "legal"), [(40, 10, True), (40, 11, False), (50, 1, False), (51, 0, False)]
)
def test_bytes_beyond_limit_or_size_break_flow_control(size: int, offset: int, length: int, legal: bool) -> None:
    transfer = ReceiveTransfer(1, size, limit=50 if size == 100 else BIG)
    if legal:
        assert transfer.receive(offset, length) == ((40, 50),)
        return
    with pytest.raises(ProtocolViolationError) as caught:
        transfer.receive(offset, length)
    assert caught.value.code is ErrorCode.FLOW_CONTROL
    assert transfer.received_bytes == 0


def test_the_limit_only_rises_and_ends_at_the_size() -> None:
    transfer = ReceiveTransfer(1, 100, limit=50)
    transfer.raise_limit(40)
    assert transfer.limit == 50
    transfer.raise_limit(BIG)
    assert transfer.limit == 100
    assert transfer.receive(0, 100) == ((0, 100),)


def test_an_empty_file_is_complete_at_once() -> None:
    assert ReceiveTransfer(1, 0, 0).is_complete


def test_too_many_holes_break_flow_control() -> None:
    transfer = ReceiveTransfer(1, BIG, BIG, [(2 * index, 2 * index + 1) for index in range(MAX_TRANSFER_RUNS - 1)])
    end = 2 * MAX_TRANSFER_RUNS
    assert transfer.receive(end, 1) == ((end, end + 1),)
    assert transfer.receive(end + 1, 1) == ((end + 1, end + 2),)
    with pytest.raises(ProtocolViolationError) as caught:
        transfer.receive(end + 3, 1)
    assert caught.value.code is ErrorCode.FLOW_CONTROL


def test_bytes_that_are_reopened_are_new_once_more() -> None:
    transfer = ReceiveTransfer(1, 1_000, limit=1_000, present=[(0, 400)])
    transfer.receive(400, 600)
    assert transfer.is_complete
    transfer.reopen([(100, 200), (350, 450)])
    assert (transfer.is_complete, transfer.received_bytes) == (False, 800)
    assert transfer.receive(50, 100) == ((100, 150),)
    assert transfer.receive(150, 300) == ((150, 200), (350, 450))
    assert transfer.is_complete


def test_reopening_leaves_the_limit() -> None:
    transfer = ReceiveTransfer(1, 1_000, limit=300, present=[(0, 1_000)])
    transfer.reopen([(200, 400)])
    assert transfer.receive(200, 100) == ((200, 300),)
    with pytest.raises(ProtocolViolationError):
        transfer.receive(300, 100)
    transfer.raise_limit(400)
    assert transfer.receive(300, 100) == ((300, 400),)


def test_holes_that_we_reopened_are_not_held_against_the_peer() -> None:
    size = 4 * MAX_TRANSFER_RUNS
    transfer = ReceiveTransfer(1, size, size, [(0, size)])
    transfer.reopen([(at, at + 1) for at in range(0, size, 2)])
    assert transfer.receive(size // 2, 1) == ((size // 2, size // 2 + 1),)


@pytest.mark.parametrize("run", [(0, 101), (-1, 5), (6, 5)])
def test_bytes_that_a_file_does_not_have_are_not_reopened(run: tuple[int, int]) -> None:
    with pytest.raises(UsageError):
        ReceiveTransfer(1, 100, 100, [(0, 100)]).reopen([run])


def test_misuse_is_refused() -> None:
    with pytest.raises(UsageError):
        ReceiveTransfer(1, -1, 0)
    with pytest.raises(UsageError):
        ReceiveTransfer(1, 10, 10, [(5, 11)])
