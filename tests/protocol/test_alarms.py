"""When connections are woken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from udpchat.protocol.alarms import MIN_STALE, Alarms

ANNA, BEN = b"anna", b"ben"


def due(alarms: Alarms, now: int) -> list[bytes]:
    found = []
    while (connection_id := alarms.next_due(now)) is not None:
        found.append(connection_id)
    return found


def test_deadlines_are_told_in_order_and_once() -> None:
    alarms = Alarms()
    alarms.near(BEN, 20)
    alarms.near(ANNA, 10)
    alarms.far(ANNA, 30)
    assert alarms.next_timeout() == 10
    assert due(alarms, 9) == []
    assert due(alarms, 20) == [ANNA, BEN]
    assert alarms.next_timeout() == 30
    assert due(alarms, 30) == [ANNA]
    assert (due(alarms, 99), alarms.next_timeout()) == ([], None)


def test_a_near_deadline_that_is_called_off_leaves_no_wake_up_and_the_far_one_stays() -> None:
    alarms = Alarms()
    alarms.far(ANNA, 60)
    alarms.near(ANNA, 10)
    alarms.near(ANNA, None)
    assert alarms.next_timeout() == 60
    assert due(alarms, 59) == []
    assert alarms.has_far(ANNA)
    assert due(alarms, 60) == [ANNA]
    assert not alarms.has_far(ANNA)


@pytest.mark.parametrize("put", [Alarms.near, Alarms.far])
def test_only_an_earlier_deadline_moves_a_wake_up(put: Callable[[Alarms, bytes, int], None]) -> None:
    alarms = Alarms()
    put(alarms, ANNA, 20)
    put(alarms, ANNA, 30)
    assert alarms.next_timeout() == 20
    put(alarms, ANNA, 10)
    assert due(alarms, 25) == [ANNA]
    assert alarms.next_timeout() is None


def test_both_at_one_time_are_two_wake_ups_and_none_is_lost() -> None:
    alarms = Alarms()
    alarms.near(ANNA, 10)
    alarms.far(ANNA, 10)
    assert due(alarms, 10) == [ANNA, ANNA]
    alarms.near(ANNA, 10)
    assert due(alarms, 10) == [ANNA]


def test_who_is_forgotten_is_not_woken() -> None:
    alarms = Alarms()
    alarms.near(ANNA, 10)
    alarms.far(ANNA, 20)
    alarms.near(BEN, 15)
    alarms.forget(ANNA)
    assert alarms.next_timeout() == 15
    assert due(alarms, 99) == [BEN]


def test_outdated_deadlines_do_not_pile_up_while_lines_come_and_are_acknowledged() -> None:
    alarms = Alarms()
    names = [bytes([number]) for number in range(100)]
    for name in names:
        alarms.far(name, 60_000_000)
    for line in range(200):
        for name in names:
            alarms.near(name, 5_000 + line)
        for name in names:
            alarms.near(name, None)
        assert len(alarms) <= MIN_STALE + 4 * len(names)
    for name in names[1:]:
        alarms.forget(name)
    assert len(alarms) <= MIN_STALE + 4
    assert due(alarms, 60_000_000) == [names[0]]
