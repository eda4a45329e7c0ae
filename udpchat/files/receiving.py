"""A file that comes in, at either end: bytes to the part, credit to the sender, until all are there."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.arq.ranges import RangeSet
from udpchat.errors import StorageError
from udpchat.files.ports import PartSynced, SyncPart, WritePart
from udpchat.protocol.events import DataReceived
from udpchat.protocol.service import Desk
from udpchat.wire.records import Credit


class Incoming:
    """One part that is being filled from one connection.

    The sender may be `transfer_credit` ahead of what is durable: a slow disk stalls this transfer and nothing else.
    on_failed: called when the disk fails.
    """

    def __init__(
        self,
        desk: Desk,
        connection_id: bytes,
        transfer_id: int,
        part_id: bytes,
        size: int,
        present: tuple[tuple[int, int], ...],
        on_failed: Callable[[StorageError], None],
    ) -> None:
        self.connection_id = connection_id
        self.transfer_id = transfer_id
        self.part_id = part_id
        self.size = size
        self.received = RangeSet()
        for start, stop in present:
            self.received.add(start, stop)
        self.present = present
        self._config = desk.endpoint.config
        self.limit = min(size, self._prefix() + self._config.transfer_credit)
        self._desk = desk
        self._on_failed = on_failed
        self._unsynced = 0
        self._is_syncing = False

    @property
    def is_complete(self) -> bool:
        """All bytes are in memory or on disk."""
        return self.received.total == self.size

    def begin(self) -> bool:
        """Take DATA from now on; False when the connection is gone. RefusedError when too many transfers run."""
        connection = self._desk.endpoint.find(self.connection_id)
        if connection is None or not connection.is_alive:
            return False
        connection.receiver.expect(self.transfer_id, self.size, self.limit, self.present)
        return True

    def end(self) -> None:
        """Take no more DATA."""
        if (connection := self._desk.endpoint.find(self.connection_id)) is not None:
            connection.receiver.forget(self.transfer_id)

    def on_data(self, data: DataReceived) -> None:
        """Bytes arrived: they are written at once."""
        length = len(data.data)
        self._desk.ask(WritePart(self.part_id, data.offset, data.data))
        self.received.add(data.offset, data.offset + length)
        self._unsynced += length
        self._sync()

    def _sync(self) -> None:
        """Make bytes durable every so often, and when the sender has used all its credit."""
        if self._is_syncing or not self._unsynced or self.is_complete:
            return
        if self._unsynced >= self._config.sync_interval or (self.limit < self.size and self._prefix() >= self.limit):
            self._unsynced = 0
            self._is_syncing = True
            self._desk.ask(SyncPart(0, self.part_id), self._on_synced)

    def _on_synced(self, result: PartSynced | StorageError, now: int) -> None:  # noqa: ARG002 - an Answer
        self._is_syncing = False
        if isinstance(result, StorageError):
            self._on_failed(result)
            return
        limit = min(self.size, result.durable_prefix + self._config.transfer_credit)
        connection = self._desk.endpoint.find(self.connection_id)
        transfer = connection.receiver.find(self.transfer_id) if connection is not None else None
        if limit > self.limit and connection is not None and transfer is not None:
            self.limit = limit
            transfer.raise_limit(limit)
            connection.send_record(Credit(self.transfer_id, limit))
        if transfer is not None:
            self._sync()

    def _prefix(self) -> int:
        return self.received.run_at(0)[1] if 0 in self.received else 0
