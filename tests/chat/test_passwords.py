"""Passwords: what they may be, how often they may be wrong, how they are changed."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from tests.chat.people import (
    CLEAN,
    KEY,
    OTHER,
    PASSWORD,
    change,
    codes,
    enter,
    gather,
    key_of,
    leave,
    login,
    make_account,
    register,
    rest,
    stand_at_the_door,
    with_bertha,
)
from tests.chat.speaker import come, only, refused, wait
from tests.world import World, client
from udpchat.chat.attempts import MAX_REGISTRATIONS
from udpchat.chat.events import (
    AccountChanged,
    Disconnected,
    Refusal,
)
from udpchat.config import MAX_HASHING, MAX_PASSWORD, MAX_RECORD, MILLISECOND
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import Outcome, RecordType
from udpchat.wire.records import Account, Login, Register


@pytest.mark.parametrize(
    ("stored", "typed", "is_right"),
    [
        ("pässword", unicodedata.normalize("NFD", "pässword"), True),
        (unicodedata.normalize("NFD", "pässword"), "pässword", True),
        ("🔑🔑🔑🔑🔑🔑", "🔑🔑🔑🔑🔑🔑", True),
        ("nul\0inside", "nul\0inside", True),
        ("nul\0inside", "nul", False),
        ("nul\0inside", "nul\0", False),
        ("Password", "password", False),
        (" spaces ", "spaces", False),
        ("password", "", False),
    ],
)
def test_a_password_is_any_text_and_the_same_text_is_the_same_password(stored: str, typed: str, is_right: bool) -> None:
    world, (first, second) = gather("first", "second")
    assert isinstance(register(world, first, "bertha", stored), AccountChanged)
    answer = login(world, second, "bertha", typed)
    if is_right:
        assert isinstance(answer, AccountChanged)
    else:
        assert (type(answer), answer.code) == (Refusal, ErrorCode.WRONG_PASSWORD)


def test_a_password_of_a_megabyte_ends_the_connection_and_nothing_else() -> None:
    world, (ben,) = gather("ben")
    stranger = stand_at_the_door(world)
    connection = stranger.desk.endpoint.find(stranger.connection_id)
    assert connection is not None
    size = MAX_RECORD + 1
    header = size.to_bytes(4, "big") + bytes([RecordType.LOGIN]) + (1).to_bytes(4, "big")
    world.do(lambda: connection.send_encoded(header + bytes(1_000)))
    rest(world)
    assert stranger.closed is not None
    assert stranger.closed[0] == ErrorCode.MALFORMED_RECORD
    assert not ben.told(Disconnected)


# -- wrong passwords in series -----------------------------------------------------------------------------------------


def test_after_a_wrong_password_one_has_to_wait_and_is_told_how_long() -> None:
    world, (guest,) = gather("guest")
    make_account(world, "bertha")
    waits = []
    for _ in range(4):
        assert login(world, guest, "bertha", OTHER).code == ErrorCode.WRONG_PASSWORD
        refused = login(world, guest, "bertha")
        assert refused.code == ErrorCode.TRY_LATER
        waits.append(refused.text)
        rest(world, 2 ** len(waits))
    times = ("1 second", "2 seconds", "4 seconds", "8 seconds")
    assert waits == [f"too many wrong passwords: try again in {time}" for time in times]
    rest(world, 8)
    assert isinstance(login(world, guest, "bertha"), AccountChanged)


def test_guessing_slows_the_account_down_for_every_key_but_no_other_account() -> None:
    world, (mallory, other, third) = gather("mallory", "other", "third")
    make_account(world, "bertha")
    make_account(world, "carola")
    for _ in range(3):
        login(world, mallory, "bertha", OTHER)
        rest(world, 5)
    login(world, mallory, "BERTHA", OTHER)
    assert login(world, other, "bertha").code == ErrorCode.TRY_LATER
    assert isinstance(login(world, third, "carola"), AccountChanged)


def test_guessing_does_not_keep_out_who_holds_a_ticket() -> None:
    world, bertha, ticket = with_bertha()
    leave(world, bertha)
    mallory = enter(world, "mallory", key_of(2))
    for _ in range(3):
        login(world, mallory, "bertha", OTHER)
        rest(world, 5)
    assert codes(enter(world, "bertha", KEY, ticket=ticket)) == []


def test_guesses_that_are_made_at_once_are_looked_at_one_at_a_time() -> None:
    world, people = gather(*[f"guest{number}" for number in range(5)])
    make_account(world, "bertha")
    world.server.disk.spec = DiskSpec(delay=500 * MILLISECOND)
    world.do(lambda: [client(end).chat.asking.login("bertha", OTHER) for end in people])
    rest(world, 5)
    answers = sorted(event.code for end in people for event in end.told(Refusal))
    assert answers == [ErrorCode.WRONG_PASSWORD, *[ErrorCode.TRY_LATER] * 4]


def test_one_request_a_connection_is_looked_at() -> None:
    world, (guest,) = gather("guest")
    for nick in ("bertha", "carola"):
        make_account(world, nick)
    asking = client(guest).chat.asking
    world.do(lambda: [asking.login(nick, PASSWORD) for nick in ("bertha", "carola")])
    rest(world)
    assert [event.nick for event in guest.told(AccountChanged)] == ["bertha"]
    assert [event.code for event in guest.told(Refusal)] == [ErrorCode.TRY_LATER]


@pytest.mark.parametrize("count", [MAX_HASHING - 1, MAX_HASHING, MAX_HASHING + 1])
def test_passwords_that_wait_to_be_hashed_are_capped(count: int) -> None:
    world, people = gather(*[f"guest{number}" for number in range(count)])
    for number in range(count):
        make_account(world, f"account{number}")
    world.server.disk.spec = DiskSpec(delay=500 * MILLISECOND)
    world.do(lambda: [client(end).chat.asking.login(f"account{number}", PASSWORD) for number, end in enumerate(people)])
    rest(world, 60)
    refused = [event for end in people for event in end.told(Refusal)]
    assert [event.code for event in refused] == [ErrorCode.TRY_LATER] * (count > MAX_HASHING)
    assert sum(len(end.told(AccountChanged)) for end in people) == min(count, MAX_HASHING)


def test_who_goes_away_during_a_login_leaves_its_place_to_others() -> None:
    world, people = gather(*[f"guest{number}" for number in range(MAX_HASHING)])
    make_account(world, "bertha")
    world.server.disk.spec = DiskSpec(delay=100 * MILLISECOND)
    world.do(lambda: [client(end).chat.asking.login(f"nobody{i}", PASSWORD) for i, end in enumerate(people)])
    for end in people:
        world.do(client(end).chat.leave)
    rest(world, 30)
    guest = enter(world, "guest", key_of(200))
    assert isinstance(login(world, guest, "bertha"), AccountChanged)


# -- another password --------------------------------------------------------------------------------------------------


def test_a_password_is_changed_by_who_knows_the_old_one() -> None:
    world, bertha, _ = with_bertha()
    wrong = change(world, bertha, OTHER, "something new")
    assert (type(wrong), wrong.code) == (Refusal, ErrorCode.WRONG_PASSWORD)
    rest(world, 2)
    assert change(world, bertha, PASSWORD, OTHER).outcome == Outcome.PASSWORD_CHANGED
    guest = enter(world, "guest", key_of(2))
    assert login(world, guest, "bertha", PASSWORD).code == ErrorCode.WRONG_PASSWORD
    rest(world, 2)
    assert isinstance(login(world, guest, "bertha", OTHER), AccountChanged)


@pytest.mark.parametrize(
    ("new", "code"), [("12345", ErrorCode.TOO_SHORT), ("x" * (MAX_PASSWORD + 1), ErrorCode.TEXT_NOT_ALLOWED)]
)
def test_a_new_password_keeps_to_the_rules(new: str, code: ErrorCode) -> None:
    world, bertha, _ = with_bertha()
    assert change(world, bertha, PASSWORD, new).code == code


def test_a_guest_has_no_password_to_change() -> None:
    world, (guest,) = gather("guest")
    assert change(world, guest, PASSWORD, OTHER).code == ErrorCode.LOGIN_REQUIRED


def hash_slowly(world: World) -> None:
    """Every answer of the disk takes a minute from now on."""
    world.server.disk.spec = DiskSpec(delay=60_000_000)


@pytest.mark.parametrize(("attempts", "busy"), [(3, 0), (4, 0), (5, 1)])
def test_passwords_from_one_address_leave_others_their_turn(attempts: int, busy: int) -> None:
    world = World(1, CLEAN)
    crowd = [come(world, f"n{number}", address=("10.9.9.9", 5_000 + number)) for number in range(attempts)]
    other = come(world, "other")
    hash_slowly(world)
    asked = [who.send(Login(f"account{number}", PASSWORD)) for number, who in enumerate(crowd)]
    wait(world, 0.2)
    answers = [answer for who, request in zip(crowd, asked, strict=True) for answer in who.answers(request)]
    assert [refused(answer).code for answer in answers] == [ErrorCode.TRY_LATER] * busy
    assert other.ask(Login("somebody", PASSWORD)) == [], "it is being checked"


@pytest.mark.parametrize(("before", "is_taken"), [(MAX_REGISTRATIONS - 1, True), (MAX_REGISTRATIONS, False)])
def test_so_many_accounts_are_registered_from_one_address_in_an_hour(before: int, is_taken: bool) -> None:
    world = World(1, CLEAN)
    for number in range(before):
        register_one(world, number)
    answer = register_one(world, before)
    assert isinstance(answer, Account) == is_taken
    if not is_taken:
        assert refused(answer).code == ErrorCode.TRY_LATER
        assert "from your address in an hour" in answer.text
        assert isinstance(register_one(world, 90, host="10.8.8.8"), Account)
        wait(world, 3_600)
        assert isinstance(register_one(world, 91), Account)


def register_one(world: World, number: int, host: str = "10.9.9.9") -> Any:
    who = come(world, f"person{number}", address=(host, 5_000 + number))
    answer = only(who.ask(Register(f"person{number}", PASSWORD)))
    who.leave()
    return answer


def test_an_owner_gets_in_while_somebody_else_guesses() -> None:
    world = World(1, CLEAN)
    make_account(world, "victim")
    owner = come(world, "owner", address=("10.9.9.9", 5_000))
    assert isinstance(only(owner.ask(Login("victim", PASSWORD))), Account)
    mallory = come(world, "mallory")
    for number in range(12):
        assert refused(only(mallory.ask(Login("victim", OTHER)))).code == ErrorCode.WRONG_PASSWORD
        wait(world, min(2**number, 900) + 1)
    mallory.ask(Login("victim", OTHER))
    again = come(world, "again", address=("10.9.9.9", 5_001))
    stranger = come(world, "stranger", address=("10.7.7.7", 5_001))
    assert isinstance(only(again.ask(Login("victim", PASSWORD))), Account)
    assert "try again in 8 seconds" in refused(only(stranger.ask(Login("victim", PASSWORD)))).text
    wait(world, 8)
    assert isinstance(only(stranger.ask(Login("victim", PASSWORD))), Account)
