"""The SQLite file of chat: made, checked, migrated, damaged; its process killed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.actions import content, files, server_store, upload
from tests.store.talk import (
    admit,
    find,
    guest,
    history,
    key_of,
    page,
    speaker,
    speakers,
    texts,
)
from udpchat.chat.ports import Attachment, ListBans
from udpchat.errors import StorageError
from udpchat.protocol.ports import perform
from udpchat.store import failpoints
from udpchat.store.chat_schema import CHAT_APPLICATION_ID, CHAT_DATABASE, CHAT_SCHEMA, check_full_text
from udpchat.store.database import open_database, open_reader, transaction
from udpchat.store.server import ServerStore

# -- killed ------------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from tests.store.actions import server_store
from tests.store.talk import speakers
from udpchat.protocol.ports import perform
store = server_store(Path(sys.argv[1]))
alice, = speakers(store, "alice")
for number in range(9):
    jobs = [store.submit(alice.request(f"{number} {letter}")) for letter in "abc"]
    for job in jobs:
        print(job.finish(job.run()).message.text, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("point", failpoints.CHAT_POINTS)
def test_killed_server_has_every_message_that_was_answered_and_none_twice(point: str, tmp_path: Path) -> None:
    # The first commits are those of joining.
    environment = {**os.environ, failpoints.VARIABLE: f"{point}:5"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    answered = done.stdout.splitlines()
    store = server_store(tmp_path)
    (alice,) = speakers(store, "alice")
    stored = history(store, alice.person)
    assert answered == [f"{number} {letter}" for number in range(3) for letter in "abc"]
    assert stored == answered + (["3 a", "3 b", "3 c"] if point == "chat-committed" else [])
    everything = [f"{number} {letter}" for number in range(4) for letter in "abc"]
    results = [perform(store, alice.request(text)) for text in everything]  # the same ids once more
    assert [result.is_new for result in results] == [text not in stored for text in everything]
    assert history(store, alice.person) == everything
    store.close()


@pytest.mark.parametrize("damage", [slice(0, 100), slice(4_096, 8_192)], ids=["header", "page"])
def test_damaged_database_is_refused(damage: slice, tmp_path: Path) -> None:
    server_store(tmp_path).close()
    path = tmp_path / CHAT_DATABASE
    data = bytearray(path.read_bytes())
    data[damage] = b"\xff" * (damage.stop - damage.start)
    path.write_bytes(data)
    with pytest.raises(StorageError, match=r"chat\.db.*(damaged|another program)"):
        server_store(tmp_path)


def test_databases_that_were_mixed_up_are_refused(tmp_path: Path) -> None:
    server_store(tmp_path / "a").close()
    (tmp_path / "b").mkdir(mode=0o700)
    shutil.copy(tmp_path / "a" / "udpchat.db", tmp_path / "b" / CHAT_DATABASE)
    with pytest.raises(StorageError, match="another"):
        server_store(tmp_path / "b")


def test_without_its_log_a_database_is_older_and_goes_on(tmp_path: Path) -> None:
    store = server_store(tmp_path / "a")
    (alice,) = speakers(store, "alice")
    alice.say("kept")
    store.close()
    store = server_store(tmp_path / "a")
    speaker(store, alice.person).say("in the log", message_id=b"x" * 16)
    (tmp_path / "b").mkdir(mode=0o700)
    shutil.copy(tmp_path / "a" / CHAT_DATABASE, tmp_path / "b")
    store.close()
    store = server_store(tmp_path / "b")
    assert history(store, alice.person) == ["kept"]
    speaker(store, alice.person).say("in the log", message_id=b"x" * 16)
    assert texts(page(store, guest(store, "bob")).messages) == ["kept", "in the log"]
    store.close()


# -- the file ----------------------------------------------------------------------------------------------------------

NEXT_SCHEMA = (*CHAT_SCHEMA, "ALTER TABLE rooms ADD COLUMN note TEXT NOT NULL DEFAULT ''")


def test_database_is_set_up_so_that_commits_last(store: ServerStore, watcher: sqlite3.Connection) -> None:
    expected = {"journal_mode": "wal", "application_id": CHAT_APPLICATION_ID, "user_version": len(CHAT_SCHEMA)}
    assert {name: watcher.execute(f"PRAGMA {name}").fetchone()[0] for name in expected} == expected


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_what_people_said_is_for_the_owner_of_the_folder_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        store = server_store(tmp_path)
        speakers(store, "alice")[0].say("hello")
        found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("*.db*")}
        store.close()
    finally:
        os.umask(before)
    assert set(found) >= {CHAT_DATABASE, f"{CHAT_DATABASE}-wal", "udpchat.db"}
    assert set(found.values()) == {0o600}


def test_reader_writes_nothing(store: ServerStore, tmp_path: Path) -> None:
    reader = open_reader(tmp_path / CHAT_DATABASE)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM messages")
    reader.close()


def test_older_schema_is_migrated_after_a_backup(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    (alice,) = speakers(store, "alice")
    alice.say("hello")
    store.close()
    connection = open_database(tmp_path / CHAT_DATABASE, NEXT_SCHEMA, CHAT_APPLICATION_ID)
    assert connection.execute("SELECT room, note FROM rooms").fetchall() == [("lobby", "")]
    assert connection.execute("SELECT rowid FROM words WHERE words MATCH 'hello'").fetchall() == [(2,)]
    connection.close()
    backup = sqlite3.connect(tmp_path / f"{CHAT_DATABASE}.schema-{len(CHAT_SCHEMA)}.backup")
    assert backup.execute("SELECT text FROM messages").fetchall() == [("hello",)]
    backup.close()
    with pytest.raises(StorageError, match="newer udpchat"):
        server_store(tmp_path)


def test_messages_of_the_first_schema_are_kept_with_their_files(tmp_path: Path) -> None:
    connection = open_database(tmp_path / CHAT_DATABASE, CHAT_SCHEMA[:1], CHAT_APPLICATION_ID)
    with transaction(connection):
        connection.execute("INSERT INTO rooms VALUES (1, 'lobby', 'lobby', '', '', 0, 1)")
        connection.execute(
            "INSERT INTO people (person_id, identity, nick, last_seen) VALUES (1, ?, 'alice', 1)", (key_of("alice"),)
        )
        connection.execute("INSERT INTO names VALUES (1, 'alice', 'alice')")
        connection.execute(
            "INSERT INTO messages VALUES (2, zeroblob(16), 7, 1, 1, 1, 0, NULL, '', ?, 'plan.pdf', 9, ?)",
            (b"f" * 16, b"m" * 16),
        )
        connection.execute(
            "INSERT INTO messages VALUES (3, ?, 8, 1, 1, 1, 0, NULL, 'hello', NULL, NULL, NULL, NULL)", (b"i" * 16,)
        )
        connection.execute("INSERT INTO spans VALUES (0, 7, 8)")
    connection.close()
    store = server_store(tmp_path)
    alice = admit(store, "alice").person
    file, line = find(store, alice)
    assert file.attachment == Attachment(b"f" * 16, "plan.pdf", 9, b"m" * 16)
    assert (line.text, line.attachment) == ("hello", None)
    store.close()
    assert (tmp_path / f"{CHAT_DATABASE}.schema-1.backup").exists()


def test_folder_from_before_there_was_chat_keeps_its_files(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    entry = upload(store, content(100))
    store.close()
    (tmp_path / CHAT_DATABASE).unlink()
    store = server_store(tmp_path)
    assert files(store) == (entry,)
    speakers(store, "alice")[0].say("hello")
    assert perform(store, ListBans(1)) == ()
    store.close()
    assert not list(tmp_path.glob("*.backup"))


def test_python_without_full_text_search_is_refused_in_one_line() -> None:
    connection = sqlite3.connect(":memory:")
    connection.set_authorizer(
        lambda _, _1, name, _2, _3: sqlite3.SQLITE_DENY if name == "fts5_source_id" else sqlite3.SQLITE_OK
    )
    with pytest.raises(StorageError, match=r"full-text search \(FTS5\)") as refused:
        check_full_text(connection)
    assert "\n" not in refused.value.text
    connection.close()
