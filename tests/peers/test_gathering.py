from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.config import BLOCK_SIZE, MILLISECOND, SECOND
from udpchat.peers.gathering import LEAST_IN_HAND, MOST_AT, Gathering

RTT = 20 * MILLISECOND
STEP = 10 * MILLISECOND
MIB_S = BLOCK_SIZE


def test_each_holder_is_asked_for_other_blocks_the_first_ones_first() -> None:
    plan = Gathering(range(10))
    plan.join(1)
    plan.join(2)
    assert plan.next_blocks(1, 0, RTT) == (0, 1)
    assert plan.next_blocks(2, 0, RTT) == (2, 3)
    assert plan.next_blocks(1, 0, RTT) == ()


def test_a_faster_holder_has_more_in_hand() -> None:
    plan = Gathering(range(100))
    plan.join(1)
    first = plan.next_blocks(1, 0, RTT)
    assert plan.on_block(1, first[0], 10 * MILLISECOND)  # 100 MiB/s, and 70 ms of it travel: 7 blocks, and one
    plan.next_blocks(1, 10 * MILLISECOND, RTT)
    assert len(plan.owed(1)) == 8


def test_what_a_holder_owed_goes_to_the_others_when_it_leaves() -> None:
    plan = Gathering(range(3))
    plan.join(1)
    plan.join(2)
    assert plan.next_blocks(1, 0, RTT) == (0, 1)
    assert plan.next_blocks(2, 0, RTT) == (2,)
    plan.leave(1)
    assert plan.next_blocks(2, 0, RTT) == (0,)
    assert not plan.is_complete
    assert plan.on_block(2, 2, SECOND)
    plan.next_blocks(2, SECOND, RTT)
    assert plan.on_block(2, 0, 2 * SECOND)
    assert plan.on_block(2, 1, 3 * SECOND)
    assert plan.is_complete


def test_at_the_end_what_a_slow_holder_owes_is_asked_of_a_fast_one() -> None:
    plan = Gathering(range(5))
    for holder in (1, 2):
        plan.join(holder)
        plan.next_blocks(holder, 0, RTT)
    for number in (2, 3):
        assert plan.on_block(2, number, (number - 1) * 100 * MILLISECOND)
    assert plan.next_blocks(2, 200 * MILLISECOND, RTT) == (4,)
    assert plan.on_block(1, 0, 1 * SECOND)  # ten times slower
    assert plan.on_block(2, 4, 1 * SECOND)
    now = 1 * SECOND + 1
    assert plan.next_blocks(2, now, RTT) == (1,)
    assert plan.on_block(2, 1, now + 100 * MILLISECOND)
    assert plan.is_complete
    assert not plan.on_block(1, 1, 2 * SECOND)
    assert plan.repeated == 1


def test_a_holder_that_has_stopped_is_no_reason_to_wait() -> None:
    plan = Gathering(range(4))
    for holder in (1, 2):
        plan.join(holder)
        plan.next_blocks(holder, 0, RTT)
    for number in (2, 3):
        assert plan.on_block(2, number, (number - 1) * 100 * MILLISECOND)
    assert plan.on_block(1, 0, 100 * MILLISECOND)
    assert plan.next_blocks(2, 5 * SECOND, RTT) == (1,)


def test_what_nobody_asked_for_is_not_kept() -> None:
    plan = Gathering(range(4))
    plan.join(1)
    plan.next_blocks(1, 0, RTT)
    assert not plan.on_block(1, 3, SECOND)
    assert not plan.on_block(9, 0, SECOND)
    assert plan.owed(1) == (0, 1)


def test_a_block_that_turns_out_wrong_is_asked_for_once_more() -> None:
    plan = Gathering(range(1))
    plan.join(1)
    plan.next_blocks(1, 0, RTT)
    assert plan.on_block(1, 0, SECOND)
    plan.reopen([0])
    assert not plan.is_complete
    assert plan.next_blocks(1, SECOND, RTT) == (0,)


@dataclass
class Line:
    """A holder that gives its blocks one by one. leaves: when it is gone [us]; 0: never."""

    rate: int
    leaves: int = 0
    queue: list[int] = field(default_factory=list)
    sent: float = 0.0


def play(blocks: int, lines: dict[int, Line]) -> tuple[int, int, int]:
    """Until all is here: the time it took [us], blocks that came, those that came twice."""
    plan, now, came = Gathering(range(blocks)), 0, 0
    kept: set[int] = set()
    for name in lines:
        plan.join(name)
    while not plan.is_complete:
        now += STEP
        assert now < 10_000 * SECOND
        for name, line in list(lines.items()):
            if line.leaves and now >= line.leaves:
                plan.leave(name)
                del lines[name]
                continue
            line.queue += plan.next_blocks(name, now, RTT)
            line.sent = line.sent + line.rate * STEP / SECOND if line.queue else 0.0
            while line.queue and line.sent >= BLOCK_SIZE:
                line.sent -= BLOCK_SIZE
                number = line.queue.pop(0)
                came += 1
                if plan.on_block(name, number, now):
                    assert number not in kept
                    kept.add(number)
    assert kept == set(range(blocks))
    return now, came, plan.repeated


@settings(deadline=None)
@given(
    blocks=st.integers(1, 120),
    rates=st.lists(st.integers(MIB_S // 4, 40 * MIB_S), min_size=1, max_size=4),
    leaving=st.lists(st.integers(0, 5 * SECOND), max_size=3),
)
def test_every_block_comes_whoever_leaves_and_few_come_twice(blocks: int, rates: list[int], leaving: list[int]) -> None:
    leaves = [0, *leaving, 0, 0, 0]  # the first one stays
    lines = {name: Line(rate, leaves[name]) for name, rate in enumerate(rates)}
    _, came, repeated = play(blocks, lines)
    assert repeated <= LEAST_IN_HAND * MOST_AT * len(rates)
    assert came == blocks + repeated


@pytest.mark.parametrize("rates", [(5, 5, 5), (8, 4, 2), (20, 1), (10, 10, 10, 10)])
def test_the_lines_are_used_together_to_the_end(rates: tuple[int, ...]) -> None:
    blocks = 100
    time, _, _ = play(blocks, {name: Line(rate * MIB_S) for name, rate in enumerate(rates)})
    assert blocks * SECOND / (time * sum(rates)) > 0.9
