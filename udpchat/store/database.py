"""SQLite files: opened, checked, migrated.

One connection does everything, in one thread at a time. Write-ahead log with full synchronisation: what was committed
is on the disk.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError
from udpchat.store.file_schema import APPLICATION_ID, FILE_SCHEMA
from udpchat.store.trouble import storage_error

BUSY_TIMEOUT: Final = 5_000  # wait for another program's lock [ms]


def open_database(
    path: Path, schema: Sequence[str] = FILE_SCHEMA, application_id: int = APPLICATION_ID
) -> sqlite3.Connection:
    """The database at path, made when there is none, brought to the newest schema after a backup.

    application_id: which of our databases it is. StorageError when it is damaged, not that one, of a newer udpchat, or
    held by another program.
    """
    try:
        _make(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise storage_error(error, f"open {path}") from error
    try:
        _configure(connection)
        _check(connection, path, application_id)
        _migrate(connection, path, schema, application_id)
        connection.execute("PRAGMA journal_mode = WAL")
    except (OSError, sqlite3.Error) as error:
        connection.close()
        raise storage_error(error, f"open {path}") from error
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of what is executed inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def open_reader(path: Path) -> sqlite3.Connection:
    """A second connection to a database that `open_database` has opened: reads beside the writer only."""
    return _open_beside(path, "query_only = ON")


def open_second_writer(path: Path) -> sqlite3.Connection:
    """A second connection that writes what can be found out again: a power cut may take the last of it."""
    return _open_beside(path, "synchronous = NORMAL")


def _open_beside(path: Path, setting: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _configure(connection)
            connection.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise storage_error(error, f"open {path}") from error
    return connection


@contextlib.contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """What is read inside is of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _make(path: Path) -> None:
    """An empty file that only its owner may read, when there is none: SQLite's other files get the same permissions."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _configure(connection: sqlite3.Connection) -> None:
    for setting in (
        f"busy_timeout = {BUSY_TIMEOUT}",
        "synchronous = FULL",
        "fullfsync = ON",  # macOS: through the drive's cache as well
        "foreign_keys = ON",
        "trusted_schema = OFF",
        "cell_size_check = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


def _check(connection: sqlite3.Connection, path: Path, application_id: int) -> None:
    application = _number(connection, "application_id")
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    if application != application_id and not empty:
        raise StorageError(f"{path} is a database of another program; choose another data folder")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StorageError(f"{path} is damaged ({verdict}); restore it from a backup")


def _migrate(connection: sqlite3.Connection, path: Path, schema: Sequence[str], application_id: int) -> None:
    version, newest = _number(connection, "user_version"), len(schema)
    if version > newest:
        text = f"{path} was written by a newer udpchat (schema {version}, this one knows {newest}); update udpchat"
        raise StorageError(text)
    if version == newest:
        return
    if version > 0:
        _back_up(connection, path.with_name(f"{path.name}.schema-{version}.backup"))
    # executescript would commit first; statement by statement it stays one transaction (so: no ";" inside one).
    with transaction(connection):
        for script in schema[version:]:
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {newest}")


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    _make(path)
    copy = sqlite3.connect(path)
    try:
        connection.backup(copy)
    finally:
        copy.close()
