"""The accounts there are, as far as is known, and the nicknames that a newcomer's may look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from udpchat.chat.hall import Hall
from udpchat.chat.lookalikes import Namesakes
from udpchat.chat.ports import ListAccounts, Person
from udpchat.config import SECOND
from udpchat.errors import StorageError
from udpchat.protocol.members import fold

ACCOUNTS_AGE: Final = 60 * SECOND  # then the list of accounts is read again: other programs change it too

Then = Callable[[tuple[Person, ...], int], None]  # all accounts, and when they came


class KnownNames:
    """Kept for the flag LOOKALIKE; storage decides whose a nickname is. then: told of each reading of the accounts."""

    def __init__(self, hall: Hall, then: Then) -> None:
        self._hall = hall
        self._then = then
        self._present = Namesakes()
        self._accounts = Namesakes()
        self._by_name: dict[str, str] = {}  # the same accounts: as they are written, by folded name
        self._read_at: int | None = None

    def next_timeout(self) -> int | None:
        """When the accounts are to be read again: not while nobody is here."""
        return None if self._read_at is None or self._hall.is_empty else self._read_at + ACCOUNTS_AGE

    def refresh(self, now: int) -> None:
        """Read the accounts when that was long ago. Asked before somebody is admitted, it is answered before that."""
        if self._read_at is None or now >= self._read_at + ACCOUNTS_AGE:
            self._read_at = now
            self._hall.desk.ask(ListAccounts(0), self._on_accounts)

    def _on_accounts(self, result: tuple[Person, ...] | StorageError, now: int) -> None:
        if isinstance(result, StorageError):
            return  # those that were read last will do until the next reading
        read = {fold(person.nick): person.nick for person in result}
        for name in self._by_name.keys() - read.keys():
            self._accounts.discard(self._by_name.pop(name))
        for name in read.keys() - self._by_name.keys():
            self.add_account(read[name])
        self._then(result, now)

    def add_account(self, nick: str) -> None:
        """Somebody has shown that there is this account."""
        if fold(nick) not in self._by_name:
            self._by_name[fold(nick)] = nick
            self._accounts.add(nick)

    def is_account(self, nick: str) -> bool:
        """Whether there is such an account, as far as is known."""
        return fold(nick) in self._by_name

    def come(self, nick: str, *, is_account: bool) -> str:
        """Somebody is here now; whom the nickname looks like, or empty. An account is not held to look like a guest."""
        alike = self._accounts.find(nick)
        if alike is None and not is_account:
            alike = self._present.find(nick)
        self._present.add(nick)
        return alike or ""

    def go(self, nick: str) -> None:
        """Somebody is here no more."""
        self._present.discard(nick)
