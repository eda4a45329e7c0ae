"""Nodes of a peer network in virtual time, on the real stack, in any shape."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import combinations
from random import Random
from typing import Any

from tests.world import FAST_DISK, WALL
from udpchat.config import DEFAULT_PORT, MILLISECOND, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.net.hosts import PeerCore, make_peer
from udpchat.peers.events import HitCame, NeighbourCame, QueryOver
from udpchat.peers.ports import SharedFile
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ClientEndpoint
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.handshake import FEATURES
from udpchat.protocol.ports import StoreRequest
from udpchat.protocol.service import Desk, Host
from udpchat.sim.disk import DelayedStore, DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.sim.network import Network
from udpchat.store.memory import MemoryStore
from udpchat.wire.numbers import JoinFlag, QueryKind
from udpchat.wire.record_types import RECORD_CLASSES
from udpchat.wire.records import Join, Record, Refused

Edge = tuple[int, int]

CLEAN = LinkSpec(delay=5 * MILLISECOND)
LOSSY = LinkSpec(delay=5 * MILLISECOND, loss=0.05)


def ring(count: int) -> list[Edge]:
    return [(node, (node + 1) % count) for node in range(count)]


def star(count: int) -> list[Edge]:
    return [(0, node) for node in range(1, count)]


def full(count: int) -> list[Edge]:
    return list(combinations(range(count), 2))


def random_graph(count: int, degree: int, seed: int) -> list[Edge]:
    """Connected, with so many neighbours each on average."""
    random = Random(f"graph {count} {degree} {seed}")
    edges = {(random.randrange(node), node) for node in range(1, count)}
    while len(edges) < count * degree // 2:
        first, second = sorted(random.sample(range(count), 2))
        edges.add((first, second))
    return sorted(edges)


def distances(edges: Iterable[Edge], start: int) -> dict[int, int]:
    """Links between a node and each that can be reached."""
    near: dict[int, list[int]] = {}
    for first, second in edges:
        near.setdefault(first, []).append(second)
        near.setdefault(second, []).append(first)
    found, waiting = {start: 0}, deque([start])
    while waiting:
        node = waiting.popleft()
        for other in near.get(node, ()):
            if other not in found:
                found[other] = found[node] + 1
                waiting.append(other)
    return found


def shared(name: str, size: int = 1_000) -> SharedFile:
    """A file as its holder has it."""
    return SharedFile(name, size, hashlib.md5(name.encode()).digest(), hashlib.sha256(name.encode()).digest())


def address_of(number: int) -> Address:
    return f"10.{number // 250}.0.{number % 250 + 1}", DEFAULT_PORT


class Knot:
    """One node: its core, its store, what it told."""

    def __init__(self, web: Web, number: int, config: Config, disk: DiskSpec, identity: bytes | None = None) -> None:
        random = web.stream()
        self.number = number
        self.address = address_of(number)
        self.keys = ServerKeys.from_master(random.randbytes(32))
        self.identity = Identity(identity or random.randbytes(32))
        name, port = f"node{number}", self.address[1]
        self.core: PeerCore = make_peer(
            name, port, config, self.keys, self.identity, random.randbytes, wall_offset=WALL
        )
        self.events: list[tuple[int, Any]] = []
        self.store = MemoryStore(clock=lambda: WALL + web.network.now, random_bytes=web.stream().randbytes)
        self._disk = DelayedStore(self.store, web.network, disk, self.address[0])

    @property
    def mesh(self) -> Any:
        return self.core.mesh

    def share(self, *names: str) -> None:
        self.store.shared.files += [shared(name) for name in names]

    def on_event(self, _: object, event: Any, now: int) -> None:
        if isinstance(event, StoreRequest):
            self._disk.submit(event, self.core.host.complete)
        else:
            self.events.append((now, event))

    def told(self, kind: type) -> list[Any]:
        """Events of one class."""
        return [event for _, event in self.events if isinstance(event, kind)]

    def is_over(self, query_id: bytes) -> bool:
        """Whether a search is."""
        return any(over.query_id == query_id for over in self.told(QueryOver))

    def hits(self, query_id: bytes) -> list[tuple[int, HitCame]]:
        """What a search has found, and when."""
        found = [(at, event) for at, event in self.events if isinstance(event, HitCame)]
        return [(at, event) for at, event in found if event.query_id == query_id]


class Guest:
    """Somebody who has joined a node as a visitor, and says records as they are. heard: what it was told."""

    handles = frozenset(RECORD_CLASSES.values())

    def __init__(self, web: Web, node: int, *, joins: bool = True) -> None:
        self.heard: list[Any] = []
        self.closed: int | None = None
        self._web = web
        self._joins = joins
        self._connection_id = b""
        random = web.stream()
        self.identity = Identity(random.randbytes(32))
        endpoint = ClientEndpoint(address_of(node), web.config, random.randbytes, web.network.now)
        self._desk = Desk(endpoint)
        self.address = (f"10.99.0.{len(web.guests) + 1}", 5)
        web.guests.append(self)
        web.network.add(Host(endpoint, self._desk, (self,), lambda _result, _now: None), self.address)
        web.until(lambda: bool(self.heard) if joins else bool(self._connection_id))

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        match event:
            case ConnectionOpened(connection_id, _, _, handshake_hash):
                self._connection_id = connection_id
                if self._joins:
                    key, signature = self.identity.public, self.identity.sign(handshake_hash, bytes(16))
                    nick = f"guest{len(self._web.guests)}"
                    join = Join(key, signature, bytes(16), FEATURES, JoinFlag.VISITOR, 0, b"", nick, "test")
                    self._desk.send(connection_id, join, 1)
            case ConnectionClosed(_, code, _, _):
                self.closed = code

    def on_record(self, received: RecordReceived, now: int) -> None:
        self.heard.append(received.record)

    def say(self, *records: Record, seconds: float = 1.0) -> None:
        """Say records at once, and listen for a while."""
        for record in records:
            self._desk.send(self._connection_id, record, 2)
        self._web.network.settle()
        self._web.rest(seconds)

    def told(self, kind: type) -> list[Any]:
        return [record for record in self.heard if isinstance(record, kind)]

    @property
    def refusals(self) -> list[int]:
        return [refused.code for refused in self.told(Refused)]


class Web:
    """Nodes; the first of each edge dials the second."""

    def __init__(
        self,
        seed: int,
        count: int,
        edges: Iterable[Edge],
        link: LinkSpec = CLEAN,
        config: Config | None = None,
        disk: DiskSpec = FAST_DISK,
        *,
        checked: bool = True,
    ) -> None:
        self.network = Network(seed, link, checked=checked)
        self.config = config or Config()
        self.nodes: list[Knot] = []
        self.guests: list[Guest] = []
        self.edges = list(edges)
        self._disk = disk
        self._streams = 0
        for _ in range(count):
            self.add()

    def stream(self) -> Random:
        self._streams += 1
        return Random(f"web {self.network.seed} {self._streams}")

    def add(self, config: Config | None = None, identity: bytes | None = None) -> Knot:
        """One more node, without neighbours."""
        knot = Knot(self, len(self.nodes), config or self.config, self._disk, identity)
        self.nodes.append(knot)
        self.network.add(knot.core.host, knot.address, knot.on_event)
        return knot

    def dial(self, first: int, second: int, key: bytes = bytes(32)) -> None:
        self.nodes[first].core.host.dial(address_of(second), self.network.now, key)

    def knit(self) -> Web:
        """All dial, and are neighbours."""
        for first, second in self.edges:
            self.dial(first, second)
        self.until(lambda: sum(len(node.core.roster) for node in self.nodes) == 2 * len(self.edges))
        self.rest(0.1)
        return self

    def until(self, done: Callable[[], bool], seconds: float = 60.0) -> None:
        assert self.network.run_until(done, int(seconds * SECOND)), f"not done, seed {self.network.seed}"

    def rest(self, seconds: float) -> None:
        self.network.run_for(int(seconds * SECOND))

    def search(self, node: int, pattern: str, kind: QueryKind = QueryKind.EXACT, **how: int) -> bytes:
        """A search that is begun now. how: ttl, duration [us]."""
        query_id: bytes = self.nodes[node].mesh.search(kind, pattern, self.network.now, **how)
        self.network.settle()
        return query_id

    def find(self, node: int, pattern: str, kind: QueryKind = QueryKind.EXACT, **how: int) -> list[HitCame]:
        """What a search finds, when it is over."""
        query_id = self.search(node, pattern, kind, **how)
        self.until(lambda: self.nodes[node].is_over(query_id))
        return [hit for _, hit in self.nodes[node].hits(query_id)]

    def sent(self) -> Counter[str]:
        """Records that all meshes have sent."""
        total: Counter[str] = Counter()
        for node in self.nodes:
            total += node.mesh.sent
        return total

    def names(self, node: int) -> list[str]:
        """Neighbours that came, by name."""
        return [came.name for came in self.nodes[node].told(NeighbourCame)]
