"""A file that comes in, at either end: bytes to the part, credit to the sender, until it is whole and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

from udpchat.arq.ranges import RangeSet
from udpchat.arq.receiver import ReceiveTransfer
from udpchat.errors import StorageError
from udpchat.files.ports import CheckPart, FileEntry, PartChecked, PartCreated, PartSynced, SyncPart, WritePart
from udpchat.files.repairing import Finish
from udpchat.protocol.events import DataReceived
from udpchat.protocol.service import Desk
from udpchat.wire.records import Blocks, Credit, Missing

MAX_MISSING = 4_096  # byte ranges in one MISSING: 64 KiB of it


class _Stage(Enum):
    CHECKING = auto()  # what was there is read back, beside what comes in
    TAKING = auto()
    OVER = auto()


@dataclass(slots=True)
class _Unsynced:
    """Bytes written since the last sync was asked for, and whether it goes on."""

    length: int = 0
    is_syncing: bool = False


class Incoming:
    """One part that is being filled from one connection.

    The sender may be `transfer_credit` ahead of what is durable: a slow disk stalls this transfer and nothing else. Of
    what is durable, so much again may lie behind the first hole: a packet that is lost twice stalls nothing.
    created: as storage answered CreatePart. on_failed: called when the disk fails. present: byte ranges that were there
    at the start; received: what is there now. The part is the caller's to close or to abort, also when `commit` failed.
    """

    def __init__(
        self,
        desk: Desk,
        connection_id: bytes,
        transfer_id: int,
        part_id: bytes,
        size: int,
        created: PartCreated,
        on_failed: Callable[[StorageError], None],
    ) -> None:
        self.connection_id = connection_id
        self.transfer_id = transfer_id
        self.part_id = part_id
        self.size = size
        self.present = created.present
        self.received = RangeSet(created.present)
        self.limit = min(size, self._prefix + desk.endpoint.config.transfer_credit)
        self._desk = desk
        self._on_failed = on_failed
        self._unsynced = _Unsynced()
        self._stage = _Stage.TAKING if created.is_checked else _Stage.CHECKING
        self._finish: Finish | None = None

    @property
    def is_complete(self) -> bool:
        """All bytes are in memory or on disk, as far as they were looked at."""
        return self.received.total == self.size

    @property
    def is_committing(self) -> bool:
        """Storage makes it a file just now: `then` of `commit` will be called, whatever happens."""
        return self._finish is not None and self._finish.is_committing

    @property
    def finished_at(self) -> int:
        """When storage had made it a file [us]; 0 before."""
        return self._finish.finished_at if self._finish is not None else 0

    @property
    def _prefix(self) -> int:
        return self.received.run_at(0)[1] if 0 in self.received else 0

    @property
    def _transfer(self) -> ReceiveTransfer | None:
        connection = self._desk.endpoint.find(self.connection_id)
        return None if connection is None else connection.receiver.find(self.transfer_id)

    # -- from the first byte to the last -------------------------------------------------------------------------------

    def begin(self) -> bool:
        """Take DATA from now on; False when the connection is gone. RefusedError when too many transfers run."""
        connection = self._desk.endpoint.find(self.connection_id)
        if connection is None or not connection.is_alive:
            return False
        connection.receiver.expect(self.transfer_id, self.size, self.limit, self.present)
        if self._stage is _Stage.CHECKING:
            self._check()
        return True

    def end(self) -> None:
        """Take no more DATA, ask for nothing more."""
        self._stage = _Stage.OVER
        if self._finish is not None:
            self._finish.stop()
        if (connection := self._desk.endpoint.find(self.connection_id)) is not None:
            connection.receiver.forget(self.transfer_id)

    def on_data(self, data: DataReceived) -> None:
        """Bytes arrived: they are written at once."""
        length = len(data.data)
        self._desk.ask(WritePart(self.part_id, data.offset, data.data))
        self.received.add(data.offset, data.offset + length)
        self._unsynced.length += length
        self._sync()
        if self._finish is not None:
            self._go_on()

    def commit(self, md5: bytes, then: Callable[[FileEntry | StorageError], None]) -> None:
        """Once all is here and checked, compare the MD5 and make it a file; damaged blocks are asked for again.

        then: called once, unless `end` comes first. DIGEST_MISMATCH: it cannot be repaired. A second call is ignored.
        """
        if self._finish is None:
            self._finish = Finish(self._desk, self, md5, then)
            self._go_on()

    def on_blocks(self, record: Blocks) -> None:
        """The sender's hashes; those that nobody asked for are ignored."""
        if self._finish is not None:
            self._finish.on_blocks(record)

    def lose(self, damaged: Iterable[tuple[int, int]]) -> None:
        """These bytes are not there any more: the sender is told, and sends them again."""
        lost = RangeSet()
        for start, stop in damaged:
            for left, right in self.received.overlap(start, stop):
                lost.add(left, right)
        transfer, ranges = self._transfer, tuple(lost)
        if transfer is None or not ranges:
            return
        for left, right in ranges:
            self.received.remove(left, right)
        transfer.reopen(ranges)
        for place in range(0, len(ranges), MAX_MISSING):
            missing = Missing(self.transfer_id, ranges[place : place + MAX_MISSING])
            self._desk.send(self.connection_id, missing)

    def _go_on(self) -> None:
        if self._finish is not None and self._stage is _Stage.TAKING and self.is_complete:
            self._finish.on_complete()

    # -- storage -------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self._desk.ask(CheckPart(0, self.part_id), self._on_checked)

    def _on_checked(self, result: PartChecked | StorageError, now: int) -> None:  # noqa: ARG002 - an Answer
        if self._stage is not _Stage.CHECKING:
            return
        if isinstance(result, StorageError):
            self._on_failed(result)
            return
        self.lose(result.damaged)
        if result.is_done:
            self._stage = _Stage.TAKING
            self._go_on()
        else:
            self._check()

    def _sync(self) -> None:
        """Make bytes durable every so often, and when the sender has used all its credit."""
        unsynced = self._unsynced
        if unsynced.is_syncing or not unsynced.length or self.is_complete:
            return
        is_stalled = self.limit < self.size and self._prefix >= self.limit
        if is_stalled or unsynced.length >= self._desk.endpoint.config.sync_interval:
            unsynced.length, unsynced.is_syncing = 0, True
            self._desk.ask(SyncPart(0, self.part_id), self._on_synced)

    def _on_synced(self, result: PartSynced | StorageError, now: int) -> None:  # noqa: ARG002 - an Answer
        self._unsynced.is_syncing = False
        if self._stage is _Stage.OVER:
            return
        if isinstance(result, StorageError):
            self._on_failed(result)
            return
        limit, transfer = self._limit_after(result), self._transfer
        if limit > self.limit and transfer is not None:
            self.limit = limit
            transfer.raise_limit(limit)
            self._desk.send(self.connection_id, Credit(self.transfer_id, limit))
        self._sync()

    def _limit_after(self, synced: PartSynced) -> int:
        """How far the sender may go: below it never more than the credit is not durable, and so may travel twice.

        What is durable behind a hole takes no credit; so much again is the most, for the hasher waits for the hole.
        """
        credit, prefix = self._desk.endpoint.config.transfer_credit, synced.durable_prefix
        edge = prefix + credit
        far = sum(max(stop - max(start, edge), 0) for start, stop in self.present)  # it lies behind the limit
        near = max(synced.durable_bytes - far, prefix)
        return min(self.size, min(near, edge) + credit)
