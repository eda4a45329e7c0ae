"""Ordered byte channels: what MSG packets carry. Bytes written at one end come out at the other, in order, once."""

from __future__ import annotations

from typing import Final

from udpchat.arq.ranges import RangeSet
from udpchat.config import CHANNEL_WINDOW
from udpchat.errors import ErrorCode, ProtocolViolationError, UsageError

MAX_PIECES: Final = 256  # separate stretches of a channel that wait for an earlier byte


class SendChannel:
    """The sending end: keeps bytes until they are acknowledged.

    window: new bytes are sent only so far beyond the lowest unacknowledged one. How much may be written is the caller's
    to limit, by `queued`.
    """

    __slots__ = ("_acked", "_base", "_buffer", "_lost", "_next", "_window")

    def __init__(self, window: int = CHANNEL_WINDOW) -> None:
        self._window = window
        self._buffer = bytearray()  # cutting its front is cheap: CPython moves its start instead of the bytes
        self._base = 0  # offset of the buffer's first byte, the lowest unacknowledged one
        self._next = 0  # offset of the first byte that was never sent
        self._acked = RangeSet()  # above the base
        self._lost = RangeSet()  # to be sent again

    def write(self, data: bytes) -> int:
        """Queue data; the offset at which it ends: once `acknowledged` reaches it, the peer has all of it."""
        self._buffer += data
        return self._base + len(self._buffer)

    @property
    def acknowledged(self) -> int:
        """Offset up to which the peer has everything."""
        return self._base

    @property
    def queued(self) -> int:
        """Bytes written and not yet acknowledged."""
        return len(self._buffer) - self._acked.total

    @property
    def has_work(self) -> bool:
        """Whether there is something to send now."""
        return bool(self._lost) or self._next < self._sendable()

    def next_fragment(self, max_size: int) -> tuple[int, bytes, bool] | None:
        """What to send next, lost bytes first: offset, at most max_size bytes, and whether they were sent before."""
        if max_size < 1:
            raise UsageError("a fragment has at least one byte")
        again = bool(self._lost)
        if again:
            start = self._lost.first
            stop = min(start + max_size, self._lost.run_at(start)[1])
            self._lost.remove(start, stop)
        else:
            start = self._next
            stop = min(start + max_size, self._sendable())
            if start >= stop:
                return None
            self._next = stop
        return start, bytes(self._buffer[start - self._base : stop - self._base]), again

    def peek(self, offset: int, length: int) -> bytes:
        """Bytes that were sent, for a packet that repeats them; empty when any of them is acknowledged and gone."""
        start = offset - self._base
        return bytes(self._buffer[start : start + length]) if start >= 0 else b""

    def _sendable(self) -> int:
        return self._base + min(len(self._buffer), self._window)

    def on_acked(self, offset: int, length: int) -> None:
        """The peer has these bytes."""
        start, stop = self._sent_part(offset, length)
        if start >= stop:
            return
        self._acked.add(start, stop)
        if self._lost:
            self._lost.remove(start, stop)
        if self._acked.first == self._base:
            _, stop = self._acked.pop_first()
            del self._buffer[: stop - self._base]
            self._base = stop

    def on_lost(self, offset: int, length: int) -> None:
        """A packet with these bytes was lost: they are sent again, but for those that are acknowledged already."""
        start, stop = self._sent_part(offset, length)
        for left, right in self._acked.missing(start, stop):
            self._lost.add(left, right)

    def _sent_part(self, offset: int, length: int) -> tuple[int, int]:
        if offset < 0 or length < 0 or offset + length > self._next:
            raise UsageError(f"bytes {offset} to {offset + length} of the channel were never sent")
        return max(offset, self._base), offset + length


class ReceiveChannel:
    """The receiving end: puts fragments in order. Holds at most `window` bytes, in at most `MAX_PIECES` pieces."""

    __slots__ = ("_held", "_next", "_pieces", "_tails", "_window")

    def __init__(self, window: int = CHANNEL_WINDOW) -> None:
        self._window = window
        self._next = 0  # offset of the first byte that did not arrive
        self._held = RangeSet()  # what arrived beyond it
        self._pieces: dict[int, bytearray] = {}  # the same bytes, by the offset of their first
        self._tails: dict[int, bytearray] = {}  # the same pieces, by the offset at which they end

    @property
    def next_offset(self) -> int:
        """Offset up to which everything has been handed out."""
        return self._next

    def receive(self, offset: int, data: bytes | memoryview) -> bytes | None:
        """The bytes that are in order now, b"" when there are none.

        None: the fragment was not taken, because too many pieces wait already; it must not be acknowledged, so that
        the peer sends it again. Where fragments disagree about a byte, the first one wins.
        """
        stop = offset + len(data)
        if stop > self._next + self._window:
            raise ProtocolViolationError(ErrorCode.FLOW_CONTROL, f"channel byte {stop} is beyond the window")
        if offset == self._next and not self._pieces:
            self._next = stop
            return bytes(data)
        gaps = list(self._held.missing(max(offset, self._next), stop))
        if offset > self._next:
            added = sum(1 for start, _ in gaps if start not in self._tails)
            if len(self._pieces) + added > MAX_PIECES:
                return None
        for start, end in gaps:
            self._hold(start, data[start - offset : end - offset])
        return self._in_order()

    def _hold(self, start: int, data: bytes | memoryview) -> None:
        stop = start + len(data)
        self._held.add(start, stop)
        piece = self._tails.pop(start, None)
        if piece is None:
            self._pieces[start] = piece = bytearray(data)
        else:
            piece += data
        self._tails[stop] = piece

    def _in_order(self) -> bytes:
        found = []
        while (piece := self._pieces.pop(self._next, None)) is not None:
            self._next += len(piece)
            del self._tails[self._next]
            found.append(piece)
        if found:
            self._held.drop_first()
        return b"".join(found)
