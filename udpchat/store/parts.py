"""The parts that are being written: the half of a store that runs on the core's thread, for server and client alike.

What differs between them (journal, final place) is a `Backend`, called in the worker thread of `Lane.FILES` only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from udpchat.arq.ranges import RangeSet
from udpchat.config import CHECK_SLICE, FEW_PART_RUNS, MAX_OPEN_PARTS, MAX_OPEN_RUNS
from udpchat.errors import ErrorCode, StorageError
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
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.store.backend import Backend
from udpchat.store.budget import Claim, IndexBudget
from udpchat.store.checking import UNLIMITED
from udpchat.store.failpoints import reach
from udpchat.store.jobs import as_result, make_job
from udpchat.store.part_rows import Runs
from udpchat.store.partfile import Part, Snapshot
from udpchat.store.refusals import check_hashes, check_same, in_pieces, incomplete, mismatch, no_index, unknown_part

Handler: TypeAlias = Callable[..., Result | Job]


class PartTable:
    """All open parts. Every method is one request; see `udpchat.files.ports`.

    budget: for the indexes of folders; None where nobody but the user begins them.
    """

    __slots__ = ("_backend", "_budget", "_claims", "_opening", "_parts")

    def __init__(self, backend: Backend, budget: IndexBudget | None = None) -> None:
        self._backend = backend
        self._budget = budget or IndexBudget(UNLIMITED, UNLIMITED)
        self._parts: dict[bytes, Part] = {}
        self._claims: dict[Part, Claim] = {}
        self._opening: list[bytes] = []  # ids of parts that are on their way into the table

    def handlers(self) -> dict[type[StoreRequest], Handler]:
        """The requests that are performed here."""
        return {
            WritePart: self.write,
            CreatePart: self.create,
            AddMembers: self.add_members,
            SyncPart: self.sync,
            CheckPart: self.check,
            CommitPart: self.commit,
            CompareBlocks: self.compare,
            AbortPart: self.abort,
            ClosePart: self.close_part,
        }

    @property
    def open_ids(self) -> frozenset[bytes]:
        """Ids of all parts that are open, or are about to be."""
        return frozenset((*self._parts, *self._opening))

    # -- beginning -----------------------------------------------------------------------------------------------------

    def create(self, request: CreatePart) -> Result | Job:
        """Perform CreatePart."""
        part = self._parts.get(request.part_id)
        try:
            if part is not None:
                check_same(request, part.info.owner, part.info.size, part.info.members)
                if part.failed is None:
                    part.users += 1
                    return _created(part)
                del self._parts[request.part_id]
            elif len(self._parts) + len(self._opening) >= MAX_OPEN_PARTS:
                return StorageError("too many files arrive at once; try again later", ErrorCode.TOO_MANY_TRANSFERS)
            # What a failed part has claimed is enough for the same part once more.
            claim = self._claims.pop(part, None) if part is not None else None
            claim = claim or self._budget.claim(request.owner, request.members)
        except StorageError as error:
            return error
        self._opening.append(request.part_id)

        def work() -> Part | FileEntry:
            if part is not None:
                part.close()
            return self._backend.open_part(request)

        def finish(outcome: object) -> Result:
            self._opening.remove(request.part_id)
            created = self._adopt(request.part_id, outcome)
            if isinstance(outcome, Part) and not outcome.is_closed:
                self._claims[outcome] = claim
            else:
                self._budget.release(claim)
            return created

        return make_job(f"make room for {request.file_name!r}", work, finish)

    def _release(self, part: Part) -> None:
        """A part is gone from memory."""
        claim = self._claims.pop(part, None)
        if claim is not None:
            self._budget.release(claim)

    def _adopt(self, part_id: bytes, outcome: object) -> Result:
        if isinstance(outcome, FileEntry):
            present = ((0, outcome.size),) if outcome.size else ()
            return PartCreated(part_id, present, outcome, is_indexed=outcome.is_folder)
        if not isinstance(outcome, Part):
            return as_result(outcome)
        part = self._parts.setdefault(part_id, outcome)
        if part is not outcome:
            outcome.close()  # two requests for the same part were on their way; nobody else knows this one
            part.users += 1
        return _created(part)

    def add_members(self, request: AddMembers) -> Result | Job:
        """Perform AddMembers."""
        part = self._parts.get(request.part_id)
        if part is None:
            return unknown_part()
        if part.failed is not None:
            return part.failed
        try:
            if part.knows_members(request.first, request.members):
                return None
        except StorageError as error:
            return error

        def work() -> None:
            if part.knows_members(request.first, request.members):  # they came twice in one breath; bytes come already
                return
            index = self._backend.add_members(part, request.first, request.members)
            reach("members-written")
            if index is not None:
                part.begin_hashing(index)

        return self._borrow(part, f"write down what is in {part.info.file_name!r}", work)

    # -- bytes ---------------------------------------------------------------------------------------------------------

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
        if len(part.ranges) > FEW_PART_RUNS and sum(len(one.ranges) for one in self._parts.values()) > MAX_OPEN_RUNS:
            part.failed = in_pieces(part.info.file_name)
            return PartFailed(request.part_id, part.failed)
        return None

    def sync(self, request: SyncPart) -> Result | Job:
        """Perform SyncPart."""
        part = self._parts.get(request.part_id)
        if part is None:
            return unknown_part()
        if part.failed is not None:
            return part.failed
        snapshot = part.snapshot()
        if part.ranges.total == part.synced and not part.has_news:
            return _synced(part, part.ranges)

        def finish(outcome: object) -> Result:
            if isinstance(outcome, StorageError):
                part.failed = outcome  # what the system failed to write it may forget: this descriptor is done for
            elif isinstance(outcome, PartSynced) and part.lost_nothing_since(snapshot):
                part.synced = max(part.synced, outcome.durable_bytes)
            return as_result(outcome)

        doing = f"make {part.info.file_name!r} durable"
        if part.is_behind:  # the members of a folder came after their bytes: what is to be read back is for the worker
            return self._borrow(part, doing, lambda: self._sync_and_hash(part, snapshot), finish)
        return make_job(doing, lambda: self._make_durable(part, snapshot), finish)

    def _make_durable(self, part: Part, snapshot: Snapshot, *, is_last: bool = False) -> PartSynced:
        left: Runs = ()
        if not part.is_closed:  # unless a commit came first
            left = part.sync_data()
            while left and is_last:
                left = part.sync_data()
            reach("synced")
            self._journal(part, snapshot, left)
            reach("journalled")
        return _synced(part, part.present(snapshot, left))

    def _journal(self, part: Part, snapshot: Snapshot, left: Runs) -> None:
        entry = part.entry(snapshot, left)
        try:
            self._backend.journal(part, entry)
        except BaseException:
            part.is_broken = True  # what this entry says of hashes is known nowhere else: nothing may build on them
            raise

    def _sync_and_hash(self, part: Part, snapshot: Snapshot) -> PartSynced:
        synced = self._make_durable(part, snapshot)
        part.read_back(part.present(snapshot), CHECK_SLICE, verify=False)
        return synced

    def check(self, request: CheckPart) -> Result | Job:
        """Perform CheckPart."""
        part = self._parts.get(request.part_id)
        if part is None:
            return unknown_part()
        if part.failed is not None:
            return part.failed
        snapshot = part.snapshot()

        def work() -> PartChecked:
            found = part.read_back(part.present(snapshot), CHECK_SLICE, verify=True)
            reach("checked")
            return PartChecked(request.part_id, found.wrong, found.is_done)

        return self._borrow(part, f"read {part.info.file_name!r} back", work, lane=Lane.CHECKING)

    def compare(self, request: CompareBlocks) -> Result | Job:
        """Perform CompareBlocks."""
        check_hashes(request)
        part = self._parts.get(request.part_id)
        if part is None:
            return unknown_part()
        if part.failed is not None:
            return part.failed
        snapshot = part.snapshot()

        def work() -> tuple[tuple[int, int], ...]:
            if part.is_closed:
                return ()
            left = part.sync_data()
            damage = part.differing(part.present(snapshot), request.first, request.hashes)
            if damage:
                self._journal(part, snapshot, left)
                reach("repaired")
            return tuple(damage)

        def finish(outcome: object) -> Result:
            if isinstance(outcome, StorageError):
                part.failed = outcome
            return as_result(outcome)

        return self._borrow(part, f"compare {part.info.file_name!r} with the sender's", work, finish)

    # -- ends ----------------------------------------------------------------------------------------------------------

    def commit(self, request: CommitPart) -> Result | Job:
        """Perform CommitPart."""
        part = self._parts.get(request.part_id)
        if part is None:
            return make_job("store the file", lambda: self._commit_closed(request))
        if part.failed is not None:
            return part.failed
        snapshot = part.snapshot()
        if not part.is_complete:
            return incomplete(part.info.file_name, part.info.size - part.ranges.total)

        def work() -> FileEntry | PartChecked:
            if part.is_closed:  # the same commit came before and is done
                return self._commit_closed(request)
            present = part.present(snapshot)
            # A slice of each, for others wait: of what is to be hashed, and of a folder's files that are to be made.
            if part.hashing.index is not None and not part.hash_slice(present):
                return PartChecked(request.part_id, (), is_done=False)
            if part.info.is_folder and part.sync_data():
                return PartChecked(request.part_id, (), is_done=False)
            return self._verify(part, present, request.md5)

        def finish(outcome: object) -> Result:
            if part.is_closed and self._parts.get(request.part_id) is part:
                del self._parts[request.part_id]
                self._release(part)
            elif part.is_broken and isinstance(outcome, StorageError):
                part.failed = outcome
            return as_result(outcome)

        return self._borrow(part, f"store {part.info.file_name!r}", work, finish)

    def _commit_closed(self, request: CommitPart) -> FileEntry:
        part = self._backend.reopen(request.part_id)
        if isinstance(part, FileEntry):
            if part.md5 != request.md5:
                raise mismatch(part.file_name, request.md5, part.md5)
            return part
        try:
            present = RangeSet(part.ranges)
            part.read_back(present, UNLIMITED, verify=True)
            return self._verify(part, present, request.md5)
        finally:
            part.close()

    def _verify(self, part: Part, present: RangeSet, expected: bytes) -> FileEntry:
        info = part.info
        if present.total < info.size:
            raise incomplete(info.file_name, info.size - present.total)
        if part.hashing.index is None:
            raise no_index(info.file_name)
        actual = part.digest(present)
        if actual != expected:
            raise mismatch(info.file_name, expected, actual, part.wrong_member())
        part.sync()
        with part.whole_entry() as entry:
            return self._backend.commit(part, entry, expected)

    def abort(self, request: AbortPart) -> Job:
        """Perform AbortPart."""
        part = self._parts.pop(request.part_id, None)

        def work() -> None:
            if part is not None:
                part.close()
            self._backend.discard(request.part_id)

        def finish(outcome: object) -> Result:
            if part is not None:
                self._release(part)
            return as_result(outcome)

        return make_job("remove an unfinished file", work, finish)

    def close_part(self, request: ClosePart) -> Job | None:
        """Perform ClosePart."""
        part = self._parts.get(request.part_id)
        if part is None:
            return None
        part.users -= 1
        if part.users > 0:
            return None
        del self._parts[request.part_id]
        snapshot = part.snapshot()

        def work() -> None:
            try:
                if part.failed is None:
                    self._make_durable(part, snapshot, is_last=True)
            finally:
                part.close()

        def finish(outcome: object) -> Result:
            self._release(part)
            return PartFailed(request.part_id, outcome) if isinstance(outcome, StorageError) else None

        return make_job(f"make {part.info.file_name!r} durable", work, finish)

    def close(self) -> None:
        """Close all files. Nothing is written, so this leaves the disk as a crash would."""
        for part in self._parts.values():
            part.close()
        self._parts.clear()

    def _borrow(
        self,
        part: Part,
        doing: str,
        work: Callable[[], object],
        finish: Callable[[object], Result] = as_result,
        lane: Lane = Lane.FILES,
    ) -> Job:
        """A job that has the hashes of a part until it is over; what is written meanwhile is hashed later."""
        part.hashing.lent += 1

        def end(outcome: object) -> Result:
            part.hashing.lent -= 1
            part.apply_losses()
            return finish(outcome)

        return make_job(doing, work, end, lane)


def _created(part: Part) -> PartCreated:
    part.apply_losses()
    return PartCreated(
        part.info.part_id, part.runs, is_indexed=part.is_indexed, is_checked=part.hashing.lent == 0 and part.debt == 0
    )


def _synced(part: Part, durable: RangeSet) -> PartSynced:
    prefix = durable.run_at(0)[1] if 0 in durable else 0
    return PartSynced(part.info.part_id, durable.total, prefix)
