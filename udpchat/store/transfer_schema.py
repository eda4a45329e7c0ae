"""The SQLite file of a client: its unfinished transfers, and the journals of its downloads.

Several programs of one user share it. Of SQLite up to 3.51.2 it is known that two connections that write or checkpoint
at the same moment can damage a write-ahead log, so only who holds the lock file beside it writes.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError
from udpchat.store.database import BUSY_TIMEOUT, open_database
from udpchat.store.lock import Turn
from udpchat.store.part_schema import PART_TABLES

TRANSFER_DATABASE: Final = "transfers.db"
TRANSFER_LOCK: Final = "transfers.lock"
TRANSFER_APPLICATION_ID: Final = 0x55445452  # "UDTR", in the header of the file

# Each entry takes the schema from one number to the next; entries are never changed, only added.
#
# transfers   columns as in `Transfer`; path: bytes, for not every name is text; holder: name of the life sign of the
#             program that is at it, or empty
# finished    downloads that are files, until their transfer is ended: a commit may be repeated. changed: time of the
#             last change of the file [ns], to notice that it is another now; 0 of a folder
# parts       kept: mark of the empty file or directory that keeps the name of a download free, see landing.py
TRANSFER_SCHEMA: Final[tuple[str, ...]] = (
    """
    CREATE TABLE transfers (
        part_id BLOB PRIMARY KEY CHECK (length(part_id) = 16),
        direction TEXT NOT NULL CHECK (direction IN ('upload', 'download')),
        server BLOB NOT NULL,
        path BLOB NOT NULL,
        file_name TEXT NOT NULL,
        nick TEXT NOT NULL,
        room TEXT NOT NULL,
        recipient TEXT NOT NULL,
        file_id BLOB NOT NULL CHECK (length(file_id) = 16),
        member INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mark BLOB NOT NULL,
        wish TEXT NOT NULL CHECK (wish IN ('run', 'pause', 'cancel')),
        priority INTEGER NOT NULL,
        rate INTEGER NOT NULL,
        place INTEGER NOT NULL,
        done INTEGER NOT NULL,
        number INTEGER NOT NULL UNIQUE CHECK (number > 0),
        added_at INTEGER NOT NULL,
        text TEXT NOT NULL,
        holder TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
    CREATE TABLE finished (
        sequence INTEGER PRIMARY KEY,
        part_id BLOB NOT NULL UNIQUE CHECK (length(part_id) = 16),
        path TEXT NOT NULL,
        file_name TEXT NOT NULL,
        size INTEGER NOT NULL,
        md5 BLOB NOT NULL CHECK (length(md5) = 16),
        stored_at INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        owner BLOB NOT NULL,
        owner_nick TEXT NOT NULL,
        modified INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        members INTEGER NOT NULL,
        root BLOB NOT NULL
    );
    """,
    PART_TABLES,
    "ALTER TABLE parts ADD COLUMN kept TEXT NOT NULL DEFAULT ''",
)


class TransferDatabase:
    """The database of a client, opened when it is first needed. home: None for one in memory.

    For several threads: each uses the connection inside `reading` or `writing`. StorageError when it cannot be used.
    """

    __slots__ = ("_connection", "_home", "_lock", "_turn")

    def __init__(self, home: Path | None) -> None:
        self._home = home
        self._turn = None if home is None else Turn(home / TRANSFER_LOCK)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @property
    def home(self) -> Path | None:
        """Folder it lies in."""
        return self._home

    @property
    def exists(self) -> bool:
        """Whether anything was ever written to it."""
        return self._connection is not None or (self._home is not None and (self._home / TRANSFER_DATABASE).exists())

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread, inside."""
        with self._lock:
            if self._connection is None:
                with self._our_turn():
                    self._connection = self._open()
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread and program; transactions are begun and ended inside."""
        with self._lock, self._our_turn():
            if self._connection is None:
                self._connection = self._open()
            yield self._connection

    def close(self) -> None:
        """Close it; it is opened again when it is needed again."""
        with self._lock:
            if self._connection is not None:
                with self._our_turn():  # the last one that closes it writes the log back
                    self._connection.close()
                self._connection = None
            if self._turn is not None:
                self._turn.close()

    @contextmanager
    def _our_turn(self) -> Iterator[None]:
        if self._turn is None or self._home is None:
            yield
            return
        if not self._home.exists():
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._turn.take(BUSY_TIMEOUT / 1_000):
            yield

    def _open(self) -> sqlite3.Connection:
        if self._home is not None:
            path = self._home / TRANSFER_DATABASE
            try:
                return open_database(path, TRANSFER_SCHEMA, TRANSFER_APPLICATION_ID)
            except StorageError as error:
                text = f"{error.text}; when it is moved away, unfinished transfers begin anew"
                raise StorageError(text, error.code) from error
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for script in TRANSFER_SCHEMA:
            for statement in script.split(";"):
                connection.execute(statement)
        return connection
