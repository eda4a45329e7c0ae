"""The files a connection is sending: which bytes next, from which source."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.arq.in_flight import SentRun
from udpchat.arq.schemes import SELECTIVE_REPEAT, Scheme
from udpchat.arq.sender import SendTransfer, TransferScheduler
from udpchat.errors import ErrorCode, RefusedError, UsageError
from udpchat.protocol.writer import BlockSource


@dataclass(frozen=True, slots=True)
class NextRun:
    """A contiguous run of file bytes to be sent now. again: they were sent before."""

    transfer_id: int
    source: BlockSource
    offset: int
    length: int
    again: bool


class OutgoingTransfers:
    """Transfers that are being sent on one connection, served fairly. scheme: how those that start now are repeated."""

    __slots__ = ("_max_transfers", "_scheduler", "_sent", "_sources", "scheme")

    def __init__(self, max_transfers: int, scheme: Scheme = SELECTIVE_REPEAT) -> None:
        self.scheme = scheme
        self._max_transfers = max_transfers
        self._scheduler = TransferScheduler()
        self._sources: dict[int, BlockSource] = {}
        self._sent: list[int] = []

    def __len__(self) -> int:
        return len(self._sources)

    def start(
        self,
        transfer_id: int,
        size: int,
        source: BlockSource,
        limit: int,
        present: tuple[tuple[int, int], ...] = (),
    ) -> None:
        """Send size bytes of source, below limit for now, without those that are present at the receiver."""
        if transfer_id in self._sources:
            raise UsageError(f"transfer {transfer_id} is being sent already")
        if len(self._sources) >= self._max_transfers:
            raise RefusedError(ErrorCode.TOO_MANY_TRANSFERS, f"{self._max_transfers} transfers are running; try later")
        transfer = self.scheme.transfer(transfer_id, size, limit, present)
        self._sources[transfer_id] = source
        self._scheduler.add(transfer)
        if transfer.is_sent:
            self._sent.append(transfer_id)
        if transfer.is_complete:
            self.stop(transfer_id)

    def stop(self, transfer_id: int) -> None:
        """Send no more of this transfer; one that is unknown is ignored."""
        if self._sources.pop(transfer_id, None) is not None:
            self._scheduler.remove(transfer_id)

    def raise_limit(self, transfer_id: int, limit: int) -> None:
        """The receiver takes bytes below limit now; late credit for a transfer that ended is ignored."""
        if (transfer := self._scheduler.find(transfer_id)) is not None:
            transfer.raise_limit(limit)

    def find(self, transfer_id: int) -> SendTransfer | None:
        """The state of a transfer that is being sent."""
        return self._scheduler.find(transfer_id)

    @property
    def is_idle(self) -> bool:
        """No file is being sent, and none was whose end is still to be told."""
        return not (self._sources or self._sent)

    def has_work(self) -> bool:
        """There are bytes that may be sent now, as far as credit goes."""
        return self._scheduler.has_work

    @property
    def is_ending(self) -> bool:
        """All was sent at least once, and what is missing is repeated selectively: the end game."""
        return self.scheme.is_selective and all(transfer.is_sent for transfer in self._scheduler)

    def next_run(self, chunk: int, max_chunks: int) -> NextRun | None:
        """The bytes to send next: at most max_chunks packets of chunk bytes."""
        if (run := self._scheduler.next_run(chunk, max_chunks)) is None:
            return None
        transfer, offset, length, again = run
        if transfer.is_sent and not again:
            self._sent.append(transfer.transfer_id)
        return NextRun(transfer.transfer_id, self._sources[transfer.transfer_id], offset, length, again)

    def source(self, transfer_id: int) -> BlockSource | None:
        """Where the bytes of a transfer are read from."""
        return self._sources.get(transfer_id)

    def on_acked(self, run: SentRun) -> None:
        """The peer has these bytes."""
        transfer = self._scheduler.find(run.stream)
        if transfer is not None and run.first >= transfer.fresh_from:
            transfer.on_acked(run.offset, run.length)
            if transfer.is_complete:
                self.stop(run.stream)

    def on_lost(self, run: SentRun, next_number: int) -> None:
        """These bytes must be sent again, unless the peer got them otherwise. next_number: of the next packet."""
        transfer = self._scheduler.find(run.stream)
        if transfer is not None and run.first >= transfer.fresh_from and transfer.on_lost(run.offset, run.length):
            transfer.fresh_from = next_number

    def take_sent(self) -> list[int]:
        """Ids of the transfers whose last byte was sent for the first time since the last call."""
        sent, self._sent = self._sent, []
        return sent
