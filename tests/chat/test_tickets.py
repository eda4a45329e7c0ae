"""Tickets: a key comes in as its account without a password."""

from __future__ import annotations

import pytest

from tests.chat.people import (
    KEY,
    OTHER,
    PASSWORD,
    change,
    codes,
    enter,
    key_of,
    leave,
    log_in,
    login,
    make_account,
    rest,
    with_bertha,
)
from udpchat.chat.events import (
    AccountChanged,
    Disconnected,
    Joined,
)
from udpchat.config import SECOND, TICKET_LIFETIME
from udpchat.errors import ErrorCode
from udpchat.wire.numbers import UserFlag

ACCOUNT = UserFlag.PRESENT | UserFlag.ACCOUNT


# -- tickets -----------------------------------------------------------------------------------------------------------


def test_a_ticket_lets_its_key_in_without_a_password_again_and_again() -> None:
    world, bertha, ticket = with_bertha()
    for _ in range(3):
        leave(world, bertha)
        bertha = enter(world, "bertha", KEY, ticket=ticket)
        assert codes(bertha) == []
        assert bertha.told(Joined)[0].flags == ACCOUNT


def test_a_ticket_that_is_shown_twice_at_once_takes_the_session_over() -> None:
    world, bertha, ticket = with_bertha()
    again = enter(world, "bertha", KEY, ticket=ticket)
    rest(world)
    assert again.told(Joined)
    assert [event.code for event in bertha.told(Disconnected)] == [ErrorCode.TAKEN_OVER]


@pytest.mark.parametrize("kind", ["another key", "another nickname's", "damaged", "too short", "too long", "empty"])
def test_a_ticket_that_does_not_fit_lets_nobody_in(kind: str) -> None:
    world, bertha, ticket = with_bertha()
    make_account(world, "carola")
    leave(world, bertha)
    shown = {"damaged": ticket[:-1] + bytes([ticket[-1] ^ 1]), "too short": ticket[:-1], "too long": ticket + b"x"}
    key = key_of(2) if kind == "another key" else KEY
    nick = "carola" if kind == "another nickname's" else "bertha"
    end = enter(world, nick, key, ticket=b"" if kind == "empty" else shown.get(kind, ticket))
    assert codes(end) == [ErrorCode.NICK_REGISTERED]


@pytest.mark.parametrize("by", ["herself", "another key"])
def test_a_changed_password_makes_old_tickets_worthless_and_gives_a_new_one(by: str) -> None:
    world, bertha, ticket = with_bertha()
    key = KEY
    if by == "another key":
        key = key_of(2)
        leave(world, bertha)
        bertha = log_in(world, "bertha", key)
    new = change(world, bertha, PASSWORD, OTHER).ticket
    leave(world, bertha)
    assert codes(enter(world, "bertha", KEY, ticket=ticket)) == [ErrorCode.NICK_REGISTERED]
    assert codes(enter(world, "bertha", key, ticket=new)) == []


@pytest.mark.parametrize(("age", "is_good"), [(-SECOND, True), (SECOND, False)])
def test_a_ticket_expires_when_it_was_not_used_for_long(age: int, is_good: bool) -> None:
    world, bertha, ticket = with_bertha()
    issued = world.network.now
    leave(world, bertha)
    world.network.run_for(issued + TICKET_LIFETIME + age - world.network.now)
    again = enter(world, "bertha", KEY, ticket=ticket)
    assert codes(again) == ([] if is_good else [ErrorCode.NICK_REGISTERED])


def test_using_a_ticket_keeps_it_alive() -> None:
    world, bertha, ticket = with_bertha()
    for _ in range(3):
        leave(world, bertha)
        world.network.run_for(TICKET_LIFETIME * 2 // 3)
        bertha = enter(world, "bertha", KEY, ticket=ticket)
        assert codes(bertha) == []


def test_accounts_and_tickets_outlive_a_restart_of_the_server() -> None:
    world, _, ticket = with_bertha()
    world.server = world.start_server(world.crash_server())
    assert codes(enter(world, "bertha", key_of(2))) == [ErrorCode.NICK_REGISTERED]
    assert codes(enter(world, "bertha", KEY, ticket=ticket)) == []
    guest = enter(world, "guest", key_of(3))
    assert isinstance(login(world, guest, "bertha"), AccountChanged)
