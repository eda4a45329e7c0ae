"""Stored files of a server on a disk: what no other store has."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.store.actions import commit, content, create, files, md5, refusal, server_store, sync, upload, write
from tests.store.shelf import ANN, BEN, TREE, begin, delete, expire, find, mark, opened, put, put_folder, read_all, sees
from udpchat.config import BLOCK_SIZE, LOBBY, SECOND
from udpchat.errors import ErrorCode
from udpchat.files.ports import DigestSource, HashBlocks, Media
from udpchat.files.stored_ports import OpenStored, SetAside, Stored
from udpchat.protocol.ports import perform
from udpchat.store.catalogue import Catalogue
from udpchat.store.database import open_database, open_reader
from udpchat.store.file_schema import DATABASE, FILE_SCHEMA
from udpchat.store.quotas import Limits, amount
from udpchat.store.server import ServerStore
from udpchat.store.stored_rules import free_name
from udpchat.store.uploads import Uploads
from udpchat.wire.numbers import FileState

DATA = content(5_000)


def blobs(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "files").iterdir())


# -- deleting ----------------------------------------------------------------------------------------------------------


def test_deleted_file_leaves_the_disk(store: ServerStore, tmp_path: Path) -> None:
    entry, other = put(store, DATA), put(store, name="other")
    assert blobs(tmp_path) == sorted(each.file_id.hex() for each in (entry, other))
    delete(store, entry.file_id)
    assert blobs(tmp_path) == [other.file_id.hex()]


def test_expired_files_leave_the_disk(tmp_path: Path) -> None:
    store = server_store(tmp_path, limits=Limits(file_lifetime=SECOND))
    entries = [put(store, name=name) for name in "abc"]
    assert expire(store, entries[-1].expires_at) == tuple(entries)
    assert blobs(tmp_path) == []
    store.close()


def test_bytes_of_a_file_that_is_set_aside_are_kept_for_a_human(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    entry = put(store, DATA)
    assert perform(store, SetAside(4, entry.file_id)) == entry
    store.close()
    store = server_store(tmp_path)
    assert (store.recovered.quarantined, store.recovered.missing, blobs(tmp_path)) == ((), (), [])
    assert (tmp_path / "quarantine" / entry.file_id.hex()).read_bytes() == DATA
    store.close()


def test_server_that_died_before_it_moved_a_damaged_file_moves_it_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server_store(tmp_path)
    entry = put(store, DATA)

    class DiedError(Exception):
        pass

    def die(*_: object) -> None:
        raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr(Uploads, "quarantine", die)
        with pytest.raises(DiedError):
            perform(store, SetAside(4, entry.file_id))
    assert blobs(tmp_path) == [entry.file_id.hex()]
    store.close()
    store = server_store(tmp_path)
    assert (files(store), store.recovered.missing, blobs(tmp_path)) == ((), (), [])
    assert (tmp_path / "quarantine" / entry.file_id.hex()).read_bytes() == DATA
    store.close()


@pytest.mark.parametrize("size", [0, len(DATA) - 1, len(DATA) + 1])
def test_stored_file_of_another_size_is_known_to_be_damaged(store: ServerStore, tmp_path: Path, size: int) -> None:
    entry = put(store, DATA)
    os.truncate(tmp_path / "files" / entry.file_id.hex(), size)
    assert refusal(store, OpenStored(3, entry.file_id)).code == ErrorCode.DIGEST_MISMATCH


def test_member_whose_blocks_were_asked_for_is_not_read_again_for_its_md5(store: ServerStore, tmp_path: Path) -> None:
    entry = put_folder(store)
    (number,) = (number for number, path in enumerate(TREE) if path == "big.bin")
    stored = perform(store, OpenStored(3, entry.file_id, number))
    assert isinstance(stored, Stored)
    for first in range(0, stored.source.size // BLOCK_SIZE + 1, 2):
        perform(store, HashBlocks(4, stored.source, first, 2, with_md5=True))
    path = tmp_path / "files" / entry.file_id.hex()
    path.write_bytes(bytes(entry.size))
    assert perform(store, DigestSource(5, stored.source)) == md5(TREE["big.bin"] or b"")
    perform(store, HashBlocks(6, stored.source, 0, 9, with_md5=True))
    assert perform(store, DigestSource(7, stored.source)) == md5(bytes(stored.source.size))
    stored.source.close()


def test_file_that_was_off_the_list_when_the_server_died_leaves_the_disk_at_the_next_start(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    entry, other = put(store, DATA), put(store, name="other")
    store.close()
    connection = open_database(tmp_path / DATABASE)
    assert Catalogue(connection).remove([entry.file_id]) == [entry]
    connection.close()
    assert len(blobs(tmp_path)) == 2
    store = server_store(tmp_path)
    assert store.recovered.quarantined == ()
    assert blobs(tmp_path) == [other.file_id.hex()]
    assert files(store) == (other,)
    store.close()


def test_what_cannot_be_removed_now_is_removed_later(store: ServerStore, tmp_path: Path) -> None:
    entry, later = put(store, DATA), put(store, name="later")
    blob = tmp_path / "files" / entry.file_id.hex()
    blob.unlink()
    (blob / "in the way").mkdir(parents=True)
    assert delete(store, entry.file_id) == entry
    assert files(store) == (later,)
    (blob / "in the way").rmdir()
    blob.rmdir()
    blob.write_bytes(DATA)
    assert expire(store, later.stored_at) == ()
    assert not blob.exists()


def test_upload_whose_last_step_failed_is_deleted(store: ServerStore, tmp_path: Path) -> None:
    part_id = begin(store, len(DATA))
    write(store, DATA, 0, len(DATA), part_id=part_id)
    sync(store, part_id)
    other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    file_id = bytes(range(16))
    other.execute(
        "UPDATE parts SET state = 'verified', md5 = ?, file_id = ?, root = ?", (md5(DATA), file_id, bytes(32))
    )
    other.close()
    (tmp_path / "files" / file_id.hex()).hardlink_to(tmp_path / "incoming" / part_id.hex())
    assert delete(store, part_id).file_id == file_id
    assert files(store) == ()
    assert blobs(tmp_path) == []


def test_deleted_file_takes_nothing_of_the_database(store: ServerStore, tmp_path: Path) -> None:
    entry = put(store, DATA)
    mark(store, entry.file_id, BEN, FileState.VERIFIED)
    delete(store, entry.file_id)
    reader = open_reader(tmp_path / DATABASE)
    for table in ("files", "parts", "members", "blocks", "marks", "removals"):
        assert reader.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    reader.close()


def test_marks_and_deletions_survive_a_restart(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    gone, entry = put(store, name="gone"), put(store)
    marked = mark(store, entry.file_id, BEN, FileState.OPENED)
    delete(store, gone.file_id)
    store.close()
    store = server_store(tmp_path)
    assert files(store) == (marked,)
    store.close()


# -- from before rooms -------------------------------------------------------------------------------------------------


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    """A data folder as schema 1 left it: a stored file, and an upload that had begun."""
    store = server_store(tmp_path)
    upload(store, DATA, name="Old.txt")
    create(store, len(DATA), part_id=bytes(16), name="half.bin")
    write(store, DATA, 0, 2_000, part_id=bytes(16))
    sync(store, bytes(16))
    store.close()
    path = tmp_path / DATABASE
    new = sqlite3.connect(path)
    stored = new.execute(
        "SELECT sequence, file_id, part_id, file_name, name_key, size, md5, stored_at, owner, owner_nick FROM files"
    ).fetchall()
    arriving = new.execute(
        "SELECT part_id, owner, owner_nick, file_name, size, state, ranges, md5, file_id, touched_at FROM parts"
    ).fetchall()
    new.close()
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    old = open_database(path, FILE_SCHEMA[:1])
    old.executemany(f"INSERT INTO files VALUES ({', '.join('?' * 10)})", stored)
    old.executemany(f"INSERT INTO parts VALUES ({', '.join('?' * 10)})", arriving)
    old.close()
    return tmp_path


def test_files_from_before_rooms_belong_to_the_lobby(old_folder: Path) -> None:
    store = server_store(old_folder)
    stored, arriving = files(store)
    assert (stored.file_name, stored.size, stored.room, stored.owner_id) == ("Old.txt", len(DATA), LOBBY, 0)
    assert (stored.root, stored.media, stored.flags, stored.state) == (b"", Media(), 0, FileState.STORED)
    assert (arriving.file_name, arriving.room, arriving.present) == ("half.bin", LOBBY, 2_000)
    assert read_all(opened(store, stored.file_id).source) == DATA
    assert find(store, sees(ANN), "old.TXT") == stored
    assert put(store, name="old.txt").file_name == "old (2).txt"
    assert mark(store, stored.file_id, BEN, FileState.VERIFIED) is not None
    store.close()
    backup = sqlite3.connect(old_folder / f"{DATABASE}.schema-1.backup")
    assert backup.execute("SELECT file_name FROM files").fetchall() == [("Old.txt",)]
    backup.close()


def test_upload_from_before_rooms_goes_on(old_folder: Path) -> None:
    store = server_store(old_folder)
    created = create(store, len(DATA), part_id=bytes(16), name="half.bin")
    assert created.present == ((0, 2_000),)
    write(store, DATA, 2_000, len(DATA), part_id=bytes(16))
    entry = commit(store, DATA, bytes(16))
    assert (entry.file_name, entry.room) == ("half.bin", LOBBY)
    assert len(entry.root) == 32
    store.close()


# -- costs -------------------------------------------------------------------------------------------------------------


def test_list_and_names_are_found_along_an_index(store: ServerStore, tmp_path: Path) -> None:
    put(store)
    reader = open_reader(tmp_path / DATABASE)
    statements: list[str] = []
    reader.set_trace_callback(statements.append)
    catalogue = Catalogue(reader)
    assert catalogue.named(sees(BEN, "books"), "report.pdf")
    assert catalogue.find(sees(BEN), files(store)[0].file_id)
    assert catalogue.listed(sees(BEN), "lobby", 0, 1_000)
    reader.set_trace_callback(None)
    wanted = [statement for statement in statements if "FROM files" in statement]
    assert len(wanted) == 3
    for statement in wanted:
        plan = reader.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        assert not [line for line in plan if str(line[-1]).startswith("SCAN")], (statement, plan)
    reader.close()


def test_who_asks_for_a_name_does_not_wait_for_the_journals_of_uploads(store: ServerStore, tmp_path: Path) -> None:
    begin(store, 10, name="one.txt")
    begin(store, 10, name="ONE.TXT")
    begin(store, 10, name="other.txt")
    reader = open_reader(tmp_path / DATABASE)
    statements: list[str] = []
    reader.set_trace_callback(statements.append)
    catalogue = Catalogue(reader)
    assert catalogue.named(sees(BEN), "nothing.txt") is None
    assert not [statement for statement in statements if "ranges" in statement]
    assert getattr(catalogue.named(sees(BEN), "one.txt"), "file_name", "") == "one.txt"
    assert getattr(catalogue.named(sees(BEN), "One.txt"), "file_name", "") == "ONE.TXT"  # the newest
    assert len([statement for statement in statements if "ranges" in statement]) == 2
    reader.close()


def test_free_name_is_found_with_few_questions() -> None:
    taken = {"a.txt", *(f"a ({number}).txt" for number in range(2, 10_000))}
    asked: list[str] = []

    def is_taken(key: str) -> bool:
        asked.append(key)
        return key in taken

    assert free_name("a.txt", is_taken) == "a (10000).txt"
    assert len(asked) < 40


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1_000, "1 kB"), (1_500_000, "1.5 MB"), (999_960, "1 MB")],
)
def test_amounts_are_told_in_words(size: int, text: str) -> None:
    assert amount(size) == text
