"""The folder that a node shares as it lies there: looked at in slices, served where it is, never copied or changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from udpchat.config import CHECK_SLICE
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import Stored
from udpchat.peers.ports import ScanShare, SearchShared, ShareScanned
from udpchat.protocol.ports import Job, Lane, Result
from udpchat.store.fileio import file_io
from udpchat.store.jobs import make_job
from udpchat.store.shared_book import SharedBook
from udpchat.store.shared_rows import SharedRows, place_of
from udpchat.store.shared_scan import ShareScan
from udpchat.store.shared_search import SharedSearch
from udpchat.store.shared_source import has_changed, open_shared
from udpchat.store.trees import Tree

Handler: TypeAlias = Callable[..., Result | Job]

NOTHING: Final = ShareScanned(is_done=True)


@dataclass(frozen=True, slots=True)
class Share:
    """What a node shares. folder: absolute. owner_nick: whose it is in lists, the name of the node."""

    folder: Path
    owner_nick: str


class SharedFolder:
    """Performs what is asked of it in peers/ports.py. share: None when nothing is shared."""

    __slots__ = ("_book", "_lock", "_portable", "_scan", "_search", "_share")

    def __init__(self, share: Share | None, book: SharedBook, search: SharedSearch, *, portable: bool | None) -> None:
        self._share = share
        self._book = book
        self._search = search
        self._portable = portable
        self._scan: ShareScan | None = None
        self._lock = threading.Lock()  # its lane has two threads
        book.begin("" if share is None else str(share.folder))

    def handlers(self) -> dict[type, Handler]:
        """What performs each request."""
        return {
            ScanShare: self._go_on,
            SearchShared: lambda request: make_job(
                "search what is shared", lambda: self._search.find(request), lane=Lane.SEARCHING
            ),
        }

    @property
    def is_there(self) -> bool:
        """Whether anything is shared."""
        return self._share is not None

    def open(self, rows: SharedRows, entry: FileEntry, number: int) -> Stored:
        """Something that is shared, for sending. rows: on the connection of this thread. StorageError."""
        if self._share is None:
            raise has_changed(entry.file_name)
        return open_shared(rows, self._share.folder, entry, number, portable=self._portable)

    def doubt(self, entry: FileEntry) -> None:
        """Something is not what was read, though nothing shows it: it leaves the list and is read again."""
        with self._lock:
            place = place_of(entry.path)
            self._book.forget([place, *(row.place for row in self._book.rows.below(place))])

    def close(self) -> None:
        """Give everything back."""
        if self._scan is not None:
            self._scan.close()
            self._scan = None

    def _go_on(self, request: ScanShare) -> Result | Job:  # noqa: ARG002 - a Handler
        share = self._share
        if share is None:
            return NOTHING
        return make_job(f"read the shared folder {share.folder}", lambda: self._slice(share), lane=Lane.HASHING)

    def _slice(self, share: Share) -> ShareScanned:
        with self._lock:
            scan, self._scan = self._scan, None
            if scan is None:
                scan = _begin(share.folder, self._book, portable=self._portable)
            try:
                is_done = scan.go_on(CHECK_SLICE)
            except BaseException:
                scan.close()
                raise
            if is_done:
                scan.close()
            else:
                self._scan = scan
            return self._scanned(scan, is_done=is_done)

    def _scanned(self, scan: ShareScan, *, is_done: bool) -> ShareScanned:
        files, folders = self._book.counts()
        left_out = tuple(sorted(scan.left_out.items()))
        return ShareScanned(
            is_done, files, folders, scan.read, len(scan.waiting), scan.waiting_bytes, scan.gone, left_out
        )


def _begin(folder: Path, book: SharedBook, *, portable: bool | None) -> ShareScan:
    tree = Tree(folder, portable=portable)
    return ShareScan(tree, book, file_io(portable=tree.portable))


def not_ours_to_delete(entry: FileEntry) -> StorageError:
    """Somebody wants to remove what only lies in the folder of a user."""
    text = f"{entry.file_name!r} lies in a folder that {entry.owner_nick} shares, and is only removed there"
    return StorageError(text, ErrorCode.NOT_ALLOWED)
