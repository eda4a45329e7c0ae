"""The journal of parts in SQLite: the same tables at both ends, and nothing half written."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from tests.store.actions import PART, server_store
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import NO_MD5, MemberInfo
from udpchat.store.file_schema import DATABASE
from udpchat.store.part_journal import PartJournal
from udpchat.store.part_rows import JournalEntry, PartInfo, clip_runs, pack_runs, unpack_runs
from udpchat.store.part_schema import PART_TABLES
from udpchat.wire.numbers import FileFlag, MemberFlag

INFO = PartInfo(
    PART, b"o" * 32, "ann", "things", 10, "/home", 5, FileFlag.FOLDER, 3, owner_id=7, room="Books", recipient="Ben"
)
MEMBERS = (
    MemberInfo("d", 0, 1, MemberFlag.DIRECTORY),
    MemberInfo("d/a", 4, 2, MemberFlag.EXECUTABLE, b"c" * 16),
    MemberInfo("b", 6),
)
OTHER = b"x" * 16


@pytest.fixture
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in PART_TABLES.split(";"):
        connection.execute(statement)
    return connection


@pytest.fixture
def journal(connection: sqlite3.Connection) -> PartJournal:
    journal = PartJournal(connection)
    journal.add_part(INFO, 100)
    return journal


def sha(number: int) -> bytes:
    return hashlib.sha256(bytes([number])).digest()


def columns(connection: sqlite3.Connection, table: str) -> list[object]:
    return [row[1:] for row in connection.execute(f"PRAGMA table_info({table})")]


@pytest.mark.parametrize("table", ["parts", "blocks", "members"])
def test_server_and_client_have_the_same_tables(table: str, tmp_path: Path, connection: sqlite3.Connection) -> None:
    server_store(tmp_path).close()
    server = sqlite3.connect(tmp_path / DATABASE)
    assert columns(server, table) == columns(connection, table)
    assert columns(server, table)
    server.close()


def test_part_is_written_down_with_all_that_was_said_of_it(journal: PartJournal) -> None:
    (row,) = journal.parts()
    assert row == journal.part(PART)
    assert row.info == INFO
    assert (journal.part_ids(), list(journal.infos())) == ((PART,), [INFO])
    assert isinstance(row.info.flags, FileFlag)
    assert (row.present, row.md5, row.file_id, row.target, row.root, row.touched_at) == (0, None, None, "", b"", 100)
    assert (journal.part_count(INFO.owner), journal.part_count(OTHER), journal.part(OTHER)) == (1, 0, None)


def test_part_that_is_refused_leaves_nothing(connection: sqlite3.Connection) -> None:
    def refuse() -> None:
        raise StorageError("too much", ErrorCode.QUOTA_EXCEEDED)

    journal = PartJournal(connection)
    with pytest.raises(StorageError, match="too much"):
        journal.add_part(INFO, 100, refuse)
    assert journal.part_ids() == ()
    journal.add_part(INFO, 100)


def test_sync_is_written_down_at_once_or_not_at_all(journal: PartJournal) -> None:
    journal.add_members(PART, 0, MEMBERS)
    journal.save(PART, JournalEntry(((0, 4), (6, 8)), [(0, sha(0)), (3, sha(3))], [(1, b"m" * 16)]), 200)
    row = journal.part(PART)
    assert row is not None
    assert (unpack_runs(row.ranges, 10), row.present, row.touched_at) == (((0, 4), (6, 8)), 6, 200)
    assert journal.hashes(PART) == sha(0) + bytes(64) + sha(3)
    assert journal.md5s(PART) == NO_MD5 + b"m" * 16 + NO_MD5
    with pytest.raises(sqlite3.IntegrityError):
        journal.save(PART, JournalEntry(((0, 10),), [(4, sha(4)), (5, b"no hash")]), 300)
    assert journal.part(PART) == row
    assert len(journal.hashes(PART)) == 4 * 32


def test_what_is_lost_goes_before_what_is_new(journal: PartJournal) -> None:
    journal.add_members(PART, 0, MEMBERS)
    journal.save(PART, JournalEntry((), [(0, sha(0)), (1, sha(1))], [(1, b"m" * 16), (2, b"n" * 16)]), 200)
    journal.save(PART, JournalEntry((), [(1, sha(9))], [(2, b"o" * 16)], ((0, 2),), ((0, 3),)), 300)
    assert journal.hashes(PART) == bytes(32) + sha(9)
    assert journal.md5s(PART) == NO_MD5 * 2 + b"o" * 16


def test_sync_of_a_part_that_is_gone_writes_nothing(journal: PartJournal) -> None:
    journal.save(OTHER, JournalEntry(((0, 4),), [(0, sha(0))]), 200)
    assert journal.hashes(OTHER) == b""
    assert journal.part(OTHER) is None


def test_members_are_told_with_what_is_here_and_the_index_with_what_was_said(journal: PartJournal) -> None:
    journal.add_members(PART, 0, MEMBERS[:2])
    assert (journal.member_count(PART), journal.index(PART, 3)) == (2, None)
    journal.add_members(PART, 1, MEMBERS[1:])
    index = journal.index(PART, 3)
    assert index is not None
    assert tuple(index) == MEMBERS
    assert [member.md5 for member in journal.members(PART)] == [NO_MD5] * 3
    journal.save(PART, JournalEntry((), (), [(2, b"m" * 16)]), 200)
    assert [member.md5 for member in journal.members(PART, 1)] == [NO_MD5, b"m" * 16]
    assert [member.path for member in journal.members(PART, 1, 1)] == ["d/a"]
    journal.forget_members(PART)
    assert journal.member_count(PART) == 0


def test_part_that_ends_leaves_nothing_of_itself(journal: PartJournal) -> None:
    journal.add_members(PART, 0, MEMBERS)
    journal.save(PART, JournalEntry(((0, 4),), [(0, sha(0))]), 200)
    journal.remove_part(PART)
    assert (journal.part_ids(), list(journal.parts()), list(journal.infos())) == ((), [], [])
    assert (bytes(journal.hashes(PART)), journal.member_count(PART)) == (b"", 0)


@pytest.mark.parametrize("data", [b"x", pack_runs([(5, 3)]), pack_runs([(0, 4), (4, 8)]), pack_runs([(2, 4), (0, 1)])])
def test_damaged_ranges_are_no_ranges(data: bytes) -> None:
    assert unpack_runs(data, 100) == ()


def test_ranges_end_with_the_file() -> None:
    assert clip_runs([(0, 4), (6, 9), (20, 30)], 8) == ((0, 4), (6, 8))
    assert unpack_runs(pack_runs([(0, 4), (6, 9)]), 100) == ((0, 4), (6, 9))
