"""The store in memory and the one on the disk give the same answers to the same requests, whatever they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.contract_rooms import LIMITS
from tests.store.talk import NOW, PICTURE, find, key_of, message_id, speakers, ticket_of
from udpchat.chat.ports import (
    NOBODY,
    AddAccount,
    AddBan,
    AddMessage,
    AddRoom,
    AddTicket,
    AdmitPerson,
    EnterRoom,
    FindAccount,
    FindMessage,
    FindMessages,
    FindPerson,
    LeaveRoom,
    ListAccounts,
    ListBans,
    ListRooms,
    MarkRead,
    PruneMessages,
    Query,
    ReadMessages,
    RemoveBan,
    SaveProgress,
    SetPassword,
    SetTopic,
)
from udpchat.errors import StorageError
from udpchat.protocol.ports import Store, StoreRequest, perform
from udpchat.store.memory import MemoryStore
from udpchat.store.server import ServerStore

NICKS = ("anna", "Anna", "bernd", "BERND", "straße", "strasse", "李", "zoë")
ROOMS = ("lobby", "Lobby", "books", "BOOKS", "影", "garden", "attic", "cellar")
CJK = ("吃饭", "我们去吃饭吧", "饭吃", "udp聊天2号", "聊天")
WORDS = ("cake", "Cake!", "crème", "creme", *CJK, "2", "-", "🎉", "AND", "lobby")
QUERIES = (*WORDS, "", "", "", "c*", '"cake 吃饭"', "吃", "饭", "天2", "cake creme", '"', "NEAR(", "scope : r1", "*")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    memory = MemoryStore(clock=lambda: NOW, random_bytes=Random(1).randbytes, chat_limits=LIMITS)
    disk = ServerStore(tmp_path, clock=lambda: NOW, random_bytes=Random(1).randbytes, chat_limits=LIMITS)
    yield memory, disk
    disk.close()


class Requests:
    """Random requests about few people, rooms and words, so that they meet."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"requests {seed}")
        self.makers: list[tuple[int, Callable[[], StoreRequest]]] = [
            (6, self.admit),
            (2, lambda: AddAccount(1, self.key(), self.nick(), "hash", self.ticket(), self.at(), self.flip())),
            (1, lambda: FindAccount(1, self.nick())),
            (1, lambda: AddTicket(1, self.person(), self.key(), self.ticket() or ticket_of("x"), self.at())),
            (1, lambda: SetPassword(1, self.person(), "other", self.key(), self.ticket(), self.at())),
            (1, lambda: FindPerson(1, self.nick())),
            (1, lambda: ListAccounts(1)),
            (30, self.message),
            (3, self.find_message),
            (8, lambda: ReadMessages(1, self.person(), self.sequence(), self.random.randint(0, 9))),
            (30, lambda: FindMessages(1, self.person(), self.query())),
            (2, lambda: SaveProgress(1, ((self.person(), self.sequence(), self.at()),))),
            (3, lambda: MarkRead(1, self.person(), self.nick(), self.sequence())),
            (1, lambda: ListRooms(1)),
            (3, lambda: AddRoom(1, self.person(), self.nick(), self.random.choice(ROOMS), "", self.at())),
            (6, lambda: EnterRoom(1, self.person(), self.random.choice(ROOMS))),
            (2, lambda: LeaveRoom(1, self.person(), self.random.choice(ROOMS))),
            (1, lambda: SetTopic(1, self.person(), self.random.choice(ROOMS), "topic")),
            (1, lambda: AddBan(1, self.nick(), self.key(), NOBODY, self.host(), "", "because", self.at())),
            (2, lambda: RemoveBan(1, self.nick())),
            (1, lambda: ListBans(1)),
            (1, lambda: PruneMessages(1, NOW + self.random.randint(-9, 9))),
            (1, lambda: PruneMessages(1, 0, NOW + self.random.randint(-9, 20))),
        ]

    def __call__(self) -> StoreRequest:
        weights, makers = zip(*self.makers, strict=True)
        make: Callable[[], StoreRequest] = self.random.choices(makers, weights)[0]
        return make()

    def nick(self) -> str:
        return self.random.choice(NICKS)

    def key(self) -> bytes:
        return key_of(str(self.random.randint(1, 6)))

    def host(self) -> str:
        return self.random.choice(("", "192.0.2.1", "192.0.2.2"))

    def person(self) -> int:
        return self.random.randint(1, 7)

    def sequence(self) -> int:
        return self.random.choice((0, self.random.randint(1, 80)))

    def at(self) -> int:
        return NOW + self.random.randint(-10, 40)

    def flip(self) -> bool:
        return self.random.random() < 0.5

    def ticket(self) -> bytes:
        return self.random.choice((b"", ticket_of("a"), ticket_of("b")))

    def words(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, 4)))

    def admit(self) -> AdmitPerson:
        logged_in = self.person() if self.random.random() < 0.2 else NOBODY
        return AdmitPerson(1, self.key(), self.nick(), self.ticket(), logged_in, self.host(), self.at(), self.flip())

    def message(self) -> AddMessage:
        private = self.random.random() < 0.3
        return AddMessage(
            request_id=1,
            message_id=message_id(self.random.randint(1, 150)),
            sender_id=self.person(),
            sender=self.nick(),
            room="" if private else self.random.choice(ROOMS),
            recipient_id=self.person() if private else NOBODY,
            recipient=self.nick() if private else "",
            text=self.words(),
            sent_at=self.at(),
            attachment=PICTURE if self.random.random() < 0.1 else None,
            identity=self.random.choice((b"", self.key())),
        )

    def find_message(self) -> FindMessage:
        identity = self.random.choice((b"", self.key()))
        return FindMessage(1, message_id(self.random.randint(1, 150)), self.person(), identity)

    def query(self) -> Query:
        return Query(
            room=self.random.choice((*ROOMS, *[""] * 12)),
            nick=self.random.choice((*NICKS, *[""] * 30)),
            sender=self.random.choice((*NICKS, *[""] * 20)),
            recipient=self.random.choice((*NICKS, *[""] * 40)),
            words=self.random.choice(QUERIES),
            sent_from=self.random.choice((0, 0, 0, self.at())),
            sent_until=self.random.choice((0, 0, 0, self.at())),
            before=self.random.choice((0, 0, self.sequence())),
            after=self.random.choice((0, 0, self.sequence())),
            limit=self.random.randint(0, 12),
        )


def answer(store: Store, request: StoreRequest) -> object:
    result = perform(store, request)
    return (result.code, result.text) if isinstance(result, StorageError) else result


@pytest.mark.parametrize("seed", range(6))
def test_both_stores_give_the_same_answers(seed: int, stores: tuple[Store, Store]) -> None:
    memory, disk = stores
    make = Requests(seed)
    found = 0
    for number in range(700):
        request = make()
        expected = answer(memory, request)
        assert answer(disk, request) == expected, (seed, number, request)
        found += isinstance(request, FindMessages) and bool(request.query.words) and bool(expected)
    assert found  # or the run shows nothing


def test_both_stores_find_the_same_texts(stores: tuple[Store, Store]) -> None:
    people = [speakers(store, "alice")[0] for store in stores]
    letters = st.sampled_from("aAbé 12.,*\"'()-:吃饭去我們カな한국🎉\u0301\u3099")

    @settings(max_examples=60, deadline=None)
    @given(text=st.text(letters, min_size=1, max_size=12), words=st.text(letters, max_size=6), free=st.text(max_size=8))
    def check(text: str, words: str, free: str) -> None:
        for alice in people:
            alice.say(text)
            alice.say(f"{text} {free}")
        for query in (words, free, text[2:5], f"{text[:2]}*", f'"{text}"'):
            first, second = (find(alice.store, alice.person, words=query, limit=500) for alice in people)
            assert first == second

    check()
