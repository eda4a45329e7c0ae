from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.store.actions import content, files, server_store, upload
from udpchat.errors import StorageError
from udpchat.store.database import open_database, transaction
from udpchat.store.file_schema import APPLICATION_ID, FILE_SCHEMA

NOTES = "ALTER TABLE files ADD COLUMN note TEXT NOT NULL DEFAULT ''; CREATE TABLE extra (a INTEGER)"
NEXT_SCHEMA = (*FILE_SCHEMA, NOTES)


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_database_is_set_up_so_that_commits_last(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db")
    settings = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "busy_timeout": 5_000,
        "application_id": APPLICATION_ID,
        "user_version": len(FILE_SCHEMA),
    }
    assert {name: pragma(connection, name) for name in settings} == settings
    connection.close()


def test_older_schema_is_migrated_after_a_backup(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    entry = upload(store, content(100))
    store.close()
    path = tmp_path / "udpchat.db"
    connection = open_database(path, NEXT_SCHEMA)
    assert pragma(connection, "user_version") == len(NEXT_SCHEMA)
    assert connection.execute("SELECT file_id, note FROM files").fetchall() == [(entry.file_id, "")]
    connection.close()
    backup = sqlite3.connect(tmp_path / f"udpchat.db.schema-{len(FILE_SCHEMA)}.backup")
    assert pragma(backup, "user_version") == len(FILE_SCHEMA)
    assert backup.execute("SELECT file_id FROM files").fetchall() == [(entry.file_id,)]
    backup.close()


def test_failed_migration_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    open_database(path).close()
    with pytest.raises(StorageError):
        open_database(path, (*FILE_SCHEMA, "CREATE TABLE extra (a INTEGER); CREATE TABLE files (a INTEGER)"))
    connection = open_database(path)
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)
    connection.close()


def test_newer_schema_is_refused_in_one_line(tmp_path: Path) -> None:
    server_store(tmp_path).close()
    open_database(tmp_path / "udpchat.db", NEXT_SCHEMA).close()
    with pytest.raises(StorageError, match="newer udpchat") as refused:
        server_store(tmp_path)
    assert "\n" not in refused.value.text
    connection = open_database(tmp_path / "udpchat.db", NEXT_SCHEMA)
    connection.close()


def test_database_of_another_program_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (a)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="another program"):
        open_database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", [slice(0, 100), slice(4_096, 6_000)], ids=["header", "page"])
def test_damaged_database_is_refused(damage: slice, tmp_path: Path) -> None:
    store = server_store(tmp_path)
    upload(store, content(100))
    store.close()
    path = tmp_path / "udpchat.db"
    data = bytearray(path.read_bytes())
    data[damage] = b"\xff" * (damage.stop - damage.start)
    path.write_bytes(data)
    with pytest.raises(StorageError, match=r"damaged|another program"):
        server_store(tmp_path)


def test_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (a INTEGER UNIQUE)")

    def insert_twice() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute("INSERT INTO t VALUES (1)")

    with pytest.raises(sqlite3.IntegrityError):
        insert_twice()
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


def test_list_survives_a_restart(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    entry = upload(store, content(100))
    store.close()
    store = server_store(tmp_path)
    assert files(store) == (entry,)
    store.close()
