"""The storage of a server: a data folder with databases, parts and files."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeAlias

from udpchat.config import MAX_OWNER_INDEXES, MAX_SERVER_INDEXES, MIN_FREE_SPACE
from udpchat.files.ports import CloseSource, DigestSource, HashBlocks
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.store.budget import IndexBudget
from udpchat.store.catalogue import Catalogue
from udpchat.store.chat import ChatStore
from udpchat.store.chat_rules import ChatLimits
from udpchat.store.database import open_database, open_reader, open_second_writer
from udpchat.store.file_schema import DATABASE
from udpchat.store.lock import FolderLock
from udpchat.store.part_journal import PartJournal
from udpchat.store.parts import PartTable
from udpchat.store.quotas import Limits
from udpchat.store.recovery import Recovery, recover
from udpchat.store.shared import Share, SharedFolder
from udpchat.store.shared_book import SharedBook
from udpchat.store.shared_search import SharedSearch
from udpchat.store.sources import digest_source, hash_blocks
from udpchat.store.stored import StoredFiles
from udpchat.store.trouble import storage_error
from udpchat.store.uploads import Folders, Uploads

logger = logging.getLogger(__name__)

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
        share: Share | None = None,
    ) -> None:
        """See the class.

        clock: wall clock since 1970 [us]. portable: None decides by what the system can do. share: of a node.
        """
        limits = limits or Limits(spare=MIN_FREE_SPACE)
        lifetime = limits.file_lifetime
        with ExitStack() as opened:  # what is open when something fails
            folders = _open_folder(folder, opened, portable=portable)
            connection = open_database(folder / DATABASE)
            opened.callback(connection.close)
            beside, lister = (  # a connection for each thread
                opened.enter_context(closing(Catalogue(open_reader(folder / DATABASE), lifetime)))
                for _ in (Lane.READING, Lane.LISTING)
            )
            catalogue, journal = Catalogue(connection, lifetime), PartJournal(connection)
            uploads = Uploads(catalogue, journal, folders, limits, clock, random_bytes)
            parts = PartTable(uploads, IndexBudget(MAX_OWNER_INDEXES, MAX_SERVER_INDEXES))
            opened.callback(parts.close)
            try:
                shared = _open_shared(folder / DATABASE, share, opened, clock, random_bytes, portable=portable)
                files = StoredFiles(catalogue, beside, lister, folders.files, parts, uploads, shared, lifetime=lifetime)
                self.recovered: Recovery = recover(catalogue, journal, folders, uploads, clock())
                files.finish_removals()
            except (OSError, sqlite3.Error) as error:
                raise storage_error(error, f"use the data folder {folder}") from error
            for text in self.recovered.warnings():
                logger.warning("%s: %s", folder, text)
            chat = ChatStore(folder, clock=clock, random_bytes=random_bytes, limits=chat_limits)
            opened.callback(chat.close)
            self._opened = opened.pop_all()
        self._handlers: dict[type, Handler] = {
            **parts.handlers(),
            **files.handlers(),
            **shared.handlers(),
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


def _open_shared(
    path: Path,
    share: Share | None,
    opened: ExitStack,
    clock: Callable[[], int],
    random_bytes: Callable[[int], bytes],
    *,
    portable: bool | None,
) -> SharedFolder:
    """path: of the database."""
    writer, searcher = open_second_writer(path), open_reader(path)
    opened.callback(writer.close)
    opened.callback(searcher.close)
    book = SharedBook(writer, "" if share is None else share.owner_nick, clock, random_bytes)
    shared = SharedFolder(share, book, SharedSearch(searcher), portable=portable)
    opened.callback(shared.close)
    return shared


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
