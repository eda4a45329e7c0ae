"""A file that is still arriving, in whatever order: its bytes, which of them are there, and their running MD5."""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from udpchat.arq.ranges import RangeSet
from udpchat.config import MAX_CATCH_UP, MAX_PART_RUNS, MIB
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.store.folders import Folder
from udpchat.store.trouble import storage_error

Runs: TypeAlias = tuple[tuple[int, int], ...]  # half-open, ascending, disjoint

_RUN: Final = struct.Struct(">QQ")
_CLOSED: Final = -1


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What was said about a file before its first byte came. See `CreatePart`."""

    part_id: bytes
    owner: bytes
    owner_nick: str
    file_name: str
    size: int


class PartFile:
    """A file that is still arriving.

    The thread that runs the core writes and looks at what is there; the worker thread syncs, reads back and closes. The
    worker never touches what the other thread changes: it is handed snapshots.

    name: of the file in folder. present: what is there already; then all is read back for the MD5 at the end, otherwise
    it runs along. users: how many transfers write to it. synced: how many bytes are known to be durable. failed: why it
    takes no more.
    """

    __slots__ = (
        "_broken",
        "_fd",
        "_folder",
        "_hashed",
        "_md5",
        "failed",
        "info",
        "name",
        "ranges",
        "synced",
        "users",
    )

    def __init__(self, info: PartInfo, folder: Folder, name: str, fd: int, present: Runs = ()) -> None:
        self.info = info
        self.name = name
        self.ranges = RangeSet(present)
        self.users = 1
        self.failed: StorageError | None = None
        self.synced = self.ranges.total
        self._folder = folder
        self._fd = fd
        self._md5 = None if present else hashlib.md5(usedforsecurity=False)
        self._hashed = 0
        self._broken = False

    # -- on the thread that runs the core ------------------------------------------------------------------------------

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there."""
        return self.ranges.total == self.info.size

    @property
    def runs(self) -> Runs:
        """What is there."""
        return tuple(self.ranges)

    def write(self, offset: int, view: memoryview) -> None:
        """Write what is not there yet. StorageError when that fails: the part is `failed` from then on."""
        stop = offset + len(view)
        if offset < 0 or stop > self.info.size:
            raise UsageError(f"bytes {offset} to {stop} of a file that has {self.info.size}")
        try:
            if offset >= self.ranges.last:
                self._put(offset, view)
            else:
                for left, right in tuple(self.ranges.missing(offset, stop)):
                    self._put(left, view[left - offset : right - offset])
            self._catch_up()
        except OSError as error:
            self.failed = storage_error(error, f"write to {self.info.file_name!r}")
            raise self.failed from error
        if len(self.ranges) > MAX_PART_RUNS:
            self.failed = StorageError(f"{self.info.file_name!r} arrives in too many pieces", ErrorCode.FLOW_CONTROL)
            raise self.failed

    def snapshot_md5(self) -> tuple[hashlib._Hash | None, int]:
        """A copy of the running MD5 and how many bytes it has seen, for `digest`."""
        return (None, 0) if self._md5 is None else (self._md5.copy(), self._hashed)

    def _put(self, offset: int, view: memoryview) -> None:
        if not view:
            return
        self._folder.io.write_at(self._fd, offset, view)
        self.ranges.add(offset, offset + len(view))
        if offset == self._hashed and self._md5 is not None:
            self._md5.update(view)
            self._hashed += len(view)

    def _catch_up(self) -> None:
        # A filled hole leaves bytes that are written but not hashed; the bound keeps one write from taking long.
        if self._md5 is None or self._hashed not in self.ranges:
            return
        stop = min(self.ranges.run_at(self._hashed)[1], self._hashed + MAX_CATCH_UP)
        buffer = memoryview(bytearray(stop - self._hashed))
        count = self._folder.io.read_at(self._fd, self._hashed, buffer)
        self._md5.update(buffer[:count])
        self._hashed += count

    # -- on the worker thread ------------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Whether the file was closed."""
        return self._fd == _CLOSED

    @property
    def is_broken(self) -> bool:
        """Whether the system failed to make the bytes durable: then it may have forgotten them."""
        return self._broken

    def sync_data(self) -> None:
        """Return when the bytes are durable; nothing happens when the file is closed."""
        if not self.is_closed:
            self._sync(self._folder.io.sync_data)

    def sync(self) -> None:
        """Return when the bytes and all that is known about the file are durable."""
        self._sync(self._folder.io.sync)

    def _sync(self, call: Callable[[int], None]) -> None:
        # A system reports a failed write-back once and then forgets the bytes: a second success would prove nothing.
        if self._broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            call(self._fd)
        except OSError:
            self._broken = True
            raise

    def digest(self, md5: hashlib._Hash | None, hashed: int) -> bytes:
        """MD5 of the whole; reads only what md5 has not seen. StorageError when bytes are missing."""
        md5 = md5 or hashlib.md5(usedforsecurity=False)
        buffer = memoryview(bytearray(min(MIB, self.info.size - hashed)))
        while hashed < self.info.size:
            count = self._folder.io.read_at(self._fd, hashed, buffer[: self.info.size - hashed])
            if count == 0:
                text = f"{self.info.file_name!r} became shorter on the disk; send it again"
                raise StorageError(text, ErrorCode.INCOMPLETE)
            md5.update(buffer[:count])
            hashed += count
        return md5.digest()

    def close(self) -> None:
        """Give the descriptor back; a second call does nothing."""
        if not self.is_closed:
            os.close(self._fd)
            self._fd = _CLOSED


def pack_runs(runs: Iterable[tuple[int, int]]) -> bytes:
    """Runs as they lie in a journal."""
    return b"".join(_RUN.pack(start, stop) for start, stop in runs)


def unpack_runs(data: bytes, limit: int) -> Runs:
    """Runs from a journal, as far as they lie below limit (the length of the file); none when the record is damaged."""
    if len(data) % _RUN.size:
        return ()
    return clip_runs(_RUN.iter_unpack(data), limit)


def clip_runs(runs: Iterable[tuple[int, int]], limit: int) -> Runs:
    """Runs below limit; none at all when they are not ascending and disjoint."""
    kept: list[tuple[int, int]] = []
    previous = -1
    for start, stop in runs:
        if not previous < start < stop:
            return ()
        previous = stop
        if start < limit:
            kept.append((start, min(stop, limit)))
    return tuple(kept)


def prefix_of(runs: Runs) -> int:
    """How many bytes there are from the start on without a hole."""
    return runs[0][1] if runs and runs[0][0] == 0 else 0
