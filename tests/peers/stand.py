"""Meshes without a network: one whose links are lists, and many that are joined by a graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from tests.peers.web import Edge, shared
from udpchat.peers.mesh import Found, Home, Link, Mesh
from udpchat.peers.patterns import matcher
from udpchat.peers.ports import SharedFile
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Hit, Query

KEY = b"k" * 32
QUERY = Query(b"q" * 16, QueryKind.EXACT, 7, 0, "a.png")
HIT = Hit(b"q" * 16, 1, KEY, 27272, b"f" * 16, 9, bytes(16), bytes(32), 0, 0, "", "a.png")


class Stand:
    """A mesh with links whose records are kept. storage: what is shared here; None: it does not answer."""

    def __init__(self, links: int = 3, max_ttl: int = 7, shares: tuple[str, ...] = ()) -> None:
        self.told: list[Any] = []
        self.sent: list[tuple[int, Query | Hit]] = []
        self.files = [shared(name) for name in shares]
        self.asked: list[tuple[QueryKind, str, int, Any]] = []  # questions that storage keeps to itself
        self.answers = True
        self.takes = True  # whether links take what they are sent
        self.now = 0
        home = Home(KEY, 27272, self._search, self.told.append)
        self.mesh = Mesh(max_ttl, home, Random("mesh").randbytes)
        for number in range(1, links + 1):
            self.open(number)

    def open(self, number: int, host: str = "") -> int:
        def send(record: Query | Hit) -> bool:
            self.sent.append((number, record))
            return self.takes

        return self.mesh.open(Link(f"node{number}", lambda: host or f"10.0.0.{number}", send))

    def _search(self, kind: QueryKind, pattern: str, limit: int, then: Any) -> None:
        if self.answers:
            self.answer(kind, pattern, limit, then)
        else:
            self.asked.append((kind, pattern, limit, then))

    def answer(self, kind: QueryKind, pattern: str, limit: int, then: Any, found: Found | None = None) -> None:
        is_meant = matcher(kind, pattern)
        then(found if found is not None else tuple(filter(is_meant, self.files))[:limit], self.now)

    def to(self, link: int) -> list[Query | Hit]:
        return [record for number, record in self.sent if number == link]


class Swarm:
    """Meshes joined by a graph; records arrive in an order drawn by lot, those of one link in order."""

    def __init__(self, count: int, edges: list[Edge], seed: int, holders: set[int], max_ttl: int) -> None:
        self.random = Random(f"swarm {seed}")
        self.queries = 0
        self.taken: list[int] = []  # nodes that asked their storage
        self.told: list[Any] = []
        self._ways: dict[tuple[int, int], deque[Query | Hit]] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self.meshes = [self._mesh(node, node in holders, max_ttl) for node in range(count)]
        for first, second in edges:
            for here, there in ((first, second), (second, first)):
                way = self._ways[here, there] = deque()
                self._numbers[here, there] = self.meshes[here].open(Link(f"{there}", lambda: "10.0.0.1", self._to(way)))

    def _mesh(self, node: int, holds: bool, max_ttl: int) -> Mesh:
        def search(kind: QueryKind, pattern: str, limit: int, then: Any) -> None:
            self.taken.append(node)
            then((SharedFile("a.png", node, bytes(16)),) if holds else (), 0)

        home = Home(KEY, 1 + node, search, self.told.append)
        return Mesh(max_ttl, home, Random(f"{node}").randbytes)

    @staticmethod
    def _to(way: deque[Query | Hit]) -> Callable[[Query | Hit], bool]:
        def send(record: Query | Hit) -> bool:
            way.append(record)
            return True

        return send

    def run(self) -> None:
        while self.step():
            pass

    def step(self) -> bool:
        """Let one record arrive; False when none is under way."""
        waiting = [ends for ends, way in self._ways.items() if way]
        if not waiting:
            return False
        here, there = self.random.choice(waiting)
        record = self._ways[here, there].popleft()
        link = self._numbers[there, here]
        if isinstance(record, Query):
            self.queries += 1
            self.meshes[there].on_query(link, record, 0)
        else:
            self.meshes[there].on_hit(link, record, 0)
        return True
