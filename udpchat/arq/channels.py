"""Ordered byte channels: what MSG packets carry. Bytes written at one end come out at the other, in order, once."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import Final

from udpchat.arq.ranges import RangeSet
from udpchat.config import CHANNEL_WINDOW
from udpchat.errors import ErrorCode, ProtocolViolationError, UsageError

MAX_PIECES: Final = 256  # separate stretches of a channel that wait for an earlier byte
SMALL: Final = 512  # bytes; pieces to be sent that are smaller together become one: each takes 100 besides
END: Final = itemgetter(0)  # of a piece
NOTHING: Final = RangeSet()  # what most channels have lost: one for all of them, never added to


class SendChannel:
    """The sending end: keeps bytes until they are acknowledged, as they were written: what goes to 5,000 is there once.

    window: new bytes are sent only so far beyond the lowest unacknowledged one. How much may be written is the caller's
    to limit, by `queued`.
    """

    __slots__ = ("_acked", "_base", "_end", "_lost", "_next", "_pieces", "_window")

    def __init__(self, window: int = CHANNEL_WINDOW) -> None:
        self._window = window
        self._pieces: list[tuple[int, bytes]] = []  # what was written, with the offset at which it ends
        self._end = 0  # of them all
        self._base = 0  # offset of the lowest unacknowledged byte, in the first piece
        self._next = 0  # offset of the first byte that was never sent
        self._acked = NOTHING  # above the base
        self._lost = NOTHING  # to be sent again

    def write(self, data: bytes) -> int:
        """Queue data; the offset at which it ends: once `acknowledged` reaches it, the peer has all of it."""
        if not data:
            return self._end
        pieces = self._pieces
        self._end += len(data)
        if pieces and len(pieces[-1][1]) + len(data) <= SMALL:
            pieces[-1] = (self._end, pieces[-1][1] + data)
        else:
            pieces.append((self._end, data))
        return self._end

    @property
    def acknowledged(self) -> int:
        """Offset up to which the peer has everything."""
        return self._base

    @property
    def queued(self) -> int:
        """Bytes written and not yet acknowledged."""
        return self._end - self._base - self._acked.total

    @property
    def has_work(self) -> bool:
        """Whether there is something to send now."""
        return self._base < self._end and (self._next < self._sendable() or bool(self._lost))

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
        return start, self._read(start, stop), again

    def next_whole(self, max_size: int) -> tuple[int, bytes] | None:
        """What `next_fragment` tells, when that is all there is to send and was not sent before; else None, unsent."""
        start, stop = self._next, self._sendable()
        if not start < stop <= start + max_size or self._lost:
            return None
        self._next = stop
        return start, self._read(start, stop)

    def peek(self, offset: int, length: int) -> bytes:
        """Bytes that were sent, for a packet that repeats them; empty when any of them is acknowledged and gone."""
        return self._read(offset, min(offset + length, self._end)) if offset >= self._base else b""

    def _sendable(self) -> int:
        return min(self._end, self._base + self._window)

    def _read(self, start: int, stop: int) -> bytes:
        pieces, found = self._pieces, []
        at = bisect_right(pieces, start, key=END)
        while start < stop:
            end, data = pieces[at]
            begin = end - len(data)
            found.append(data[start - begin : stop - begin])
            start, at = end, at + 1
        return b"".join(found)

    def _forget(self, upto: int) -> None:
        """Nobody will ask for bytes below this any more."""
        self._base = upto
        if upto == self._end:
            self._pieces.clear()
        else:
            del self._pieces[: bisect_right(self._pieces, upto, key=END)]

    def on_acked(self, offset: int, length: int) -> None:
        """The peer has these bytes."""
        start, stop = self._sent_part(offset, length)
        if start >= stop:
            return
        if start == self._base and not (self._acked or self._lost):  # in order, as nearly all: no set is needed
            self._forget(stop)
            return
        self._acked = self._acked or RangeSet()
        self._acked.add(start, stop)
        if self._lost:
            self._lost.remove(start, stop)
        if self._acked.first == self._base:
            self._forget(self._acked.pop_first()[1])

    def on_lost(self, offset: int, length: int) -> None:
        """A packet with these bytes was lost: they are sent again, but for those that are acknowledged already."""
        start, stop = self._sent_part(offset, length)
        self._lost = self._lost or RangeSet()
        for left, right in self._acked.missing(start, stop):
            self._lost.add(left, right)

    def _sent_part(self, offset: int, length: int) -> tuple[int, int]:
        if offset < 0 or length < 0 or offset + length > self._next:
            raise UsageError(f"bytes {offset} to {offset + length} of the channel were never sent")
        return max(offset, self._base), offset + length


class _Early:
    """Fragments that arrived before their turn. held: where they lie; pieces, tails: the bytes, by begin and by end."""

    __slots__ = ("held", "pieces", "tails")

    def __init__(self) -> None:
        self.held = RangeSet()
        self.pieces: dict[int, bytearray] = {}
        self.tails: dict[int, bytearray] = {}

    def hold(self, start: int, data: bytes | memoryview) -> None:
        """Keep bytes, none of which are here yet."""
        stop = start + len(data)
        self.held.add(start, stop)
        piece = self.tails.pop(start, None)
        if piece is None:
            self.pieces[start] = piece = bytearray(data)
        else:
            piece += data
        self.tails[stop] = piece

    def take(self, start: int) -> bytes:
        """The bytes that run on from here; they are the first that are here."""
        found, at = [], start
        while (piece := self.pieces.pop(at, None)) is not None:
            at += len(piece)
            del self.tails[at]
            found.append(piece)
        if found:
            self.held.drop_first()
        return b"".join(found)


class ReceiveChannel:
    """The receiving end: puts fragments in order. Holds at most `window` bytes, in at most `MAX_PIECES` pieces."""

    __slots__ = ("_early", "_next", "_window")

    def __init__(self, window: int = CHANNEL_WINDOW) -> None:
        self._window = window
        self._next = 0  # offset of the first byte that did not arrive
        self._early: _Early | None = None  # what arrived beyond it; most channels never have that

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
        early = self._early
        if offset == self._next and early is None:
            self._next = stop
            return bytes(data)
        early = early or _Early()
        gaps = list(early.held.missing(max(offset, self._next), stop))
        if offset > self._next:
            added = sum(1 for start, _ in gaps if start not in early.tails)
            if len(early.pieces) + added > MAX_PIECES:
                return None
        for start, end in gaps:
            early.hold(start, data[start - offset : end - offset])
        ready = early.take(self._next)
        self._next += len(ready)
        self._early = early if early.pieces else None
        return ready
