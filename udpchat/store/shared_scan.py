"""One look at the folder that a node shares: what is there, what is gone, what has to be read, and what is left out."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Final

from udpchat.config import KIB, MAX_FILE_NAME, MAX_FILE_SIZE, MAX_MEMBER_PATH, MAX_SHARED, MEMBERS_AT_ONCE, MIB
from udpchat.errors import StorageError
from udpchat.files.blocks import block_root
from udpchat.files.indexing import path_fault
from udpchat.files.ports import Media
from udpchat.store.fileio import FileIO
from udpchat.store.hashing import RunningHash, index_of_file
from udpchat.store.media import find_media
from udpchat.store.names import UNFINISHED, display_name
from udpchat.store.scan import has_secret
from udpchat.store.shared_book import HashedFile, SharedBook
from udpchat.store.shared_rows import SharedRow, path_of, place_of, row_of
from udpchat.store.trees import Tree, is_directory, is_link

MAX_SLICE: Final = 1.0  # seconds, then there is a pause
ENTRY_COST: Final = 8 * KIB  # bytes that could be read in the time that a look at a name takes

# Why something is left out, in words.
HIDDEN: Final = "hidden"
LINK: Final = "links"
UNFIT: Final = "names that cannot be shown"
ODD: Final = "neither files nor folders"
UNREADABLE: Final = "not readable"
CHANGING: Final = "still changing"
OWN: Final = "udpchat's own"
TOO_LARGE: Final = "too large"
TOO_MANY: Final = "too many"

_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})


class ShareScan:
    """A look that goes on in slices, each in a worker thread, one at a time.

    tree: belongs to this from now on. read, gone: files so far. waiting: files that are to be read, waiting_bytes in
    all. left_out: by reason.
    """

    def __init__(self, tree: Tree, book: SharedBook, io: FileIO) -> None:
        self.left_out: Counter[str] = Counter()
        self.read = 0
        self.gone = 0
        self.waiting: deque[SharedRow] = deque()
        self.waiting_bytes = 0
        self._tree = tree
        self._book = book
        self._io = io
        self._seen: set[str] = set()
        self._notes = _Notes(book)
        self._steps = self._run()

    def go_on(self, budget: int) -> bool:
        """Do as much as reading so many bytes takes; whether all is done. May raise OSError and sqlite3.Error.

        On a slow disk it is less: who stops the node waits for this.
        """
        is_done, end = True, time.monotonic() + MAX_SLICE
        for cost in self._steps:
            budget -= cost
            if budget <= 0 or time.monotonic() > end:
                is_done = False
                break
        self._notes.write()
        return is_done

    def close(self) -> None:
        """Give everything back."""
        self._steps.close()
        self._tree.close()

    def _run(self) -> Generator[int]:
        if has_secret(self._tree, ""):
            text = f"{self._tree.root} is where udpchat keeps a secret key; share another folder"
            raise StorageError(text)
        yield from self._walk()
        yield from self._forget_gone()
        yield from self._read_waiting()
        yield from self._count()

    # -- what is there -------------------------------------------------------------------------------------------------

    def _walk(self) -> Iterator[int]:
        waiting = [""]
        while waiting:
            above = waiting.pop()
            entries = self._entries(above)
            for start in range(0, len(entries), MEMBERS_AT_ONCE):
                group = entries[start : start + MEMBERS_AT_ONCE]
                waiting.extend(self._look(f"{above}/" if above else "", group))
                yield len(group) * ENTRY_COST

    def _look(self, prefix: str, entries: Sequence[tuple[str, os.stat_result]]) -> list[str]:
        """Compare what is there with what is written down; paths of the directories among it."""
        rows = []
        for name, status in entries:
            reason = self._objection(name, prefix + name, status)
            if reason is None:
                rows.append(row_of(place_of(prefix + name), status))
                self._seen.add(rows[-1].place)
            else:
                self.left_out[reason] += 1
        known = self._book.rows.at([row.place for row in rows])
        for row in rows:
            self._compare(row, known.get(row.place))
        return [path_of(row.place) for row in rows if row.is_directory]

    def _compare(self, row: SharedRow, known: SharedRow | None) -> None:
        if row.is_directory:
            if known is None or not known.is_directory or known.stamp != row.stamp:
                self._notes.add_directory(row)
        elif known is None or (known.size, known.stamp, known.inode) != (row.size, row.stamp, row.inode):
            self.waiting.append(row)
            self.waiting_bytes += row.size
        elif known.flags != row.flags:
            self._notes.add_note(row)

    def _entries(self, path: str) -> list[tuple[str, os.stat_result]]:
        try:
            return self._tree.entries(path, MAX_SHARED)
        except (PermissionError, FileNotFoundError, NotADirectoryError):
            if not path:
                raise
            self.left_out[UNREADABLE] += 1  # or it was removed, or replaced by something else, just now
            return []

    def _objection(self, name: str, path: str, status: os.stat_result) -> str | None:
        """Why something is not shared."""
        if is_link(status):
            return LINK
        if _is_hidden(name, status):
            return HIDDEN
        if not _is_fit(name, path):
            return UNFIT
        if is_directory(status):
            if has_secret(self._tree, path):
                return OWN
        elif not stat.S_ISREG(status.st_mode):
            return ODD
        elif status.st_size > MAX_FILE_SIZE:
            return TOO_LARGE
        return TOO_MANY if len(self._seen) >= MAX_SHARED else None

    def _forget_gone(self) -> Iterator[int]:
        self._notes.write()
        gone = [place for place in self._book.places() if place not in self._seen]
        for start in range(0, len(gone), MEMBERS_AT_ONCE):
            group = gone[start : start + MEMBERS_AT_ONCE]
            self._book.forget(group)
            self.gone += len(group)
            yield len(group) * ENTRY_COST

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read_waiting(self) -> Iterator[int]:
        buffer = memoryview(bytearray(min(MIB, max((row.size for row in self.waiting), default=0))))
        while self.waiting:
            row = self.waiting[0]
            yield ENTRY_COST
            yield from self._read_file(row, buffer)
            self.waiting.popleft()
            self.waiting_bytes -= row.size

    def _read_file(self, row: SharedRow, buffer: memoryview) -> Iterator[int]:
        try:
            fd = self._tree.open(path_of(row.place))
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                raise
            self._leave_out(row, UNREADABLE)
            return
        try:
            yield from self._hash(row, fd, buffer)
        except OSError:  # a bad sector is no reason to share nothing else
            self._leave_out(row, UNREADABLE)
        finally:
            os.close(fd)

    def _hash(self, row: SharedRow, fd: int, buffer: memoryview) -> Iterator[int]:
        running = RunningHash(index_of_file(row.size))
        if not row.is_still(os.fstat(fd)):
            self.left_out[CHANGING] += 1
            return
        while not running.is_done:
            piece = buffer[: row.size - running.position]
            if self._io.read_at(fd, running.position, piece) < len(piece):
                self.left_out[CHANGING] += 1
                return
            running.feed(piece)
            yield len(piece)
        media = find_media(row.size, lambda offset, size: _read(self._io, fd, offset, size))
        if not row.is_still(os.fstat(fd)):
            self.left_out[CHANGING] += 1
            return
        self._notes.add_file(row, running, media)
        self.read += 1

    def _leave_out(self, row: SharedRow, reason: str) -> None:
        self.left_out[reason] += 1
        self._book.forget([row.place])  # nobody can have what was there before

    def _count(self) -> Iterator[int]:
        self._notes.write()
        for place in self._book.uncounted():
            yield self._book.count(place) * ENTRY_COST


class _Notes:
    """What is to be written down, in groups: directories, files that were read, files that were not but are others."""

    def __init__(self, book: SharedBook) -> None:
        self._book = book
        self._directories: list[SharedRow] = []
        self._files: list[HashedFile] = []
        self._notes: list[SharedRow] = []

    def add_directory(self, row: SharedRow) -> None:
        self._directories.append(row)
        self._write_many()

    def add_note(self, row: SharedRow) -> None:
        self._notes.append(row)
        self._write_many()

    def add_file(self, row: SharedRow, running: RunningHash, media: Media) -> None:
        hashes = bytes(running.hashes)
        read = replace(row, md5=running.digest(is_folder=False), root=block_root(row.size, hashes))
        self._files.append(HashedFile(read, hashes, media))
        self._write_many()

    def write(self) -> None:
        if self._directories:
            self._book.add_directories(self._directories)
        if self._notes:
            self._book.note(self._notes)
        if self._files:
            self._book.take(self._files)
        self._directories, self._notes, self._files = [], [], []

    def _write_many(self) -> None:
        if len(self._directories) + len(self._notes) + len(self._files) >= MEMBERS_AT_ONCE:
            self.write()


def _is_hidden(name: str, status: os.stat_result) -> bool:
    """Whether the user's file manager would not show it: downloads that are still arriving are among these."""
    attributes = getattr(status, "st_file_attributes", 0) & getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0)
    return name.startswith(".") or name.endswith(UNFINISHED) or bool(attributes)


def _is_fit(name: str, path: str) -> bool:
    """Whether others can be told this name: text, and nothing that controls, hides or turns round."""
    try:
        is_short = len(name.encode()) <= MAX_FILE_NAME and len(path.encode()) <= MAX_MEMBER_PATH
    except UnicodeEncodeError:
        return False
    is_shown = name.isprintable() or display_name(name) == name  # the first is the same for most, and quick
    return is_short and is_shown and path_fault(path) is None


def _read(io: FileIO, fd: int, offset: int, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: io.read_at(fd, offset, memoryview(buffer))])
