"""What other programs do to accounts while their owners are here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.chat.people import CLEAN, PASSWORD, core
from tests.chat.speaker import Speaker, come, only, wait
from tests.world import SERVER, World
from udpchat.chat.known_names import ACCOUNTS_AGE
from udpchat.config import SECOND
from udpchat.errors import ErrorCode
from udpchat.store.accounts import AccountBook
from udpchat.store.server import ServerStore
from udpchat.wire.numbers import AdminAction, JoinFlag
from udpchat.wire.records import Account, Administer, Done, Login, Presence, Refused

AGE = ACCOUNTS_AGE // SECOND + 1


@contextmanager
def on_disk(folder: Path) -> Iterator[tuple[World, AccountBook]]:
    """A server whose accounts are in a folder, and the tools of its administrator."""
    world = World(1, CLEAN)
    world.network.remove(SERVER)

    def clock() -> int:
        return world.setting.wall + world.network.now

    with (
        closing(ServerStore(folder, clock=clock, random_bytes=Random(1).randbytes)) as store,
        closing(AccountBook(folder, clock=clock, random_bytes=Random(2).randbytes)) as book,
    ):
        world.server = world.start_server(store)  # type: ignore[arg-type]  # it needs a store, of whatever kind
        yield world, book


def log_in(world: World, nick: str) -> Speaker:
    who = come(world, f"guest-{nick}")
    assert isinstance(only(who.ask(Login(nick, PASSWORD))), Account)
    return who


def test_who_is_here_as_an_account_that_is_removed_has_to_go(tmp_path: Path) -> None:
    with on_disk(tmp_path) as (world, book):
        for nick in ("walter", "bertha"):
            book.add(nick, PASSWORD)
        walter, bertha = log_in(world, "walter"), log_in(world, "bertha")
        book.remove("walter")
        wait(world, AGE)
        assert walter.closed == (ErrorCode.LOGIN_REQUIRED, "the account walter was removed by the administrator")
        assert bertha.closed is None
        assert bertha.told(Presence)[-1].nick == "walter"


@pytest.mark.parametrize("is_admin", [False, True])
def test_who_may_administer_is_what_the_administrator_says_now(tmp_path: Path, is_admin: bool) -> None:
    with on_disk(tmp_path) as (world, book):
        book.add("walter", PASSWORD, is_admin=not is_admin)
        walter = log_in(world, "walter")
        book.set_admin("walter", is_admin)
        wait(world, AGE)
        answer = only(walter.ask(Administer(AdminAction.ANNOUNCE, "", "hello")))
        assert isinstance(answer, Done if is_admin else Refused)


@pytest.mark.parametrize("flags", [0, JoinFlag.VISITOR])
def test_who_is_here_as_a_guest_under_the_name_of_a_new_account_has_to_go(tmp_path: Path, flags: int) -> None:
    with on_disk(tmp_path) as (world, book):
        guest, other = come(world, "walter", flags=flags), come(world, "other")
        book.add("walter", PASSWORD)
        wait(world, AGE)
        assert guest.closed is not None
        assert guest.closed[0] == ErrorCode.NICK_REGISTERED
        assert other.closed is None


def test_an_account_that_is_removed_and_made_again_is_another_one(tmp_path: Path) -> None:
    with on_disk(tmp_path) as (world, book):
        book.add("walter", PASSWORD)
        walter = log_in(world, "walter")
        book.remove("walter")
        book.add("walter", PASSWORD)
        wait(world, AGE)
        assert walter.closed is not None
        assert log_in(world, "walter").closed is None


def test_while_nobody_is_here_nothing_is_read() -> None:
    world = World(1, CLEAN)
    reception = core(world).chat.reception
    anna = come(world, "anna")
    assert reception.next_timeout() is not None
    anna.leave()
    wait(world, AGE)
    assert reception.next_timeout() is None
