"""Loss recovery as numbers in and numbers out (RFC 9002)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.congestion import make_controller
from udpchat.arq.in_flight import Kind, SentRun
from udpchat.arq.numbers import PacketNumbers
from udpchat.arq.recovery import AckReport, Outcome, Recovery
from udpchat.config import INITIAL_RTT, MAX_ACK_DELAY, MAX_PROBE_INTERVAL, MILLISECOND, SECOND
from udpchat.errors import ErrorCode, ProtocolViolationError

SIZE = 1_200
RTT = 40 * MILLISECOND


def far(_: int) -> bytes:
    """Random bytes that put the first skip as far away as it goes."""
    return b"\xff\xff"


class Sender:
    """A recovery with helpers; every packet has 1,200 bytes."""

    def __init__(self, controller: str = "newreno") -> None:
        self.recovery = Recovery(make_controller(controller, SIZE, 0), PacketNumbers(far), SIZE, 0)

    def send(self, count: int, now: int, kind: Kind = Kind.DATA) -> SentRun:
        first = self.recovery.numbers.next_burst(count)
        run = SentRun(first, count, now, SIZE, SIZE, kind, 1, first * 1_000, count * 1_000, 1_000)
        self.recovery.on_sent(run, now)
        return run

    def ack(self, now: int, *ranges: tuple[int, int], delay: int = 0) -> Outcome:
        largest = ranges[0][1] - 1
        return self.recovery.on_ack(AckReport(largest, now % 2**32, delay, largest, ranges), now)


def numbers(runs: list[SentRun]) -> list[int]:
    return [number for run in runs for number in range(run.first, run.stop)]


@pytest.mark.parametrize(("acked", "lost"), [((1, 2), []), ((2, 3), []), ((3, 4), [0]), ((5, 6), [0, 1, 2])])
def test_a_packet_is_lost_when_one_three_later_is_acknowledged(acked: tuple[int, int], lost: list[int]) -> None:
    sender = Sender()
    sender.send(6, 0)
    outcome = sender.ack(RTT, acked)
    assert numbers(outcome.lost) == lost
    assert numbers(outcome.acked) == list(range(*acked))
    assert sender.recovery.in_flight.bytes_in_flight == SIZE * (6 - len(lost) - 1)


def test_a_packet_is_lost_nine_eighths_of_a_round_trip_after_a_later_one_that_arrived() -> None:
    sender = Sender()
    sender.send(2, 0)
    sender.ack(RTT, (1, 2))
    deadline = sender.recovery.next_timeout()
    assert deadline == RTT * 9 // 8
    assert sender.recovery.on_timeout(deadline - 1).lost == []
    assert numbers(sender.recovery.on_timeout(deadline).lost) == [0]
    assert sender.recovery.counters.lost_packets == 1
    assert sender.recovery.next_timeout() is None


def test_silence_brings_two_probes_then_one_each_at_doubled_intervals_up_to_a_cap() -> None:
    sender = Sender()
    recovery = sender.recovery
    sender.send(3, 0)
    first = INITIAL_RTT + 4 * (INITIAL_RTT // 2) + MAX_ACK_DELAY
    now, waited = 0, []
    for number in range(8):
        deadline = recovery.next_timeout()
        assert deadline is not None
        waited.append(deadline - now)
        now = deadline
        assert recovery.on_timeout(now).lost == []
        assert recovery.probes_due == (2 if number == 0 else 1)
        assert recovery.next_timeout() is None, "first the probe has to be sent"
        recovery.probes_due = 0
        sender.send(1, now, Kind.PING)
    assert waited == [min(first << number, MAX_PROBE_INTERVAL) for number in range(8)]
    assert recovery.counters.probe_timeouts == 8
    assert recovery.in_flight.bytes_in_flight == 11 * SIZE, "a probe timeout alone is no loss"


def test_a_path_slower_than_the_cap_is_not_asked_faster_than_it_can_answer() -> None:
    sender = Sender()
    sender.recovery.rtt.add_sample(3 * MAX_PROBE_INTERVAL, 0)
    sender.send(1, 0)
    once = sender.recovery.probe_timeout()
    assert once > 3 * MAX_PROBE_INTERVAL
    assert sender.recovery.next_timeout() is not None
    sender.recovery.on_timeout(once)
    assert sender.recovery.probe_timeout() == once


def test_a_timeout_that_comes_early_does_nothing() -> None:
    sender = Sender()
    sender.send(3, 0)
    deadline = sender.recovery.next_timeout()
    assert deadline is not None
    assert sender.recovery.on_timeout(deadline - 1) == Outcome()
    assert sender.recovery.probes_due == 0
    assert sender.recovery.next_timeout() == deadline


def test_an_ack_ends_the_back_off() -> None:
    sender = Sender()
    sender.send(1, 0)
    deadline = sender.recovery.next_timeout() or 0
    sender.recovery.on_timeout(deadline)
    sender.recovery.probes_due = 0
    sender.send(1, deadline)
    sender.ack(deadline + RTT, (1, 2))
    sender.send(1, deadline + RTT)
    after = sender.recovery.next_timeout()
    assert after is not None
    assert after - (deadline + RTT) < 2 * (deadline + RTT)
    assert sender.recovery.rtt.smoothed_rtt == RTT


@pytest.mark.parametrize("largest", [3, 4, 2**53 - 1])
def test_ack_of_unsent_packet_is_a_violation(largest: int) -> None:
    sender = Sender()
    sender.send(3, 0)
    with pytest.raises(ProtocolViolationError) as caught:
        sender.ack(RTT, (largest, largest + 1))
    assert caught.value.code is ErrorCode.ACK_OF_UNSENT_PACKET
    assert sender.recovery.in_flight.bytes_in_flight == 3 * SIZE


def test_ack_of_a_skipped_number_is_a_violation() -> None:
    recovery = Recovery(make_controller("newreno", SIZE, 0), PacketNumbers(bytes), SIZE, 0)
    first = [recovery.numbers.next_burst(1) for _ in range(300)]
    skipped = next(number for number in range(max(first)) if number not in first)
    report = AckReport(skipped + 1, 0, 0, 1, ((skipped, skipped + 2),))
    with pytest.raises(ProtocolViolationError):
        recovery.on_ack(report, RTT)


def test_a_late_original_is_taken_back_and_widens_the_threshold() -> None:
    sender = Sender()
    sender.send(6, 0)
    assert numbers(sender.ack(RTT, (5, 6)).lost) == [0, 1, 2]
    outcome = sender.ack(RTT + 1, (5, 6), (0, 3))
    assert numbers(outcome.acked) == [0, 1, 2]
    counters = sender.recovery.counters
    assert (counters.lost_packets, counters.spurious_losses) == (0, 3)
    assert sender.recovery.packet_threshold > 5
    sender.send(5, 2 * RTT)
    assert [number for number in numbers(sender.ack(3 * RTT, (10, 11)).lost) if number > 5] == []


def test_a_lost_probe_of_the_path_mtu_is_no_congestion_and_not_counted() -> None:
    sender = Sender()
    window = sender.recovery.controller.congestion_window
    sender.send(1, 0, Kind.PROBE)
    sender.send(5, 0)
    outcome = sender.ack(RTT, (1, 6))
    assert [run.kind for run in outcome.lost] == [Kind.PROBE]
    assert sender.recovery.controller.congestion_window >= window
    sender.ack(2 * RTT, (0, 6))
    counters = sender.recovery.counters
    assert (counters.lost_packets, counters.spurious_losses) == (0, 0)


def test_only_a_newly_acknowledged_largest_number_is_a_sample() -> None:
    sender = Sender()
    sender.send(1, 0)
    sender.send(1, 10 * MILLISECOND)
    sender.ack(50 * MILLISECOND, (1, 2))
    assert sender.recovery.rtt.latest_rtt == 40 * MILLISECOND
    sender.ack(SECOND, (0, 2))
    assert sender.recovery.rtt.latest_rtt == 40 * MILLISECOND


def test_a_persistent_stretch_without_a_survivor_collapses_the_window() -> None:
    sender = Sender()
    sender.send(1, 0)
    sender.ack(RTT, (0, 1))
    for number in range(4):
        sender.send(1, RTT + number * SECOND)
    sender.send(1, 5 * SECOND)
    sender.ack(5 * SECOND + RTT, (5, 6))
    assert sender.recovery.controller.congestion_window == 2 * SIZE


def test_an_ack_that_repeats_itself_does_nothing() -> None:
    sender = Sender()
    sender.send(4, 0)
    sender.ack(RTT, (0, 4))
    window, counters = sender.recovery.controller.congestion_window, sender.recovery.counters.acked_bytes
    for late in range(5):
        assert sender.ack(RTT + late, (0, 4)) == Outcome()
    assert (sender.recovery.controller.congestion_window, sender.recovery.counters.acked_bytes) == (window, counters)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("send"), st.integers(1, 20), st.sampled_from([Kind.DATA, Kind.MESSAGE, Kind.PROBE, Kind.PING])
        ),
        st.tuples(st.just("ack"), st.integers(0, 200), st.integers(1, 30)),
        st.tuples(st.just("wait"), st.integers(0, 200_000), st.just(0)),
    ),
    max_size=40,
)


@given(ACTIONS, st.sampled_from(["newreno", "cubic", "bbr"]))
@settings(max_examples=120, deadline=None)
def test_every_packet_ends_once_and_something_in_flight_implies_a_deadline(
    actions: list[tuple[str, int, int]], controller: str
) -> None:
    sender, now = Sender(controller), 0
    recovery = sender.recovery
    open_packets: set[int] = set()
    for what, first, second in actions:
        now += 1
        if what == "send":
            count = 1 if Kind(second) is not Kind.DATA else first
            run = sender.send(count, now, Kind(second))
            open_packets |= set(range(run.first, run.stop))
            outcome = Outcome()
        elif what == "ack":
            top = min(first, recovery.numbers.next_number - 1)
            if top < 0 or recovery.numbers.skipped_in(max(0, top - second), top + 1):
                continue
            outcome = sender.ack(now, (max(0, top + 1 - second), top + 1))
        else:
            now += first
            outcome = recovery.on_timeout(now)
            recovery.probes_due = 0
        acked, lost = numbers(outcome.acked), numbers(outcome.lost)
        assert len(acked) == len(set(acked))
        assert set(lost) <= open_packets
        open_packets -= {*acked, *lost}
        assert open_packets == set(numbers(list(recovery.in_flight)))
        assert (recovery.next_timeout() is not None) == bool(open_packets)
        assert recovery.in_flight.bytes_in_flight >= 0
        assert recovery.counters.lost_packets >= 0


class Messenger(Sender):
    """A sender of single messages of 100 bytes."""

    def say(self, now: int) -> SentRun:
        number = self.recovery.numbers.next_burst(1)
        run = SentRun(number, 1, now, 100, 100, Kind.MESSAGE, 0, number * 51, 51, 51)
        self.recovery.on_sent(run, now)
        return run


TALK = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.just(0), st.just(0)),
        st.tuples(st.just("data"), st.integers(1, 5), st.just(0)),
        st.tuples(st.just("ack"), st.integers(0, 40), st.integers(1, 60)),
        st.tuples(st.just("wait"), st.integers(0, 200_000), st.just(0)),
    ),
    max_size=60,
)


@given(TALK)
@settings(max_examples=300, deadline=None)
def test_the_ack_of_a_lone_message_means_what_any_ack_means(actions: list[tuple[str, int, int]]) -> None:
    short, long, now = Messenger("fixed"), Messenger("fixed"), 0
    for what, first, second in actions:
        now += 1 + (first if what == "wait" else 0)
        if what == "say":
            assert short.say(now) == long.say(now)
        elif what == "data":
            assert short.send(first, now) == long.send(first, now)
        elif what == "ack":
            stop = min(first + 1, long.recovery.numbers.next_number)
            start = max(0, stop - second)
            if start >= stop:
                continue
            outcome = long.ack(now, (start, stop), delay=second)
            if (run := short.recovery.lone_message(start, stop)) is not None:
                short.recovery.on_lone_ack(now, second, now)
                assert outcome == Outcome([run])
            else:
                assert short.ack(now, (start, stop), delay=second) == outcome
        else:
            assert short.recovery.on_timeout(now) == long.recovery.on_timeout(now)
            assert short.recovery.probes_due == long.recovery.probes_due
            short.recovery.probes_due = long.recovery.probes_due = 0
        one, other = short.recovery, long.recovery
        assert one.next_timeout() == other.next_timeout()
        assert one.counters == other.counters
        assert list(one.in_flight) == list(other.in_flight)
        assert one.in_flight.bytes_in_flight == other.in_flight.bytes_in_flight
        assert (one.rtt.smoothed_rtt, one.rtt.rttvar, one.rtt.min_rtt) == (
            other.rtt.smoothed_rtt,
            other.rtt.rttvar,
            other.rtt.min_rtt,
        )
        assert one.packet_threshold == other.packet_threshold


def test_one_message_after_another_is_a_lone_one() -> None:
    sender = Messenger("bbr")
    for line in range(20):
        run = sender.say(line * RTT)
        assert sender.recovery.lone_message(0, run.stop) is run
        sender.recovery.on_lone_ack(line * RTT + RTT // 2, 0, line * RTT + RTT // 2)
    assert sender.recovery.rtt.min_rtt == RTT // 2
    assert not sender.recovery.in_flight


def test_no_message_is_a_lone_one_beside_file_bytes_in_a_full_window_or_behind_another() -> None:
    sender = Messenger()
    sender.send(1, 0)
    run = sender.say(1)
    assert sender.recovery.lone_message(0, run.stop) is None, "file bytes are in flight"
    assert sender.recovery.lone_message(run.first, run.stop) is None, "it is not the oldest"
    sender.ack(RTT, (0, run.stop))
    early, data = sender.say(RTT), sender.send(1, RTT)
    assert sender.recovery.lone_message(early.first, early.stop) is None, "file bytes are in flight behind it"
    sender.ack(2 * RTT, (0, data.stop))
    first, second = sender.say(RTT), sender.say(RTT)
    assert sender.recovery.lone_message(0, second.stop) is None, "the ACK covers two"
    assert sender.recovery.lone_message(0, first.stop) is first
    while 2 * sender.recovery.in_flight.bytes_in_flight < sender.recovery.controller.congestion_window:
        sender.say(RTT)
    assert sender.recovery.lone_message(0, first.stop) is None, "half of the window is in use"


def test_an_ack_that_claims_a_skipped_number_is_no_lone_one() -> None:
    recovery = Recovery(make_controller("newreno", SIZE, 0), PacketNumbers(bytes), SIZE, 0)
    sender = Messenger()
    sender.recovery = recovery
    for now in range(1_000):
        run = sender.say(now)
        if run.first > 0 and recovery.numbers.is_skipped(run.first - 1):
            assert recovery.lone_message(run.first - 1, run.stop) is None
            assert recovery.lone_message(run.first, run.stop) is run
            return
        recovery.on_ack(AckReport(run.first, now, 0, now, ((run.first, run.stop),)), now)
    raise AssertionError("no number was skipped")
