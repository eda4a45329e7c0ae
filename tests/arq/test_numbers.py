"""PacketNumbers: never reused, some skipped, never inside a burst."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.numbers import MAX_SKIPS, PacketNumbers
from udpchat.config import SKIP_INTERVAL
from udpchat.errors import UsageError


def sent_and_skipped(numbers: PacketNumbers, bursts: list[int]) -> tuple[list[int], list[int]]:
    sent: list[int] = []
    for count in bursts:
        first = numbers.next_burst(count)
        sent += range(first, first + count)
    skipped = sorted(set(range(sent[0], sent[-1])) - set(sent))
    return sent, skipped


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 64), min_size=1, max_size=200), st.integers(0, 9))
def test_numbers_ascend_and_only_skipped_ones_are_left_out(seed: int, bursts: list[int], first: int) -> None:
    numbers = PacketNumbers(Random(seed).randbytes, first)
    sent, skipped = sent_and_skipped(numbers, bursts)
    assert sent[0] == first
    assert all(left < right for left, right in pairwise(sent))
    assert numbers.next_number == sent[-1] + 1
    assert [n for n in range(first, numbers.next_number + 2) if numbers.is_skipped(n)] == skipped
    assert all(right - left >= SKIP_INTERVAL for left, right in pairwise(skipped))


def test_one_number_in_about_five_hundred_is_skipped() -> None:
    _, skipped = sent_and_skipped(PacketNumbers(Random(1).randbytes), [1] * 30_000)
    assert 40 <= len(skipped) <= MAX_SKIPS


def test_where_skips_are_depends_on_the_random_bytes() -> None:
    skips = {tuple(sent_and_skipped(PacketNumbers(Random(seed).randbytes), [1] * 2_000)[1]) for seed in range(5)}
    assert len(skips) == 5


@pytest.mark.parametrize(
    ("start", "stop", "found"), [(0, 256, False), (0, 257, True), (256, 300, True), (257, 300, False)]
)
def test_a_run_over_a_skipped_number_is_recognised(start: int, stop: int, found: bool) -> None:
    numbers = PacketNumbers(bytes)  # draws zeros: the first skip is number 256
    sent_and_skipped(numbers, [1] * 300)
    assert numbers.skipped_in(start, stop) is found
    assert numbers.is_skipped(256)


def test_only_the_newest_skips_are_remembered() -> None:
    numbers = PacketNumbers(bytes)
    _, skipped = sent_and_skipped(numbers, [1] * (SKIP_INTERVAL + 1) * (MAX_SKIPS + 5))
    assert [n for n in skipped if numbers.is_skipped(n)] == skipped[-MAX_SKIPS:]
    assert len(skipped) > MAX_SKIPS


def test_an_empty_burst_is_refused() -> None:
    with pytest.raises(UsageError):
        PacketNumbers(bytes).next_burst(0)
