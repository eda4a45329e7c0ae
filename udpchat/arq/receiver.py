"""A file on its way in, as offsets: which bytes are new, which are still missing. Holds no file bytes."""

from __future__ import annotations

from collections.abc import Iterable

from udpchat.arq.ranges import RangeSet
from udpchat.config import MAX_TRANSFER_RUNS
from udpchat.errors import ErrorCode, ProtocolViolationError, UsageError


class ReceiveTransfer:
    """One file one way.

    size: bytes of the file. limit: offset up to which we take bytes. present: runs (start, stop) of bytes that we hold
    already. received: what is here; read it, do not change it.
    """

    __slots__ = ("_limit", "_max_runs", "received", "size", "transfer_id")

    def __init__(self, transfer_id: int, size: int, limit: int, present: Iterable[tuple[int, int]] = ()) -> None:
        if size < 0:
            raise UsageError("a file has no negative size")
        self.transfer_id = transfer_id
        self.size = size
        self.received = RangeSet(present)
        self._limit = min(limit, size)
        self._max_runs = MAX_TRANSFER_RUNS
        if self.received.last > size:
            raise UsageError(f"transfer {transfer_id}: more is present than the file has")

    @property
    def limit(self) -> int:
        """Offset up to which we take bytes, at most the size."""
        return self._limit

    @property
    def received_bytes(self) -> int:
        """Bytes of the file that are here, those present from the start included."""
        return self.received.total

    @property
    def is_complete(self) -> bool:
        """Whether the whole file is here."""
        return self.received.total == self.size

    def raise_limit(self, limit: int) -> None:
        """Take bytes up to this offset; a lower one than before is ignored, for the peer may have used the higher."""
        self._limit = max(self._limit, min(limit, self.size))

    def reopen(self, ranges: Iterable[tuple[int, int]]) -> None:
        """These bytes are no longer here and are taken once more; those beyond the limit when it has been raised."""
        for start, stop in ranges:
            if not 0 <= start <= stop <= self.size:
                raise UsageError(f"transfer {self.transfer_id} has no bytes {start} to {stop}")
            self.received.remove(start, stop)
        self._max_runs = max(self._max_runs, len(self.received) + MAX_TRANSFER_RUNS)  # these holes are our own

    def receive(self, offset: int, length: int) -> tuple[tuple[int, int], ...]:
        """Take in a run of bytes; its parts (start, stop) that were not here before, ascending."""
        received = self.received
        stop = offset + length
        if stop > self._limit:
            raise ProtocolViolationError(
                ErrorCode.FLOW_CONTROL, f"transfer {self.transfer_id}: byte {stop} is beyond the limit {self._limit}"
            )
        if offset == received.last and length > 0:
            received.add(offset, stop)
            return ((offset, stop),)
        new = tuple(received.missing(offset, stop))
        for left, right in new:
            received.add(left, right)
        if len(received) > self._max_runs:
            # Chunks of a size that a path really carries cannot leave so many holes within one credit.
            raise ProtocolViolationError(ErrorCode.FLOW_CONTROL, f"transfer {self.transfer_id}: too many holes")
        return new
