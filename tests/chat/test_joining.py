"""Who is let in, under which name, and what the others hear of it."""

from __future__ import annotations

import pytest

from tests.world import SERVER, End, World, client
from udpchat.chat.events import Disconnected, Joined, JoinRefused, LineSaid, Refusal, UserChanged, UserList
from udpchat.config import JOIN_TIMEOUT, MAX_NICK, MILLISECOND, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.errors import ErrorCode
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import Change
from udpchat.wire.records import Commit, Fetch, Join, ListFiles, Open, Record, Say, Tell, Users

CLEAN = LinkSpec(delay=5 * MILLISECOND)
ID = bytes(16)


def world_with(*nicks: str, config: Config | None = None) -> tuple[World, list[End]]:
    """A server and clients that have joined one after another, or were refused."""
    world, ends = World(1, CLEAN, config), []
    for nick in nicks:
        ends.append(world.add_client(nick))
        world.join(ends[-1])
    return world, ends


def send(world: World, end: End, record: Record, request_id: int = 9_999) -> None:
    """Send a record that no verb of the client would send."""
    connection = client(end).endpoint.connection
    assert connection is not None
    world.do(lambda: connection.send_record(record, request_id))
    world.network.run_for(100 * MILLISECOND)


def changes(end: End) -> list[tuple[str, Change, int]]:
    """What a client was told of others."""
    return [(event.nick, event.change, event.user_count) for event in end.told(UserChanged)]


def test_everybody_hears_who_comes_and_goes_and_how_many_are_left() -> None:
    world, (anna, ben, carl) = world_with("anna", "ben", "carl")
    world.do(client(carl).chat.leave)
    world.network.run_for(SECOND)
    assert changes(anna) == [("ben", Change.JOINED, 2), ("carl", Change.JOINED, 3), ("carl", Change.LEFT, 2)]
    assert changes(ben) == [("carl", Change.JOINED, 3), ("carl", Change.LEFT, 2)]
    assert [end.told(Joined)[0].user_count for end in (anna, ben, carl)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("nick", "is_fine"),
    [
        ("x", True),
        ("x" * MAX_NICK, True),
        ("x" * (MAX_NICK + 1), False),
        ("Zoë", True),
        ("Zoe\u0308", True),  # joined as its normal form
        ("李雷", True),
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
    _, (end,) = world_with(nick)
    if is_fine:
        assert not end.told(JoinRefused)
    else:
        assert [event.code for event in end.told(JoinRefused)] == [ErrorCode.NICK_NOT_ALLOWED]


@pytest.mark.parametrize(
    ("first", "second"), [("anna", "anna"), ("anna", "ANNA"), ("Straße", "STRASSE"), ("é", "e\u0301")]
)
def test_a_nickname_in_use_is_refused_and_another_may_follow_on_the_same_connection(first: str, second: str) -> None:
    world, (_, other) = world_with(first, second)
    assert [event.code for event in other.told(JoinRefused)] == [ErrorCode.NICK_IN_USE]
    assert "choose another" in other.told(JoinRefused)[0].text
    world.do(lambda: client(other).chat.join("somebody"))
    world.run_until(lambda: bool(other.told(Joined)), 1)


@pytest.mark.parametrize("users", [2, 3, 4])
def test_a_full_server_says_so(users: int) -> None:
    world, ends = world_with(*[f"user{number}" for number in range(users)], config=Config(max_users=3))
    refused = [event.code for end in ends for event in end.told(JoinRefused)]
    assert refused == [ErrorCode.SERVER_FULL] * (users > 3)
    if refused:
        world.do(client(ends[0]).chat.leave)
        world.network.run_for(SECOND)
        world.do(lambda: client(ends[3]).chat.join("late"))
        world.run_until(lambda: bool(ends[3].told(Joined)), 1)


@pytest.mark.parametrize("nick", ["anna", "another"])
def test_the_same_key_takes_its_session_over_at_once(nick: str) -> None:
    world, (ben,) = world_with("ben")
    key = bytes(31) + b"k"
    old = world.add_client("anna", identity=key)
    world.join(old)
    world.network.connect(old.address, SERVER, LinkSpec(delay=1, loss=1.0))
    new = world.add_client(nick, identity=key)
    world.join(new)
    assert new.told(Joined)[0].nick == nick
    assert not new.told(JoinRefused)
    world.network.run_for(SECOND)
    assert changes(ben) == [("anna", Change.JOINED, 2), ("anna", Change.LEFT, 1), (nick, Change.JOINED, 2)]
    world.network.run_for(90 * SECOND)
    assert changes(ben)[3:] == []


def test_who_is_taken_over_is_told() -> None:
    world, _ = world_with()
    key = bytes(31) + b"k"
    old = world.add_client("anna", identity=key)
    world.join(old)
    new = world.add_client("anna", identity=key)
    world.run_until(lambda: bool(old.told(Disconnected)), 2)
    assert old.told(Disconnected)[0].code == ErrorCode.TAKEN_OVER
    world.join(new)


def test_a_second_join_is_refused_and_changes_nothing() -> None:
    world, (anna, ben) = world_with("anna", "ben")
    world.do(lambda: client(anna).chat.join("zoe"))
    world.run_until(lambda: bool(anna.told(JoinRefused)), 1)
    assert anna.told(JoinRefused)[0].code == ErrorCode.PROTOCOL_VIOLATION
    world.do(lambda: client(anna).chat.say("hello"))
    world.run_until(lambda: bool(ben.told(LineSaid)), 1)
    assert ben.told(LineSaid)[0].sender == "anna"


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, Identity(bytes(32)).sign(bytes(32), ID)])
def test_a_join_that_its_key_did_not_sign_for_this_connection_is_refused(signature: bytes) -> None:
    world, (ben, stranger) = world_with("ben", "")
    send(world, stranger, Join(Identity(bytes(32)).public, signature, ID, 0, "mallory", ""))
    send(world, stranger, Join(bytes(32), signature, ID, 0, "mallory", ""))
    assert changes(ben) == []
    assert [end.nick for end in world.server.core.desk.members] == ["ben"]  # type: ignore[union-attr]


BEFORE_JOIN: list[Record] = [
    Say(ID, "lobby", "hello"),
    Tell(ID, "ben", "hello"),
    Users(),
    Open(ID, 10, "a.bin"),
    Commit(ID, ID),
    ListFiles(),
    Fetch(ID, "a.bin", ()),
]


@pytest.mark.parametrize("record", BEFORE_JOIN, ids=lambda record: type(record).__name__)
def test_everything_but_join_needs_a_session(record: Record) -> None:
    world, (ben, stranger) = world_with("ben", "")
    told = len(ben.events)
    refused: list[int] = []
    request = client(stranger).chat.requests.start(lambda _id, code, _text: refused.append(code))
    send(world, stranger, record, request)
    assert refused == [ErrorCode.NOT_JOINED]
    assert len(ben.events) == told


def test_the_list_of_users_is_in_the_order_of_joining() -> None:
    world, ends = world_with(*[f"user{number}" for number in range(30)])
    world.do(client(ends[3]).chat.list_users)
    world.run_until(lambda: bool(ends[3].told(UserList)), 1)
    assert [nick for nick, _ in ends[3].told(UserList)[0].users] == [f"user{number}" for number in range(30)]


@pytest.mark.parametrize("lists", [15, 16, 17])
def test_lists_that_wait_are_capped(lists: int) -> None:
    world, (anna,) = world_with("anna")
    world.do(lambda: [client(anna).chat.list_users() for _ in range(lists)])
    world.run_until(lambda: len(anna.told(UserList)) + len(anna.told(Refusal)) == lists, 5)
    assert [event.code for event in anna.told(Refusal)] == [ErrorCode.TOO_MANY_REQUESTS] * max(0, lists - 16)


def test_kicking_ends_the_session_and_says_so() -> None:
    world, (anna, ben) = world_with("anna", "ben")
    kicked: list[bool] = []
    world.do(lambda: kicked.extend([world.server.core.chat.kick("ANNA"), world.server.core.chat.kick("nobody")]))  # type: ignore[union-attr]
    world.run_until(lambda: bool(anna.told(Disconnected)), 1)
    world.network.run_for(SECOND)
    assert kicked == [True, False]
    assert anna.told(Disconnected)[0].code == ErrorCode.KICKED
    assert changes(ben)[-1] == ("anna", Change.KICKED, 1)


def test_who_never_joins_makes_room_for_the_next() -> None:
    world, (nameless,) = world_with("")
    world.network.run_for(JOIN_TIMEOUT - SECOND)
    world.join(world.add_client("anna"))
    assert not nameless.told(Disconnected)
    world.network.run_for(SECOND)
    world.join(world.add_client("ben"))
    world.run_until(lambda: bool(nameless.told(Disconnected)), 1)
    assert nameless.told(Disconnected)[0].code == ErrorCode.NOT_JOINED
