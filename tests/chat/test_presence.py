"""What people see of one another: who is there, who is away, who was there when."""

from __future__ import annotations

from functools import partial

import pytest

from tests.chat.people import CLEAN, ask, changes, enter, gather, key_of, log_in, make_account, rest
from tests.chat.speaker import world_of
from tests.world import WALL, End, World, client
from udpchat.chat.events import Answered, Refusal, UserChanged, UserInfo, UserList
from udpchat.config import MAX_AWAY, SECOND
from udpchat.errors import ErrorCode
from udpchat.wire.numbers import Change, JoinFlag, Scope, UserFlag
from udpchat.wire.records import Away, Done, Presence, Refused, Users

HERE = UserFlag.PRESENT


def test_users_are_listed_with_when_they_came() -> None:
    world, (anna, ben) = gather("anna", "ben")
    users = ask(world, anna, client(anna).chat.asking.users).users
    assert [(user.nick, user.flags, user.away) for user in users] == [("anna", HERE, ""), ("ben", HERE, "")]
    assert WALL < users[0].joined_at < users[1].joined_at <= WALL + world.network.now
    assert ben.told(UserChanged) == []


def test_who_is_away_says_why_and_comes_back() -> None:
    world, (anna, ben) = gather("anna", "ben")
    assert isinstance(ask(world, ben, lambda: client(ben).chat.asking.set_away("at lunch 吃饭")), Answered)
    rest(world)
    listed = ask(world, anna, client(anna).chat.asking.users).users[1]
    assert (listed.flags, listed.away) == (HERE | UserFlag.AWAY, "at lunch 吃饭")
    assert isinstance(ask(world, ben, lambda: client(ben).chat.asking.set_away("")), Answered)
    rest(world)
    told = [(event.change, event.text, event.flags) for event in anna.told(UserChanged)[1:]]
    assert told == [(Change.AWAY, "at lunch 吃饭", HERE | UserFlag.AWAY), (Change.BACK, "", HERE)]


def test_being_away_twice_for_the_same_reason_is_told_once() -> None:
    world, (anna, ben) = gather("anna", "ben")
    for text in ("tea", "tea", "", "", "  "):
        ask(world, ben, partial(client(ben).chat.asking.set_away, text))
    rest(world)
    assert [change for _, change, _ in changes(anna)[1:]] == [Change.AWAY, Change.BACK]


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ("x" * MAX_AWAY, True),
        ("x" * (MAX_AWAY + 1), False),
        ("\x1b[31mred\x1b[0m \u202eabc", True),  # shown by whoever shows it, not obeyed
        ("one\ntwo", False),
        ("one\u2028two", False),
        ("one\rtwo", False),
    ],
)
def test_what_an_away_message_may_be(text: str, is_fine: bool) -> None:
    _, (anna, ben) = world_of("anna", "ben")
    (answer,) = ben.ask(Away(text))
    if is_fine:
        assert answer == Done()
    else:
        assert (type(answer), answer.code) == (Refused, ErrorCode.TEXT_NOT_ALLOWED)
    told = [record.text for record in anna.told(Presence) if record.change == Change.AWAY]
    assert told == [text] * is_fine


def test_a_visitor_cannot_be_away() -> None:
    world, (anna,) = gather("anna")
    visitor = enter(world, "bot", flags=JoinFlag.VISITOR)
    answer = ask(world, visitor, lambda: client(visitor).chat.asking.set_away("tea"))
    assert (type(answer), answer.code) == (Refusal, ErrorCode.NOT_ALLOWED)
    rest(world)
    assert changes(anna) == []


def test_accounts_are_listed_with_when_they_were_here_last() -> None:
    world = World(1, CLEAN)
    for nick in ("bertha", "carola"):
        make_account(world, nick, is_admin=nick == "carola")
    bertha = log_in(world, "bertha", key_of(1))
    rest(world, 10)
    world.do(client(bertha).chat.leave)
    rest(world)
    left_at = WALL + world.network.now
    anna = enter(world, "anna")
    log_in(world, "carola", key_of(2))
    users = {user.nick: user for user in ask_accounts(world, anna)}
    assert list(users) == ["anna", "carola", "bertha"]
    assert users["carola"].flags == HERE | UserFlag.ACCOUNT | UserFlag.ADMIN
    assert users["bertha"].flags == UserFlag.ACCOUNT
    assert users["bertha"].joined_at == 0
    assert left_at - 2 * SECOND <= users["bertha"].last_seen <= left_at


def ask_accounts(world: World, end: End) -> tuple[UserInfo, ...]:
    answer = ask(world, end, lambda: client(end).chat.asking.users(Scope.ACCOUNTS))
    assert isinstance(answer, UserList)
    return answer.users


def test_last_seen_moves_with_what_somebody_says() -> None:
    world, (anna, ben) = gather("anna", "ben")
    rest(world, 30)
    before = ask(world, anna, client(anna).chat.asking.users).users[1].last_seen
    ask(world, ben, lambda: client(ben).chat.say("hello"))
    after = ask(world, anna, client(anna).chat.asking.users).users[1].last_seen
    assert after - before >= 29 * SECOND


def test_the_users_of_a_room_are_told_to_its_members_only() -> None:
    world, (anna, ben, carl) = gather("anna", "ben", "carl")
    ask(world, anna, lambda: client(anna).chat.asking.create_room("den", ""))
    ask(world, carl, lambda: client(carl).chat.asking.enter_room("DEN"))
    for scope in Scope:
        users = ask(world, carl, partial(client(carl).chat.asking.users, scope, "den")).users
        assert [user.nick for user in users] == ["anna", "carl"]
    for room in ("den", "nowhere"):
        answer = ask(world, ben, partial(client(ben).chat.asking.users, Scope.PRESENT, room))
        assert (answer.code, answer.text.startswith(f"you are in no room called {room}")) == (
            ErrorCode.NOT_IN_ROOM,
            True,
        )


def test_an_unknown_scope_is_refused() -> None:
    _, (anna,) = world_of("anna")
    (answer,) = anna.ask(Users(9, ""))
    assert (type(answer), answer.code) == (Refused, ErrorCode.PROTOCOL_VIOLATION)
