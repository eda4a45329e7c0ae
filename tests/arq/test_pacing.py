"""The token bucket: bursts, waits, late timers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.pacing import MAX_LATENESS, UNPACED_RATE, Pacer

MSS = 1_200
SECOND = 1_000_000


def paced(rate: int, now: int = 0) -> Pacer:
    """A pacer at that rate that has used up its credit."""
    pacer = Pacer(MSS, now)
    pacer.set_rate(rate, now)
    pacer.on_sent(pacer.budget(now), now)
    return pacer


def test_first_flight_is_not_held_back() -> None:
    pacer = Pacer(MSS, 0)
    assert pacer.budget(0) >= 16 * MSS
    assert pacer.next_send_time(MSS, 0) is None


@pytest.mark.parametrize("rate", [0, UNPACED_RATE, 10 * UNPACED_RATE])
def test_no_rate_and_a_very_high_rate_are_not_paced(rate: int) -> None:
    pacer = Pacer(MSS, 0)
    pacer.set_rate(rate, 0)
    pacer.on_sent(1 << 30, 0)
    assert pacer.budget(0) >= 1 << 30
    assert pacer.next_send_time(MSS, 0) is None


def test_negative_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Pacer(MSS, 0).set_rate(-1, 0)


def test_what_the_first_flight_left_is_not_sent_on_top() -> None:
    pacer = Pacer(MSS, 0)
    pacer.on_sent(2 * MSS, 0)
    pacer.set_rate(100_000, 0)
    assert pacer.budget(0) == 2 * MSS


@pytest.mark.parametrize(
    ("rate", "burst"), [(10_000, 2 * MSS), (1_000_000, 2 * MSS), (100_000_000, 25_000), (249_999_999, 62_499)]
)
def test_idle_time_is_worth_one_burst(rate: int, burst: int) -> None:
    pacer = paced(rate)
    assert pacer.budget(60 * SECOND) == burst


def test_slow_path_waits_for_one_datagram() -> None:
    pacer = paced(120_000)  # one datagram in 10 ms
    assert pacer.next_send_time(MSS, 0) == 10_000
    assert pacer.budget(9_999) < MSS
    assert pacer.budget(10_000) == MSS


def test_fast_path_waits_for_a_grain_of_time() -> None:
    pacer = paced(100_000_000)  # one datagram in 12 us
    assert pacer.next_send_time(MSS, 0) == 250
    assert pacer.budget(250) == 25_000


def test_credit_that_is_there_needs_no_wait() -> None:
    pacer = paced(120_000)
    assert pacer.next_send_time(MSS, 10_000) is None


@pytest.mark.parametrize(("late", "credited"), [(1_000, 1_000), (MAX_LATENESS, MAX_LATENESS), (SECOND, MAX_LATENESS)])
def test_timer_that_comes_late_loses_nothing_up_to_a_limit(late: int, credited: int) -> None:
    rate = 12_000_000
    pacer = paced(rate)
    deadline = pacer.next_send_time(MSS, 0)
    assert deadline is not None
    expected = min((deadline + late) * rate // SECOND, 3_000 + credited * rate // SECOND)
    assert pacer.budget(deadline + late) == expected


def test_packets_sent_without_credit_are_paid_for_later() -> None:
    pacer = paced(120_000)
    pacer.on_sent(MSS, 0)
    assert pacer.next_send_time(MSS, 0) == 20_000


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1_000, UNPACED_RATE - 1),
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(400, 1_472)), min_size=1, max_size=60),
)
def test_never_more_than_the_rate_one_burst_and_the_lateness(rate: int, steps: list[tuple[int, int]]) -> None:
    pacer, now, sent = paced(rate), 0, 0
    burst = max(2 * MSS, rate // 4_000)
    for pause, size in steps:
        now += pause
        while pacer.budget(now) >= size:
            pacer.on_sent(size, now)
            sent += size
        assert pacer.next_send_time(size, now) is not None
        assert sent <= rate * (now + MAX_LATENESS) // SECOND + burst + 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1_000, UNPACED_RATE - 1), st.integers(1, 1_472), st.integers(0, SECOND))
def test_at_the_promised_time_the_datagram_may_leave(rate: int, size: int, now: int) -> None:
    pacer = paced(rate, now)
    at = pacer.next_send_time(size, now)
    assert at is not None
    assert at > now
    assert pacer.budget(at) >= size
