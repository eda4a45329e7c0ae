"""Packet numbers to send with, some of them skipped so that a peer which acknowledges unseen packets is found out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from udpchat.config import SKIP_INTERVAL
from udpchat.errors import UsageError

MAX_SKIPS: Final = 64  # remembered, the newest


class PacketNumbers:
    """Numbers for bursts, ascending and never reused (RFC 9000 section 21.4 on the skips).

    Between bursts, at most one number in `SKIP_INTERVAL` is left out, on average one in twice as many. How far apart
    skips are is drawn from random_bytes, once per skip.
    """

    __slots__ = ("_next", "_random_bytes", "_skip_from", "_skipped")

    def __init__(self, random_bytes: Callable[[int], bytes], first: int = 0) -> None:
        self._random_bytes = random_bytes
        self._next = first
        self._skipped: list[int] = []
        self._skip_from = 0
        self._draw()

    @property
    def next_number(self) -> int:
        """One past the largest number sent."""
        return self._next

    def next_burst(self, count: int) -> int:
        """The first of count consecutive numbers, which are used up with that."""
        if count < 1:
            raise UsageError("a burst has at least one packet")
        first = self._next
        if first >= self._skip_from:
            self._skipped.append(first)
            del self._skipped[:-MAX_SKIPS]
            first += 1
            self._next = first
            self._draw()
        self._next = first + count
        return first

    def _draw(self) -> None:
        distance = int.from_bytes(self._random_bytes(2), "big") % (2 * SKIP_INTERVAL)
        self._skip_from = self._next + SKIP_INTERVAL + distance

    def is_skipped(self, number: int) -> bool:
        """Whether the number was left out, as far as that is remembered."""
        return self.skipped_in(number, number + 1)

    def skipped_in(self, start: int, stop: int) -> bool:
        """Whether any of the numbers from start up to stop was left out, as far as that is remembered."""
        skipped = self._skipped
        if not skipped or stop <= skipped[0]:
            return False
        index = bisect_left(skipped, start)
        return index < len(skipped) and skipped[index] < stop
