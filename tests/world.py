"""A server and its clients in one process, in virtual time: the wind tunnel of the scenario tests and benchmarks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from udpchat.chat.events import Connected, Joined, JoinRefused
from udpchat.config import MAX_DATAGRAM_IPV4, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.net.hosts import ClientCore, ServerCore, make_client, make_server
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address
from udpchat.protocol.endpoint import ServerEndpoint
from udpchat.protocol.ports import StoreRequest
from udpchat.protocol.service import Host
from udpchat.protocol.transmit import MESSAGE_RESERVE
from udpchat.sim.disk import DelayedStore, DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.sim.network import Network
from udpchat.store.memory import MemoryStore

SEEDS = float(os.environ.get("UDPCHAT_SEEDS", "10"))  # multiplies how many seeds each scenario runs
SERVER: Address = ("10.0.0.1", 27272)
PING_SIZE = 64  # bytes of the datagram
WALL = 1_700_000_000 * SECOND
FAST_DISK = DiskSpec(delay=0)


class End:
    """One host in the simulated network: its core, its disk and what it told the application."""

    def __init__(self, world: World, core: ServerCore | ClientCore, address: Address, disk: DiskSpec) -> None:
        self.core = core
        self.address = address
        self.events: list[Any] = []
        self.heard_at: list[int] = []
        self.store = MemoryStore(clock=lambda: WALL + world.network.now, random_bytes=world.random.randbytes)
        self.disk = DelayedStore(self.store, world.network, disk, address[0])
        self._world = world

    def on_event(self, _: object, event: Any, now: int) -> None:
        """A store request is performed, everything else is kept for the test."""
        if isinstance(event, StoreRequest):
            self.disk.submit(event, self.core.host.complete)
            return
        self.events.append(event)
        self.heard_at.append(now)
        if isinstance(event, Connected) and isinstance(self.core, ClientCore):
            self.core.chat.join(self._world.nicks[self.address])

    def told(self, kind: type) -> list[Any]:
        """Events of one class."""
        return [event for event in self.events if isinstance(event, kind)]


class World:
    """seed decides everything: keys, packet numbers, losses."""

    def __init__(
        self,
        seed: int,
        link: LinkSpec,
        config: Config | None = None,
        disk: DiskSpec = FAST_DISK,
        keylog: Callable[[str], None] | None = None,
    ) -> None:
        self.random = Random(f"world {seed}")
        self.network = Network(seed, link)
        self.network.invariant(WindowWatch())
        self.config = config or Config()
        self.nicks: dict[Address, str] = {}
        self._disk = disk
        self._keylog = keylog
        self.keys = ServerKeys.from_master(self.random.randbytes(32))
        self.server = self.start_server()

    def start_server(self) -> End:
        """A server at its address; an earlier one must have been removed."""
        core = make_server(self.config, self.keys, self.random.randbytes, wall_offset=WALL, keylog=self._keylog)
        return self._add(core, SERVER)

    def add_client(
        self,
        nick: str,
        config: Config | None = None,
        identity: bytes | None = None,
        token: bytes = b"",
        address: Address | None = None,
    ) -> End:
        """A client that connects and joins under a nickname."""
        address = address or (f"10.0.1.{len(self.nicks) + 1}", 40_000)
        self.nicks[address] = nick
        core = make_client(
            SERVER,
            config or self.config,
            Identity(identity or self.random.randbytes(32)),
            self.random.randbytes,
            self.network.now,
            token=token,
        )
        return self._add(core, address)

    def _add(self, core: ServerCore | ClientCore, address: Address) -> End:
        end = End(self, core, address, self._disk)
        self.network.add(core.host, address, end.on_event)
        return end

    def run_until(self, done: Callable[[], bool], seconds: float = 60.0) -> None:
        """Let time pass until done; fails after so many virtual seconds."""
        arrived = self.network.run_until(done, int(seconds * SECOND))
        assert arrived, f"not done after {seconds} virtual seconds, SIM_SEED={self.network.seed}"

    def do(self, verb: Callable[[], Any]) -> None:
        """Let an application act now."""
        self.network.call_at(self.network.now, lambda: (verb(), None)[1])

    def join(self, *ends: End) -> None:
        """Wait until all of them are in, or were refused."""
        self.run_until(lambda: all(end.told(Joined) or end.told(JoinRefused) for end in ends))


class WindowWatch:
    """Nothing but probes and copies of messages leaves when the congestion window and the reserve are used up."""

    def __init__(self) -> None:
        self._seen: dict[Connection, tuple[int, int]] = {}  # bytes in flight, extra packets allowed so far

    def __call__(self, host: Host, now: int) -> None:
        for connection in connections(host.endpoint):
            transmitter = connection.transmitter
            recovery, size = transmitter.recovery, transmitter.mtu.datagram_size
            in_flight = recovery.in_flight.bytes_in_flight
            extras = 2 * recovery.counters.probe_timeouts + transmitter.copies_sent
            last, last_extras = self._seen.get(connection, (0, 0))
            limit = max(recovery.controller.congestion_window + MESSAGE_RESERVE * size, last)
            extra = (extras - last_extras) * MAX_DATAGRAM_IPV4 + PING_SIZE
            assert in_flight <= limit + extra, f"{in_flight} bytes are in flight, the window has {limit}"
            self._seen[connection] = (in_flight, extras)


def connections(endpoint: Any) -> Iterator[Connection]:
    """All connections of either kind of endpoint."""
    if isinstance(endpoint, ServerEndpoint):
        yield from endpoint.connections.values()
    elif endpoint.connection is not None:
        yield endpoint.connection


def seeds(count: int, first: int = 0) -> range:
    """So many seeds, or as many as the environment asks for."""
    return range(first, first + max(1, int(count * SEEDS)))


def client(end: End) -> ClientCore:
    """The core of a client end."""
    assert isinstance(end.core, ClientCore)
    return end.core
