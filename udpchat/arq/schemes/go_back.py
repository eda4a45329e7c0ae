"""Go-Back-N: after a loss all that follows is sent again, as to a receiver that keeps nothing out of order."""

from __future__ import annotations

from collections.abc import Iterable

from udpchat.arq.ranges import RangeSet
from udpchat.arq.sender import NEWEST, SendTransfer


class GoBackTransfer(SendTransfer):
    """One file one way, acknowledged cumulatively.

    What is acknowledged above a gap counts when the gap closes without a loss, as after reordering; a loss throws it
    away. What was present at the receiver from the start is never sent.
    """

    __slots__ = ("_present", "_reached")

    def __init__(self, transfer_id: int, size: int, limit: int, present: Iterable[tuple[int, int]] = ()) -> None:
        runs = tuple(present)
        self._present = RangeSet((start, min(stop, size)) for start, stop in runs if start < size)
        self._reached = 0  # one past the last byte that was ever sent
        super().__init__(transfer_id, size, limit, runs)

    @property
    def acked_bytes(self) -> int:
        """Bytes below the first one that is not acknowledged."""
        return self._done.run_at(0)[1] if 0 in self._done else 0

    def next_run(self, chunk_size: int, max_chunks: int) -> tuple[int, int, bool] | None:
        """What to send next, as `SendTransfer.next_run` tells it: bytes in their order, from the last loss on."""
        self._skip_present()  # a probe may have brought the next bytes already
        start = self._next
        if start >= self._reached:
            run = super().next_run(chunk_size, max_chunks)
            self._reached = self._next
            return run
        end = min(self._reached, self._limit)  # what was present beyond the limit was passed over, and may be lost now
        if start >= end:
            return None
        stop = next(self._done.missing(start, min(start + chunk_size * max_chunks, end)))[1]
        self._next = stop
        self._skip_present()
        self.sent_bytes += stop - start
        self.retransmitted_bytes += stop - start
        return start, stop - start, True

    def on_lost(self, offset: int, length: int, number: int = NEWEST) -> bool:  # noqa: ARG002
        """A packet with these bytes was lost: go back to the first of them that is not acknowledged."""
        stop = self._sent_stop(offset, length)
        start = next(self._done.missing(offset, stop), (stop, stop))[0]
        if start >= min(stop, self._next):
            return False  # acknowledged otherwise, or about to be sent again already
        self._done.remove(start, self.size)
        for left, right in self._present.overlap(start, self.size):
            self._done.add(left, right)
        self._next = start
        return True

    def send_again(self, ranges: Iterable[tuple[int, int]], number: int) -> bool:  # noqa: ARG002
        """The receiver no longer holds these bytes: go back to the first of them, without what is acknowledged."""
        clipped = self._clip(ranges)
        for start, stop in clipped:
            self._done.remove(start, stop)
            self._present.remove(start, stop)
            self._next = min(self._next, start)
        self._skip_present()
        return bool(clipped)

    def _pieces(self) -> int:
        return len(self._done) + len(self._present)

    def _sent_end(self) -> int:
        return self._reached
