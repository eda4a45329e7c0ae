"""RttEstimator against numbers worked out by hand from RFC 9002 section 5.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.arq.rtt import RttEstimator
from udpchat.config import GRANULARITY, MAX_ACK_DELAY
from udpchat.errors import UsageError


def test_before_a_sample_the_initial_value_stands() -> None:
    rtt = RttEstimator(100_000)
    assert (rtt.smoothed_rtt, rtt.rttvar, rtt.min_rtt, rtt.latest_rtt) == (100_000, 50_000, 0, 0)
    assert not rtt.has_sample
    assert rtt.probe_timeout(25_000) == 325_000


SAMPLES = [  # latest_rtt, ack_delay -> smoothed_rtt, rttvar, min_rtt
    (100_000, 30_000, 100_000, 50_000, 100_000),  # the first one is taken as it is
    (120_000, 10_000, 101_250, 40_000, 100_000),  # 110 ms without the delay
    (105_000, 10_000, 101_719, 30_938, 100_000),  # less the delay it would be below the minimum
    (80_000, 0, 99_004, 28_633, 80_000),
]


@pytest.mark.parametrize("count", range(1, len(SAMPLES) + 1))
def test_samples_are_smoothed_as_the_rfc_says(count: int) -> None:
    rtt = RttEstimator(333_000)
    for latest_rtt, ack_delay, *_ in SAMPLES[:count]:
        rtt.add_sample(latest_rtt, ack_delay)
    assert [rtt.smoothed_rtt, rtt.rttvar, rtt.min_rtt] == list(SAMPLES[count - 1][2:])
    assert rtt.latest_rtt == SAMPLES[count - 1][0]
    assert rtt.has_sample


def test_the_probe_timeout_never_counts_less_than_the_timer_can_tell() -> None:
    rtt = RttEstimator(100_000)
    for _ in range(60):
        rtt.add_sample(500, 0)
    assert rtt.probe_timeout(MAX_ACK_DELAY) == 500 + GRANULARITY + MAX_ACK_DELAY


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_steady_round_trip_time_is_found_whatever_was_before(before: int, steady: int) -> None:
    rtt = RttEstimator(before)
    rtt.add_sample(before, 0)
    for _ in range(200):
        rtt.add_sample(steady, 0)
    assert abs(rtt.smoothed_rtt - steady) <= 4  # half of the divisor is lost to rounding
    assert rtt.rttvar <= 6
    assert rtt.min_rtt == min(before, steady)


def test_a_sample_of_no_time_counts_as_a_microsecond() -> None:
    rtt = RttEstimator(100_000)
    rtt.add_sample(0, 0)
    assert (rtt.min_rtt, rtt.smoothed_rtt) == (1, 1)


@pytest.mark.parametrize("sample", [(-1, 0), (0, -1)])
def test_negative_times_are_refused(sample: tuple[int, int]) -> None:
    with pytest.raises(UsageError):
        RttEstimator(100_000).add_sample(*sample)
