"""How much of something may happen, and whose turn it is: what keeps one neighbour from taking the share of others."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

from udpchat.config import FLOOD_RATE, FLOOD_TIME, QUERY_BURST, QUERY_QUEUE, QUERY_RATE, SECOND
from udpchat.wire.records import Query

FLOOD_BURST: Final = 1  # of a neighbour that is slowed down


class Allowance:
    """So many at once, and so many a second after that. rate: a second; burst: at once."""

    __slots__ = ("_burst", "_credit", "_rate", "_updated_at")

    def __init__(self, rate: int, burst: int) -> None:
        self._rate = rate
        self._burst = burst * SECOND
        self._credit = self._burst  # in millionths of one
        self._updated_at: int | None = None

    def level(self, now: int) -> int:
        """How many may happen now."""
        if self._updated_at is not None:
            self._credit = min(self._burst, self._credit + self._rate * (now - self._updated_at))
        self._updated_at = now
        return self._credit // SECOND

    def take(self) -> None:
        """One happens."""
        self._credit -= SECOND

    @property
    def ready_at(self) -> int:
        """When one may happen, as of the last `level` [us]; in the past when one may now."""
        if self._updated_at is None:
            return 0
        return self._updated_at - (self._credit - SECOND) // self._rate


@dataclass(slots=True)
class Line:
    """Queries of one link that wait, the oldest first. slow_until: it is slowed down, for it brought too many [us]."""

    waiting: deque[Query] = field(default_factory=deque)
    arrivals: Allowance = field(default_factory=lambda: Allowance(QUERY_RATE, QUERY_QUEUE))
    slow_until: int = 0
    slow: Allowance = field(default_factory=lambda: Allowance(FLOOD_RATE, FLOOD_BURST))

    def is_ready(self, now: int) -> bool:
        """Whether its next query may be taken now."""
        return now >= self.slow_until or self.slow.level(now) > 0

    @property
    def ready_at(self) -> int:
        """When its next query may be taken [us]."""
        return min(self.slow_until, self.slow.ready_at)


class Turns:
    """The queries that wait, taken from each link in turn, at QUERY_RATE in all.

    So nobody gets more from us over one link than that, however many links bring how much, and a link that brings more
    floods: its line is dropped, and it is taken from slowly for a while. Of each link the newest comes first, and the
    oldest is dropped when too many wait: after a flood, what is asked now must not wait behind what is left of it.
    """

    def __init__(self) -> None:
        self._pace = Allowance(QUERY_RATE, QUERY_BURST)
        self._lines: dict[int, Line] = {}
        self._round: OrderedDict[int, Line] = OrderedDict()  # lines in which somebody waits, whose turn it is first

    def open(self, link: int) -> None:
        """A link that brings queries."""
        self._lines[link] = Line()

    def close(self, link: int) -> None:
        """It brings no more; what waits is dropped."""
        del self._lines[link]
        self._round.pop(link, None)

    def add(self, link: int, query: Query, now: int) -> int:
        """A query came; how many were dropped."""
        line, dropped = self._lines[link], 0
        if line.arrivals.level(now) > 0:
            line.arrivals.take()
        else:
            dropped = len(line.waiting)
            line.waiting.clear()
            line.slow_until = now + FLOOD_TIME
        if len(line.waiting) >= QUERY_QUEUE:
            line.waiting.popleft()
            dropped += 1
        line.waiting.append(query)
        self._round.setdefault(link, line)
        return dropped

    def take(self, now: int) -> tuple[int, Query] | None:
        """The next query, with its link; None when nothing may be taken now. Call `paid` when it cost something."""
        if self._pace.level(now) <= 0:
            return None
        for link, line in list(self._round.items()):
            if line.is_ready(now):
                query = line.waiting.pop()
                self._round.move_to_end(link)
                if not line.waiting:
                    del self._round[link]
                return link, query
        return None

    def paid(self, link: int, now: int) -> None:
        """A query that was taken is answered and passed on."""
        self._pace.take()
        line = self._lines[link]
        if now < line.slow_until:
            line.slow.take()

    def next_timeout(self) -> int | None:
        """When something may be taken."""
        if not self._round:
            return None
        return max(self._pace.ready_at, min(line.ready_at for line in self._round.values()))
