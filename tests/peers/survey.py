"""What searching costs and finds in a network of nodes, beside what the graph says can be found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from statistics import median

from tests.peers.web import Knot, Web, distances
from udpchat import config
from udpchat.config import SECOND
from udpchat.peers.roster import Acquaintance
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Query

HOLDERS = 3  # of each file
SEARCH_TIME = 1 * SECOND  # of virtual time: every path is far shorter


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of some searches.

    reachable, found: holders within reach of the TTL, and those of them that were told. strangers: hits of nobody
    meant. queries: records of one search, the most. first_hit: median of the time to the first hit over (hops + 1) x
    RTT, hops being the links to the nearest holder.
    """

    searches: int
    reachable: int
    found: int
    strangers: int
    queries: int
    edges: int
    first_hit: float


def survey(web: Web, searches: int, ttl: int, rtt: int) -> Figures:
    """One search after another, each from a node drawn by lot, for a file of its own. rtt: [us].

    Its holders are drawn by lot too, all but one from those within reach of the TTL.
    """
    random = Random(f"survey {web.network.seed}")
    reachable = found = strangers = most = 0
    ratios: list[float] = []
    for number in range(searches):
        asker = random.randrange(len(web.nodes))
        far = distances(web.edges, asker)
        near = [node for node, hops in far.items() if 0 < hops <= ttl]
        holders = {*random.sample(near, min(len(near), HOLDERS - 1)), random.choice([*far][1:])}
        name = f"file {number}.bin"
        for holder in holders:
            web.nodes[holder].share(name)
        expected = {web.nodes[holder].keys.static_public: far[holder] for holder in holders if far[holder] <= ttl}
        before, begun = web.sent()["queries"], web.network.now
        query_id = web.search(asker, name, ttl=ttl, duration=SEARCH_TIME)
        web.rest(SEARCH_TIME / SECOND)
        hits = web.nodes[asker].hits(query_id)
        keys = {event.hit.key for _, event in hits}
        reachable, found = reachable + len(expected), found + len(keys & expected.keys())
        strangers += len(keys - {web.nodes[holder].keys.static_public for holder in holders}) + len(hits) - len(keys)
        most = max(most, web.sent()["queries"] - before)
        if hits and expected:
            ratios.append((hits[0][0] - begun) / ((min(expected.values()) + 1) * rtt))
    return Figures(searches, reachable, found, strangers, most, len(web.edges), median(ratios))


class Flooder:
    """A node that asks for everything, over and over, whatever anybody answers. rate: queries a second to each."""

    def __init__(self, web: Web, node: Knot, rate: int, step: int = SECOND // 100) -> None:
        self._web = web
        self._node = node
        self._random = web.stream()
        self._each_step = rate * step // SECOND
        self._step = step
        self.is_flooding = True
        web.network.call_at(web.network.now, self._flood)

    def _flood(self) -> None:
        if not self.is_flooding:
            return
        for _, who in self._node.core.roster.links:
            self._send(who)
        self._web.network.call_at(self._web.network.now + self._step, self._flood)

    def _send(self, who: Acquaintance) -> None:
        for _ in range(self._each_step):
            who.send(Query(self._random.randbytes(16), QueryKind.GLOB, 255, 0, "*"))


def hits_of_others(
    web: Web, seconds: float, interval: float, but: int, flood: int = 0, patience: int = config.SEARCH_TIME
) -> tuple[int, int]:
    """Hits that all nodes but one get of those they are due, when each searches again and again; and how many are due.

    interval: seconds between two searches of a node. but: the node that floods, with so many queries a second to each
    neighbour. patience: time of each search [us]. Due is what there is within reach, not counting paths through that
    node. Each node shares, on average, one file.
    """
    random = Random(f"others {web.network.seed}")
    others = [node for node in range(len(web.nodes)) if node != but]
    names = [f"song {number}.ogg" for number in range(max(1, len(others) // HOLDERS))]
    holders = {name: random.sample(others, HOLDERS) for name in names}
    for name, nodes in holders.items():
        for node in nodes:
            web.nodes[node].share(name)
    asked: list[tuple[int, bytes, set[bytes]]] = []

    def ask(node: int, name: str) -> None:
        far = distances((edge for edge in web.edges if but not in edge), node)
        due = {holder for holder in holders[name] if 0 < far.get(holder, 0) <= web.config.max_ttl}
        query_id = web.nodes[node].mesh.search(QueryKind.EXACT, name, web.network.now, duration=patience)
        asked.append((node, query_id, {web.nodes[holder].keys.static_public for holder in due}))

    flooder = Flooder(web, web.nodes[but], flood) if flood else None
    for node in others:
        at = random.random() * interval
        while at < seconds:
            when, name = web.network.now + int(at * SECOND), random.choice(names)
            web.network.call_at(when, partial(ask, node, name))
            at += interval
    web.rest(seconds + patience / SECOND)
    if flooder is not None:
        flooder.is_flooding = False
    found = sum(len(due & {hit.hit.key for _, hit in web.nodes[node].hits(query_id)}) for node, query_id, due in asked)
    return found, sum(len(due) for _, _, due in asked)
