"""What the tests of stored chat do: requests in one line each."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.store.actions import refusal
from udpchat.chat.ports import (
    NOBODY,
    AddAccount,
    AddMessage,
    AddRoom,
    Admission,
    AdmitPerson,
    Attachment,
    EnterRoom,
    FindMessages,
    Message,
    Page,
    Person,
    Query,
    ReadMessages,
    RoomEntry,
    Stored,
)
from udpchat.errors import ErrorCode
from udpchat.protocol.ports import Store, StoreRequest, perform
from udpchat.wire.numbers import FileFlag

NOW = 1_700_000_000_000_000  # wall clock [us]
HOST = "192.0.2.7"
PICTURE = Attachment(b"f" * 16, "Sommerfest 2026.jpeg", 12_345, b"m" * 16, "image/jpeg", 4_000, 3_000)
FOLDER = Attachment(b"g" * 16, "Fotos", 99, b"n" * 16, members=7, flags=FileFlag.FOLDER | FileFlag.PRIVATE)


def key_of(nick: str) -> bytes:
    return hashlib.sha256(nick.encode()).digest()


def ticket_of(word: str) -> bytes:
    return hashlib.blake2s(word.encode()).digest()


def message_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def admit_request(
    nick: str,
    *,
    identity: bytes | None = None,
    ticket: bytes = b"",
    person_id: int = NOBODY,
    host: str = HOST,
    at: int = NOW,
    remembers: bool = True,
) -> AdmitPerson:
    key = key_of(nick) if identity is None else identity
    return AdmitPerson(1, key, nick, ticket, person_id, host, at, remembers)


def admit(
    store: Store,
    nick: str,
    *,
    identity: bytes | None = None,
    ticket: bytes = b"",
    person_id: int = NOBODY,
    at: int = NOW,
) -> Admission:
    request = admit_request(nick, identity=identity, ticket=ticket, person_id=person_id, at=at)
    admission = perform(store, request)
    assert isinstance(admission, Admission), admission
    return admission


def guest(store: Store, nick: str) -> Person:
    return admit(store, nick).person


def account_request(
    nick: str, *, identity: bytes | None = None, ticket: bytes = b"", at: int = NOW, is_admin: bool = False
) -> AddAccount:
    key = key_of(nick) if identity is None else identity
    return AddAccount(1, key, nick, f"hash of {nick}", ticket, at, is_admin)


def account(store: Store, nick: str, *, ticket: bytes = b"", is_admin: bool = False) -> Person:
    person = perform(store, account_request(nick, ticket=ticket, is_admin=is_admin))
    assert isinstance(person, Person), person
    return person


def room(store: Store, owner: Person, name: str) -> RoomEntry:
    entry = perform(store, AddRoom(1, owner.person_id, owner.nick, name, "", NOW))
    assert isinstance(entry, RoomEntry), entry
    return entry


def enter(store: Store, person: Person, name: str) -> None:
    assert isinstance(perform(store, EnterRoom(1, person.person_id, name)), RoomEntry)


@dataclass
class Speaker:
    """Somebody who says things; every message has an id of its own."""

    store: Store
    person: Person
    numbers: Iterator[int]

    def request(self, text: str, *, room: str = "lobby", to: Person | None = None, **changes: Any) -> AddMessage:
        fields: dict[str, Any] = {
            "request_id": 1,
            "message_id": message_id(next(self.numbers)),
            "sender_id": self.person.person_id,
            "sender": self.person.nick,
            "room": "" if to else room,
            "recipient_id": to.person_id if to else NOBODY,
            "recipient": to.nick if to else "",
            "text": text,
            "sent_at": NOW,
            "attachment": None,
        }
        return AddMessage(**{**fields, **changes})

    def say(self, text: str, *, room: str = "lobby", to: Person | None = None, **changes: Any) -> Message:
        stored = perform(self.store, self.request(text, room=room, to=to, **changes))
        assert isinstance(stored, Stored), stored
        assert stored.is_new
        return stored.message


def speaker(store: Store, person: Person) -> Speaker:
    return Speaker(store, person, itertools.count())


def speakers(store: Store, *nicks: str) -> list[Speaker]:
    return [speaker(store, guest(store, nick)) for nick in nicks]


def page(store: Store, person: Person, after: int = 0, limit: int = 100) -> Page:
    found = perform(store, ReadMessages(1, person.person_id, after, limit))
    assert isinstance(found, Page), found
    return found


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [message.text for message in messages]


def find_request(person: Person, **conditions: Any) -> FindMessages:
    return FindMessages(1, person.person_id, Query(**conditions))


def find(store: Store, person: Person, **conditions: Any) -> tuple[Message, ...]:
    found = perform(store, find_request(person, **conditions))
    assert isinstance(found, tuple), found
    return found


def history(store: Store, person: Person, **conditions: Any) -> list[str]:
    return texts(find(store, person, **conditions))


def code(store: Store, request: StoreRequest) -> ErrorCode:
    return refusal(store, request).code
