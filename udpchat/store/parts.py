"""The parts that are being written: the half of a store that runs on the core's thread, for server and client alike.

What differs between them (journal, final place) is a `Backend`, called in the worker thread only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Protocol, cast

from udpchat.config import MAX_OPEN_PARTS
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import (
    AbortPart,
    ClosePart,
    CommitPart,
    CreatePart,
    FileEntry,
    PartCreated,
    PartFailed,
    PartSynced,
    SyncPart,
    WritePart,
)
from udpchat.protocol.ports import Job, Result
from udpchat.store.failpoints import reach
from udpchat.store.partfile import PartFile, Runs, prefix_of
from udpchat.store.refusals import check_same, incomplete, mismatch, unknown_part
from udpchat.store.trouble import storage_error


class Backend(Protocol):
    """Where parts lie and what is written down about them. Runs in the worker thread; may raise what disks raise."""

    def open_part(self, request: CreatePart) -> PartFile | FileEntry:
        """A new part, the one that was there, or the file it became."""
        ...

    def reopen(self, part_id: bytes) -> PartFile | FileEntry:
        """A part that is not open, or the file it became. StorageError (UNKNOWN_TRANSFER) when there is none."""
        ...

    def journal(self, part: PartFile, runs: Runs) -> None:
        """Write down which bytes of a part are durable."""
        ...

    def commit(self, part: PartFile, md5: bytes) -> FileEntry:
        """Make a verified, durable part a file. Closes the part."""
        ...

    def discard(self, part_id: bytes) -> None:
        """Forget a part and its bytes; files stay."""
        ...


def as_result(outcome: object) -> Result:
    """The outcome of a job whose work returns what the request is answered with."""
    return cast(Result, outcome)


def make_job(doing: str, work: Callable[[], object], finish: Callable[[object], Result] = as_result) -> Job:
    """A job in whose outcome failures are StorageErrors. doing: what to tell the user was tried."""

    def run() -> object:
        try:
            return work()
        except StorageError as error:
            return error
        except (OSError, sqlite3.Error) as error:
            return storage_error(error, doing)

    return Job(run, finish)


class PartTable:
    """All open parts. Every method is one request; see `udpchat.protocol.ports`."""

    __slots__ = ("_backend", "_parts")

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._parts: dict[bytes, PartFile] = {}

    def create(self, request: CreatePart) -> Result | Job:
        """Perform CreatePart."""
        part = self._parts.get(request.part_id)
        if part is not None and part.failed is None:
            try:
                check_same(request, part.info.owner, part.info.size)
            except StorageError as error:
                return error
            return self._join(part)
        if part is None and len(self._parts) >= MAX_OPEN_PARTS:
            return StorageError("too many files arrive at once; try again later", ErrorCode.TOO_MANY_TRANSFERS)
        self._parts.pop(request.part_id, None)

        def work() -> PartFile | FileEntry:
            if part is not None:
                part.close()
            return self._backend.open_part(request)

        doing = f"make room for {request.file_name!r}"
        return make_job(doing, work, lambda outcome: self._adopt(request.part_id, outcome))

    def _adopt(self, part_id: bytes, outcome: object) -> Result:
        if isinstance(outcome, FileEntry):
            return PartCreated(part_id, ((0, outcome.size),) if outcome.size else (), outcome)
        if not isinstance(outcome, PartFile):
            return as_result(outcome)
        part = self._parts.setdefault(part_id, outcome)
        if part is outcome:
            return PartCreated(part_id, part.runs)
        outcome.close()  # two requests for the same part were on their way; nobody else knows this one
        return self._join(part)

    @staticmethod
    def _join(part: PartFile) -> PartCreated:
        part.users += 1
        return PartCreated(part.info.part_id, part.runs)

    def write(self, request: WritePart) -> PartFailed | None:
        """Perform WritePart, at once."""
        part = self._parts.get(request.part_id)
        if part is None:
            return PartFailed(request.part_id, unknown_part())
        if part.failed is not None:
            return PartFailed(request.part_id, part.failed)
        try:
            part.write(request.offset, request.data)
        except StorageError as error:
            return PartFailed(request.part_id, error)
        return None

    def sync(self, request: SyncPart) -> Result | Job:
        """Perform SyncPart."""
        part = self._parts.get(request.part_id)
        if part is None:
            return unknown_part()
        if part.failed is not None:
            return part.failed
        runs, total = part.runs, part.ranges.total
        result = PartSynced(request.part_id, total, prefix_of(runs))
        if total == part.synced:
            return result

        def finish(outcome: object) -> Result:
            if isinstance(outcome, StorageError):
                part.failed = outcome  # what the system failed to write it may forget: this descriptor is done for
                return outcome
            part.synced = max(part.synced, total)
            return result

        doing = f"make {part.info.file_name!r} durable"
        return make_job(doing, lambda: self._make_durable(part, runs), finish)

    def _make_durable(self, part: PartFile, runs: Runs) -> None:
        if part.is_closed:  # a commit came first
            return
        part.sync_data()
        reach("synced")
        self._backend.journal(part, runs)
        reach("journalled")

    def commit(self, request: CommitPart) -> Result | Job:
        """Perform CommitPart."""
        part = self._parts.get(request.part_id)
        if part is None:
            return make_job("store the file", lambda: self._commit_closed(request))
        if part.failed is not None:
            return part.failed
        if not part.is_complete:
            return incomplete(part.info.file_name, part.info.size - part.ranges.total)
        md5, hashed = part.snapshot_md5()  # all bytes are there, so nothing is written from now on

        def work() -> FileEntry:
            if part.is_closed:  # the same commit came before and is done
                return self._commit_closed(request)
            return self._verify(part, request.md5, part.digest(md5, hashed))

        def finish(outcome: object) -> Result:
            if part.is_closed and self._parts.get(request.part_id) is part:
                del self._parts[request.part_id]
            elif part.is_broken and isinstance(outcome, StorageError):
                part.failed = outcome
            return as_result(outcome)

        return make_job(f"store {part.info.file_name!r}", work, finish)

    def _commit_closed(self, request: CommitPart) -> FileEntry:
        part = self._backend.reopen(request.part_id)
        if isinstance(part, FileEntry):
            if part.md5 != request.md5:
                raise mismatch(part.file_name, request.md5, part.md5)
            return part
        try:
            if not part.is_complete:
                raise incomplete(part.info.file_name, part.info.size - part.ranges.total)
            return self._verify(part, request.md5, part.digest(None, 0))
        finally:
            part.close()

    def _verify(self, part: PartFile, expected: bytes, actual: bytes) -> FileEntry:
        if actual != expected:
            part.close()
            self._backend.discard(part.info.part_id)
            raise mismatch(part.info.file_name, expected, actual)
        part.sync()
        return self._backend.commit(part, expected)

    def abort(self, request: AbortPart) -> Job:
        """Perform AbortPart."""
        part = self._parts.pop(request.part_id, None)

        def work() -> None:
            if part is not None:
                part.close()
            self._backend.discard(request.part_id)

        return make_job("remove an unfinished file", work)

    def close_part(self, request: ClosePart) -> Job | None:
        """Perform ClosePart."""
        part = self._parts.get(request.part_id)
        if part is None:
            return None
        part.users -= 1
        if part.users > 0:
            return None
        del self._parts[request.part_id]
        runs = part.runs

        def work() -> None:
            try:
                if part.failed is None:
                    self._make_durable(part, runs)
            finally:
                part.close()

        def finish(outcome: object) -> Result:
            return PartFailed(request.part_id, outcome) if isinstance(outcome, StorageError) else None

        return make_job(f"make {part.info.file_name!r} durable", work, finish)

    def close(self) -> None:
        """Close all files. Nothing is written, so this leaves the disk as a crash would."""
        for part in self._parts.values():
            part.close()
        self._parts.clear()
