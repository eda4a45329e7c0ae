"""The slow place of a link: a first-in first-out queue of bounded length in front of a line of some rate."""

from __future__ import annotations

from collections import deque
from typing import Final

MAX_SAMPLES: Final = 4_096  # queue delays remembered; a multiple of two

PICOSECONDS: Final = 1_000_000  # in a microsecond, which is too coarse: at 10 Gbit/s a packet takes 1.2
_PER_SECOND: Final = 1_000_000 * PICOSECONDS


class DelaySamples:
    """Delays seen over time, thinned out evenly so that at most MAX_SAMPLES are kept."""

    __slots__ = ("_samples", "_skipped", "_stride")

    def __init__(self) -> None:
        self._samples: list[int] = []
        self._stride = 1
        self._skipped = 0

    def add(self, delay: int) -> None:
        """Take in one delay [us]."""
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._samples.append(delay)
        if len(self._samples) == MAX_SAMPLES:
            del self._samples[::2]
            self._stride *= 2

    def quantile(self, share: float) -> int:
        """The delay [us] that the given share of the samples does not exceed; 0 without samples."""
        ordered = sorted(self._samples)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0


class Bottleneck:
    """When a packet that arrives now has left the line, or that the queue is full.

    rate: bytes per second; 0 is unlimited. changes: (time [us], rate from then on), ascending; a packet on the line
    while the rate changes is finished at the new rate. limit: packets queued or on the line.
    """

    __slots__ = ("_busy", "_changes", "_exits", "_limit", "_rate", "samples")

    def __init__(self, rate: int, changes: tuple[tuple[int, int], ...], limit: int) -> None:
        self._rate = rate
        self._changes = deque((at * PICOSECONDS, changed) for at, changed in changes)
        self._limit = limit
        self._busy = 0  # until when the line is taken [ps]
        self._exits: deque[int] = deque()
        self.samples = DelaySamples()

    def pass_through(self, size: int, now: int) -> int | None:
        """Time [ps] at which a packet of size bytes that arrives at now [us] leaves the line; None: it was dropped."""
        arrival = now * PICOSECONDS
        if not self._rate and not self._changes:
            return arrival
        exits = self._exits
        while exits and exits[0] <= arrival:
            exits.popleft()
        start = max(self._busy, arrival)
        self.samples.add((start - arrival) // PICOSECONDS)
        if len(exits) >= self._limit:
            return None
        self._busy = end = self._finish(start, size)
        exits.append(end)
        return end

    def queued(self, now: int) -> int:
        """Packets queued or on the line at a time [us]."""
        arrival = now * PICOSECONDS
        while self._exits and self._exits[0] <= arrival:
            self._exits.popleft()
        return len(self._exits)

    def replace(self, rate: int, changes: tuple[tuple[int, int], ...], limit: int) -> None:
        """Go on with another rate and limit; what is queued leaves when it would have left."""
        self._rate = rate
        self._changes = deque((at * PICOSECONDS, changed) for at, changed in changes)
        self._limit = limit

    def packet_time(self, size: int) -> int:
        """Time on the line [us] at the present rate, at least 1; 0 when the rate is unlimited."""
        return max(1, size * 1_000_000 // self._rate) if self._rate else 0

    def _finish(self, start: int, size: int) -> int:
        """When a packet whose first byte is sent at start has been sent, across changes of the rate."""
        left = size
        while True:
            end = start + left * _PER_SECOND // self._rate if self._rate else start
            if not self._changes or end < self._changes[0][0]:
                return end
            at, rate = self._changes.popleft()
            if at > start:
                left -= (at - start) * self._rate // _PER_SECOND
                start = at
            self._rate = rate
