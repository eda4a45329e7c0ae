"""Writes a corpus into a data folder the way a server does: requests of the store, in groups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeVar

from tests.benchmarks.history_corpus import BEGINNING, PEOPLE, Corpus, Said
from udpchat.chat.ports import NOBODY, AddMessage, AddRoom, Admission, AdmitPerson, EnterRoom, Person, RoomEntry, Stored
from udpchat.errors import StorageError
from udpchat.protocol.ports import Job, Store, StoreRequest, perform
from udpchat.store.chat_queue import MAX_GROUP
from udpchat.store.server import ServerStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class History:
    """A store with a corpus in it. people: by their number in the corpus."""

    store: Store
    corpus: Corpus
    people: tuple[Person, ...]
    count: int


def open_store(folder: Path) -> ServerStore:
    """The store of a server in that folder."""
    return ServerStore(folder, clock=lambda: BEGINNING, random_bytes=Random(1).randbytes)


def populate(store: Store, corpus: Corpus) -> tuple[Person, ...]:
    """Let everybody in and put them into their rooms; those who are in already are found."""
    admissions = _together(store, [admission(number) for number in range(PEOPLE)])
    people = tuple(_expect(admission, Admission).person for admission in admissions)
    for number, (room, members) in enumerate(corpus.members().items()):
        maker = people[members[number % len(members)]]  # nobody makes more than a few
        perform(store, AddRoom(1, maker.person_id, maker.nick, room, "", BEGINNING))  # refused when it is there
        for entered in _together(store, [EnterRoom(1, people[member].person_id, room) for member in members]):
            _expect(entered, RoomEntry)
    return people


def admission(number: int, at: int = BEGINNING) -> AdmitPerson:
    """The request of a person who joins. at: wall clock [us]."""
    nick = f"user{number:03}"
    return AdmitPerson(1, hashlib.sha256(nick.encode()).digest(), nick, b"", NOBODY, "192.0.2.1", at)


def fill(store: Store, corpus: Corpus, people: tuple[Person, ...], count: int) -> None:
    """Store all messages; each group is on the disk before the next one is asked for. StorageError."""
    numbered = enumerate(corpus.messages(count))
    while group := [_request(people, number, said) for number, said in islice(numbered, MAX_GROUP)]:
        for answer in _together(store, group):
            _expect(answer, Stored)


def _expect(answer: object, kind: type[T]) -> T:
    """The answer; raises a refusal."""
    if isinstance(answer, StorageError):
        raise answer
    if not isinstance(answer, kind):
        raise TypeError(f"{answer!r} is no {kind.__name__}")
    return answer


def _together(store: Store, requests: Iterable[StoreRequest]) -> Iterator[object]:
    jobs = [store.submit(request) for request in requests]
    for job in jobs:
        yield job.finish(job.run()) if isinstance(job, Job) else job


def _request(people: tuple[Person, ...], number: int, said: Said) -> AddMessage:
    sender = people[said.sender]
    recipient = None if said.recipient is None else people[said.recipient]
    return AddMessage(
        request_id=1,
        # As clients make them: random, so that their index is written all over the place.
        message_id=hashlib.md5(number.to_bytes(8, "big"), usedforsecurity=False).digest(),
        sender_id=sender.person_id,
        sender=sender.nick,
        room=said.room,
        recipient_id=NOBODY if recipient is None else recipient.person_id,
        recipient="" if recipient is None else recipient.nick,
        text=said.text,
        sent_at=said.sent_at,
        attachment=said.attachment(number),
    )
