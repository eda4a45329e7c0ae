"""How fast somebody may speak: a token bucket for each person, and a line of what came faster. Pure arithmetic."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, TypeVar

from udpchat.config import SECOND

T = TypeVar("T")
SWEEP = 4  # idle buckets that are cleared away with each item at most


class Verdict(Enum):
    """What becomes of an item."""

    TAKEN = auto()
    SLOWED = auto()  # it waits, and is the first to wait since the bucket was full
    WAITS = auto()
    REFUSED = auto()  # too many wait already


@dataclass(slots=True)
class _Bucket(Generic[T]):
    """full_at: when it holds a whole burst again [us]. was_slowed: its owner has been told."""

    full_at: int
    was_slowed: bool = False
    waiting: deque[T] = field(default_factory=deque)


class Throttle(Generic[T]):
    """Lets items of each owner through at a rate, keeps the faster ones in order, and does not slow the others down.

    rate: items a second in the long run, 0 for any number. burst: items that may come at once. max_waiting: items of
    one owner.
    """

    def __init__(self, rate: int, burst: int, max_waiting: int) -> None:
        self._interval = SECOND // rate if rate else 0
        self._tolerance = self._interval * max(burst - 1, 0)
        self._max_waiting = max_waiting
        self._buckets: dict[int, _Bucket[T]] = {}  # by owner, the one used last at the end
        self._due: list[tuple[int, int]] = []  # heap: when the first waiting item of an owner is taken; one entry each

    def __len__(self) -> int:
        """Owners that are remembered: those who spoke lately, and a few more."""
        return len(self._buckets)

    def offer(self, owner: int, item: T, now: int) -> Verdict:
        """What becomes of an item that comes now; what is TAKEN is the caller's, what waits comes out of `take_due`."""
        if not self._interval:
            return Verdict.TAKEN
        bucket = self._bucket(owner, now)
        if not bucket.waiting and self._ready_at(bucket) <= now:
            self._charge(bucket, now)
            return Verdict.TAKEN
        if len(bucket.waiting) >= self._max_waiting:
            return Verdict.REFUSED
        if not bucket.waiting:
            heapq.heappush(self._due, (self._ready_at(bucket), owner))
        bucket.waiting.append(item)
        if bucket.was_slowed:
            return Verdict.WAITS
        bucket.was_slowed = True
        return Verdict.SLOWED

    def charge(self, owner: int, now: int) -> None:
        """Something of the owner's that could not wait was taken. At worst it leaves the bucket empty."""
        if self._interval:
            bucket = self._bucket(owner, now)
            empty = now + self._tolerance + self._interval
            bucket.full_at = max(bucket.full_at, min(max(bucket.full_at, now) + self._interval, empty))

    def is_waiting(self, owner: int) -> bool:
        """Whether items of an owner wait."""
        bucket = self._buckets.get(owner)
        return bucket is not None and bool(bucket.waiting)

    def wait(self, owner: int, now: int) -> int:
        """How long until the next item of an owner is taken [us]."""
        bucket = self._buckets.get(owner)
        return 0 if bucket is None else max(0, self._ready_at(bucket) - now)

    def next_timeout(self) -> int | None:
        """When `take_due` has something."""
        return self._due[0][0] if self._due else None

    def take_due(self, now: int) -> list[T]:
        """The items whose time has come, each owner's in their order."""
        taken = []
        while self._due and self._due[0][0] <= now:
            ready_at, owner = heapq.heappop(self._due)
            bucket = self._buckets[owner]
            taken.append(bucket.waiting.popleft())
            self._charge(bucket, ready_at)  # not `now`: a timer that comes late must not make the rate smaller
            if bucket.waiting:
                heapq.heappush(self._due, (self._ready_at(bucket), owner))
        return taken

    def drop(self, is_gone: Callable[[T], bool]) -> None:
        """Forget waiting items, whosever they are."""
        for _, owner in self._due:
            bucket = self._buckets[owner]
            bucket.waiting = deque(item for item in bucket.waiting if not is_gone(item))
        self._due = [entry for entry in self._due if self._buckets[entry[1]].waiting]
        heapq.heapify(self._due)

    def _ready_at(self, bucket: _Bucket[T]) -> int:
        return bucket.full_at - self._tolerance

    def _charge(self, bucket: _Bucket[T], now: int) -> None:
        bucket.full_at = max(bucket.full_at, now) + self._interval

    def _bucket(self, owner: int, now: int) -> _Bucket[T]:
        """The owner's bucket, now the last used; a few of those that nobody needs any more go."""
        self._sweep(now)
        bucket = self._buckets.pop(owner, None)
        if bucket is None:
            bucket = _Bucket(now)
        elif not bucket.waiting and bucket.full_at <= now:
            bucket.was_slowed = False
        self._buckets[owner] = bucket
        return bucket

    def _sweep(self, now: int) -> None:
        for _ in range(SWEEP):
            owner, bucket = next(iter(self._buckets.items()), (0, None))
            if bucket is None or bucket.waiting or bucket.full_at > now:
                return
            del self._buckets[owner]
