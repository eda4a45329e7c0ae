"""A full server: a polite refusal, or a place in the queue."""

from __future__ import annotations

import pytest

from tests.chat.people import (
    CLEAN,
    LOSSY,
    PASSWORD,
    add,
    ask,
    core,
    enter,
    gather,
    here,
    key_of,
    leave,
    log_in,
    make_account,
    rest,
)
from tests.world import End, World, client, seeds
from udpchat.chat.events import AccountChanged, Disconnected, Joined, JoinRefused, WaitingInQueue
from udpchat.config import JOIN_TIMEOUT, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.wire.numbers import JoinFlag

WAIT = JoinFlag.WAIT
SMALL = Config(max_users=2)


def positions(end: End) -> list[int]:
    """Which places in the queue somebody was told."""
    return [event.position for event in end.told(WaitingInQueue)]


def line_up(world: World, *nicks: str) -> list[End]:
    """People who wait, one after another."""
    ends = []
    for nick in nicks:
        ends.append(add(world, nick, flags=WAIT))
        world.run_until(lambda: bool(ends[-1].told(WaitingInQueue)), 5)
    return ends


@pytest.mark.parametrize("users", [2, 3, 4])
def test_a_full_server_says_so_and_who_comes_later_finds_a_place(users: int) -> None:
    world, ends = gather(*[f"user{number}" for number in range(users)], config=Config(max_users=3))
    refused = [event for end in ends for event in end.told(JoinRefused)]
    assert [event.code for event in refused] == [ErrorCode.SERVER_FULL] * (users > 3)
    if refused:
        expected = "the server is full (3 users, 0 wait for a place): try again later, or wait in the queue (--wait)"
        assert refused[0].text == expected
        leave(world, ends[0])
        world.do(lambda: client(ends[3]).chat.join("late"))
        world.run_until(lambda: bool(ends[3].told(Joined)), 1)


@pytest.mark.parametrize("seed", seeds(1))
def test_who_waits_is_told_the_place_and_comes_in_when_it_is_free(seed: int) -> None:
    world, (anna, ben) = gather("anna", "ben", config=SMALL, seed=seed, link=LOSSY)
    carl, dora, emil = line_up(world, "carl", "dora", "emil")
    assert [positions(end) for end in (carl, dora, emil)] == [[1], [2], [3]]
    assert carl.told(WaitingInQueue)[0].max_users == 2
    leave(world, anna)
    rest(world, 5)
    assert [positions(end) for end in (carl, dora, emil)] == [[1], [2, 1], [3, 2]]
    assert here(world) == ["ben", "carl"]
    leave(world, ben)
    rest(world, 5)
    assert here(world) == ["carl", "dora"]
    assert not emil.told(Joined)
    assert core(world).chat.reception.queue_length == 1


def test_waiting_is_no_reason_to_be_shown_out() -> None:
    world, (anna, _) = gather("anna", "ben", config=SMALL)
    (carl,) = line_up(world, "carl")
    rest(world, 20 * JOIN_TIMEOUT / SECOND)
    assert not carl.told(Disconnected)
    leave(world, anna)
    assert here(world) == ["ben", "carl"]


def test_who_leaves_the_queue_lets_the_others_move_up() -> None:
    world, _ = gather("anna", "ben", config=SMALL)
    carl, dora, emil = line_up(world, "carl", "dora", "emil")
    leave(world, carl)
    assert [positions(end) for end in (dora, emil)] == [[2, 1], [3, 2]]
    assert core(world).chat.reception.queue_length == 2


def test_nobody_passes_the_queue_by_coming_at_the_right_moment() -> None:
    world, (anna, _) = gather("anna", "ben", config=SMALL)
    (carl,) = line_up(world, "carl")
    late = [add(world, f"late{number}") for number in range(5)]
    world.do(client(anna).chat.leave)
    world.join(*late)
    assert here(world) == ["ben", "carl"]
    assert [event.code for end in late for event in end.told(JoinRefused)] == [ErrorCode.SERVER_FULL] * 5
    assert carl.told(Joined)


@pytest.mark.parametrize("waiting", [2, 3, 4])
def test_the_queue_is_bounded(waiting: int) -> None:
    world, _ = gather("anna", "ben", config=Config(max_users=2, max_queue=3))
    ends = [add(world, f"user{number}", flags=WAIT) for number in range(waiting)]
    rest(world)
    refused = [event for end in ends for event in end.told(JoinRefused)]
    assert core(world).chat.reception.queue_length == min(waiting, 3)
    assert [event.code for event in refused] == [ErrorCode.SERVER_FULL] * (waiting > 3)
    assert all("the queue is full as well" in event.text for event in refused)


def test_who_has_a_session_takes_it_over_whatever_the_queue() -> None:
    world, _ = gather("ben", config=SMALL)
    old = enter(world, "anna", key_of(1))
    (carl,) = line_up(world, "carl")
    new = enter(world, "anna", key_of(1))
    rest(world)
    assert new.told(Joined)
    assert old.told(Disconnected)[0].code == ErrorCode.TAKEN_OVER
    assert here(world) == ["ben", "anna"]
    assert positions(carl) == [1]


def test_an_administrator_comes_in_when_the_server_is_full() -> None:
    world = World(1, CLEAN, SMALL)
    make_account(world, "master", is_admin=True)
    for nick in ("anna", "ben"):
        enter(world, nick)
    (carl,) = line_up(world, "carl")
    log_in(world, "master", key_of(1))
    assert here(world) == ["anna", "ben", "master"]
    assert positions(carl) == [1]


@pytest.mark.parametrize("max_queue", [2, 256])
def test_who_comes_back_while_waiting_keeps_the_place(max_queue: int) -> None:
    world, (anna, _) = gather("anna", "ben", config=Config(max_users=2, max_queue=max_queue))
    carl = add(world, "carl", key_of(1), flags=WAIT)
    world.run_until(lambda: bool(carl.told(WaitingInQueue)))
    (dora,) = line_up(world, "dora")
    again = add(world, "carl", key_of(1), flags=WAIT)
    world.run_until(lambda: bool(again.told(WaitingInQueue)))
    rest(world)
    assert positions(again) == [1]
    assert positions(dora) == [2]
    assert [event.code for event in carl.told(Disconnected)] == [ErrorCode.TAKEN_OVER]
    leave(world, anna)
    assert here(world) == ["ben", "carl"]
    assert again.told(Joined)


def test_who_is_refused_at_the_head_of_the_queue_does_not_hold_up_the_others() -> None:
    world, (anna, ben) = gather("anna", "ben", config=SMALL)
    carl, dora = line_up(world, "carl", "dora")
    twin = add(world, "CARL", flags=WAIT)
    world.run_until(lambda: bool(twin.told(WaitingInQueue)), 5)
    leave(world, anna)
    leave(world, ben)
    assert here(world) == ["carl", "dora"]
    leave(world, dora)
    assert [event.code for event in twin.told(JoinRefused)] == [ErrorCode.NICK_IN_USE]
    assert core(world).chat.reception.queue_length == 0
    assert carl.told(Joined)


def test_one_may_log_in_while_waiting_and_comes_in_as_the_account() -> None:
    world = World(1, CLEAN, SMALL)
    make_account(world, "carola")
    anna, _ = enter(world, "anna"), enter(world, "ben")
    (guest,) = line_up(world, "guest")
    assert isinstance(ask(world, guest, lambda: client(guest).chat.asking.login("carola", PASSWORD)), AccountChanged)
    leave(world, anna)
    assert here(world) == ["ben", "carola"]
    assert guest.told(Joined)[0].nick == "carola"


# -- who is refused leaves nothing behind ------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [JoinFlag(0), JoinFlag.VISITOR])
def test_guests_who_are_refused_for_want_of_an_account_are_not_remembered(flags: JoinFlag) -> None:
    world = World(1, CLEAN, Config(require_account=True))
    for number in range(5):
        assert enter(world, f"guest{number}", key_of(number + 1), flags=flags).told(JoinRefused)
    assert make_account(world, "walter").person_id == 1


def test_guests_for_whom_there_is_no_place_are_not_remembered_and_come_in_later_all_the_same() -> None:
    world, (anna,) = gather("anna", config=Config(max_users=1))
    for number in range(5):
        assert enter(world, f"guest{number}", key_of(number + 1)).told(JoinRefused)
    (late,) = line_up(world, "late")
    leave(world, anna)
    world.run_until(lambda: bool(late.told(Joined)), 5)
    (session,) = core(world).desk.members
    assert (session.nick, session.person_id) == ("late", 2)


def test_a_guest_who_wants_a_name_of_authority_is_not_remembered() -> None:
    world = World(1, CLEAN)
    assert enter(world, "admin", key_of(1)).told(JoinRefused)
    assert make_account(world, "walter").person_id == 1


def test_who_takes_their_own_place_over_gets_in_when_the_server_is_full_and_may_have_another_nickname() -> None:
    world = World(1, CLEAN, Config(max_users=1))
    enter(world, "anna", key_of(1))
    anna = enter(world, "anne", key_of(1))
    assert anna.told(Joined)[0].nick == "anne"
    assert here(world) == ["anne"]
