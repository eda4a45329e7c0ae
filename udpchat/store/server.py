"""The storage of a server: a data folder with databases, parts and files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from udpchat.config import MAX_OWNER_INDEXES, MAX_SERVER_INDEXES, MIN_FREE_SPACE
from udpchat.files.ports import CloseSource, DigestSource, HashBlocks
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.store.budget import IndexBudget
from udpchat.store.catalogue import Catalogue
from udpchat.store.chat import ChatStore
from udpchat.store.chat_rules import ChatLimits
from udpchat.store.database import open_database, open_reader
from udpchat.store.file_schema import DATABASE
from udpchat.store.lock import FolderLock
from udpchat.store.part_journal import PartJournal
from udpchat.store.parts import PartTable
from udpchat.store.quotas import Limits
from udpchat.store.recovery import Recovery, recover
from udpchat.store.sources import digest_source, hash_blocks
from udpchat.store.stored import StoredFiles
from udpchat.store.trouble import storage_error
from udpchat.store.uploads import Folders, Uploads

Handler: TypeAlias = Callable[..., Result | Job]


class ServerStore:
    """Performs requests in a data folder, which it holds alone.

    Opening it brings disk and database together; `recovered` says what was found. StorageError when the folder is in
    use, damaged, or of a newer version.
    """

    __slots__ = ("_handlers", "_opened", "recovered")

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        limits: Limits | None = None,
        chat_limits: ChatLimits | None = None,
        portable: bool | None = None,
    ) -> None:
        """See the class.

        clock: wall clock since 1970 [us]. portable: None decides by what the system can do.
        """
        limits = limits or Limits(spare=MIN_FREE_SPACE)
        with ExitStack() as opened:  # what is open when something fails
            folders = _open_folder(folder, opened, portable=portable)
            connection = open_database(folder / DATABASE)
            opened.callback(connection.close)
            readers = []
            for _ in (Lane.READING, Lane.LISTING):  # a connection for each thread
                readers.append(Catalogue(open_reader(folder / DATABASE), limits.file_lifetime))
                opened.callback(readers[-1].close)
            catalogue, journal = Catalogue(connection, limits.file_lifetime), PartJournal(connection)
            uploads = Uploads(catalogue, journal, folders, limits, clock, random_bytes)
            parts = PartTable(uploads, IndexBudget(MAX_OWNER_INDEXES, MAX_SERVER_INDEXES))
            opened.callback(parts.close)
            beside, lister = readers
            files = StoredFiles(catalogue, beside, lister, folders.files, parts, uploads, lifetime=limits.file_lifetime)
            try:
                self.recovered: Recovery = recover(catalogue, journal, folders, uploads, clock())
                files.finish_removals()
            except (OSError, sqlite3.Error) as error:
                raise storage_error(error, f"use the data folder {folder}") from error
            chat = ChatStore(folder, clock=clock, random_bytes=random_bytes, limits=chat_limits)
            opened.callback(chat.close)
            self._opened = opened.pop_all()
        self._handlers: dict[type, Handler] = {
            **parts.handlers(),
            **files.handlers(),
            DigestSource: digest_source,
            HashBlocks: hash_blocks,
            CloseSource: lambda request: request.source.close(),
            **chat.handlers(),
        }

    def submit(self, request: StoreRequest) -> Result | Job:
        """See `udpchat.protocol.ports.Store`."""
        return self._handlers[type(request)](request)

    def close(self) -> None:
        """Close everything. Nothing is written first: stopping and crashing leave the same behind."""
        self._opened.close()


def _open_folder(folder: Path, opened: ExitStack, *, portable: bool | None) -> Folders:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FolderLock(folder)
        opened.callback(lock.release)
        folders = Folders(folder, portable=portable)
        opened.callback(folders.close)
    except OSError as error:
        raise storage_error(error, f"use the data folder {folder}") from error
    return folders
