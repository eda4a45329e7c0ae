"""Storage without a disk, for simulations and tests: the same answers, and a `crash` that loses what was not synced.

Files here; what chat asks is in memory_chat.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from udpchat.arq.ranges import RangeSet
from udpchat.config import MIB
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.files.ports import (
    NO_FILE_ID,
    AbortPart,
    ClosePart,
    CloseSource,
    CommitPart,
    CreatePart,
    DigestSource,
    FileEntry,
    FindFile,
    ListFiles,
    LocalFile,
    OpenLocal,
    OpenStored,
    PartCreated,
    PartFailed,
    PartSynced,
    SyncPart,
    WritePart,
)
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.store.chat_rules import ChatLimits
from udpchat.store.memory_chat import MemoryChat, later
from udpchat.store.names import name_key, numbered
from udpchat.store.refusals import (
    check_new,
    check_same,
    incomplete,
    mismatch,
    no_local_file,
    unknown_file,
    unknown_part,
)

CAPACITY: Final = 1_024 * MIB  # bytes of all parts and files

Runs: TypeAlias = tuple[tuple[int, int], ...]
Handler: TypeAlias = Callable[..., Result | Job]


@dataclass(slots=True)
class MemoryPart:
    """A part; durable: what a crash leaves."""

    request: CreatePart
    data: bytearray = field(default_factory=bytearray)
    ranges: RangeSet = field(default_factory=RangeSet)
    durable: Runs = ()


class MemorySource:
    """A `Source` over bytes."""

    __slots__ = ("data", "name")

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data

    @property
    def size(self) -> int:
        """See `Source`."""
        return len(self.data)

    def read_into(self, offset: int, view: memoryview) -> int:
        """See `Source`."""
        piece = self.data[offset : offset + len(view)]
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """See `Source`."""


class MemoryStore:
    """Performs all requests, of servers and of clients.

    clock: wall clock since 1970 [us]. random_bytes: for file ids and salts. local: the files of the user, by path.
    """

    __slots__ = ("_capacity", "_clock", "_contents", "_entries", "_handlers", "_parts", "_random_bytes", "local")

    def __init__(
        self,
        *,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        local: Mapping[str, bytes] | None = None,
        capacity: int = CAPACITY,
        chat_limits: ChatLimits | None = None,
    ) -> None:
        self.local = dict(local or {})
        self._clock = clock
        self._random_bytes = random_bytes
        self._capacity = capacity
        self._parts: dict[bytes, MemoryPart] = {}
        self._entries: dict[bytes, FileEntry] = {}  # by part id, oldest first
        self._contents: dict[bytes, bytes] = {}  # by file id
        self._handlers: dict[type, Handler] = {
            WritePart: self._write,
            CreatePart: later(self._create, Lane.FILES),
            SyncPart: self._sync,
            CommitPart: later(self._commit, Lane.FILES),
            AbortPart: later(self._abort, Lane.FILES),
            ClosePart: self._close_part,
            ListFiles: later(self._list, Lane.FILES),
            FindFile: later(self._find, Lane.FILES),
            OpenStored: later(self._open_stored, Lane.FILES),
            OpenLocal: later(self._open_local, Lane.FILES),
            DigestSource: later(self._digest, Lane.FILES),
            CloseSource: lambda request: request.source.close(),
            **MemoryChat(clock, random_bytes, chat_limits).handlers(),
        }

    def submit(self, request: StoreRequest) -> Result | Job:
        """See `udpchat.protocol.ports.Store`."""
        return self._handlers[type(request)](request)

    def close(self) -> None:
        """Nothing is held."""

    def crash(self) -> None:
        """Forget what was not synced, as a power cut does. Jobs that are on their way must not be finished after it.

        What chat was answered stays.
        """
        for part in self._parts.values():
            part.ranges = RangeSet(part.durable)

    def _create(self, request: CreatePart) -> PartCreated:
        entry = self._entries.get(request.part_id)
        if entry is not None:
            check_same(request, entry.owner, entry.size)
            return PartCreated(request.part_id, ((0, entry.size),) if entry.size else (), entry)
        part = self._parts.get(request.part_id)
        if part is None:
            check_new(request)
            if self._used() + request.size > self._capacity:
                raise StorageError("the disk is full", ErrorCode.NO_SPACE)
            part = self._parts[request.part_id] = MemoryPart(request)
        check_same(request, part.request.owner, part.request.size)
        return PartCreated(request.part_id, tuple(part.ranges))

    def _used(self) -> int:
        parts = sum(part.request.size for part in self._parts.values())
        return parts + sum(map(len, self._contents.values()))

    def _write(self, request: WritePart) -> PartFailed | None:
        part = self._parts.get(request.part_id)
        if part is None:
            return PartFailed(request.part_id, unknown_part())
        offset, stop = request.offset, request.offset + len(request.data)
        if offset < 0 or stop > part.request.size:
            raise UsageError(f"bytes {offset} to {stop} of a file that has {part.request.size}")
        if len(part.data) < stop:
            part.data.extend(bytes(stop - len(part.data)))
        for left, right in tuple(part.ranges.missing(offset, stop)):
            part.data[left:right] = request.data[left - offset : right - offset]
            part.ranges.add(left, right)
        return None

    def _sync(self, request: SyncPart) -> Result | Job:
        part = self._parts.get(request.part_id)
        if part is None:
            return unknown_part()
        runs, total = tuple(part.ranges), part.ranges.total
        prefix = runs[0][1] if runs and runs[0][0] == 0 else 0

        def finish(_: object) -> Result:
            part.durable = runs
            return PartSynced(request.part_id, total, prefix)

        return Job(lambda: None, finish)

    def _commit(self, request: CommitPart) -> FileEntry:
        entry = self._entries.get(request.part_id)
        if entry is not None:
            if entry.md5 != request.md5:
                raise mismatch(entry.file_name, request.md5, entry.md5)
            return entry
        part = self._parts.get(request.part_id)
        if part is None:
            raise unknown_part()
        asked = part.request
        if part.ranges.total < asked.size:
            raise incomplete(asked.file_name, asked.size - part.ranges.total)
        del self._parts[request.part_id]
        actual = hashlib.md5(part.data, usedforsecurity=False).digest()
        if actual != request.md5:
            raise mismatch(asked.file_name, request.md5, actual)
        file_id, name = self._random_bytes(16), self._free_name(asked.file_name)
        entry = FileEntry(file_id, name, asked.size, actual, self._clock(), asked.owner, asked.owner_nick)
        self._contents[file_id] = bytes(part.data)
        self._entries[request.part_id] = entry
        return entry

    def _free_name(self, file_name: str) -> str:
        taken = {name_key(entry.file_name) for entry in self._entries.values()}
        candidate, number = file_name, 1
        while name_key(candidate) in taken:
            number += 1
            candidate = numbered(file_name, number)
        return candidate

    def _abort(self, request: AbortPart) -> None:
        self._parts.pop(request.part_id, None)

    def _close_part(self, request: ClosePart) -> None:
        part = self._parts.get(request.part_id)
        if part is not None:
            part.durable = tuple(part.ranges)

    def _list(self, _: ListFiles) -> tuple[FileEntry, ...]:
        return tuple(self._entries.values())

    def _find(self, request: FindFile) -> FileEntry | None:
        entries = tuple(self._entries.values())
        if request.file_id != NO_FILE_ID:
            return next((entry for entry in entries if entry.file_id == request.file_id), None)
        exact = next((entry for entry in reversed(entries) if entry.file_name == request.file_name), None)
        key = name_key(request.file_name)
        return exact or next((entry for entry in entries if name_key(entry.file_name) == key), None)

    def _open_stored(self, request: OpenStored) -> MemorySource:
        data = self._contents.get(request.file_id)
        if data is None:
            raise unknown_file()
        return MemorySource(request.file_id.hex(), data)

    def _open_local(self, request: OpenLocal) -> LocalFile:
        data = self.local.get(request.path)
        if data is None:
            raise no_local_file(request.path)
        name = request.path.rpartition("/")[2]
        return LocalFile(MemorySource(name, data), name, len(data))

    def _digest(self, request: DigestSource) -> bytes:
        if not isinstance(request.source, MemorySource):
            raise UsageError("this source was not opened here")
        return hashlib.md5(request.source.data, usedforsecurity=False).digest()
