"""A page of history costs what is on it: every statement of one goes along an index, in order, and sorts nothing."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.actions import server_store
from tests.store.talk import NOW, admit_request, enter, find_request, room, speakers
from udpchat.chat.ports import MarkRead, Person, PruneMessages, ReadMessages
from udpchat.protocol.ports import perform
from udpchat.store.chat_messages import ChatMessages
from udpchat.store.chat_people import ChatPeople
from udpchat.store.chat_reader import ChatReader
from udpchat.store.chat_schema import CHAT_DATABASE
from udpchat.store.database import open_reader, transaction

ONE_INDEX = re.compile(r"SEARCH m USING (?:COVERING )?INDEX (\w+) \((.*)\)")


@pytest.fixture(scope="module")
def talked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Person]]:
    """A folder, and somebody in a room who has talked with bob."""
    folder = tmp_path_factory.mktemp("talked")
    store = server_store(folder)
    alice, bob = speakers(store, "alice", "bob")
    room(store, alice.person, "books")
    enter(store, bob.person, "books")
    for number in range(3):
        alice.say("to all", sent_at=NOW + number)
        bob.say("among books", room="books", sent_at=NOW + number)
        alice.say("to bob", to=bob.person, sent_at=NOW + number)
        bob.say("to alice", to=alice.person, sent_at=NOW + number)
    yield folder, alice.person
    store.close()


@pytest.fixture
def alice(talked: tuple[Path, Person]) -> Person:
    return talked[1]


@pytest.fixture
def connection(talked: tuple[Path, Person]) -> Iterator[sqlite3.Connection]:
    """What a reader reads through."""
    connection = open_reader(talked[0] / CHAT_DATABASE)
    yield connection
    connection.close()


def plans(connection: sqlite3.Connection, work: Callable[[], object], containing: str) -> list[str]:
    """How SQLite does each of the statements with these words in it that some work takes."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    assert work()  # or the statements show nothing
    connection.set_trace_callback(None)
    chosen = [each for each in statements if each.startswith("SELECT") and containing in each]
    assert chosen
    return [
        "; ".join(detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
        for statement in chosen
    ]


WINDOW = {"sent_from": NOW, "sent_until": NOW + 9}
PAGES: list[tuple[dict[str, Any], set[str]]] = [
    ({"room": "books"}, {"messages_by_room"}),
    ({"room": "books", **WINDOW}, {"messages_by_room"}),
    ({"room": "books", "sender": "bob"}, {"messages_by_room_and_sender"}),
    ({}, {"messages_by_room", "private_by_sender", "private_by_recipient"}),
    (WINDOW, {"messages_by_room", "private_by_sender", "private_by_recipient"}),
    ({"nick": "bob"}, {"private_by_sender_to", "private_by_recipient_from"}),
    ({"nick": "bob", "sender": "bob"}, {"private_by_recipient_from"}),
    ({"nick": "bob", "sender": "alice"}, {"private_by_sender_to"}),
    ({"nick": "bob", "recipient": "alice"}, {"private_by_recipient_from"}),
    ({"recipient": "alice"}, {"private_by_sender_to", "private_by_recipient_as"}),
    ({"recipient": "bob", "sender": "alice"}, {"private_by_sender_to"}),
    ({"sender": "bob"}, {"messages_by_room_and_sender", "private_by_sender_as", "private_by_recipient_from"}),
]


@pytest.mark.parametrize("paging", [{}, {"before": 9}, {"after": 2}], ids=["newest", "before", "after"])
@pytest.mark.parametrize(("conditions", "indexes"), PAGES, ids=[" ".join(page) or "all" for page, _ in PAGES])
def test_page_goes_along_an_index_whatever_is_asked(
    connection: sqlite3.Connection,
    alice: Person,
    conditions: dict[str, Any],
    indexes: set[str],
    paging: dict[str, int],
) -> None:
    used = set()
    request = find_request(alice, **conditions, **paging)
    for plan in plans(connection, lambda: ChatReader(connection).find(request), "SELECT m.sequence FROM messages"):
        match = ONE_INDEX.fullmatch(plan)
        assert match, plan
        assert "rowid" in match[2], plan  # the page before another one begins where that one began
        used.add(match[1])
    assert used >= indexes


@pytest.mark.parametrize("paging", [{}, {"before": 12}, {"after": 2}], ids=["newest", "before", "after"])
@pytest.mark.parametrize(
    "conditions", [{}, {"room": "books"}, {"sender": "bob"}, {"nick": "bob"}, WINDOW], ids=" ".join
)
def test_search_goes_through_the_index_of_words_and_sorts_nothing(
    connection: sqlite3.Connection, alice: Person, conditions: dict[str, Any], paging: dict[str, int]
) -> None:
    words = "to" if "room" not in conditions and "sender" not in conditions else "among"
    request = find_request(alice, words=words, **conditions, **paging)
    for plan in plans(connection, lambda: ChatReader(connection).find(request), "SELECT words.rowid FROM words"):
        first, second = plan.split("; ")
        assert first.startswith("SCAN words VIRTUAL TABLE INDEX")
        assert second == "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)"


def test_catching_up_goes_along_the_messages(connection: sqlite3.Connection, alice: Person) -> None:
    request = ReadMessages(1, alice.person_id, 1, 9)
    for plan in plans(connection, lambda: ChatReader(connection).read(request).messages, "FROM messages"):
        assert re.match(r"SEARCH (m|messages) USING INTEGER PRIMARY KEY \(rowid>\?", plan), plan
        assert "TEMP B-TREE" not in plan


def test_joining_and_reading_receipts_hold_nobody_up_however_long_the_past_is(talked: tuple[Path, Person]) -> None:
    folder, alice = talked
    connection = sqlite3.connect(folder / CHAT_DATABASE, isolation_level=None)
    with transaction(connection):
        admission = plans(connection, lambda: ChatPeople(connection).admit(admit_request("alice")), "FROM messages")
        request = MarkRead(1, alice.person_id, "bob", 99)
        marking = plans(connection, lambda: ChatMessages(connection).mark_read(request), "FROM messages")
    connection.close()
    assert [plan.split("; ")[0] for plan in admission] == [
        "SEARCH m USING INDEX private_by_sender (sender_id=? AND rowid>?)"
    ]
    assert marking == [
        "SEARCH messages USING INDEX private_by_recipient_from (recipient_id=? AND sender_name=? AND rowid<?)"
    ]
    assert "TEMP B-TREE" not in "".join(admission)


def test_forgotten_messages_are_in_no_index_of_beginnings(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    (alice,) = speakers(store, "alice")
    alice.say("cake 我们去吃饭吧", sent_at=NOW)
    kept = alice.say("cake 吃饭", sent_at=NOW + 1)
    assert perform(store, PruneMessages(1, NOW + 1)) == 1
    watcher = sqlite3.connect(tmp_path / CHAT_DATABASE)
    for beginning in ("c", "ca", "吃", "我", "吧"):
        rows = watcher.execute("SELECT rowid FROM words WHERE words MATCH ?", (f'"{beginning}" *',)).fetchall()
        assert rows == ([] if beginning in "我吧" else [(kept.sequence,)]), beginning
    watcher.close()
    store.close()
