"""Files that are still arriving, without a disk: for servers and clients, see parts.py for the one with a disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from udpchat.arq.ranges import RangeSet
from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MAX_OPEN_PARTS
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.files.blocks import HASH_SIZE, block_count, block_span
from udpchat.files.members import Index, MemberInfo
from udpchat.files.ports import (
    AbortPart,
    AddMembers,
    CheckPart,
    ClosePart,
    CommitPart,
    CompareBlocks,
    CreatePart,
    FileEntry,
    PartChecked,
    PartCreated,
    PartFailed,
    PartSynced,
    SyncPart,
    WritePart,
)
from udpchat.protocol.ports import Job, Lane, Result
from udpchat.store.indexing import check_index, check_members, check_repeated
from udpchat.store.memory_chat import Handler, later
from udpchat.store.memory_sources import digest_of, hashes_of
from udpchat.store.part_rows import PartInfo
from udpchat.store.refusals import check_hashes, check_new, check_same, incomplete, mismatch, no_index, unknown_part
from udpchat.wire.numbers import FileFlag

Runs: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class MemoryPart:
    """A part.

    touched_at: wall clock of the last sync [us]. hashes: of blocks that have come whole, by number. durable,
    durable_hashes: what a crash leaves. users: transfers that write to it. unchecked: bytes that were there when it was
    opened. room: bytes that are kept for it.
    """

    request: CreatePart
    touched_at: int
    room: int = 0
    data: bytearray = field(default_factory=bytearray)
    ranges: RangeSet = field(default_factory=RangeSet)
    hashes: dict[int, bytes] = field(default_factory=dict)
    members: list[MemberInfo] = field(default_factory=list)
    durable: Runs = ()
    durable_hashes: dict[int, bytes] = field(default_factory=dict)
    users: int = 0
    unchecked: RangeSet = field(default_factory=RangeSet)

    @property
    def is_folder(self) -> bool:
        """Many files, with an index."""
        return bool(self.request.flags & FileFlag.FOLDER)

    @property
    def is_indexed(self) -> bool:
        """Whether all members are known."""
        return self.is_folder and len(self.members) == self.request.members

    def write(self, offset: int, view: memoryview) -> None:
        """Write what is not there yet."""
        stop = offset + len(view)
        if len(self.data) < stop:
            self.data.extend(bytes(stop - len(self.data)))
        for left, right in tuple(self.ranges.missing(offset, stop)):
            self.data[left:right] = view[left - offset : right - offset]
            self.ranges.add(left, right)
        for number in _blocks(offset, stop):
            left, right = block_span(number, self.request.size)
            if number not in self.hashes and self.ranges.covers(left, right):
                self.hashes[number] = self.hash_of(number)

    def hash_of(self, number: int) -> bytes:
        """SHA-256 of a block as it lies there now."""
        left, right = block_span(number, self.request.size)
        return hashes_of(self.data[left:right], 0, 1)

    def save(self, runs: Runs, now: int) -> None:
        """These bytes survive a crash, and the hashes of their blocks. now: wall clock [us]."""
        self.touched_at = now
        kept = RangeSet(runs)
        size = self.request.size
        self.durable = runs
        self.durable_hashes = {
            number: digest for number, digest in self.hashes.items() if kept.covers(*block_span(number, size))
        }

    def lose(self, start: int, stop: int) -> None:
        """These bytes are wrong."""
        durable = RangeSet(self.durable)
        for runs in (self.ranges, self.unchecked, durable):
            runs.remove(start, stop)
        self.durable = tuple(durable)
        for number in _blocks(start, stop):
            self.hashes.pop(number, None)
            self.durable_hashes.pop(number, None)

    def reset(self) -> None:
        """Nobody has it open any more; what is durable is there."""
        self.users = 0
        self.ranges = RangeSet(self.durable)
        self.hashes = dict(self.durable_hashes)


class Shelf(Protocol):
    """Where parts become files."""

    def committed(self, part_id: bytes) -> FileEntry | None:
        """The file that a part became."""
        ...

    def admit(self, request: CreatePart) -> None:
        """StorageError when another part is too much."""
        ...

    def make_room(self, part: MemoryPart) -> None:
        """Room for all of a part. StorageError when there is none."""
        ...

    def store(self, part: MemoryPart, md5: bytes) -> FileEntry:
        """Make a part a file."""
        ...


class MemoryParts:
    """Performs the requests about parts. parts: all of them, by id. clock: wall clock since 1970 [us]."""

    __slots__ = ("_clock", "_parts", "_shelf")

    def __init__(self, parts: dict[bytes, MemoryPart], shelf: Shelf, clock: Callable[[], int]) -> None:
        self._parts = parts
        self._shelf = shelf
        self._clock = clock

    def handlers(self) -> dict[type, Handler]:
        """What performs each request."""
        return {
            WritePart: self._write,
            CreatePart: later(self._create, Lane.FILES),
            AddMembers: later(self._add_members, Lane.FILES),
            SyncPart: self._sync,
            CheckPart: later(self._check, Lane.CHECKING),
            CommitPart: later(self._commit, Lane.FILES),
            CompareBlocks: later(self._compare, Lane.FILES),
            AbortPart: later(self._abort, Lane.FILES),
            ClosePart: self._close,
        }

    def _create(self, request: CreatePart) -> PartCreated:
        entry = self._shelf.committed(request.part_id)
        if entry is not None:
            check_same(request, entry.owner, entry.size)
            return PartCreated(request.part_id, ((0, entry.size),) if entry.size else (), entry, entry.is_folder)
        part = self._parts.get(request.part_id)
        if part is None:
            check_new(request)
            self._shelf.admit(request)
            part = MemoryPart(request, self._clock())
        check_same(request, part.request.owner, part.request.size, part.request.members)
        if not part.users:
            if sum(part.users > 0 for part in self._parts.values()) >= MAX_OPEN_PARTS:
                raise StorageError("too many files arrive at once; try again later", ErrorCode.TOO_MANY_TRANSFERS)
            self._shelf.make_room(part)
            part.unchecked = RangeSet(part.ranges)
        part.users += 1
        self._parts[request.part_id] = part
        return PartCreated(request.part_id, tuple(part.ranges), None, part.is_indexed, not part.unchecked)

    def _add_members(self, request: AddMembers) -> None:
        part = self._open(request.part_id)
        info, known = PartInfo.of(part.request), len(part.members)
        check_members(info, known, request.first, request.members)
        check_repeated(info, request.members, part.members[request.first :])
        members = [*part.members, *request.members[known - request.first :]]
        if len(members) == info.members:
            try:
                check_index(info, Index(members))
            except StorageError:
                part.members = []
                raise
        part.members = members

    def _write(self, request: WritePart) -> PartFailed | None:
        part = self._parts.get(request.part_id)
        if part is None or not part.users:
            return PartFailed(request.part_id, unknown_part())
        stop = request.offset + len(request.data)
        if request.offset < 0 or stop > part.request.size:
            raise UsageError(f"bytes {request.offset} to {stop} of a file that has {part.request.size}")
        part.write(request.offset, request.data)
        return None

    def _sync(self, request: SyncPart) -> Result | Job:
        part = self._parts.get(request.part_id)
        if part is None or not part.users:
            return unknown_part()
        runs = tuple(part.ranges)

        def finish(_: object) -> Result:
            kept = RangeSet(runs)
            for start, stop in runs:  # what was lost meanwhile was never durable
                for left, right in tuple(part.ranges.missing(start, stop)):
                    kept.remove(left, right)
            part.save(tuple(kept), self._clock())
            prefix = part.durable[0][1] if part.durable and part.durable[0][0] == 0 else 0
            return PartSynced(request.part_id, kept.total, prefix)

        return Job(lambda: None, finish)

    def _check(self, request: CheckPart) -> PartChecked:
        part = self._open(request.part_id)
        damaged = RangeSet()
        budget = CHECK_SLICE
        while part.unchecked and budget > 0:
            first = part.unchecked.first // BLOCK_SIZE
            start, stop = block_span(first, part.request.size)
            part.unchecked.remove(start, stop)
            budget -= stop - start
            if part.hashes.get(first) not in {None, part.hash_of(first)}:
                part.lose(start, stop)
                damaged.add(start, stop)
        return PartChecked(request.part_id, tuple(damaged), not part.unchecked)

    def _commit(self, request: CommitPart) -> FileEntry:
        entry = self._shelf.committed(request.part_id)
        if entry is not None:
            if entry.md5 != request.md5:
                raise mismatch(entry.file_name, request.md5, entry.md5)
            return entry
        part = self._known(request.part_id)
        asked = part.request
        if part.ranges.total < asked.size:
            raise incomplete(asked.file_name, asked.size - part.ranges.total)
        if part.is_folder and not part.is_indexed:
            raise no_index(asked.file_name)
        actual = digest_of(part.data, Index(part.members) if part.is_folder else None)
        if actual != request.md5:
            raise mismatch(asked.file_name, request.md5, actual)
        del self._parts[request.part_id]
        return self._shelf.store(part, actual)

    def _compare(self, request: CompareBlocks) -> Runs:
        check_hashes(request)
        part = self._open(request.part_id)
        size = part.request.size
        wrong = RangeSet()
        for place in range(0, len(request.hashes), HASH_SIZE):
            number = request.first + place // HASH_SIZE
            start, stop = block_span(number, size)
            is_there = start < stop and part.ranges.covers(start, stop)
            if is_there and part.hash_of(number) != request.hashes[place : place + HASH_SIZE]:
                part.lose(start, stop)
                wrong.add(start, stop)
        return tuple(wrong)

    def _abort(self, request: AbortPart) -> None:
        self._parts.pop(request.part_id, None)

    def _close(self, request: ClosePart) -> None:
        part = self._parts.get(request.part_id)
        if part is None or not part.users:
            return
        part.users -= 1
        if part.users == 0:
            part.save(tuple(part.ranges), self._clock())

    def _open(self, part_id: bytes) -> MemoryPart:
        part = self._known(part_id)
        if not part.users:
            raise unknown_part()
        return part

    def _known(self, part_id: bytes) -> MemoryPart:
        part = self._parts.get(part_id)
        if part is None:
            raise unknown_part()
        return part


def _blocks(start: int, stop: int) -> range:
    """Numbers of the blocks that have some of these bytes."""
    return range(start // BLOCK_SIZE, block_count(stop))
