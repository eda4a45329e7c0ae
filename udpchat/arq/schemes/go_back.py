"""Go-Back-N: after a loss all that follows is sent again, as to a receiver that keeps nothing out of order."""

from __future__ import annotations

from collections.abc import Iterable

from udpchat.arq.sender import SendTransfer


class GoBackTransfer(SendTransfer):
    """One file one way, acknowledged cumulatively.

    What is acknowledged above a gap counts when the gap closes without a loss, as after reordering; a loss throws it
    away. What was present at the receiver from the start is never sent.
    """

    __slots__ = ("_present", "_reached")

    def __init__(self, transfer_id: int, size: int, limit: int, present: Iterable[tuple[int, int]] = ()) -> None:
        self._present = tuple(present)
        self._reached = 0  # one past the last byte that was ever sent
        super().__init__(transfer_id, size, limit, self._present)

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
        stop = next(self._done.missing(start, min(start + chunk_size * max_chunks, self._reached)))[1]
        self._next = stop
        self._skip_present()
        self.sent_bytes += stop - start
        self.retransmitted_bytes += stop - start
        return start, stop - start, True

    def on_lost(self, offset: int, length: int) -> bool:
        """A packet with these bytes was lost: go back to the first of them that is not acknowledged."""
        stop = self._sent_stop(offset, length)
        start = next(self._done.missing(offset, stop), (stop, stop))[0]
        if start >= min(stop, self._next):
            return False  # acknowledged otherwise, or about to be sent again already
        self._done.remove(start, self.size)
        for left, right in self._present:
            if max(left, start) < min(right, self.size):
                self._done.add(max(left, start), min(right, self.size))
        self._next = start
        return True

    def _sent_end(self) -> int:
        return self._reached
