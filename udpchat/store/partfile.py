"""A file or folder that is still arriving, in whatever order: its bytes, which of them are there, and their hashes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from udpchat.arq.ranges import RangeSet
from udpchat.config import CHECK_SLICE, MAX_CATCH_UP, MAX_PART_RUNS
from udpchat.errors import StorageError, UsageError
from udpchat.files.blocks import block_root
from udpchat.files.members import NO_MD5, Index, MemberInfo
from udpchat.store.checking import UNLIMITED, Body, PartHashing, keep_covered
from udpchat.store.folders import Folder
from udpchat.store.hashing import MD5_SIZE, RunningHash, index_of_file
from udpchat.store.indexing import check_members, check_repeated
from udpchat.store.part_journal import PartJournal
from udpchat.store.part_rows import JournalEntry, PartInfo, PartRow, Runs, unpack_runs
from udpchat.store.refusals import in_pieces
from udpchat.store.trouble import storage_error

_CLOSED: Final = -1
_T = TypeVar("_T")


class FileBody:
    """The `Body` of a part that is one file. name: in folder."""

    __slots__ = ("_fd", "_folder", "name")

    def __init__(self, folder: Folder, name: str, fd: int) -> None:
        self.name = name
        self._folder = folder
        self._fd = fd

    @property
    def is_closed(self) -> bool:
        """See `Body`."""
        return self._fd == _CLOSED

    def write_at(self, offset: int, view: memoryview) -> None:
        """See `Body`."""
        self._folder.io.write_at(self._fd, offset, view)

    def read_at(self, offset: int, view: memoryview) -> int:
        """See `Body`."""
        return self._folder.io.read_at(self._fd, offset, view)

    def sync_data(self) -> Runs:
        """See `Body`."""
        self._folder.io.sync_data(self._fd)
        return ()

    def sync(self) -> None:
        """See `Body`."""
        self._folder.io.sync(self._fd)

    def make_room(self, size: int, *, spare: int) -> None:
        """Have so many bytes of the disk, and spare free ones beside them; as it was before when there is no room."""
        length = os.fstat(self._fd).st_size
        if length == size:
            return
        try:
            self._folder.io.reserve(self._fd, size, folder=str(self._folder.path), spare=spare)
        except OSError:
            with suppress(OSError):  # why there is no room is what counts
                os.ftruncate(self._fd, length)  # a system may keep what it has found until it found too little
            raise

    def close(self) -> None:
        """See `Body`."""
        if self._fd != _CLOSED:
            os.close(self._fd)
            self._fd = _CLOSED


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a part had at one moment. applied: how many losses its runs are without."""

    runs: Runs
    applied: int


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What came of reading a part back. wrong: bytes that are not there any more; is_done: nothing much is left."""

    wrong: Runs
    is_done: bool


class Part:
    """A file or folder that is still arriving.

    The thread that runs the core writes and looks at what is there; worker threads sync, read back and close. They
    never touch what the other thread changes: they are handed snapshots, and what they find wrong stands in
    `hashing.losses` until `apply_losses` takes it out of `ranges`.

    users: how many transfers write to it. synced: how many bytes are known to be durable. failed: why it takes no more.
    is_broken: the system failed to make the bytes durable, and may have forgotten them. index, hashes, md5s, present:
    from the journal; see `load_part`.
    """

    __slots__ = ("_applied", "body", "failed", "hashing", "info", "is_broken", "ranges", "synced", "users")

    def __init__(
        self,
        info: PartInfo,
        body: Body,
        present: Runs = (),
        index: Index | None = None,
        hashes: bytearray | None = None,
        md5s: bytearray | None = None,
    ) -> None:
        if index is None and not info.is_folder:
            index = index_of_file(info.size)
        elif index is None and info.members == 0:
            index = Index(())
        self.info = info
        self.body = body
        self.ranges = RangeSet(present)
        self.users = 1
        self.failed: StorageError | None = None
        self.synced = self.ranges.total
        self.is_broken = False
        self.hashing = PartHashing(index, bytearray() if hashes is None else hashes, md5s)
        self._applied = 0

    # -- on the thread that runs the core ------------------------------------------------------------------------------

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there."""
        return self.ranges.total == self.info.size

    @property
    def runs(self) -> Runs:
        """What is there."""
        return tuple(self.ranges)

    @property
    def is_indexed(self) -> bool:
        """Whether it is a folder whose members are all known."""
        return self.info.is_folder and self.hashing.index is not None

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
            self.hashing.catch_up(self.body, self.ranges)
        except OSError as error:
            self.failed = storage_error(error, f"write to {self.info.file_name!r}")
            raise self.failed from error
        except StorageError as error:
            self.failed = error
            raise
        if len(self.ranges) > MAX_PART_RUNS:
            self.failed = in_pieces(self.info.file_name)
            raise self.failed

    def _put(self, offset: int, view: memoryview) -> None:
        if view:
            self.body.write_at(offset, view)
            self.ranges.add(offset, offset + len(view))
            self.hashing.feed(offset, view)

    def apply_losses(self) -> None:
        """Take what workers found wrong out of what is there."""
        losses = self.hashing.losses
        while self._applied < len(losses):
            self.ranges.remove(*losses[self._applied])
            self._applied += 1
            self.synced = -1  # as many bytes as before need not be the same bytes

    @property
    def debt(self) -> int:
        """Bytes that are there and are still to be read back; more than there are while others may turn out wrong."""
        return self.hashing.debt(self.ranges) if self.hashing.is_verified else self.info.size

    @property
    def is_behind(self) -> bool:
        """Whether so much is to be hashed that it is nothing for the thread that runs the core."""
        hashing = self.hashing
        return hashing.lent == 0 and hashing.is_verified and hashing.debt(self.ranges) > CHECK_SLICE

    def lost_nothing_since(self, snapshot: Snapshot) -> bool:
        """Whether all that was there is still taken to be right."""
        return len(self.hashing.losses) == snapshot.applied

    @property
    def has_news(self) -> bool:
        """Whether there are hashes that no journal has yet."""
        return self.hashing.running is not None and self.hashing.running.has_news

    def snapshot(self) -> Snapshot:
        """What is there now, for a worker."""
        self.apply_losses()
        return Snapshot(self.runs, self._applied)

    # -- in a worker ---------------------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Whether it takes and gives no bytes any more."""
        return self.body.is_closed

    def present(self, snapshot: Snapshot, left: Runs = ()) -> RangeSet:
        """What was there, without what turned out to be wrong since. left: without that, too."""
        present = RangeSet(snapshot.runs)
        for start, stop in (*self.hashing.losses[snapshot.applied :], *left):
            present.remove(start, stop)
        return present

    def entry(self, snapshot: Snapshot, left: Runs = ()) -> JournalEntry:
        """What is to be written down once the bytes of a snapshot are durable, but for what is left."""
        running = self.hashing.running
        if running is None:
            return JournalEntry(tuple(self.present(snapshot, left)))
        lost_blocks, lost_members = running.take_losses()  # first: then their bytes are not among what is there either
        present = self.present(snapshot, left)
        blocks, md5s = running.hold_back(present, *running.take())  # some are of bytes that came since
        return JournalEntry(
            tuple(present), tuple(blocks.items()), tuple(md5s.items()), tuple(lost_blocks), tuple(lost_members)
        )

    def knows_members(self, first: int, members: Sequence[MemberInfo]) -> bool:
        """Whether all members are known; StorageError when these are then not among them."""
        index = self.hashing.index
        if index is None:
            return False
        check_members(self.info, len(index), first, members)
        check_repeated(self.info, members, map(index.__getitem__, range(first, len(index))))
        return True

    def begin_hashing(self, index: Index) -> None:
        """All members of the folder are known."""
        with self.hashing.lock:
            if self.hashing.index is None:
                self.hashing.start(index)

    def read_back(self, present: RangeSet, budget: int, *, verify: bool) -> ReadBack:
        """Hash about budget bytes of what is there. Nothing happens after `close`."""
        with self.hashing.lock:
            before = len(self.hashing.losses)
            if not self.is_closed:
                self.hashing.read_back(self.body, present, budget, verify=verify)
            wrong = tuple(RangeSet(self.hashing.losses[before:]))
            is_done = self.is_closed or (self.hashing.is_verified and self.hashing.debt(present) <= MAX_CATCH_UP)
        return ReadBack(wrong, is_done)

    def hash_slice(self, present: RangeSet) -> bool:
        """Hash a slice of what is there and not hashed; whether next to nothing is left. Not after `close`.

        Of a folder all blocks from the journal must have been compared as well: the MD5s of its members are from there.
        """
        with self.hashing.lock:
            self.hashing.read_back(self.body, present, CHECK_SLICE, verify=False)
            is_compared = self.hashing.is_verified or not self.info.is_folder
            return is_compared and self.hashing.debt(present) <= MAX_CATCH_UP

    def differing(self, present: RangeSet, first: int, hashes: bytes) -> RangeSet:
        """The blocks that are there, and not what these hashes say. Nothing happens after `close`."""
        with self.hashing.lock:
            if self.is_closed:
                return RangeSet()
            return self.hashing.differing(self.body, present, self.info.size, first, hashes)

    def digest(self, present: RangeSet) -> bytes:
        """MD5 of the whole; reads back only what was not hashed. All bytes must be there."""
        self.read_back(present, UNLIMITED, verify=False)
        return self._running.digest(is_folder=self.info.is_folder)

    @contextmanager
    def whole_entry(self) -> Iterator[JournalEntry]:
        """What is to be written down of a part that is whole and hashed; when that fails it is said again next time."""
        running = self._running
        lost_blocks, lost_members = map(tuple, running.take_losses())
        blocks, md5s = running.take()
        runs = ((0, self.info.size),) if self.info.size else ()
        try:
            yield JournalEntry(runs, tuple(blocks.items()), tuple(md5s.items()), lost_blocks, lost_members)
        except BaseException:
            running.take_back(lost_blocks, lost_members, blocks, md5s)
            raise

    def root(self) -> bytes:
        """What the content is, see files/blocks.py; all must be hashed."""
        return block_root(self.info.size, bytes(self._running.hashes))

    def wrong_member(self) -> str:
        """Path of the first member that is not what its sender said; empty when nobody knows."""
        running = self._running
        for number, member in enumerate(running.index):
            if member.md5 not in {NO_MD5, running.md5(number)}:
                return member.path
        return ""

    @property
    def _running(self) -> RunningHash:
        if self.hashing.running is None:
            raise UsageError(f"the members of {self.info.file_name!r} are not known")
        return self.hashing.running

    def sync_data(self) -> Runs:
        """Return when the bytes are durable but for the runs that are returned."""
        return self._sync(self.body.sync_data)

    def sync(self) -> None:
        """Return when all bytes and all that is known about the file are durable."""
        self._sync(self.body.sync)

    def _sync(self, call: Callable[[], _T]) -> _T:
        # A system reports a failed write-back once and then forgets the bytes: a second success would prove nothing.
        if self.is_broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            return call()
        except OSError:
            self.is_broken = True
            raise

    def close(self) -> None:
        """Give the descriptors back when nobody reads any more; a second call does nothing."""
        with self.hashing.lock:
            self.body.close()


def load_part(journal: PartJournal, row: PartRow, body: Body, length: int) -> Part:
    """A part that goes on: what the journal says of it, as far as there are bytes on the disk. length: how many."""
    info = row.info
    present = unpack_runs(row.ranges, min(length, info.size))
    if info.is_folder:
        index = journal.index(info.part_id, info.members)
        md5s = journal.md5s(info.part_id)
    else:
        index, md5s = index_of_file(info.size), bytearray(MD5_SIZE)
    if index is None:
        return Part(info, body, present)
    hashes = journal.hashes(info.part_id)
    keep_covered(index, RangeSet(present), hashes, md5s)
    return Part(info, body, present, index, hashes, md5s)
