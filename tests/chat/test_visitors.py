"""Visitors, who are here for one command, and nicknames that look like those of others."""

from __future__ import annotations

import pytest

from tests.chat.people import (
    CLEAN,
    ask,
    changes,
    codes,
    enter,
    gather,
    key_of,
    make_account,
    rest,
)
from tests.world import World, client
from udpchat.chat.events import Disconnected, Joined, LineSaid, UserChanged
from udpchat.config import Config
from udpchat.errors import ErrorCode
from udpchat.wire.numbers import Change, JoinFlag, UserFlag

VISITOR = JoinFlag.VISITOR


# -- visitors ----------------------------------------------------------------------------------------------------------


def test_a_visitor_is_not_seen_and_hears_nothing() -> None:
    world, (anna,) = gather("anna")
    visitor = enter(world, "bot", flags=VISITOR)
    assert visitor.told(Joined)[0].user_count == 1
    ask(world, anna, lambda: client(anna).chat.say("hello"))
    users = ask(world, anna, client(anna).chat.asking.users)
    world.do(client(visitor).chat.leave)
    rest(world)
    assert changes(anna) == []
    assert [user.nick for user in users.users] == ["anna"]
    assert not visitor.told(LineSaid)
    assert [event.nick for event in world.server.told(UserChanged)] == ["anna"]


def test_a_visitor_does_not_end_the_session_of_its_own_person_and_may_have_its_nickname() -> None:
    world, (ben,) = gather("ben")
    anna = enter(world, "anna", key_of(1))
    visitor = enter(world, "anna", key_of(1), flags=VISITOR)
    assert visitor.told(Joined)[0].nick == "anna"
    world.do(client(visitor).chat.leave)
    rest(world)
    assert not anna.told(Disconnected)
    assert changes(ben) == [("anna", Change.JOINED, 2)]


def test_a_visitor_may_not_have_the_nickname_of_somebody_else() -> None:
    world, _ = gather("anna")
    assert codes(enter(world, "ANNA", key_of(1), flags=VISITOR)) == [ErrorCode.NICK_IN_USE]
    enter(world, "bot", key_of(1), flags=VISITOR)
    assert codes(enter(world, "bot", key_of(2), flags=VISITOR)) == [ErrorCode.NICK_IN_USE]
    assert codes(enter(world, "bot", key_of(1), flags=VISITOR)) == []


@pytest.mark.parametrize("visitors", [2, 3, 4])
def test_visitors_take_no_places_but_have_a_limit_of_their_own(visitors: int) -> None:
    world, people = gather("anna", "ben", "carl", config=Config(max_users=3))
    guests = [enter(world, f"bot{number}", flags=VISITOR) for number in range(visitors)]
    assert not any(codes(end) for end in people)
    assert [code for end in guests for code in codes(end)] == [ErrorCode.SERVER_FULL] * max(0, visitors - 3)
    world.do(client(guests[0]).chat.leave)
    rest(world)
    assert codes(enter(world, "late", flags=VISITOR)) == []


def test_a_visitor_on_a_server_that_wants_accounts_needs_one_too() -> None:
    world = World(1, CLEAN, Config(require_account=True))
    assert codes(enter(world, "bot", flags=VISITOR)) == [ErrorCode.LOGIN_REQUIRED]


# -- look-alikes -------------------------------------------------------------------------------------------------------


def test_a_nickname_that_looks_like_that_of_somebody_here_is_flagged_to_all() -> None:
    world, (anna,) = gather("anna")
    twin = enter(world, "аnnа")  # in Cyrillic letters
    rest(world)
    (event,) = anna.told(UserChanged)
    assert event.flags == UserFlag.PRESENT | UserFlag.LOOKALIKE
    assert event.text == "anna"
    assert twin.told(Joined)[0].flags & UserFlag.LOOKALIKE
    users = ask(world, anna, client(anna).chat.asking.users).users
    assert [bool(user.flags & UserFlag.LOOKALIKE) for user in users] == [False, True]


def test_a_nickname_that_looks_like_an_account_is_flagged_also_when_that_is_absent() -> None:
    world = World(1, CLEAN)
    make_account(world, "linus")
    ben = enter(world, "ben")
    enter(world, "Iinus")
    rest(world)
    (event,) = ben.told(UserChanged)
    assert (event.text, bool(event.flags & UserFlag.LOOKALIKE)) == ("linus", True)


def test_who_looks_like_one_who_has_left_is_not_flagged() -> None:
    world, (anna, ben) = gather("anna", "ben")
    world.do(client(anna).chat.leave)
    rest(world)
    enter(world, "аnna")
    rest(world)
    assert ben.told(UserChanged)[-1].flags == UserFlag.PRESENT
