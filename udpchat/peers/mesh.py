"""Searching by flooding: each query once through every node, hits back the way it came. Knows links, no connections.

Nothing is ever sent to an address that a message names: a hit says where its holder is, and who wants the file dials
it, and compares the key that the hit names with that of the handshake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from udpchat.config import (
    HIT_BURST,
    HIT_RATE,
    MAX_ANSWERS,
    MAX_LOCAL_SEARCHES,
    MAX_MEMBER_PATH,
    MAX_OWN_SEARCHES,
    ROUTE_LIFETIME,
    SEARCH_TIME,
)
from udpchat.errors import ErrorCode, RefusedError, StorageError, UsageError
from udpchat.peers.events import HitCame, QueryOver
from udpchat.peers.limits import Allowance, Turns
from udpchat.peers.patterns import pattern_fault
from udpchat.peers.ports import SharedFile
from udpchat.peers.routes import Route, Routes
from udpchat.protocol.acceptor import is_loopback
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Hit, Query

QUERY_ID_SIZE: Final = 16
OWN: Final = 0  # in place of a link: what this node looks for itself
MAX_HOPS: Final = 255  # that the field can say

Found = tuple[SharedFile, ...] | StorageError


@dataclass(frozen=True, slots=True)
class Home:
    """The node that a mesh belongs to.

    key: static public key of its server, zero in plaintext mode; port: where it listens. search: asks storage for what
    is shared here, at most so many, and calls back with the answer and the time. tell: the application.
    """

    key: bytes
    port: int
    search: Callable[[QueryKind, str, int, Callable[[Found, int], None]], None]
    tell: Callable[[object], None]


class Link:
    """A neighbour. name: as it calls itself. host: where we see it. send: False when it takes no more for now."""

    __slots__ = ("hits", "host", "name", "send")

    def __init__(self, name: str, host: Callable[[], str], send: Callable[[Query | Hit], bool]) -> None:
        self.name = name
        self.host = host
        self.send = send
        self.hits = Allowance(HIT_RATE, HIT_BURST)


@dataclass(slots=True)
class OwnSearch:
    """What this node looks for. ends: when it is over [us]."""

    ends: int
    hits: int = 0


class Mesh:
    """One node's part of the flooding. max_ttl: links that a query travels from here.

    drops: by reason. sent: records by kind, and over how many links each.
    """

    def __init__(self, max_ttl: int, home: Home, random_bytes: Callable[[int], bytes]) -> None:
        self.drops: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self._max_ttl = max_ttl
        self._home = home
        self._random_bytes = random_bytes
        self._links: dict[int, Link] = {}
        self._last_link = OWN
        self._turns = Turns()
        self._turns.open(OWN)
        self._routes = Routes()
        self._own: dict[bytes, OwnSearch] = {}
        self._searching = 0  # questions that storage has

    # -- links ---------------------------------------------------------------------------------------------------------

    def open(self, link: Link) -> int:
        """A neighbour is there; its number, never used again."""
        self._last_link += 1
        self._links[self._last_link] = link
        self._turns.open(self._last_link)
        return self._last_link

    def close(self, number: int) -> None:
        """A neighbour is gone. Hits of what it asked have no way back any more."""
        del self._links[number]
        self._turns.close(number)

    # -- searching -----------------------------------------------------------------------------------------------------

    def search(
        self, kind: QueryKind, pattern: str, now: int, *, ttl: int | None = None, duration: int = SEARCH_TIME
    ) -> bytes:
        """Look for something at all nodes that are near enough; answered by HitCame, at last by QueryOver.

        ttl: links that the query may travel, as many as the node allows by default. duration: time in which hits are
        told [us]. The id of the query. UsageError says what cannot be looked for; RefusedError: too much at once.
        """
        if (fault := pattern_fault(kind, pattern)) is not None:
            raise UsageError(fault)
        if ttl is not None and not 1 <= ttl <= self._max_ttl:
            raise UsageError(f"a query of this node travels 1 to {self._max_ttl} links, not {ttl}")
        if not 0 < duration <= ROUTE_LIFETIME:
            raise UsageError(f"a search takes at most {ROUTE_LIFETIME} us")
        if len(self._own) >= MAX_OWN_SEARCHES:
            text = f"{MAX_OWN_SEARCHES} searches are under way; wait for one to end"
            raise RefusedError(ErrorCode.TOO_MANY_REQUESTS, text)
        query = Query(self._random_bytes(QUERY_ID_SIZE), kind, ttl or self._max_ttl, 0, pattern)
        self._own[query.query_id] = OwnSearch(now + duration)
        self._turns.add(OWN, query, now)
        self._serve(now)
        return query.query_id

    def stop(self, query_id: bytes) -> None:
        """End a search before its time; QueryOver is told now. Nothing when it is over."""
        if (own := self._own.pop(query_id, None)) is not None:
            self._home.tell(QueryOver(query_id, own.hits))

    # -- queries -------------------------------------------------------------------------------------------------------

    def on_query(self, link: int, query: Query, now: int) -> None:
        """A neighbour asks, or passes on what another asks."""
        if query.ttl == 0 or (_is_known(query.kind) and pattern_fault(query.kind, query.pattern) is not None):
            self.drops["malformed-query"] += 1
        elif self._routes.find(query.query_id, now) is not None:
            self.drops["seen"] += 1
        else:
            if dropped := self._turns.add(link, query, now):
                self.drops["flood"] += dropped
            self._serve(now)

    def _serve(self, now: int) -> None:
        """Take what may be taken, from each link in turn."""
        while (turn := self._turns.take(now)) is not None:
            link, query = turn
            if self._routes.find(query.query_id, now) is not None:
                self.drops["seen"] += 1  # another link brought it while this copy waited
                continue
            self._turns.paid(link, now)
            if link == OWN:
                self._routes.add(query.query_id, OWN, query.ttl + 1, now)
                self._flood(query, but=OWN)
            else:
                ttl = min(query.ttl, self._max_ttl)
                self._routes.add(query.query_id, link, ttl, now)
                self._take(link, query, ttl)

    def _take(self, link: int, query: Query, ttl: int) -> None:
        """Pass a query of a neighbour on, once, and answer it, once. ttl: as far as we let it go."""
        if ttl > 1:
            self._flood(replace(query, ttl=ttl - 1, hops=min(query.hops + 1, MAX_HOPS)), but=link)
        if not _is_known(query.kind):
            return  # a later version may know it
        if self._searching >= MAX_LOCAL_SEARCHES:
            self.drops["busy"] += 1
            return
        self._searching += 1
        query_id, kind = query.query_id, QueryKind(query.kind)
        self._home.search(kind, query.pattern, MAX_ANSWERS, lambda found, now: self._on_found(query_id, found, now))

    def _flood(self, query: Query, *, but: int) -> None:
        for number, link in self._links.items():
            if number != but:
                self._send(link, query, "queries")

    def _send(self, link: Link, record: Query | Hit, what: str) -> None:
        if link.send(record):
            self.sent[what] += 1
        else:
            self.drops["link-full"] += 1

    # -- hits ----------------------------------------------------------------------------------------------------------

    def _on_found(self, query_id: bytes, found: Found, now: int) -> None:
        self._searching -= 1
        route = self._routes.find(query_id, now)
        if isinstance(found, StorageError):
            self.drops["storage"] += 1
        elif route is None:
            self.drops["late"] += len(found)
        else:
            for file in found[:MAX_ANSWERS]:
                self._pass_back(route, _hit(query_id, self._home, file), now)

    def on_hit(self, link: int, hit: Hit, now: int) -> None:
        """A neighbour says who has what we or others look for."""
        route = self._routes.find(hit.query_id, now)
        if route is None:
            self.drops["unknown-query"] += 1
        elif route.link == link:
            self.drops["wrong-way"] += 1
        elif hit.hops >= route.ttl or not _is_sound(hit):  # the query did not go as far as that
            self.drops["malformed-hit"] += 1
        elif route.has_brought_all(link):
            self.drops["too-many-hits"] += 1
        else:
            route.by_link[link] += 1
            placed = self._placed(hit, link)
            if route.link == OWN:
                self._tell(route, link, placed)
            else:
                self._pass_back(route, replace(placed, hops=hit.hops + 1), now)

    def _placed(self, hit: Hit, link: int) -> Hit:
        """The hit with the address of its holder as the world sees it.

        The holder cannot know it, so its neighbour says it; and what is on the neighbour's own machine to the neighbour
        is on the neighbour's machine to us.
        """
        if hit.host and not is_loopback(hit.host):
            return hit
        return replace(hit, host=self._links[link].host())

    def _tell(self, route: Route, link: int, hit: Hit) -> None:
        own = self._own.get(hit.query_id)
        if own is None:
            self.drops["late"] += 1
        elif route.is_full:
            self.drops["too-many-hits"] += 1
        else:
            route.hits += 1
            own.hits += 1
            self._home.tell(HitCame(hit.query_id, hit, hit.hops, link, self._links[link].name))

    def _pass_back(self, route: Route, hit: Hit, now: int) -> None:
        """Send a hit the way that its query came.

        When a neighbour gets many, queries that had few hits go first: one that means everything leaves room for
        others.
        """
        link = self._links.get(route.link)
        if link is None:
            self.drops["no-way-back"] += 1
        elif route.is_full:
            self.drops["too-many-hits"] += 1
        elif link.hits.level(now) <= route.hits:
            self.drops["hits-too-fast"] += 1
        else:
            link.hits.take()
            route.hits += 1
            self._send(link, hit, "hits")

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When a query may be taken, or a search of our own is over."""
        deadlines = (self._turns.next_timeout(), *(own.ends for own in self._own.values()))
        return min((at for at in deadlines if at is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Take what may be taken; end searches whose time is over."""
        self._serve(now)
        for query_id in [query_id for query_id, own in self._own.items() if own.ends <= now]:
            self.stop(query_id)


def _is_known(kind: int) -> bool:
    return kind in QueryKind.__members__.values()


def _hit(query_id: bytes, home: Home, file: SharedFile) -> Hit:
    """What the holder itself says."""
    return Hit(
        query_id,
        1,
        home.key,
        home.port,
        file.file_id,
        file.size,
        file.md5,
        file.root,
        file.members,
        file.flags,
        "",
        file.file_name,
    )


def _is_sound(hit: Hit) -> bool:
    """Whether a hit can be true: its holder is somewhere, and has something with a name."""
    if not hit.hops or not hit.port or not 0 < len(hit.file_name.encode()) <= MAX_MEMBER_PATH:
        return False
    if not hit.host:
        return hit.hops == 1  # only the holder itself cannot say it
    try:
        ip_address(hit.host)
    except ValueError:
        return False
    return True
