"""The rate of one transfer: a token bucket in integer arithmetic.

Rates are bytes per second, times integer microseconds, so credit is kept in bytes x microseconds / second.
"""

from __future__ import annotations

from typing import Final

from udpchat.config import MILLISECOND, SECOND
from udpchat.errors import UsageError

KEPT_TIME: Final = 10 * MILLISECOND  # of credit kept through idleness: one percent of a second
MOST_KEPT: Final = 65_536  # bytes of it
LEAST_CHUNKS: Final = 2  # of it, however slow
MAX_LATENESS: Final = 8 * MILLISECOND  # credit for a timer that came late


class TokenBucket:
    """Lets rate bytes a second pass, in portions of half of what it keeps: nobody wakes up for each packet.

    rate: bytes per second, more than 0. deadline: when the next portion is ready, None when nobody waits for it [us].
    """

    __slots__ = ("_credit", "_rate", "_updated_at", "deadline")

    def __init__(self, rate: int) -> None:
        if rate <= 0:
            raise UsageError("the rate of a bucket is above 0")
        self.deadline: int | None = None
        self._rate = rate
        self._credit = 0
        self._updated_at: int | None = None  # the bucket is filled when it is first asked

    def chunks(self, chunk: int, now: int) -> int:
        """How many chunks of so many bytes may leave now; when none may, the deadline says when one may."""
        if self.deadline is not None and now < self.deadline:
            return 0
        kept = max(LEAST_CHUNKS * chunk, min(MOST_KEPT, self._rate * KEPT_TIME // SECOND)) * SECOND
        self._refill(kept, now)
        self.deadline = None
        count = max(0, self._credit) // (chunk * SECOND)
        if not count:
            self.deadline = now - (self._credit - max(chunk * SECOND, kept // 2)) // self._rate
        return count

    def take(self, size: int) -> None:
        """Note that size bytes leave."""
        self._credit -= size * SECOND

    def set_rate(self, rate: int) -> None:
        """Let rate bytes a second pass from the next question on; what is owed and saved stays."""
        if rate <= 0:
            raise UsageError("the rate of a bucket is above 0")
        if rate != self._rate:
            self._rate = rate
            self.deadline = None

    def _refill(self, kept: int, now: int) -> None:
        if self._updated_at is None:
            self._credit = kept
        else:
            late = now - self.deadline if self.deadline is not None else 0
            most = kept + self._rate * min(late, MAX_LATENESS)
            self._credit = min(self._credit + self._rate * (now - self._updated_at), most)
        self._updated_at = now
