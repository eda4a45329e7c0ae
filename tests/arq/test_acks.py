"""AckTracker: replay protection, when an ACK is due, and what it carries."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.acks import (
    EAGER_AFTER_SILENCE,
    EAGER_AT_START,
    EAGER_EVERY,
    MAX_REPEATS,
    MAX_REPORTS,
    SILENCE,
    AckTracker,
)
from udpchat.config import MAX_ACK_DELAY, MAX_ACK_RANGES, MAX_KEPT_RANGES
from udpchat.errors import UsageError

INTERVAL = 5_000
SIZE = 1_200


def receive(tracker: AckTracker, first: int, now: int, count: int = 1, *, ack_eliciting: bool = True) -> None:
    tracker.on_received(first, count, now, ack_eliciting=ack_eliciting, size=SIZE * count)


def ranges_in_ack(tracker: AckTracker, now: int) -> tuple[tuple[int, int], ...]:
    ack = tracker.take(now)
    assert ack is not None
    return ack.ranges


def warmed_up(interval: int = INTERVAL) -> tuple[AckTracker, int, int]:
    """A tracker past its eager start: the next packet number, and the time at which the last ACK was sent."""
    tracker, now = AckTracker(), 1_000_000
    tracker.set_interval(interval)
    receive(tracker, 0, now, EAGER_AT_START)
    tracker.take(now)
    return tracker, EAGER_AT_START, now


# -- what was received -------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5)), max_size=40))
def test_a_packet_is_new_until_it_is_received(bursts: list[tuple[int, int]]) -> None:
    tracker, model = AckTracker(), set[int]()
    for first, count in bursts:
        burst = set(range(first, first + count))
        assert tracker.all_new(first, count) == (not burst & model)
        if not burst & model:
            receive(tracker, first, 0, count)
            model |= burst
        assert [n for n in range(70) if not tracker.is_new(n)] == sorted(model)
        assert tracker.largest == max(model)
    assert tracker.received == len(model)


@pytest.mark.parametrize("runs", [MAX_KEPT_RANGES - 1, MAX_KEPT_RANGES, MAX_KEPT_RANGES + 1])
def test_the_floor_rises_only_over_the_oldest_of_too_many_runs(runs: int) -> None:
    tracker = AckTracker()
    for index in range(runs):
        receive(tracker, 2 * index + 1, 0)
    assert tracker.is_new(0) == (runs <= MAX_KEPT_RANGES)
    assert tracker.is_new(2)
    assert not any(tracker.is_new(2 * index + 1) for index in range(runs))


def test_a_packet_received_before_is_refused() -> None:
    tracker = AckTracker()
    receive(tracker, 0, 0, 10)
    with pytest.raises(UsageError):
        receive(tracker, 9, 0, 2)
    with pytest.raises(UsageError):
        tracker.on_received(20, 0, 0, ack_eliciting=True, size=0)


def test_room_for_one_run_is_needed() -> None:
    for max_ranges, kept in ((0, 1), (1, 0)):
        with pytest.raises(UsageError):
            AckTracker(max_ranges, kept)


# -- when an ACK is due ------------------------------------------------------------------------------------------------


def test_nothing_is_due_before_anything_arrives() -> None:
    tracker = AckTracker()
    tracker.request()
    assert (tracker.ack_due(10**9), tracker.next_timeout(), tracker.take(10**9)) == (False, None, None)


def test_packets_that_ask_for_no_ack_get_none() -> None:
    tracker = AckTracker()
    for number in (0, 5, 3):  # not even after a gap or reordering
        receive(tracker, number, 0, ack_eliciting=False)
    assert (tracker.ack_due(10**9), tracker.next_timeout()) == (False, None)


def test_the_first_packet_and_then_every_fourth_is_acknowledged_at_once() -> None:
    tracker, now = AckTracker(), 1_000
    acked = []
    for number in range(EAGER_AT_START + 20):
        receive(tracker, number, now)
        if tracker.ack_due(now):
            acked.append(number)
            tracker.take(now)
    assert acked == list(range(0, EAGER_AT_START, EAGER_EVERY))


@pytest.mark.parametrize(
    ("before", "due"), [(EAGER_AT_START - EAGER_EVERY, True), (EAGER_AT_START - EAGER_EVERY + 1, False)]
)
def test_packets_past_the_eager_start_do_not_make_up_the_four(before: int, due: bool) -> None:
    tracker, now = AckTracker(), 1_000
    receive(tracker, 0, now, before)
    tracker.take(now)
    receive(tracker, before, now, 2 * EAGER_EVERY)
    assert tracker.ack_due(now) is due


def test_an_ack_is_held_back_for_the_interval_after_the_last_one() -> None:
    tracker, number, sent = warmed_up()
    receive(tracker, number, sent + 1_000)
    assert tracker.next_timeout() == sent + INTERVAL
    assert not tracker.ack_due(sent + INTERVAL - 1)
    assert tracker.ack_due(sent + INTERVAL)


def test_an_ack_is_due_at_once_when_the_interval_is_past() -> None:
    tracker, number, sent = warmed_up()
    now = sent + INTERVAL + 1
    receive(tracker, number, now)
    assert (tracker.ack_due(now), tracker.next_timeout()) == (True, now)


def test_an_interval_of_zero_acknowledges_every_drain() -> None:
    tracker, number, sent = warmed_up(interval=0)
    receive(tracker, number, sent)
    assert tracker.ack_due(sent)


def test_the_default_interval_is_the_longest_delay_allowed() -> None:
    tracker = AckTracker()
    receive(tracker, 0, 0, EAGER_AT_START)
    tracker.take(0)
    receive(tracker, EAGER_AT_START, 1)
    assert tracker.next_timeout() == MAX_ACK_DELAY


def test_a_new_gap_is_reported_at_once_and_an_old_one_is_not() -> None:
    tracker, number, sent = warmed_up()
    receive(tracker, number + 1, sent + 1)
    assert tracker.ack_due(sent + 1)
    tracker.take(sent + 1)
    receive(tracker, number + 2, sent + 2)
    assert not tracker.ack_due(sent + 2)


def test_a_packet_that_comes_late_is_reported_at_once() -> None:
    tracker, number, sent = warmed_up()
    receive(tracker, number + 3, sent)
    tracker.take(sent)
    receive(tracker, number + 1, sent)
    assert tracker.ack_due(sent)


def test_a_gap_before_a_packet_that_asks_for_no_ack_is_reported_with_the_next_that_does() -> None:
    tracker, number, sent = warmed_up()
    receive(tracker, number + 1, sent, ack_eliciting=False)
    assert not tracker.ack_due(sent)
    receive(tracker, number + 2, sent)
    assert tracker.ack_due(sent)


@pytest.mark.parametrize(("packets", "due"), [(9, False), (10, True), (11, True)])
def test_so_many_bytes_do_not_wait_for_an_ack(packets: int, due: bool) -> None:
    tracker, number, sent = warmed_up()
    tracker.set_byte_limit(10 * SIZE)
    receive(tracker, number, sent, packets)
    assert tracker.ack_due(sent) is due


@pytest.mark.parametrize(("pause", "eager"), [(SILENCE, False), (SILENCE + 1, True)])
def test_after_a_silence_acks_are_frequent_again(pause: int, eager: bool) -> None:
    tracker, number, heard = warmed_up()
    now = heard + pause
    tracker.take(now)  # an ACK that went along with something else, so that the interval is not past
    acked = []
    for index in range(2 * EAGER_AFTER_SILENCE):
        receive(tracker, number + index, now)
        if tracker.ack_due(now):
            acked.append(index)
            tracker.take(now)
    assert acked == (list(range(0, EAGER_AFTER_SILENCE, EAGER_EVERY)) if eager else [])


@pytest.mark.parametrize(("pause", "eager"), [(SILENCE, False), (SILENCE + 1, True)])
def test_where_a_file_begins_acks_are_frequent_again_whatever_chat_came_before(pause: int, eager: bool) -> None:
    tracker, number, heard = warmed_up()
    tracker.on_file_data(heard)
    receive(tracker, number, heard, EAGER_AFTER_SILENCE)  # the file before
    number += EAGER_AFTER_SILENCE
    now = heard + pause
    tracker.take(now)
    receive(tracker, number, now - 1)  # a line of chat: there was no silence
    tracker.take(now)
    acked = []
    for index in range(1, 2 * EAGER_AFTER_SILENCE):
        tracker.on_file_data(now)
        receive(tracker, number + index, now)
        if tracker.ack_due(now):
            acked.append(index)
            tracker.take(now)
    assert acked == (list(range(1, EAGER_AFTER_SILENCE, EAGER_EVERY)) if eager else [])


def test_a_requested_ack_is_due_at_once_and_once() -> None:
    tracker, _, sent = warmed_up()
    tracker.request()
    assert tracker.ack_due(sent)
    tracker.take(sent)
    assert (tracker.ack_due(10**9), tracker.next_timeout()) == (False, None)


# -- what an ACK carries -----------------------------------------------------------------------------------------------


def test_an_ack_tells_what_arrived_and_how_long_ago() -> None:
    tracker = AckTracker()
    receive(tracker, 10, 1_000, 5)
    receive(tracker, 3, 2_000)
    ack = tracker.take(2_500)
    assert ack is not None
    assert (ack.largest, ack.arrival, ack.ack_delay, ack.received) == (14, 1_000, 1_500, 6)
    assert ack.ranges == ((10, 15), (3, 4))


@pytest.mark.parametrize("runs", [MAX_ACK_RANGES - 1, MAX_ACK_RANGES, MAX_ACK_RANGES + 1])
def test_an_ack_carries_the_newest_runs(runs: int) -> None:
    tracker = AckTracker()
    for index in range(runs):
        receive(tracker, 2 * index, 0)
    newest_first = tuple((2 * index, 2 * index + 1) for index in reversed(range(runs)))
    assert ranges_in_ack(tracker, 0) == newest_first[:MAX_ACK_RANGES]


def test_a_run_that_does_not_change_is_left_out_after_enough_acks() -> None:
    tracker = AckTracker()
    receive(tracker, 0, 0, 3)
    receive(tracker, 5, 0)
    for _ in range(MAX_REPORTS):
        assert ranges_in_ack(tracker, 0) == ((5, 6), (0, 3))
    for _ in range(MAX_REPORTS + 1):  # the newest run stays
        assert ranges_in_ack(tracker, 0) == ((5, 6),)


def test_a_run_that_changes_is_reported_again() -> None:
    tracker = AckTracker()
    for first in (0, 5, 10):
        receive(tracker, first, 0, 3)
    for _ in range(MAX_REPORTS):
        ranges_in_ack(tracker, 0)
    receive(tracker, 3, 0)
    assert ranges_in_ack(tracker, 0) == ((10, 13), (0, 4))
    receive(tracker, 4, 0)  # joins two runs
    assert ranges_in_ack(tracker, 0) == ((10, 13), (0, 8))
    receive(tracker, 8, 0, 2)  # joins the newest
    assert ranges_in_ack(tracker, 0) == ((0, 13),)


def test_after_a_silence_everything_is_reported_again() -> None:
    tracker = AckTracker()
    for first in (0, 5, 10):
        receive(tracker, first, 0, 3)
    for _ in range(MAX_REPORTS + 1):
        ranges_in_ack(tracker, 0)
    receive(tracker, 13, SILENCE)
    assert ranges_in_ack(tracker, SILENCE) == ((10, 14),)
    receive(tracker, 14, 2 * SILENCE + 1)
    assert ranges_in_ack(tracker, 2 * SILENCE + 1) == ((10, 15), (5, 8), (0, 3))


def test_old_runs_are_not_repeated_after_every_silence_for_ever() -> None:
    tracker, now = AckTracker(), 0
    receive(tracker, 0, now)
    sizes = []
    for number in range(2, 4 + MAX_REPEATS):
        now += SILENCE + 1
        receive(tracker, number, now)
        sizes += [len(ranges_in_ack(tracker, now)) for _ in range(MAX_REPORTS)]
    assert sizes == [2] * MAX_REPORTS * (1 + MAX_REPEATS) + [1] * MAX_REPORTS


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(-8, 8), st.integers(1, 4), st.booleans()), max_size=60))
def test_ranges_of_an_ack_are_received_and_descend_without_touching(bursts: list[tuple[int, int, bool]]) -> None:
    tracker, model = AckTracker(max_ranges=4, kept=6), set[int]()
    for step, count, take in bursts:
        first = max(0, tracker.largest + step)
        if not tracker.all_new(first, count):
            continue
        receive(tracker, first, 0, count)
        model |= set(range(first, first + count))
        if take:
            ranges = ranges_in_ack(tracker, 0)
            assert 1 <= len(ranges) <= 4
            assert ranges[0][1] == max(model) + 1
            assert all(start < stop and model >= set(range(start, stop)) for start, stop in ranges)
            assert all(lower[1] < upper[0] for upper, lower in pairwise(ranges))


# -- the law of bursts -------------------------------------------------------------------------------------------------

BURST = st.tuples(
    st.one_of(st.just(0), st.integers(-12, 12)),  # first number, from the next in order
    st.integers(1, 9),  # packets
    st.sampled_from([0, 1, 400, 3_000, SILENCE, SILENCE + 1]),  # time since the last burst
    st.booleans(),  # ack-eliciting
    st.integers(0, 14),  # ACKs taken afterwards
)


@settings(max_examples=400)
@given(st.lists(BURST, max_size=40), st.integers(1, 4))
def test_a_burst_is_the_same_as_its_packets(bursts: list[tuple[int, int, int, bool, int]], kept: int) -> None:
    whole, single = AckTracker(3, kept), AckTracker(3, kept)
    for tracker in (whole, single):
        tracker.set_interval(INTERVAL)
        tracker.set_byte_limit(12 * SIZE)
    now = 0
    for step, count, pause, ack_eliciting, acks in bursts:
        now += pause
        first = max(0, whole.largest + 1 + step)
        assert whole.all_new(first, count) == single.all_new(first, count)
        if whole.all_new(first, count):
            receive(whole, first, now, count, ack_eliciting=ack_eliciting)
            for number in range(first, first + count):
                receive(single, number, now, ack_eliciting=ack_eliciting)
        assert whole.next_timeout() == single.next_timeout()
        assert whole.ack_due(now) == single.ack_due(now)
        numbers = range(max(0, whole.largest - 40), whole.largest + 2)
        assert [whole.is_new(n) for n in numbers] == [single.is_new(n) for n in numbers]
        for _ in range(acks):
            assert whole.take(now) == single.take(now)
