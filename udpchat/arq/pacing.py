"""When the next bytes may leave: a token bucket in integer arithmetic.

Rates are bytes per second, times integer microseconds, so credit is kept in bytes x microseconds / second.
"""

from __future__ import annotations

from typing import Final

from udpchat.config import MICROSECOND, MILLISECOND, SECOND

UNLIMITED: Final = 1 << 40  # bytes: more than any window
UNPACED_RATE: Final = 250_000_000  # bytes per second above which the window alone paces: timers are too coarse
INITIAL_BURST_PACKETS: Final = 16  # the first flight may leave at once
MINIMUM_BURST_PACKETS: Final = 2
BURST_TIME: Final = 250 * MICROSECOND  # of credit kept through idleness: a queue of ten packets must hold it
MAX_BURST: Final = 65_536  # bytes of credit kept through idleness
GRAIN: Final = 250 * MICROSECOND  # one wait is at least so long, so that fast paths do not wake per packet
MAX_LATENESS: Final = 4 * MILLISECOND  # credit for a timer that came late (epoll rounds to 1 ms, a loop is busy)


class Pacer:
    """Spreads datagrams over time at a rate that the congestion controller sets."""

    __slots__ = ("_burst", "_credit", "_datagram_size", "_deadline", "_rate", "_updated_at")

    def __init__(self, datagram_size: int, now: int) -> None:
        self._datagram_size = datagram_size
        self._rate = 0
        self._burst = INITIAL_BURST_PACKETS * datagram_size * SECOND
        self._credit = self._burst
        self._updated_at = now
        self._deadline: int | None = None  # what the last wait was told

    @property
    def rate(self) -> int:
        """Bytes per second; 0 is not paced."""
        return self._rate

    def set_rate(self, rate: int, now: int) -> None:
        """Pace at rate bytes per second from now on; 0 is not paced."""
        if rate == self._rate:
            return
        if rate < 0:
            raise ValueError("a rate is not negative")
        self._refill(now)
        size = max(MINIMUM_BURST_PACKETS * self._datagram_size, min(rate * BURST_TIME // SECOND, MAX_BURST))
        self._burst = size * SECOND
        if not self._rate:
            self._credit = min(self._credit, self._burst)  # what the first flight left unused is not sent on top
        self._rate = rate

    def set_datagram_size(self, size: int) -> None:
        """Let bursts hold whole datagrams of size bytes."""
        self._datagram_size = size
        self._burst = max(self._burst, MINIMUM_BURST_PACKETS * size * SECOND)

    def budget(self, now: int) -> int:
        """Bytes that may leave now."""
        if not 0 < self._rate < UNPACED_RATE:
            return UNLIMITED
        self._refill(now)
        return max(0, self._credit // SECOND)

    def on_sent(self, size: int, now: int) -> None:
        """Note that size bytes leave now, whether the budget held them or not."""
        self._refill(now)
        self._credit = max(self._credit - size * SECOND, -self._burst)
        self._deadline = None

    def next_send_time(self, size: int, now: int) -> int | None:
        """When a waiting datagram of size bytes may leave [us]; None when nothing holds it back."""
        if self.budget(now) >= size:
            return None
        wanted = max(size, min(self._rate * GRAIN // SECOND, self._burst // SECOND)) * SECOND
        self._deadline = now - (self._credit - wanted) // self._rate
        return self._deadline

    def _refill(self, now: int) -> None:
        if now <= self._updated_at:
            return
        limit = self._burst
        if self._deadline is not None and now > self._deadline:
            limit += self._rate * min(now - self._deadline, MAX_LATENESS)
        self._credit = min(self._credit + self._rate * (now - self._updated_at), max(limit, self._credit))
        self._updated_at = now
