"""The files a connection is sending: which bytes next, from which source."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from udpchat.arq.in_flight import SentRun
from udpchat.arq.numbers import PacketNumbers
from udpchat.arq.scheduler import TransferScheduler
from udpchat.arq.schemes import SELECTIVE_REPEAT, Scheme
from udpchat.arq.sender import SendTransfer
from udpchat.errors import ErrorCode, RefusedError, UsageError
from udpchat.protocol.events import ConnectionEvent, SourceFailed, TransferAcked, TransferSent
from udpchat.protocol.writer import BlockSource
from udpchat.wire.numbers import Priority

WEIGHTS: Final[dict[int, int]] = {Priority.LOW: 1, Priority.NORMAL: 4, Priority.HIGH: 16}


@dataclass(frozen=True, slots=True)
class NextRun:
    """A contiguous run of file bytes to be sent now. again: they were sent before."""

    transfer_id: int
    source: BlockSource
    offset: int
    length: int
    again: bool


class OutgoingTransfers:
    """Transfers that are being sent on one connection, served by weight.

    Appends to events what the services are to be told. numbers: of the packets of this connection. max_transfers: how
    many may run; as many that are acknowledged are kept, for the receiver may ask for bytes again until `stop`.
    scheme: how those that start now are repeated.
    """

    __slots__ = (
        "_connection_id",
        "_events",
        "_finished",
        "_max_transfers",
        "_numbers",
        "_scheduler",
        "_sources",
        "_unsent",
        "scheme",
    )

    def __init__(
        self,
        connection_id: bytes,
        events: deque[ConnectionEvent],
        numbers: PacketNumbers,
        max_transfers: int,
        scheme: Scheme = SELECTIVE_REPEAT,
    ) -> None:
        self.scheme = scheme
        self._connection_id = connection_id
        self._events = events
        self._numbers = numbers
        self._max_transfers = max_transfers
        self._scheduler = TransferScheduler()
        self._sources: dict[int, BlockSource] = {}
        self._unsent: set[int] = set()  # those of which it was not told yet that all was sent
        self._finished: dict[int, None] = {}  # those of which every byte is acknowledged, the oldest first

    def __len__(self) -> int:
        """How many are running: not every byte is acknowledged."""
        return len(self._sources) - len(self._finished)

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def start(
        self,
        transfer_id: int,
        size: int,
        source: BlockSource,
        limit: int,
        present: tuple[tuple[int, int], ...] = (),
    ) -> None:
        """Send size bytes of source, below limit for now, without those that are present at the receiver."""
        if transfer_id in self._finished:
            self.stop(transfer_id)
        if transfer_id in self._sources:
            raise UsageError(f"transfer {transfer_id} is being sent already")
        if len(self) >= self._max_transfers:
            raise RefusedError(ErrorCode.TOO_MANY_TRANSFERS, f"{self._max_transfers} transfers are running; try later")
        transfer = self.scheme.transfer(transfer_id, size, limit, present)
        transfer.fresh_from = self._numbers.next_number  # what is in flight may be of an earlier one of this number
        self._sources[transfer_id] = source
        self._unsent.add(transfer_id)
        self._scheduler.add(transfer)
        self._report(transfer)

    def stop(self, transfer_id: int) -> None:
        """Send no more of this transfer; one that is unknown is ignored."""
        if self._sources.pop(transfer_id, None) is not None:
            self._scheduler.remove(transfer_id)
            self._unsent.discard(transfer_id)
            self._finished.pop(transfer_id, None)

    def raise_limit(self, transfer_id: int, limit: int) -> None:
        """The receiver takes bytes below limit now; late credit for a transfer that ended is ignored."""
        if (transfer := self._scheduler.find(transfer_id)) is not None:
            transfer.raise_limit(limit)

    def set_pace(self, transfer_id: int, rate: int, priority: int) -> None:
        """Send this transfer at most at rate file bytes per second, repeated ones included; 0 is any rate.

        priority: a Priority; one that is unknown counts as NORMAL. A transfer that is not there is ignored.
        """
        self._scheduler.set_pace(transfer_id, rate, WEIGHTS.get(priority, WEIGHTS[Priority.NORMAL]))

    def send_again(self, transfer_id: int, ranges: Iterable[tuple[int, int]]) -> bool:
        """The receiver no longer holds these bytes, runs (start, stop): send them once more.

        What lies beyond the file, or was not sent yet, is ignored. False when the transfer is not there any more.
        """
        transfer = self._scheduler.find(transfer_id)
        if transfer is None:
            return False
        if transfer.send_again(ranges, self._numbers.next_number):
            transfer.fresh_from = self._numbers.next_number
        if not transfer.is_complete:
            self._finished.pop(transfer_id, None)
        return True

    # -- asking --------------------------------------------------------------------------------------------------------

    def find(self, transfer_id: int) -> SendTransfer | None:
        """The state of a transfer that was started and not stopped."""
        return self._scheduler.find(transfer_id)

    @property
    def is_idle(self) -> bool:
        """No file is being sent."""
        return len(self) == 0

    def has_work(self) -> bool:
        """There are bytes that may be sent, as far as credit goes, now or when their rate allows."""
        return self._scheduler.has_work

    @property
    def is_ending(self) -> bool:
        """All was sent at least once, and what is missing is repeated selectively: the end game."""
        return self.scheme.is_selective and all(transfer.is_sent for transfer in self._scheduler)

    def source(self, transfer_id: int) -> BlockSource | None:
        """Where the bytes of a transfer are read from."""
        return self._sources.get(transfer_id)

    def next_timeout(self) -> int | None:
        """When a transfer that has used up its rate may go on, as of the last `next_run` [us]."""
        return self._scheduler.next_timeout()

    # -- packets -------------------------------------------------------------------------------------------------------

    def next_run(self, chunk: int, max_chunks: int, now: int) -> NextRun | None:
        """The bytes to send next: at most max_chunks packets of chunk bytes."""
        if (run := self._scheduler.next_run(chunk, max_chunks, now)) is None:
            return None
        transfer, offset, length, again = run
        return NextRun(transfer.transfer_id, self._sources[transfer.transfer_id], offset, length, again)

    def on_sent(self, transfer_id: int) -> None:
        """The packets of a run have left."""
        if transfer_id in self._unsent and (transfer := self._scheduler.find(transfer_id)) is not None:
            self._report(transfer)

    def on_acked(self, run: SentRun) -> None:
        """The peer has these bytes."""
        transfer = self._scheduler.find(run.stream)
        if transfer is not None and run.first >= transfer.fresh_from and run.stream not in self._finished:
            transfer.on_acked(run.offset, run.length, run.first)
            if transfer.is_complete:
                self._report(transfer)

    def on_lost(self, run: SentRun) -> None:
        """These bytes must be sent again, unless the peer got them otherwise."""
        transfer = self._scheduler.find(run.stream)
        if transfer is None or run.first < transfer.fresh_from:
            return
        if transfer.on_lost(run.offset, run.length, run.first):
            transfer.fresh_from = self._numbers.next_number

    def on_source_failed(self, transfer_id: int, offset: int) -> None:
        """The source gave too little at this offset: the transfer ends."""
        self.stop(transfer_id)
        self._events.append(SourceFailed(self._connection_id, transfer_id, offset))

    def _report(self, transfer: SendTransfer) -> None:
        """Tell once that all was sent, and once, each time that something was missing, that all is acknowledged."""
        transfer_id = transfer.transfer_id
        if transfer.is_sent and transfer_id in self._unsent:
            self._unsent.remove(transfer_id)
            self._events.append(TransferSent(self._connection_id, transfer_id))
        if transfer.is_complete:
            self._finished[transfer_id] = None
            self._events.append(TransferAcked(self._connection_id, transfer_id))
            if len(self._finished) > self._max_transfers:
                self.stop(next(iter(self._finished)))
