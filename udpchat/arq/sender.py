"""Files on their way out, as offsets: what to send next and what was acknowledged. Holds no file bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from udpchat.arq.asked import Asked
from udpchat.arq.ranges import RangeSet
from udpchat.config import MAX_TRANSFER_RUNS
from udpchat.errors import UsageError

NEWEST = 1 << 62  # number of a packet that is younger than any question
EXACT_RUNS: Final = 64  # asked for again and not acknowledged since: more of them are rounded to grains
GRAIN: Final = 4_096  # bytes: a burst meets few, so crumbs that a receiver makes up cost little with each packet


class SendTransfer:
    """One file one way.

    size: bytes of the file. limit: offset up to which the receiver takes bytes. present: runs (start, stop) of bytes
    that the receiver holds already; they are not sent, and count as acknowledged. fresh_from: what becomes of packets
    with lower numbers means nothing any more, see `on_lost`.
    """

    __slots__ = (
        "_asked",
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
        self._asked = Asked()
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

    def on_acked(self, offset: int, length: int, number: int = NEWEST) -> None:
        """The receiver has these bytes, by the packet of this number."""
        stop = self._sent_stop(offset, length)
        if not self._asked:
            self._take_in(offset, stop)
            return
        for left, right in self._asked.told_by(number, offset, stop):
            self._asked.settle(left, right)
            self._take_in(left, right)

    def _take_in(self, start: int, stop: int) -> None:
        self._done.add(start, stop)
        if self._lost:
            self._lost.remove(start, stop)

    def on_lost(self, offset: int, length: int, number: int = NEWEST) -> bool:
        """A packet with these bytes was lost: they are sent again, but for those that are acknowledged already.

        True when all that was sent so far counts no more: the caller then raises `fresh_from`.
        """
        stop = self._sent_stop(offset, length)
        told = self._asked.told_by(number, offset, stop) if self._asked else ((offset, stop),)
        for start, end in told:
            for left, right in self._done.missing(start, end):
                self._lost.add(left, right)
        return False

    def send_again(self, ranges: Iterable[tuple[int, int]], number: int) -> bool:
        """The receiver no longer holds these bytes: they are sent once more, the ones never sent in their turn.

        ranges: runs (start, stop), what lies beyond the file is ignored; many of them are rounded to whole grains, and
        more than anybody honest has are taken for the whole file. number: of the next packet. True as `on_lost` does.
        """
        for start, stop in self._clip(ranges):
            self._done.remove(start, stop)
            if self._next > self._limit:  # all between was skipped, for it was present: nothing of it may go out yet
                self._next = max(self._limit, min(self._next, start))
            sent = min(stop, self._next)
            if start < sent:
                self._lost.add(start, sent)
                self._asked.add(start, sent, number)
        self._skip_present()
        return False

    def _clip(self, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        clipped = [(max(0, start), min(stop, self.size)) for start, stop in ranges]
        clipped = [(start, stop) for start, stop in clipped if start < stop]
        if len(self._asked) + len(clipped) > EXACT_RUNS:
            clipped = list(RangeSet((start // GRAIN * GRAIN, self._grain_end(stop)) for start, stop in sorted(clipped)))
        return clipped if self._pieces() + len(clipped) <= MAX_TRANSFER_RUNS else [(0, self.size)]

    def _grain_end(self, stop: int) -> int:
        return min(-(-stop // GRAIN) * GRAIN, self.size)

    def _pieces(self) -> int:
        """Separate runs that are remembered because the receiver asked, or said that it has them."""
        return len(self._done) + len(self._asked)

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
