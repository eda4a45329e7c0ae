"""What administrators may do, in the chat and at the server's own terminal."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import pytest

from tests.chat.people import (
    CLEAN,
    LOSSY,
    PASSWORD,
    add,
    ask,
    changes,
    core,
    enter,
    gather,
    here,
    key_of,
    log_in,
    make_account,
    rest,
)
from tests.chat.speaker import world_of
from tests.world import End, World, client, seeds
from udpchat.chat.administration import MAX_REMARK, Administration
from udpchat.chat.events import (
    Administered,
    Answered,
    Disconnected,
    JoinRefused,
    NoticeGiven,
    Refusal,
    UserChanged,
    WaitingInQueue,
)
from udpchat.chat.ports import BanEntry
from udpchat.config import MAX_TEXT, Config
from udpchat.errors import ErrorCode, StorageError
from udpchat.wire.numbers import AdminAction, Change, JoinFlag

HOST = ("10.0.7.7", 40_001)


def with_master(*nicks: str, config: Config | None = None) -> tuple[World, End, list[End]]:
    """A server with an administrator and other people."""
    world = World(1, CLEAN, config)
    make_account(world, "master", is_admin=True)
    master = log_in(world, "master", key_of(99))
    return world, master, [enter(world, nick, key_of(number)) for number, nick in enumerate(nicks, 1)]


def order(world: World, end: End, action: AdminAction, target: str = "", text: str = "") -> Any:
    """What an administrator's request is answered with."""
    return ask(world, end, lambda: client(end).chat.asking.administer(action, target, text))


def terminal(world: World) -> Administration:
    """The verbs of the server's own terminal."""
    return core(world).chat.administration


def ban(world: World, target: str, reason: str = "") -> BanEntry | StorageError:
    """Ban somebody at the server's terminal."""
    results: list[BanEntry | StorageError] = []
    world.do(lambda: terminal(world).ban(target, reason, "", world.network.now, results.append))
    rest(world)
    (result,) = results
    return result


def unban(world: World, target: str) -> bool | StorageError:
    """Lift a ban at the server's terminal."""
    results: list[bool | StorageError] = []
    world.do(lambda: terminal(world).unban(target, "", results.append))
    rest(world)
    (result,) = results
    return result


def codes(end: End) -> list[int]:
    """Why somebody was not let in, or was put out."""
    return [event.code for event in end.events if isinstance(event, JoinRefused | Disconnected)]


# -- kicking -----------------------------------------------------------------------------------------------------------


def test_who_is_kicked_is_told_why_and_so_are_the_others() -> None:
    world, (anna, ben) = gather("anna", "ben")
    kicked: list[bool] = []
    for nick in ("ANNA", "nobody"):
        kick = partial(terminal(world).kick, nick, "too loud", "")
        world.do(partial(lambda verb: kicked.append(verb()), kick))
    rest(world)
    assert kicked == [True, False]
    (end,) = anna.told(Disconnected)
    assert (end.code, end.reason) == (ErrorCode.KICKED, "you were kicked: too loud")
    gone = ben.told(UserChanged)[-1]
    assert (gone.nick, gone.change, gone.user_count, gone.text) == ("anna", Change.KICKED, 1, "too loud")
    assert world.server.told(Administered) == [Administered("", AdminAction.KICK, "anna", "too loud")]


def test_who_was_kicked_may_come_back() -> None:
    world, (ben,) = gather("ben")
    enter(world, "anna", key_of(1))
    world.do(lambda: terminal(world).kick("anna", "", ""))
    rest(world)
    enter(world, "anna", key_of(1))
    rest(world)
    assert here(world) == ["ben", "anna"]
    assert [change for _, change, _ in changes(ben)] == [Change.JOINED, Change.KICKED, Change.JOINED]


def test_nobody_can_say_of_themselves_that_they_were_kicked() -> None:
    world, (anna, mallory) = world_of("anna", "mallory")
    connection = mallory.desk.endpoint.find(mallory.connection_id)
    assert connection is not None
    world.do(lambda: connection.close(ErrorCode.KICKED, "anna is a bad administrator"))
    rest(world)
    left = anna.records[-1].record
    assert (left.change, left.nick, left.text) == (Change.LOST, "mallory", "")


@pytest.mark.parametrize("seed", seeds(1))
def test_kicking_is_told_once_whatever_is_lost(seed: int) -> None:
    world, (anna, ben, carl) = gather("anna", "ben", "carl", seed=seed, link=LOSSY)
    world.do(lambda: terminal(world).kick("ben", "", ""))
    rest(world, 5)
    assert changes(anna)[2:] == changes(carl) == [("ben", Change.KICKED, 2)]
    assert codes(ben) == [ErrorCode.KICKED]


def test_kicking_makes_room_for_the_queue() -> None:
    world, _ = gather("anna", "ben", config=Config(max_users=2))
    carl = add(world, "carl", flags=JoinFlag.WAIT)
    world.run_until(lambda: bool(carl.told(WaitingInQueue)))
    world.do(lambda: terminal(world).kick("anna", "", ""))
    rest(world)
    assert here(world) == ["ben", "carl"]


# -- banning -----------------------------------------------------------------------------------------------------------


def test_who_is_banned_is_out_and_stays_out_under_any_nickname() -> None:
    world, master, (anna, _) = with_master("anna", "ben")
    assert isinstance(order(world, master, AdminAction.BAN, "anna", "spam"), Answered)
    rest(world)
    assert anna.told(Disconnected)[0].reason == "you are banned from this server: spam"
    assert codes(anna) == [ErrorCode.BANNED]
    again = enter(world, "other", key_of(1))
    assert codes(again) == [ErrorCode.BANNED]
    assert "spam" in again.told(JoinRefused)[0].text
    assert changes(master)[-1] == ("anna", Change.BANNED, 2)
    assert codes(enter(world, "anna", key_of(3))) == []  # another key is another person


def test_an_account_is_banned_whatever_key_it_comes_with() -> None:
    world, _, _ = with_master()
    make_account(world, "bertha")
    bertha = log_in(world, "bertha", key_of(1))
    assert isinstance(ban(world, "bertha"), BanEntry)
    assert codes(bertha) == [ErrorCode.NICK_REGISTERED, ErrorCode.BANNED]
    again = enter(world, "bertha", key_of(2))
    ask(world, again, lambda: client(again).chat.asking.login("bertha", PASSWORD))
    world.do(lambda: client(again).chat.join("bertha"))
    rest(world)
    assert codes(again) == [ErrorCode.NICK_REGISTERED, ErrorCode.BANNED]


def test_a_guest_who_logs_in_as_a_banned_account_stays_a_guest() -> None:
    world, (anna,) = gather("anna")
    make_account(world, "bertha")
    ban(world, "bertha")
    answer = ask(world, anna, lambda: client(anna).chat.asking.login("bertha", PASSWORD))
    assert (type(answer), answer.code) == (Refusal, ErrorCode.BANNED)
    rest(world)
    assert here(world) == ["anna"]


def test_an_absent_account_can_be_banned_and_an_unknown_name_cannot() -> None:
    world, _, _ = with_master()
    make_account(world, "bertha")
    entry = ban(world, "BERTHA", "away")
    assert isinstance(entry, BanEntry)
    assert (entry.target, entry.reason) == ("bertha", "away")
    unknown = ban(world, "nobody")
    assert isinstance(unknown, StorageError)
    assert unknown.code == ErrorCode.UNKNOWN_USER


@pytest.mark.parametrize("target", ["10.0.7.7", "::ffff:10.0.7.7"])
def test_an_address_can_be_banned_with_all_who_come_from_there(target: str) -> None:
    world, (ben,) = gather("ben")
    anna = enter(world, "anna", address=HOST)
    visitor = enter(world, "bot", address=(HOST[0], 40_002), flags=JoinFlag.VISITOR)
    entry = ban(world, target)
    assert isinstance(entry, BanEntry)
    assert entry.target == "10.0.7.7"
    rest(world)
    assert codes(anna) == codes(visitor) == [ErrorCode.BANNED]
    assert codes(enter(world, "carl", address=(HOST[0], 40_003))) == [ErrorCode.BANNED]
    assert codes(ben) == []
    assert unban(world, "10.0.7.7") is True
    assert codes(enter(world, "carl", address=(HOST[0], 40_004))) == []


def test_a_ban_reaches_who_waits_in_the_queue() -> None:
    world, (anna, _) = gather("anna", "ben", config=Config(max_users=2))
    carl = add(world, "carl", flags=JoinFlag.WAIT, address=HOST)
    world.run_until(lambda: bool(carl.told(WaitingInQueue)))
    ban(world, HOST[0])
    world.do(client(anna).chat.leave)
    rest(world)
    assert codes(carl) == [ErrorCode.BANNED]
    assert here(world) == ["ben"]


def test_bans_are_listed_and_lifted() -> None:
    world, master, _ = with_master("anna")
    order(world, master, AdminAction.BAN, "anna", "spam")
    ban(world, "192.0.2.9", "flood")
    bans = order(world, master, AdminAction.LIST_BANS).bans
    assert [(each.target, each.by, each.reason) for each in bans] == [
        ("anna", "master", "spam"),
        ("192.0.2.9", "", "flood"),
    ]
    assert isinstance(order(world, master, AdminAction.UNBAN, "ANNA"), Answered)
    missing = order(world, master, AdminAction.UNBAN, "anna")
    assert (type(missing), missing.code) == (Refusal, ErrorCode.UNKNOWN_USER)
    assert codes(enter(world, "anna", key_of(1))) == []


def test_bans_outlive_a_restart_of_the_server() -> None:
    world, _, _ = with_master("anna")
    ban(world, "anna")
    world.server = world.start_server(world.crash_server())
    assert codes(enter(world, "anna", key_of(1))) == [ErrorCode.BANNED]


def test_an_administrator_cannot_lock_himself_out() -> None:
    world, master, _ = with_master("anna")
    for target in ("MASTER", master.address[0]):
        answer = order(world, master, AdminAction.BAN, target)
        assert (type(answer), answer.code) == (Refusal, ErrorCode.NOT_ALLOWED)
    assert here(world) == ["master", "anna"]


# -- the role ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", list(AdminAction))
def test_who_is_no_administrator_may_do_none_of_it(action: AdminAction) -> None:
    world, (anna, ben) = gather("anna", "ben")
    answer = order(world, anna, action, "ben", "because")
    assert (type(answer), answer.code) == (Refusal, ErrorCode.NOT_ALLOWED)
    rest(world)
    assert here(world) == ["anna", "ben"]
    assert not ben.told(NoticeGiven)


def test_an_administrator_kicks_and_announces() -> None:
    world, master, (anna, ben) = with_master("anna", "ben")
    assert isinstance(order(world, master, AdminAction.ANNOUNCE, text="the server goes down at 18:00"), Answered)
    assert isinstance(order(world, master, AdminAction.KICK, "anna"), Answered)
    missing = order(world, master, AdminAction.KICK, "bem")
    assert (missing.code, missing.text) == (ErrorCode.UNKNOWN_USER, "nobody here is called bem; did you mean ben?")
    rest(world)
    assert [event.text for event in ben.told(NoticeGiven)] == ["the server goes down at 18:00"]
    assert codes(anna) == [ErrorCode.KICKED]
    assert [event.by for event in world.server.told(Administered)] == ["master", "master"]


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (AdminAction.KICK, "x" * (MAX_REMARK + 1)),
        (AdminAction.KICK, "two\nlines"),
        (AdminAction.BAN, "two\x85lines"),
        (AdminAction.ANNOUNCE, ""),
        (AdminAction.ANNOUNCE, " "),
        (AdminAction.ANNOUNCE, "x" * (MAX_TEXT + 1)),
    ],
)
def test_reasons_and_announcements_that_are_no_line_are_refused(action: AdminAction, text: str) -> None:
    world, master, _ = with_master("anna")
    answer = order(world, master, action, "anna", text)
    assert (type(answer), answer.code) == (Refusal, ErrorCode.TEXT_NOT_ALLOWED)
    rest(world)
    assert here(world) == ["master", "anna"]


def test_an_unknown_action_is_refused() -> None:
    world, master, _ = with_master()
    answer = order(world, master, cast(AdminAction, 77))
    assert (type(answer), answer.code) == (Refusal, ErrorCode.PROTOCOL_VIOLATION)


def test_a_nickname_is_kicked_banned_and_unbanned_in_either_normal_form() -> None:
    world, master, (rene, _) = with_master("ren\u00e9", "other")
    decomposed = "rene\u0301"
    assert isinstance(order(world, master, AdminAction.KICK, decomposed), Answered)
    rest(world)
    assert rene.told(Disconnected)[0].code == ErrorCode.KICKED
    enter(world, "ren\u00e9", key_of(3))
    assert isinstance(order(world, master, AdminAction.BAN, decomposed), Answered)
    rest(world)
    assert isinstance(enter(world, "ren\u00e9", key_of(3)).told(JoinRefused)[0], JoinRefused)
    assert isinstance(order(world, master, AdminAction.UNBAN, decomposed), Answered)
    assert not enter(world, "ren\u00e9", key_of(3)).told(JoinRefused)
