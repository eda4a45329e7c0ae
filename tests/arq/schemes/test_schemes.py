"""What each scheme lets leave, and the timer of stop-and-wait."""

from __future__ import annotations

import pytest

from udpchat.arq.congestion import make_controller
from udpchat.arq.congestion.fixed import ROOM_FOR_MESSAGES
from udpchat.arq.in_flight import InFlight, Kind, SentRun
from udpchat.arq.numbers import PacketNumbers
from udpchat.arq.recovery import AckReport, Outcome, Recovery
from udpchat.arq.schemes import GoBackTransfer, make_scheme
from udpchat.arq.sender import SendTransfer
from udpchat.config import (
    ARQ_SCHEMES,
    CONTROLLERS,
    GRANULARITY,
    MAX_BURST_SEGMENTS,
    MAX_PROBE_INTERVAL,
    MAX_WINDOW_PACKETS,
    MILLISECOND,
    Config,
)
from udpchat.errors import UsageError

SIZE = 1_200
RTT = 40 * MILLISECOND
R = RTT + GRANULARITY  # the timer once the path is known and steady


class Waiter:
    """Stop-and-wait over a path whose RTT is known; chat beside it when wanted."""

    def __init__(self) -> None:
        self.recovery = Recovery(make_controller("newreno", SIZE, 0), PacketNumbers(lambda _: b"\xff\xff"), SIZE, 0)
        for _ in range(30):  # until the variation has gone
            self.recovery.rtt.add_sample(RTT, 0)

    def send(self, now: int, kind: Kind = Kind.DATA) -> SentRun:
        first = self.recovery.numbers.next_burst(1)
        run = SentRun(first, 1, now, SIZE, SIZE, kind, 1, 0, 1_000, 1_000, is_timed=kind is Kind.DATA)
        self.recovery.on_sent(run, now)
        return run

    def ack(self, now: int, *ranges: tuple[int, int]) -> Outcome:
        largest = ranges[0][1] - 1
        return self.recovery.on_ack(AckReport(largest, now, 0, largest, ranges), now)


def flying(*counts: int) -> InFlight:
    """Runs of file data, after a chat packet."""
    in_flight = InFlight()
    in_flight.add(SentRun(0, 1, 0, SIZE, SIZE, Kind.MESSAGE))
    first = 1
    for count in counts:
        in_flight.add(SentRun(first, count, 0, SIZE, SIZE, Kind.DATA))
        first += count
    return in_flight


@pytest.mark.parametrize(
    ("name", "window", "counts", "room"),
    [
        ("selective-repeat", 0, (1_000,), MAX_BURST_SEGMENTS),
        ("selective-repeat", 8, (), 8),
        ("selective-repeat", 8, (3, 2), 3),
        ("go-back-n", 8, (8,), 0),
        ("go-back-n", 8, (9,), 0),
        ("stop-and-wait", 0, (), 1),
        ("stop-and-wait", 8, (), 1),
        ("stop-and-wait", 8, (1,), 0),
    ],
)
def test_the_window_counts_packets_of_file_data_alone(
    name: str, window: int, counts: tuple[int, ...], room: int
) -> None:
    assert make_scheme(name, window).room(flying(*counts)) == room


def test_only_go_back_n_keeps_another_state() -> None:
    kinds = {name: make_scheme(name).transfer for name in ARQ_SCHEMES}
    assert kinds == {"selective-repeat": SendTransfer, "go-back-n": GoBackTransfer, "stop-and-wait": SendTransfer}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"arq": "go-back"}, "there are selective-repeat, go-back-n, stop-and-wait"),
        ({"congestion": "vegas"}, "there are bbr, cubic, newreno, fixed"),
        ({"window": MAX_WINDOW_PACKETS + 1}, "at most 4096 packets"),
        ({"window": -1}, "at most 4096 packets"),
    ],
)
def test_a_configuration_with_what_nothing_has_is_refused_at_once(fields: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Config(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Selective-Repeat", "sr"])
def test_a_scheme_that_nothing_is_called_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        make_scheme(name)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_every_controller_of_the_configuration_is_there(name: str) -> None:
    assert make_controller(name, SIZE, 0, window=7).name == name


@pytest.mark.parametrize(("window", "packets"), [(0, 10), (7, 7)])
def test_a_fixed_window_is_the_files_and_chat_has_room_beside_it(window: int, packets: int) -> None:
    assert make_scheme("selective-repeat", window, "fixed").window == packets
    assert make_controller("fixed", SIZE, 0, window).congestion_window == (packets + ROOM_FOR_MESSAGES) * SIZE


def test_go_back_n_goes_back_at_the_first_packet_out_of_order_as_its_textbook_receiver_asks() -> None:
    assert [make_scheme(name).packet_threshold for name in ARQ_SCHEMES] == [3, 1, 3]


def test_a_packet_of_stop_and_wait_is_lost_when_its_timer_ends_and_not_before() -> None:
    waiter = Waiter()
    waiter.send(0)
    assert waiter.recovery.next_timeout() == waiter.recovery.wait_timeout() == R
    assert waiter.recovery.on_timeout(R - 1).lost == []
    assert [run.first for run in waiter.recovery.on_timeout(R).lost] == [0]
    assert waiter.recovery.probes_due == 0
    assert waiter.recovery.in_flight.bytes_in_flight == 0
    assert waiter.recovery.counters.lost_packets == 1


def test_nothing_that_arrives_later_makes_it_lost_earlier() -> None:
    waiter = Waiter()
    waiter.send(0)
    for now in range(1, 6):
        waiter.send(now, Kind.MESSAGE)
    outcome = waiter.ack(RTT, (1, 6))
    assert (len(outcome.acked), outcome.lost) == (5, [])
    deadline = waiter.recovery.next_timeout()
    assert deadline == waiter.recovery.wait_timeout()
    assert [run.first for run in waiter.recovery.on_timeout(deadline).lost] == [0]


def test_chat_beside_it_is_repaired_as_ever() -> None:
    waiter = Waiter()
    waiter.send(0, Kind.MESSAGE)
    waiter.send(1)
    for now in range(2, 6):
        waiter.send(now, Kind.MESSAGE)
    assert [run.first for run in waiter.ack(RTT, (2, 6)).lost] == [0]


def test_the_timer_stays_for_four_losses_in_a_row_then_doubles_up_to_a_cap() -> None:
    waiter, now, waits = Waiter(), 0, []
    for _ in range(14):
        waiter.send(now)
        waits.append(waiter.recovery.wait_timeout())
        now += waits[-1]
        assert len(waiter.recovery.on_timeout(now).lost) == 1
    assert waits[:7] == [R, R, R, R, R, 2 * R, 4 * R]
    assert waits[-1] == MAX_PROBE_INTERVAL
    run = waiter.send(now)
    waiter.ack(now + RTT, (run.first, run.stop))
    assert waiter.recovery.wait_timeout() == R


def test_an_ack_counts_however_often_the_timer_ended_before_it() -> None:
    waiter, now = Waiter(), 0
    for _ in range(3):
        waiter.send(now)
        now += waiter.recovery.wait_timeout()
        waiter.recovery.on_timeout(now)
    waiter.send(now)
    outcome = waiter.ack(3 * RTT, (0, 1))
    assert [run.first for run in outcome.acked] == [0]
    assert waiter.recovery.counters.spurious_losses == 1


def test_what_the_file_waits_for_does_not_slow_the_probes_of_chat() -> None:
    waiter, now = Waiter(), 0
    before = waiter.recovery.probe_timeout()
    for _ in range(8):
        waiter.send(now)
        now += waiter.recovery.wait_timeout()
        waiter.recovery.on_timeout(now)
    assert waiter.recovery.probe_timeout() == before


def test_an_ack_that_comes_after_the_timer_counts_and_teaches_the_timer() -> None:
    waiter = Waiter()
    waiter.send(0)
    waiter.recovery.on_timeout(R)
    waiter.send(R)
    outcome = waiter.ack(60 * MILLISECOND, (0, 1))
    assert [run.first for run in outcome.acked] == [0]
    assert waiter.recovery.counters.spurious_losses == 1
    assert waiter.recovery.wait_timeout() > 60 * MILLISECOND
    assert [run.first for run in waiter.recovery.in_flight] == [1]


def test_all_in_flight_is_given_up_with_the_timed_packet() -> None:
    waiter = Waiter()
    waiter.send(0, Kind.MESSAGE)
    waiter.send(0)
    assert sorted(run.first for run in waiter.recovery.give_up_in_flight()) == [0, 1]
    assert (waiter.recovery.in_flight.bytes_in_flight, bool(waiter.recovery.in_flight)) == (0, False)
