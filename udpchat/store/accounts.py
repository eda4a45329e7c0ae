"""The accounts of a data folder, for its administrator; also while a server runs on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from udpchat.chat.ports import AddAccount, FindAccount, ListAccounts, Person, SetPassword
from udpchat.chat.text import nick_fault
from udpchat.errors import ErrorCode, StorageError
from udpchat.store.chat_people import ChatPeople
from udpchat.store.chat_rules import unknown_account
from udpchat.store.chat_schema import CHAT_DATABASE, open_chat
from udpchat.store.database import transaction
from udpchat.store.passwords import Passwords
from udpchat.store.trouble import storage_error

T = TypeVar("T")


class AccountBook:
    """Adds, lists, removes accounts and changes their passwords. Every method is one short transaction.

    StorageError in all of them when the disk or another program says no. What a password must be is for the caller to
    check. clock: wall clock since 1970 [us].
    """

    def __init__(self, folder: Path, *, clock: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        """Open the accounts of a data folder; both are made when they are not there."""
        self._path = folder / CHAT_DATABASE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"use the data folder {folder}") from error
        self._connection = open_chat(self._path, clock())
        self._people = ChatPeople(self._connection)
        self._passwords = Passwords(random_bytes)

    def add(self, nick: str, password: str, is_admin: bool = False) -> Person:
        """Make an account. NICK_NOT_ALLOWED, NAME_TAKEN."""
        if (fault := nick_fault(nick)) is not None:
            raise StorageError(fault, ErrorCode.NICK_NOT_ALLOWED)
        # Hashed before the transaction begins: a server that runs here must not wait for it.
        password_hash = self._passwords.hash(password)
        request = AddAccount(0, b"", nick, password_hash, b"", at=0, is_admin=is_admin)
        return self._do("add the account", lambda: self._people.add_account(request))

    def list(self) -> tuple[Person, ...]:
        """All accounts, by name."""
        return self._do("list the accounts", lambda: self._people.list_accounts(ListAccounts(0)))

    def remove(self, nick: str) -> None:
        """Make an account none: it cannot log in, its name is free, its messages stay. UNKNOWN_ACCOUNT."""
        self._do("remove the account", lambda: self._people.remove_account(nick))

    def set_password(self, nick: str, password: str) -> None:
        """Change a password; every client of the account has to log in anew. UNKNOWN_ACCOUNT."""
        password_hash = self._passwords.hash(password)
        self._do("store the password", lambda: self._set_password(nick, password_hash))

    def set_admin(self, nick: str, is_admin: bool) -> None:
        """Let an account kick, ban and announce, or not any more; from its next login on. UNKNOWN_ACCOUNT."""
        self._do("change the account", lambda: self._set_admin(nick, is_admin))

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _set_password(self, nick: str, password_hash: str) -> None:
        secret = self._people.find_account(FindAccount(0, nick))
        if secret is None:
            raise unknown_account(nick)
        self._people.set_password(SetPassword(0, secret.person.person_id, password_hash, b"", b"", at=0))

    def _set_admin(self, nick: str, is_admin: bool) -> None:
        secret = self._people.find_account(FindAccount(0, nick))
        if secret is None:
            raise unknown_account(nick)
        statement = "UPDATE people SET is_admin = ? WHERE person_id = ?"
        self._connection.execute(statement, (is_admin, secret.person.person_id))

    def _do(self, doing: str, work: Callable[[], T]) -> T:
        try:
            with transaction(self._connection):
                return work()
        except sqlite3.Error as error:
            raise storage_error(error, doing) from error
        except UnicodeEncodeError as error:
            raise StorageError(f"cannot {doing}: {error}") from error
