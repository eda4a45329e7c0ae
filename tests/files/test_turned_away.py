"""Which of the transfers that there was no room for are tried again, and when."""

from __future__ import annotations

from udpchat.config import PARALLEL_TRANSFERS, SECOND
from udpchat.files.local_ports import Direction, Transfer
from udpchat.files.tasks import Task
from udpchat.files.turned_away import TurnedAway

MINUTE = 60 * SECOND


def task(number: int, direction: Direction = Direction.UPLOAD) -> Task:
    return Task(Transfer(bytes([number]) * 16, direction, b"server", "path", "name", number=number, place=number))


def refuse(turned_away: TurnedAway, *tasks: Task) -> None:
    for each in tasks:
        turned_away.add(each)


def tries(turned_away: TurnedAway, until: int, *, admitted: tuple[Task, ...] = ()) -> dict[int, list[int]]:
    """When [s] each is tried, by number; all but those that are admitted are refused each time."""
    found: dict[int, list[int]] = {}
    now = 0
    while (at := turned_away.next_timeout()) is not None and (now := max(now, at)) <= until:
        for each in turned_away.due(now):
            found.setdefault(each.transfer.number, []).append(now // SECOND)
            if each in admitted:
                turned_away.forget(each.part_id)
            else:
                turned_away.add(each)
    return found


def test_what_is_refused_is_tried_less_and_less_often() -> None:
    turned_away = TurnedAway()
    refuse(turned_away, task(1))
    assert tries(turned_away, 4 * MINUTE) == {1: [3, 9, 21, 45, 93, 153, 213]}


def test_what_is_refused_for_good_keeps_nothing_else_of_its_direction_waiting() -> None:
    turned_away, last = TurnedAway(), task(9)
    refuse(turned_away, *(task(number) for number in range(1, PARALLEL_TRANSFERS + 1)), last)
    assert tries(turned_away, MINUTE, admitted=(last,))[9] == [6]


def test_among_many_that_are_refused_for_good_each_has_its_turn() -> None:
    turned_away = TurnedAway()
    refuse(turned_away, *(task(number) for number in range(100)))
    found = tries(turned_away, 10 * MINUTE)
    counts = [len(found[number]) for number in range(100)]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) <= PARALLEL_TRANSFERS * 200, "a round each three seconds"


def test_uploads_that_are_refused_hold_no_download_back() -> None:
    turned_away, download = TurnedAway(), task(9, Direction.DOWNLOAD)
    refuse(turned_away, *(task(number) for number in range(1, PARALLEL_TRANSFERS + 1)), download)
    assert tries(turned_away, MINUTE, admitted=(download,))[9] == [3]


def test_when_one_is_done_others_of_its_direction_are_tried_soon() -> None:
    turned_away = TurnedAway()
    upload, download = task(1), task(2, Direction.DOWNLOAD)
    refuse(turned_away, upload, download)
    tries(turned_away, 50 * SECOND)  # next at 93 s
    turned_away.due(50 * SECOND)
    turned_away.hasten(task(3))
    assert turned_away.due(50 * SECOND) == []
    turned_away.hasten(task(3))
    assert turned_away.due(52 * SECOND) == [], "not later for another that is done"
    assert turned_away.due(53 * SECOND) == [upload]
    assert turned_away.next_timeout() == 93 * SECOND


def test_on_the_next_connection_nobody_waits_for_what_an_earlier_one_refused() -> None:
    turned_away = TurnedAway()
    refuse(turned_away, task(1))
    tries(turned_away, 3 * MINUTE)
    turned_away.on_lost()
    assert turned_away.next_timeout() is None
    assert not turned_away.add(task(1)), "its user has heard of it"
    assert tries(turned_away, MINUTE) == {1: [3, 9, 21, 45]}
