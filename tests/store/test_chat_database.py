"""Chat on the disk: what was answered stays, and what cannot be stored is told so."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.store.actions import refusal, server_store
from tests.store.talk import (
    NOW,
    PICTURE,
    Speaker,
    account,
    admit,
    code,
    find,
    find_request,
    guest,
    history,
    message_id,
    page,
    room,
    speaker,
    speakers,
    ticket_of,
)
from udpchat.chat.ports import ListRooms, Message, Page, PruneMessages, ReadMessages, Stored
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.ports import Job, Lane, Store, StoreRequest, perform
from udpchat.store import database
from udpchat.store.chat_queue import MAX_GROUP
from udpchat.store.chat_schema import CHAT_DATABASE
from udpchat.store.server import ServerStore


def submit(store: Store, request: StoreRequest) -> Job:
    job = store.submit(request)
    assert isinstance(job, Job)
    return job


def commits(watcher: sqlite3.Connection) -> int:
    """A number that changes when somebody else has committed."""
    return int(watcher.execute("PRAGMA data_version").fetchone()[0])


# -- restarts ----------------------------------------------------------------------------------------------------------


def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    alice, bob = speakers(store, "alice", "bob")
    account(store, "alice", ticket=ticket_of("t"))
    room(store, alice.person, "books")
    said = [
        alice.say("吃饭 in the lobby"),
        alice.say("among books", room="books"),
        alice.say("psst", to=bob.person),
        bob.say("", attachment=PICTURE),
    ]
    before = admit(store, "alice", ticket=ticket_of("t"))
    store.close()
    store = server_store(tmp_path)
    assert admit(store, "alice", ticket=ticket_of("t")) == before
    assert find(store, before.person) == tuple(said)
    assert find(store, before.person, words="吃饭") == (said[0],)
    assert page(store, bob.person).messages == (said[0], said[2], said[3])
    again = speaker(store, before.person).request("吃饭 in the lobby", message_id=message_id(0))
    assert perform(store, again) == Stored(said[0], is_new=False)
    assert speaker(store, bob.person).say("next", message_id=bytes(15) + b"x").sequence == said[3].sequence + 1
    lobby = perform(store, ListRooms(1))[0]
    store.close()
    store = server_store(tmp_path)
    assert perform(store, ListRooms(1))[0] == lobby
    store.close()


def test_sequences_are_not_used_again_after_a_restart(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    last = speakers(store, "alice")[0].say("old", sent_at=NOW - 1)
    assert perform(store, PruneMessages(1, NOW)) == 1
    store.close()
    store = server_store(tmp_path)
    assert admit(store, "alice").newest == last.sequence
    assert speakers(store, "alice")[0].say("new").sequence == last.sequence + 1
    store.close()


# -- grouped commits ---------------------------------------------------------------------------------------------------


def test_messages_that_wait_share_a_commit(store: ServerStore, watcher: sqlite3.Connection) -> None:
    (alice,) = speakers(store, "alice")
    jobs = [submit(store, alice.request(str(number))) for number in range(100)]
    seen = {commits(watcher)}
    outcomes = []
    for job in jobs:
        outcomes.append(job.run())
        seen.add(commits(watcher))
    assert len(seen) == 2  # before the first job, and after it: then all were stored
    results = [job.finish(outcome) for job, outcome in zip(jobs, outcomes, strict=True)]
    assert [result.message.text for result in results] == [str(number) for number in range(100)]


def test_a_group_has_a_limit_and_a_message_that_comes_late_waits_for_the_next(
    store: ServerStore, watcher: sqlite3.Connection
) -> None:
    (alice,) = speakers(store, "alice")
    jobs = [submit(store, alice.request(str(number))) for number in range(MAX_GROUP + 1)]
    versions = []
    for number, job in enumerate(jobs):
        job.run()
        versions.append(commits(watcher))
        if number == 0:
            late = submit(store, alice.request("late"))
            assert watcher.execute("SELECT count(*) FROM messages").fetchone() == (MAX_GROUP,)
    assert len(set(versions)) == 2
    late.run()
    assert commits(watcher) == versions[-1]
    assert watcher.execute("SELECT count(*) FROM messages").fetchone() == (MAX_GROUP + 2,)
    assert watcher.execute("SELECT text FROM messages ORDER BY sequence DESC").fetchone() == ("late",)


def test_text_that_no_disk_takes_is_refused_and_the_others_of_its_group_are_stored(store: ServerStore) -> None:
    (alice,) = speakers(store, "alice")
    texts_said = ("1", "\ud800", "2")
    jobs = [submit(store, alice.request(text)) for text in texts_said]
    results = [job.finish(job.run()) for job in jobs]
    assert [type(result) for result in results] == [Stored, StorageError, Stored]
    assert history(store, alice.person) == ["1", "2"]
    assert "look" in refusal(store, find_request(alice.person, sender="\ud800")).text


def test_reading_and_writing_at_once_shows_every_message_once_and_in_order(store: ServerStore) -> None:
    alice, bob = speakers(store, "alice", "bob")
    pools = {lane: ThreadPoolExecutor(1) for lane in Lane}
    jobs = [submit(store, alice.request(f"word {number}")) for number in range(600)]
    writes = [pools[Lane.MESSAGES].submit(job.run) for job in jobs]
    got: list[Message] = []
    after, is_last = 0, False
    while not is_last:
        is_last = writes[-1].done()
        job = submit(store, ReadMessages(1, bob.person.person_id, after, 50))
        found = job.finish(pools[job.lane].submit(job.run).result())
        assert isinstance(found, Page)
        got.extend(found.messages)
        after = found.upto
        is_last = is_last and not found.messages
    for pool in pools.values():
        pool.shutdown()
    assert [message.text for message in got] == [f"word {number}" for number in range(600)]
    assert len(find(store, bob.person, words="word", limit=1_000)) == 600


# -- a disk that says no -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def full_beyond(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_stores_nothing_of_a_group_and_says_so_to_each(store: ServerStore) -> None:
    alice, bob = speakers(store, "alice", "bob")
    first = alice.say("stored")
    requests = [alice.request(f"{number} " + "long " * 500) for number in range(20)]
    with full_beyond(4_096):
        jobs = [submit(store, request) for request in requests]
        results = [job.finish(job.run()) for job in jobs]
        assert {type(result) for result in results} == {StorageError}
        assert all("store this message" in result.text for result in results)
        assert code(store, alice.request("once more")) in {ErrorCode.NO_SPACE, ErrorCode.STORAGE_FAILED}
        assert find(store, bob.person) == (first,)  # what is there can be read
    stored = [perform(store, request) for request in requests]
    assert [(each.is_new, each.message.sequence) for each in stored] == [
        (True, first.sequence + number) for number in range(1, 21)
    ]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits five seconds in a test."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 20)


@pytest.mark.usefixtures("hasty")
def test_locked_database_is_told_and_the_next_message_is_stored(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    alice, bob = speakers(store, "alice", "bob")
    first = alice.say("stored")
    other = sqlite3.connect(tmp_path / CHAT_DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused = refusal(store, alice.request("not stored"))
    assert "another program holds the database" in refused.text
    assert find(store, bob.person) == (first,)  # reading does not wait for writers
    assert page(store, bob.person).messages == (first,)
    other.execute("ROLLBACK")
    other.close()
    assert alice.say("stored as well").sequence == first.sequence + 1
    store.close()


def test_damage_that_is_met_while_running_is_told(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    (alice,) = speakers(store, "alice")
    alice.say("hello")
    store.close()
    path = tmp_path / CHAT_DATABASE
    store = server_store(tmp_path)
    data = bytearray(path.read_bytes())
    data[4_096:] = b"\xff" * (len(data) - 4_096)
    path.write_bytes(data)
    for request in (find_request(alice.person), ReadMessages(1, alice.person.person_id, 0, 9)):
        refused = refusal(store, request)
        assert (refused.code, "damaged" in refused.text) == (ErrorCode.STORAGE_FAILED, True)
    store.close()


def test_forgotten_messages_are_in_no_index(store: ServerStore, watcher: sqlite3.Connection) -> None:
    alice, bob = speakers(store, "alice", "bob")
    for number in range(30):
        alice.say(f"cake 吃饭 {number}", sent_at=NOW + number, to=bob.person if number % 2 else None)
    alice.say("a\0zebra", attachment=PICTURE, sent_at=NOW)
    assert perform(store, PruneMessages(1, NOW + 20)) == 21
    for words in (
        "cake",
        "吃饭",
        "sommerfest",
        "zebra",
        "scope : r1",
        f"scope : p{bob.person.person_id}",
        "scope : s1",
    ):
        rows = watcher.execute("SELECT rowid FROM words WHERE words MATCH ?", (words,)).fetchall()
        kept = watcher.execute("SELECT sequence FROM messages").fetchall()
        assert set(rows) <= set(kept), words
    assert len(watcher.execute("SELECT rowid FROM words WHERE words MATCH 'cake'").fetchall()) == 10


def test_long_stretches_of_what_somebody_may_not_see_are_passed_page_by_page(store: ServerStore) -> None:
    alice, bob = speakers(store, "alice", "bob")
    carol = guest(store, "carol")
    _say_many(store, alice, bob, 8_200)
    visible = alice.say("at last", message_id=b"x" * 16)
    first = page(store, carol)
    assert first.messages == ()
    assert 0 < first.upto < visible.sequence
    assert page(store, carol, first.upto) == Page((visible,), visible.sequence)


def _say_many(store: Store, alice: Speaker, bob: Speaker, count: int) -> None:
    jobs = [submit(store, alice.request("psst", to=bob.person)) for _ in range(count)]
    for job in jobs:
        assert isinstance(job.finish(job.run()), Stored)
