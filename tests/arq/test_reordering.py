"""What is remembered of packets that were declared lost, and what a late ACK of them changes."""

from __future__ import annotations

from udpchat.arq.in_flight import Kind, SentRun
from udpchat.arq.reordering import MAX_THRESHOLD, RUNS_KEPT, Reordering
from udpchat.config import PACKET_THRESHOLD


def run(first: int, count: int = 1, *, is_timed: bool = False) -> SentRun:
    return SentRun(first, count, 0, 1_200, 1_200, Kind.DATA, 1, 0, 1_000 * count, 1_000, is_timed=is_timed)


def test_a_late_packet_widens_the_threshold_by_how_late_it_was() -> None:
    reordering = Reordering()
    reordering.remember([run(10, 5)])
    assert [(late.first, late.count) for late in reordering.take_late(12, 14, largest_acked=20)] == [(12, 2)]
    assert reordering.threshold == 10
    assert reordering.take_late(12, 14, largest_acked=30) == []
    assert reordering.threshold == 10
    reordering.take_late(10, 11, largest_acked=500)
    assert reordering.threshold == MAX_THRESHOLD


def test_nothing_lost_leaves_the_threshold() -> None:
    reordering = Reordering()
    assert reordering.take_late(0, 100, largest_acked=100) == []
    assert reordering.threshold == PACKET_THRESHOLD


def test_it_knows_whether_any_lost_packet_is_at_or_above_a_number() -> None:
    reordering = Reordering()
    assert reordering.none_from(0)
    reordering.remember([run(10, 3)])
    assert (reordering.none_from(12), reordering.none_from(13)) == (False, True)
    reordering.remember([run(3, is_timed=True)])
    assert not reordering.none_from(13), "a timed packet is in no order with the others"
    reordering.take_late(3, 4, largest_acked=3)
    assert reordering.none_from(13)


def test_the_oldest_losses_are_forgotten_when_there_are_too_many() -> None:
    reordering = Reordering()
    reordering.remember([run(2 * number) for number in range(RUNS_KEPT + 1)])
    reordering.remember([run(2 * number, is_timed=True) for number in range(1_000, 1_001 + RUNS_KEPT)])
    assert reordering.take_late(0, 1, largest_acked=9) == []
    assert reordering.take_late(2_000, 2_001, largest_acked=9) == []
    assert len(reordering.take_late(0, 10_000, largest_acked=9)) == 2 * RUNS_KEPT
