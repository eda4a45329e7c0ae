"""Visitors have no name for themselves: who joins under theirs has it. They can be sent away, and must go in time."""

from __future__ import annotations

import pytest

from tests.chat.people import (
    CLEAN,
    ask,
    codes,
    core,
    enter,
    gather,
    key_of,
    log_in,
    make_account,
    register,
    rest,
    with_bertha,
)
from tests.chat.speaker import Speaker, come, said, wait, world_of
from tests.world import World, client
from udpchat.chat.events import AccountChanged, Disconnected, Joined, LineSaid
from udpchat.chat.ports import BanEntry
from udpchat.chat.visits import VISIT
from udpchat.config import KIB, SECOND
from udpchat.errors import ErrorCode, StorageError
from udpchat.wire.numbers import JoinFlag
from udpchat.wire.records import Cancel, Open, Opened

VISITOR = JoinFlag.VISITOR


def ends(visitor: Speaker) -> int | None:
    """With which code a connection was closed."""
    return None if visitor.closed is None else visitor.closed[0]


def test_who_joins_under_the_nickname_of_a_visitor_has_it_and_the_visitor_goes() -> None:
    world, (anna,) = world_of("anna")
    visitor = come(world, "ben", flags=VISITOR)
    ben = come(world, "Ben")
    wait(world, 1)
    assert ben.is_in
    assert ends(visitor) == ErrorCode.NICK_IN_USE
    said(ben.say("it is me"))
    assert anna.texts == ["it is me"]


def test_a_visit_of_ones_own_goes_on_when_one_joins() -> None:
    world, _ = world_of("anna")
    visitor = come(world, "ben", key=key_of(2), flags=VISITOR)
    assert come(world, "ben", key=key_of(2)).is_in
    wait(world, 1)
    assert ends(visitor) is None
    said(visitor.say("still here"))


def test_who_registers_the_nickname_of_a_visitor_has_it() -> None:
    world, (ben,) = gather("ben")
    visitor = come(world, "bertha", flags=VISITOR)
    assert isinstance(register(world, ben, "bertha"), AccountChanged)
    rest(world)
    assert ends(visitor) == ErrorCode.NICK_REGISTERED


def test_who_logs_in_finds_no_visitor_under_the_nickname_of_the_account() -> None:
    world, (anna,) = gather("anna")
    visitor = come(world, "walter", flags=VISITOR)
    make_account(world, "walter")
    walter = log_in(world, "walter", key_of(3))
    rest(world)
    assert walter.told(Joined)
    assert ends(visitor) == ErrorCode.NICK_REGISTERED
    ask(world, walter, lambda: client(walter).chat.say("me"))
    rest(world)
    assert [event.sender for event in anna.told(LineSaid)] == ["walter"]


def test_a_visitor_with_the_ticket_of_the_account_has_its_nickname_and_a_guest_has_not() -> None:
    world, bertha, ticket = with_bertha()
    guest = come(world, "walter", flags=VISITOR)
    visitor = come(world, "bertha", key=bytes(31) + b"\1", ticket=ticket, flags=VISITOR)
    rest(world)
    assert visitor.is_in
    assert not bertha.told(Disconnected)
    assert ends(guest) is None


@pytest.mark.parametrize("is_banned", [False, True])
def test_a_visitor_can_be_kicked_and_banned(is_banned: bool) -> None:
    world, (anna,) = world_of("anna")
    visitor = come(world, "ghost", key=key_of(5), flags=VISITOR)
    administration, results = core(world).chat.administration, list[BanEntry | StorageError]()
    if is_banned:
        world.do(lambda: administration.ban("GHOST", "", "", world.network.now, results.append))
        wait(world, 1)
        assert isinstance(results[0], BanEntry)
        assert ends(visitor) == ErrorCode.BANNED
        assert not come(world, "other", key=key_of(5)).is_in
    else:
        kicked = list[bool]()
        world.do(lambda: kicked.append(administration.kick("ghost", "", "")))
        wait(world, 1)
        assert (kicked, ends(visitor)) == ([True], ErrorCode.KICKED)
        assert come(world, "ghost", key=key_of(5), flags=VISITOR).is_in
    assert anna.closed is None


def test_kick_ends_the_session_and_the_visits_under_a_nickname() -> None:
    world, _ = world_of("anna")
    ben = come(world, "ben", key=key_of(2))
    visitor = come(world, "ben", key=key_of(2), flags=VISITOR)
    world.do(lambda: core(world).chat.administration.kick("ben", "", ""))
    wait(world, 1)
    assert (ends(ben), ends(visitor)) == (ErrorCode.KICKED, ErrorCode.KICKED)


@pytest.mark.parametrize(("after", "is_over"), [(-20, False), (20, True)])
def test_a_visitor_who_asks_for_nothing_goes_in_time(after: int, is_over: bool) -> None:
    world, (anna,) = gather("anna")
    visitor = enter(world, "bot", flags=VISITOR)
    rest(world, 600)
    ask(world, visitor, lambda: client(visitor).chat.say("one more"))
    rest(world, VISIT // SECOND + after)
    closed = [event.code for event in visitor.told(Disconnected)]
    assert closed == [ErrorCode.IDLE_TIMEOUT] * is_over
    assert not anna.told(Disconnected)


def test_a_visit_lasts_as_long_as_a_file_of_it_is_on_its_way() -> None:
    world, _ = world_of("anna")
    visitor = come(world, "bot", flags=VISITOR)
    (opened,) = visitor.ask(Open(b"x" * 16, 64 * KIB, 0, 0, 0, "file.txt"))
    assert isinstance(opened, Opened)
    rest(world, 2 * VISIT // SECOND)
    assert ends(visitor) is None
    visitor.send(Cancel(opened.transfer_id, ErrorCode.CANCELLED, "enough"))
    rest(world, 2 * VISIT // SECOND)
    assert ends(visitor) == ErrorCode.IDLE_TIMEOUT


def test_a_nickname_that_a_visitor_had_is_free_again() -> None:
    world = World(1, CLEAN)
    visitor = enter(world, "bot", key_of(1), flags=VISITOR)
    world.do(client(visitor).chat.leave)
    rest(world)
    assert codes(enter(world, "bot", key_of(2), flags=VISITOR)) == []
