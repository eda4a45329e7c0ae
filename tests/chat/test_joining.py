"""Who is let in, under which name, and what the others hear of it."""

from __future__ import annotations

from functools import partial

import pytest

from tests.chat.people import (
    CLEAN,
    LOSSY,
    add,
    ask,
    changes,
    codes,
    enter,
    gather,
    here,
    key_of,
    make_account,
    rest,
    stand_at_the_door,
)
from tests.world import SERVER, World, client, seeds
from udpchat.chat.arrivals import TYPING_TIMEOUT
from udpchat.chat.events import Disconnected, Joined, JoinRefused, LineSaid, Refusal, UserChanged, UserList
from udpchat.config import JOIN_TIMEOUT, MAX_NICK, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.errors import ErrorCode
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import AdminAction, Change, FileState, UserFlag
from udpchat.wire.records import (
    Administer,
    Away,
    Blocks,
    Commit,
    CreateRoom,
    Credit,
    DeleteFile,
    EnterRoom,
    Fetch,
    History,
    Join,
    LeaveRoom,
    ListFiles,
    ListMembers,
    ListRooms,
    ListStates,
    Mark,
    Member,
    Missing,
    Open,
    Pace,
    Password,
    Read,
    Received,
    Record,
    Refused,
    Say,
    Seen,
    SetTopic,
    Tell,
    Users,
    WantBlocks,
)

ID = bytes(16)


# -- coming and going --------------------------------------------------------------------------------------------------


def test_everybody_hears_who_comes_and_goes_and_how_many_are_left() -> None:
    world, (anna, ben, carl) = gather("anna", "ben", "carl")
    world.do(client(carl).chat.leave)
    rest(world)
    assert changes(anna) == [("ben", Change.JOINED, 2), ("carl", Change.JOINED, 3), ("carl", Change.LEFT, 2)]
    assert changes(ben) == [("carl", Change.JOINED, 3), ("carl", Change.LEFT, 2)]
    assert [end.told(Joined)[0].user_count for end in (anna, ben, carl)] == [1, 2, 3]


def test_a_lost_connection_is_told_apart_from_leaving() -> None:
    world, (anna, ben) = gather("anna", "ben")
    world.network.remove(ben.address)
    rest(world, 90)
    assert changes(anna) == [("ben", Change.JOINED, 2), ("ben", Change.LOST, 1)]


@pytest.mark.parametrize("seed", seeds(1))
def test_who_comes_and_goes_is_told_once_whatever_is_lost(seed: int) -> None:
    world, (anna, ben, carl) = gather("anna", "ben", "carl", seed=seed, link=LOSSY)
    world.do(client(ben).chat.leave)
    rest(world, 5)
    assert changes(anna) == [("ben", Change.JOINED, 2), ("carl", Change.JOINED, 3), ("ben", Change.LEFT, 2)]
    assert changes(carl) == [("ben", Change.LEFT, 2)]


def test_the_server_is_told_from_where_somebody_comes() -> None:
    world, (anna,) = gather("anna")
    (joined,) = world.server.told(UserChanged)
    assert (joined.nick, joined.address) == ("anna", "{} port {}".format(*anna.address))
    assert joined.flags == UserFlag.PRESENT


def test_welcome_comes_before_any_message() -> None:
    world, (anna,) = gather("anna")
    key = key_of(1)
    ben = enter(world, "ben", key)
    world.do(client(ben).chat.leave)
    rest(world)
    for number in range(5):
        ask(world, anna, partial(client(anna).chat.say, f"line {number}"))
    ben = add(world, "ben", key)
    world.run_until(lambda: len(ben.told(LineSaid)) == 5)
    told = [type(event) for event in ben.events]
    assert told.index(Joined) < told.index(LineSaid)
    assert ben.told(Joined)[0].sequence < ben.told(LineSaid)[0].sequence


# -- nicknames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nick", "is_fine"),
    [
        ("x", True),
        ("x" * MAX_NICK, True),
        ("x" * (MAX_NICK + 1), False),
        ("Zoë", True),
        ("Zoe\u0308", True),  # joined as its normal form
        ("李雷", True),
        ("👩", True),
        ("", False),
        (" ", False),
        ("a b", False),
        ("/help", False),
        ("#room", False),
        ("a\u202eb", False),
        ("a\x1b[2J", False),
        ("a\u200bb", False),
        ("a\0", False),
    ],
)
def test_what_a_nickname_may_be(nick: str, is_fine: bool) -> None:
    _, (end,) = gather(nick)
    assert codes(end) == ([] if is_fine else [ErrorCode.NICK_NOT_ALLOWED])


@pytest.mark.parametrize("nick", ["server", "ADMIN", "Administrator", "аdmin", "adrnin"])
def test_a_guest_cannot_pass_for_the_server_or_its_administrator(nick: str) -> None:
    world, (guest,) = gather(nick)
    assert codes(guest) == [ErrorCode.NICK_NOT_ALLOWED]
    world.do(lambda: client(guest).chat.join("anna"))
    rest(world)
    assert here(world) == ["anna"]


@pytest.mark.parametrize(
    ("first", "second"), [("anna", "anna"), ("anna", "ANNA"), ("Straße", "STRASSE"), ("é", "e\u0301")]
)
def test_a_nickname_in_use_is_refused_and_another_may_follow_on_the_same_connection(first: str, second: str) -> None:
    world, (_, other) = gather(first, second)
    assert codes(other) == [ErrorCode.NICK_IN_USE]
    assert "choose another" in other.told(JoinRefused)[0].text
    world.do(lambda: client(other).chat.join("somebody"))
    world.run_until(lambda: bool(other.told(Joined)), 1)


@pytest.mark.parametrize("seed", seeds(1))
def test_of_many_who_ask_for_a_nickname_at_once_one_gets_it(seed: int) -> None:
    world = World(seed, LOSSY)
    ends = [add(world, "anna") for _ in range(8)]
    world.join(*ends)
    assert here(world) == ["anna"]
    assert [code for end in ends for code in codes(end)] == [ErrorCode.NICK_IN_USE] * 7


@pytest.mark.parametrize("nick", ["anna", "Anna"])
def test_a_registered_nickname_is_refused_to_guests_and_they_are_told_what_to_do(nick: str) -> None:
    world = World(1, CLEAN)
    make_account(world, "anna")
    guest = enter(world, nick)
    assert codes(guest) == [ErrorCode.NICK_REGISTERED]
    expected = f"the nickname {nick} belongs to an account: log in with its password, or choose another nickname"
    assert guest.told(JoinRefused)[0].text == expected


def test_a_server_that_wants_accounts_lets_no_guest_in() -> None:
    _, (guest,) = gather("anna", config=Config(require_account=True))
    assert codes(guest) == [ErrorCode.LOGIN_REQUIRED]
    assert "register" in guest.told(JoinRefused)[0].text


# -- the key is the person ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nick", ["anna", "another"])
def test_the_same_key_takes_its_session_over_at_once(nick: str) -> None:
    world, (ben,) = gather("ben")
    old = enter(world, "anna", key_of(1))
    world.network.connect(old.address, SERVER, LinkSpec(delay=1, loss=1.0))
    new = enter(world, nick, key_of(1))
    assert new.told(Joined)[0].nick == nick
    assert not new.told(JoinRefused)
    rest(world)
    assert changes(ben) == [("anna", Change.JOINED, 2), ("anna", Change.LEFT, 1), (nick, Change.JOINED, 2)]
    rest(world, 90)
    assert changes(ben)[3:] == []


@pytest.mark.parametrize("seed", seeds(1))
def test_a_session_that_is_taken_over_is_told_and_the_others_hear_it_once(seed: int) -> None:
    world, (ben,) = gather("ben", seed=seed, link=LOSSY)
    old = enter(world, "anna", key_of(1))
    enter(world, "anna", key_of(1))
    world.run_until(lambda: bool(old.told(Disconnected)), 5)
    assert old.told(Disconnected)[0].code == ErrorCode.TAKEN_OVER
    rest(world, 5)
    assert changes(ben) == [("anna", Change.JOINED, 2), ("anna", Change.LEFT, 1), ("anna", Change.JOINED, 2)]


def test_a_nickname_that_is_taken_does_not_cost_the_session_that_one_has() -> None:
    world, (ben,) = gather("ben")
    old = enter(world, "anna", key_of(1))
    new = enter(world, "ben", key_of(1))
    assert codes(new) == [ErrorCode.NICK_IN_USE]
    rest(world)
    assert not old.told(Disconnected)
    assert changes(ben) == [("anna", Change.JOINED, 2)]


def test_a_second_join_is_refused_and_changes_nothing() -> None:
    world, (anna, ben) = gather("anna", "ben")
    world.do(lambda: client(anna).chat.join("zoe"))
    world.run_until(lambda: bool(anna.told(JoinRefused)), 1)
    assert codes(anna) == [ErrorCode.PROTOCOL_VIOLATION]
    world.do(lambda: client(anna).chat.say("hello"))
    world.run_until(lambda: bool(ben.told(LineSaid)), 1)
    assert ben.told(LineSaid)[0].sender == "anna"


def test_a_join_is_looked_at_once_at_a_time() -> None:
    world, (anna,) = gather("")
    world.do(lambda: (client(anna).chat.join("anna"), client(anna).chat.join("zoe")))
    rest(world)
    assert codes(anna) == [ErrorCode.NICK_NOT_ALLOWED, ErrorCode.TOO_MANY_REQUESTS]
    assert here(world) == ["anna"]


def join_record(key: bytes, signature: bytes) -> Join:
    return Join(key, signature, ID, 0, 0, 0, b"", "mallory", "")


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, Identity(bytes(32)).sign(bytes(32), ID)])
def test_a_join_that_its_key_did_not_sign_for_this_connection_is_refused(signature: bytes) -> None:
    world, (ben,) = gather("ben")
    stranger = stand_at_the_door(world)
    answers = [
        *stranger.ask(join_record(Identity(bytes(32)).public, signature)),
        *stranger.ask(join_record(bytes(32), signature)),
    ]
    assert [answer.code for answer in answers] == [ErrorCode.BAD_SIGNATURE] * 2
    assert changes(ben) == []
    assert here(world) == ["ben"]


# -- before joining ----------------------------------------------------------------------------------------------------

BEFORE_JOIN: list[Record] = [
    Say(ID, "lobby", "hello"),
    Tell(ID, "ben", "hello"),
    Users(0, ""),
    Seen(1),
    Read(1, "ben"),
    Away("gone"),
    History(0, 0, 0, 0, 10, "", "", "", "", ""),
    ListRooms(),
    CreateRoom("den", ""),
    EnterRoom("den"),
    LeaveRoom("den"),
    SetTopic("den", "x"),
    Password("old", "new"),
    Administer(AdminAction.KICK, "ben", ""),
    Open(ID, 10, 0, 0, 0, "a.bin"),
    Member(1, 0, 10, 0, ID, 0, "a.bin"),
    Commit(ID, ID),
    Blocks(1, 0, bytes(32)),
    ListFiles(),
    ListMembers(ID),
    ListStates(ID),
    Mark(ID, FileState.OPENED),
    DeleteFile(ID),
    Fetch(ID, 0, 0, "a.bin", ()),
    Credit(1, 10),
    Missing(1, ((0, 10),)),
    WantBlocks(1),
    Pace(1, 10, 1),
    Received(1, ID),
]


@pytest.mark.parametrize("record", BEFORE_JOIN, ids=lambda record: type(record).__name__)
def test_everything_but_joining_and_logging_in_needs_a_session(record: Record) -> None:
    world, (ben,) = gather("ben")
    stranger = stand_at_the_door(world)
    told = len(ben.events)
    (answer,) = stranger.ask(record)
    assert (type(answer), answer.code) == (Refused, ErrorCode.NOT_JOINED)
    assert len(ben.events) == told


def test_who_never_joins_is_shown_out_without_anybody_else_coming() -> None:
    world = World(1, CLEAN)
    silent = stand_at_the_door(world)
    rest(world, (JOIN_TIMEOUT - SECOND) / SECOND)
    assert silent.closed is None
    rest(world, 2)
    assert silent.closed == (ErrorCode.NOT_JOINED, "you did not join in time")


def test_who_was_refused_has_time_to_type_another_nickname() -> None:
    world, (nameless,) = gather("")
    rest(world, (TYPING_TIMEOUT - SECOND) / SECOND)
    assert not nameless.told(Disconnected)
    world.do(lambda: client(nameless).chat.join(" "))
    rest(world, (TYPING_TIMEOUT - SECOND) / SECOND)
    assert not nameless.told(Disconnected)
    rest(world, 2)
    assert [event.code for event in nameless.told(Disconnected)] == [ErrorCode.NOT_JOINED]


# -- lists -------------------------------------------------------------------------------------------------------------


def test_the_list_of_users_is_in_the_order_of_joining() -> None:
    world, ends = gather(*[f"user{number}" for number in range(30)])
    users = ask(world, ends[3], client(ends[3]).chat.asking.users).users
    assert [user.nick for user in users] == [f"user{number}" for number in range(30)]


@pytest.mark.parametrize("lists", [15, 16, 17])
def test_lists_that_wait_are_capped(lists: int) -> None:
    world, (anna,) = gather("anna")
    world.do(lambda: [client(anna).chat.asking.users() for _ in range(lists)])
    world.run_until(lambda: len(anna.told(UserList)) + len(anna.told(Refusal)) == lists, 5)
    assert [event.code for event in anna.told(Refusal)] == [ErrorCode.TOO_MANY_REQUESTS] * max(0, lists - 16)
