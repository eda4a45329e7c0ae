"""What chat asks of storage about accounts; see ports.py, from which all of this is imported."""

from __future__ import annotations

from dataclasses import dataclass, field

from udpchat.protocol.ports import StoreRequest


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the server remembers: a guest by key, or an account by name.

    delivered: newest message that their client has confirmed. last_seen: when they were here last.
    """

    person_id: int
    nick: str
    is_account: bool
    is_admin: bool = False
    delivered: int = 0
    last_seen: int = 0


@dataclass(frozen=True, slots=True)
class AccountSecret:
    """An account with what its password is checked by."""

    person: Person
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddAccount(StoreRequest):
    """Make a nickname an account. If `identity` is a guest of that nickname, its messages and rooms go with it.

    ticket: hash of the first ticket, bound to the key; empty: none.
    """

    request_id: int
    identity: bytes
    nick: str
    password_hash: str = field(repr=False)
    ticket: bytes
    at: int
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class FindAccount(StoreRequest):
    """The account of a name, to check a password by."""

    request_id: int
    nick: str


@dataclass(frozen=True, slots=True)
class AddTicket(StoreRequest):
    """A key may come in as an account from now on. ticket: its hash, 32 bytes. A former ticket of that key goes."""

    request_id: int
    person_id: int
    identity: bytes
    ticket: bytes
    at: int


@dataclass(frozen=True, slots=True)
class SetPassword(StoreRequest):
    """Change a password. All tickets of the account go; `ticket` (hash, or empty) is the new one of this key."""

    request_id: int
    person_id: int
    password_hash: str = field(repr=False)
    identity: bytes
    ticket: bytes
    at: int


@dataclass(frozen=True, slots=True)
class FindPerson(StoreRequest):
    """The account of a name, to send a message to."""

    request_id: int
    nick: str


@dataclass(frozen=True, slots=True)
class ListAccounts(StoreRequest):
    """All accounts."""

    request_id: int


@dataclass(frozen=True, slots=True)
class HashPassword(StoreRequest):
    """A password as it is stored (argon2id, PHC string)."""

    request_id: int
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifyPassword(StoreRequest):
    """Is this the password? password_hash: empty when there is no account; that takes as long and is False."""

    request_id: int
    password: str = field(repr=False)
    password_hash: str = field(repr=False)
