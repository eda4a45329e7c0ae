"""Files on their way out, as offsets: what to send next and what was acknowledged. Holds no file bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from udpchat.arq.ranges import RangeSet
from udpchat.config import MAX_BURST
from udpchat.errors import UsageError


class SendTransfer:
    """One file one way.

    size: bytes of the file. limit: offset up to which the receiver takes bytes. present: runs (start, stop) of bytes
    that the receiver holds already; they are not sent, and count as acknowledged. fresh_from: what becomes of packets
    with lower numbers means nothing any more, see `on_lost`.
    """

    __slots__ = (
        "_done",
        "_limit",
        "_lost",
        "_next",
        "fresh_from",
        "retransmitted_bytes",
        "sent_bytes",
        "size",
        "transfer_id",
    )

    def __init__(self, transfer_id: int, size: int, limit: int, present: Iterable[tuple[int, int]] = ()) -> None:
        if size < 0:
            raise UsageError("a file has no negative size")
        self.transfer_id = transfer_id
        self.size = size
        self.sent_bytes = 0  # all that was handed out, retransmissions included
        self.retransmitted_bytes = 0
        self.fresh_from = 0
        self._limit = min(limit, size)
        self._done = RangeSet((start, min(stop, size)) for start, stop in present if start < size)
        self._lost = RangeSet()
        self._next = 0  # offset of the first byte that was neither sent nor present
        self._skip_present()

    @property
    def limit(self) -> int:
        """Offset up to which bytes may be sent, at most the size."""
        return self._limit

    @property
    def acked_bytes(self) -> int:
        """Bytes that the receiver holds: acknowledged, or present from the start."""
        return self._done.total

    @property
    def is_complete(self) -> bool:
        """Whether the receiver holds the whole file."""
        return self._done.total == self.size

    @property
    def is_sent(self) -> bool:
        """Whether every byte was sent at least once."""
        return self._next >= self.size

    @property
    def has_work(self) -> bool:
        """Whether there are bytes to send now."""
        return bool(self._lost) or self._next < self._limit

    def next_run(self, chunk_size: int, max_chunks: int) -> tuple[int, int, bool] | None:
        """What to send next, lost bytes first: offset, length, and whether it was sent before.

        A contiguous run of at most max_chunks chunks, all but the last of chunk_size bytes.
        """
        room = chunk_size * max_chunks
        if room < 1:
            raise UsageError("a run has at least one chunk of one byte")
        lost = self._lost
        again = bool(lost)
        if again:
            start = lost.first
            stop = min(start + room, lost.run_at(start)[1])
            lost.remove(start, stop)
            self.retransmitted_bytes += stop - start
        else:
            start = self._next
            if start >= self._limit:
                return None
            stop = next(self._done.missing(start, min(start + room, self._limit)))[1]
            self._next = stop
            self._skip_present()
        self.sent_bytes += stop - start
        return start, stop - start, again

    def _skip_present(self) -> None:
        if self._next in self._done:
            self._next = self._done.run_at(self._next)[1]

    def on_acked(self, offset: int, length: int) -> None:
        """The receiver has these bytes."""
        stop = self._sent_stop(offset, length)
        self._done.add(offset, stop)
        if self._lost:
            self._lost.remove(offset, stop)

    def on_lost(self, offset: int, length: int) -> bool:
        """A packet with these bytes was lost: they are sent again, but for those that are acknowledged already.

        True when all that was sent so far counts no more: the caller then raises `fresh_from`.
        """
        stop = self._sent_stop(offset, length)
        for left, right in self._done.missing(offset, stop):
            self._lost.add(left, right)
        return False

    def raise_limit(self, limit: int) -> None:
        """The receiver takes bytes up to this offset; a lower one than before is ignored."""
        self._limit = max(self._limit, min(limit, self.size))

    def _sent_stop(self, offset: int, length: int) -> int:
        stop = offset + length
        if offset < 0 or length < 0 or stop > self._sent_end():
            raise UsageError(f"bytes {offset} to {stop} of transfer {self.transfer_id} were never sent")
        return stop

    def _sent_end(self) -> int:
        return self._next


class _Turn:
    """A transfer in the round, and how many bytes it may still send before the next one's turn."""

    __slots__ = ("credit", "transfer")

    def __init__(self, transfer: SendTransfer) -> None:
        self.transfer = transfer
        self.credit = 0


class TransferScheduler:
    """Transfers of one connection, served fairly by bytes: deficit round robin (Shreedhar and Varghese, 1995).

    A run may overdraw the credit of its transfer, which then waits longer. How many transfers there are is the
    caller's to limit.
    """

    __slots__ = ("_round", "_transfers")

    def __init__(self) -> None:
        self._transfers: dict[int, SendTransfer] = {}
        self._round: list[_Turn] = []  # whose turn it is first

    def add(self, transfer: SendTransfer) -> None:
        """Let a transfer take part."""
        if transfer.transfer_id in self._transfers:
            raise UsageError(f"transfer {transfer.transfer_id} is there already")
        self._transfers[transfer.transfer_id] = transfer
        self._round.append(_Turn(transfer))

    def remove(self, transfer_id: int) -> None:
        """Forget a transfer; one that is not there is forgotten already."""
        if self._transfers.pop(transfer_id, None) is not None:
            self._round = [turn for turn in self._round if turn.transfer.transfer_id != transfer_id]

    def find(self, transfer_id: int) -> SendTransfer | None:
        """The transfer with this id."""
        return self._transfers.get(transfer_id)

    def __iter__(self) -> Iterator[SendTransfer]:
        return iter(self._transfers.values())

    def __len__(self) -> int:
        return len(self._transfers)

    @property
    def has_work(self) -> bool:
        """Whether any transfer has bytes to send now."""
        return any(transfer.has_work for transfer in self._transfers.values())

    def next_run(self, chunk_size: int, max_chunks: int) -> tuple[SendTransfer, int, int, bool] | None:
        """What to send next: the transfer, and offset, length and repetition as `SendTransfer.next_run` tells them."""
        turns = self._round
        quantum = max(MAX_BURST, chunk_size * max_chunks)
        for _ in range(len(turns)):
            turn = turns[0]
            run = turn.transfer.next_run(chunk_size, max_chunks)
            if run is None:
                turn.credit = 0  # who has nothing to send saves nothing up
                turns.append(turns.pop(0))
                continue
            if turn.credit <= 0:
                turn.credit += quantum
            turn.credit -= run[1]
            if turn.credit <= 0:
                turns.append(turns.pop(0))
            return turn.transfer, *run
        return None
