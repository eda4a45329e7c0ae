"""Which queries a node has seen, and the way back of their hits."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from udpchat.config import MAX_ANSWERS, MAX_ROUTES, ROUTE_LIFETIME


@dataclass(slots=True)
class Route:
    """The way back of one query. link: over which it came. hits: that went back; by_link: that each link brought.

    ttl: that it came with, as far as it holds here. The further a query may still go, the more hits may come back; and
    what any one link may bring is less than what may go back by as many as one node has. So one that makes hits up
    leaves room for others at every node on the way.
    """

    link: int
    ttl: int
    taken_at: int
    hits: int = 0
    by_link: Counter[int] = field(default_factory=Counter)

    @property
    def is_full(self) -> bool:
        """No more hits may go back."""
        return self.hits >= MAX_ANSWERS * self.ttl

    def has_brought_all(self, link: int) -> bool:
        """A link has brought as many hits as it may."""
        return self.by_link[link] >= MAX_ANSWERS * (self.ttl - 1)


class Routes:
    """All of them, each for a time; when there are too many the oldest is forgotten."""

    def __init__(self) -> None:
        self._by_query: OrderedDict[bytes, Route] = OrderedDict()  # oldest first

    def __len__(self) -> int:
        return len(self._by_query)

    def add(self, query_id: bytes, link: int, ttl: int, now: int) -> None:
        """A query that was not seen yet is taken."""
        self._forget_old(now)
        if len(self._by_query) >= MAX_ROUTES:
            self._by_query.popitem(last=False)
        self._by_query[query_id] = Route(link, ttl, now)

    def find(self, query_id: bytes, now: int) -> Route | None:
        """The way back; None when the query was not seen, or long ago."""
        route = self._by_query.get(query_id)
        return None if route is None or now - route.taken_at >= ROUTE_LIFETIME else route

    def _forget_old(self, now: int) -> None:
        while self._by_query:
            query_id, route = next(iter(self._by_query.items()))
            if now - route.taken_at < ROUTE_LIFETIME:
                return
            del self._by_query[query_id]
