"""The token bucket: rate, portions, lateness, as numbers in and numbers out."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.arq.bucket import TokenBucket
from udpchat.config import KIB, MILLISECOND, SECOND
from udpchat.errors import UsageError

CHUNK = 1_420


def passed(bucket: TokenBucket, chunk: int, stop: int, late: int = 0, start: int = 0) -> list[tuple[int, int]]:
    """(when, bytes) of all that passes until a time, by somebody who wakes up at each deadline, or so much later."""
    found, now = [], start
    while now < stop:
        if count := bucket.chunks(chunk, now):
            bucket.take(count * chunk)
            found.append((now, count * chunk))
        else:
            assert bucket.deadline is not None
            assert bucket.deadline > now
            now = bucket.deadline + late
    return found


@pytest.mark.parametrize("rate", [50_000, 250_000, 2_500_000, 12_500_000, 125_000_000])
@pytest.mark.parametrize("late", [0, MILLISECOND, 4 * MILLISECOND])
def test_a_second_carries_the_rate_within_two_percent(rate: int, late: int) -> None:
    sizes = passed(TokenBucket(rate), CHUNK, 5 * SECOND, late)
    for start in range(5):
        carried = sum(size for at, size in sizes if start * SECOND <= at < (start + 1) * SECOND)
        assert abs(carried - rate) <= max(rate // 50, 3 * CHUNK)


@given(rate=st.integers(1_000, 200_000_000), seed=st.integers(0, 99), span=st.integers(1_000, 2 * SECOND))
def test_no_stretch_carries_more_than_the_rate_and_what_is_kept(rate: int, seed: int, span: int) -> None:
    bucket, random, now = TokenBucket(rate), Random(seed), 0
    sizes: list[tuple[int, int]] = []
    while now < 3 * span and len(sizes) < 300:
        if count := bucket.chunks(CHUNK, now):
            bucket.take(count * CHUNK)
            sizes.append((now, count * CHUNK))
        now += random.randrange(1, max(2, span // 20))
    kept = max(2 * CHUNK, 64 * KIB) + rate * 8 * MILLISECOND // SECOND
    for start, _ in sizes:
        carried = sum(size for at, size in sizes if start <= at < start + span)
        assert carried <= rate * span // SECOND + kept + CHUNK


def test_nobody_wakes_up_more_often_than_each_other_millisecond_at_a_hundred_megabit() -> None:
    sizes = passed(TokenBucket(12_500_000), CHUNK, SECOND)
    assert 300 <= len(sizes) <= 500


def test_little_is_saved_up_in_a_pause() -> None:
    bucket = TokenBucket(1_000_000)
    passed(bucket, CHUNK, SECOND)
    burst = bucket.chunks(CHUNK, 60 * SECOND) * CHUNK
    assert burst <= 1_000_000 // 50


def test_a_slow_rate_lets_single_chunks_pass() -> None:
    sizes = passed(TokenBucket(1_000), CHUNK, 60 * SECOND)
    assert {size for _, size in sizes[1:]} == {CHUNK}
    assert 40 <= len(sizes) <= 45


def test_an_early_question_changes_nothing() -> None:
    asked, quiet = TokenBucket(100_000), TokenBucket(100_000)
    for bucket in (asked, quiet):
        bucket.take(bucket.chunks(CHUNK, 0) * CHUNK)
        assert bucket.chunks(CHUNK, 0) == 0
    assert asked.deadline is not None
    for now in range(0, asked.deadline, 1_000):
        assert asked.chunks(CHUNK, now) == 0
    assert asked.deadline == quiet.deadline
    ready = asked.deadline
    assert asked.chunks(CHUNK, ready) == quiet.chunks(CHUNK, ready) > 0


def test_another_rate_holds_from_the_next_question_on() -> None:
    bucket = TokenBucket(1_000)
    bucket.take(bucket.chunks(CHUNK, 0) * CHUNK)
    assert bucket.chunks(CHUNK, 0) == 0
    bucket.set_rate(1_000_000)
    sizes = passed(bucket, CHUNK, SECOND)
    assert abs(sum(size for _, size in sizes) - 1_000_000) <= 20_000


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_lets_nothing_pass_is_refused(rate: int) -> None:
    with pytest.raises(UsageError):
        TokenBucket(rate)
    with pytest.raises(UsageError):
        TokenBucket(1).set_rate(rate)
