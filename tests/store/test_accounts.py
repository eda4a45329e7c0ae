from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.store.actions import server_store
from tests.store.talk import (
    NOW,
    account,
    admit,
    admit_request,
    code,
    guest,
    history,
    key_of,
    page,
    speaker,
    speakers,
    texts,
    ticket_of,
)
from udpchat.chat.ports import AddTicket, FindAccount, VerifyPassword
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.ports import Store, perform
from udpchat.store import database
from udpchat.store.accounts import AccountBook
from udpchat.store.chat_schema import CHAT_DATABASE


def open_book(folder: Path) -> AccountBook:
    return AccountBook(folder, clock=lambda: NOW, random_bytes=Random(2).randbytes)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[AccountBook]:
    book = open_book(tmp_path)
    yield book
    book.close()


@pytest.fixture
def store(book: AccountBook, tmp_path: Path) -> Iterator[Store]:
    """A server that runs on the same folder."""
    store = server_store(tmp_path)
    yield store
    store.close()


def is_password(store: Store, nick: str, password: str) -> bool:
    secret = perform(store, FindAccount(1, nick))
    return bool(perform(store, VerifyPassword(1, password, secret.password_hash)))


def test_account_that_was_added_can_log_in_at_the_server_that_runs(book: AccountBook, store: Store) -> None:
    person = book.add("Alice", "correct horse", is_admin=True)
    assert (person.nick, person.is_account, person.is_admin, person.last_seen) == ("Alice", True, True, 0)
    assert is_password(store, "alice", "correct horse")
    assert not is_password(store, "alice", "incorrect horse")
    assert code(store, admit_request("alice")) == ErrorCode.NICK_REGISTERED


def test_accounts_of_the_server_are_listed(book: AccountBook, store: Store) -> None:
    account(store, "zoe")
    guest(store, "guest")
    book.add("Bob", "correct horse")
    assert [person.nick for person in book.list()] == ["Bob", "zoe"]


def test_name_is_taken_once(book: AccountBook) -> None:
    book.add("alice", "correct horse")
    with pytest.raises(StorageError) as refused:
        book.add("ALICE", "correct horse")
    assert refused.value.code == ErrorCode.NAME_TAKEN
    assert len(book.list()) == 1


@pytest.mark.parametrize("nick", ["", "two words", "/quit", "x" * 33, "\ud800"])
def test_what_cannot_be_a_nickname_is_no_account(book: AccountBook, nick: str) -> None:
    with pytest.raises(StorageError) as refused:
        book.add(nick, "correct horse")
    assert refused.value.code == ErrorCode.NICK_NOT_ALLOWED


def test_new_password_ends_the_tickets_of_the_old_one(book: AccountBook, store: Store) -> None:
    person = book.add("alice", "correct horse")
    perform(store, AddTicket(1, person.person_id, key_of("alice"), ticket_of("t"), NOW))
    assert admit(store, "alice", ticket=ticket_of("t")).person.is_account
    book.set_password("Alice", "battery staple")
    assert code(store, admit_request("alice", ticket=ticket_of("t"))) == ErrorCode.NICK_REGISTERED
    assert is_password(store, "alice", "battery staple")
    assert not is_password(store, "alice", "correct horse")


def test_removed_account_leaves_its_messages_and_a_free_name(book: AccountBook, store: Store) -> None:
    bob = speakers(store, "bob")[0]
    alice = account(store, "alice", ticket=ticket_of("t"))
    speaker(store, alice).say("I was here")
    speaker(store, alice).say("between us", to=bob.person, message_id=b"x" * 16)
    book.remove("ALICE")
    assert book.list() == ()
    assert perform(store, FindAccount(1, "alice")) is None
    assert history(store, bob.person, sender="alice") == ["I was here", "between us"]
    newcomer = admit(store, "alice", identity=key_of("alice"), ticket=ticket_of("t"))
    assert (newcomer.person.is_account, newcomer.person.person_id == alice.person_id) == (False, False)
    assert texts(page(store, newcomer.person).messages) == ["I was here"]
    assert account(store, "alice").person_id == newcomer.person.person_id


def test_removed_account_cannot_go_on_by_having_been_logged_in(book: AccountBook, store: Store) -> None:
    alice = account(store, "alice")
    book.remove("alice")
    again = admit(store, "alice", identity=key_of("laptop"), person_id=alice.person_id).person
    assert (again.is_account, again.person_id == alice.person_id) == (False, False)
    ticket = AddTicket(1, alice.person_id, key_of("laptop"), ticket_of("t"), NOW)
    assert code(store, ticket) == ErrorCode.UNKNOWN_ACCOUNT


def test_unknown_accounts_are_refused_by_name(book: AccountBook, store: Store) -> None:
    guest(store, "alice")
    with pytest.raises(StorageError, match="alice") as refused:
        book.remove("alice")
    assert refused.value.code == ErrorCode.UNKNOWN_ACCOUNT
    with pytest.raises(StorageError, match="alice") as refused:
        book.set_password("alice", "correct horse")
    assert refused.value.code == ErrorCode.UNKNOWN_ACCOUNT


def test_accounts_stay_in_a_folder_that_was_not_there(tmp_path: Path) -> None:
    book = open_book(tmp_path / "new" / "folder")
    book.add("alice", "correct horse")
    book.close()
    book = open_book(tmp_path / "new" / "folder")
    assert [person.nick for person in book.list()] == ["alice"]
    book.close()


def test_locked_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 20)
    book = open_book(tmp_path)
    other = sqlite3.connect(tmp_path / CHAT_DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="another program"):
        book.add("alice", "correct horse")
    other.close()
    book.add("alice", "correct horse")
    book.close()
