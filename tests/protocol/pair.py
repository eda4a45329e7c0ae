"""A server and a client without a network between them: what one sends the test hands to the other, as it likes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from udpchat.chat.events import Connected
from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.files.ports import WritePart
from udpchat.net.hosts import ClientCore, ServerCore, make_client, make_server
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.ports import StoreRequest, perform
from udpchat.store.memory import MemoryStore

SERVER: Address = ("10.0.0.1", 27272)
CLIENT: Address = ("10.0.1.1", 40_000)
WALL = 1_700_000_000 * SECOND

Datagrams = list[bytes]
Channel = Callable[[Datagrams], Datagrams]  # what the network makes of what is sent at one time


class Side:
    """One host: its core, its memory for a disk, and all it told, file bytes joined where they run on."""

    def __init__(self, core: ServerCore | ClientCore, address: Address, random: Random) -> None:
        self.core = core
        self.address = address
        self.told: list[Any] = []
        self.now = 0
        self.store = MemoryStore(clock=lambda: WALL + self.now, random_bytes=random.randbytes)
        self._asked: list[StoreRequest] = []

    def receive(self, bursts: list[Burst], now: int) -> None:
        """Hand in bursts, one after another; what they bring is taken out after each."""
        self.now = now
        for burst in bursts:
            self.core.host.receive_burst(burst, now)
            self.drain()

    def drain(self) -> None:
        """Take all events; storage answers later, at `settle`."""
        while (event := self.core.host.next_event()) is not None:
            if isinstance(event, WritePart):
                self._write(event)
            elif isinstance(event, StoreRequest):
                self._asked.append(event)
            else:
                self.told.append(event)
                if isinstance(event, Connected) and isinstance(self.core, ClientCore):
                    self.core.chat.join("anna")

    def _write(self, request: WritePart) -> None:
        assert perform(self.store, request) is None
        data = bytes(request.data)
        last = self.told[-1] if self.told else None
        if isinstance(last, tuple) and last[0] == request.part_id and last[1] + len(last[2]) == request.offset:
            self.told[-1] = (request.part_id, last[1], last[2] + data)
        else:
            self.told.append((request.part_id, request.offset, data))

    def settle(self, now: int) -> list[tuple[int, bytes]]:
        """Let storage answer, timers run and datagrams leave; (segment size, bytes) of each burst."""
        self.now = now
        host = self.core.host
        while self._asked:
            request = self._asked.pop(0)
            result = perform(self.store, request)
            if request.request_id:
                host.complete(request.request_id, result, now)
            self.drain()
        deadline = host.next_timeout()
        if deadline is not None and deadline <= now:
            host.handle_timeout(now)
            self.drain()
        sent = [(burst.segment_size, bytes(burst.data)) for burst in host.datagrams_to_send(now)]
        self.drain()
        host.check_invariants()
        return sent


class Pair:
    """A server and one client that joins as anna. whole: bursts are handed over whole, else datagram by datagram."""

    def __init__(self, seed: int, config: Config, *, whole: bool = True, server_config: Config | None = None) -> None:
        random = Random(f"pair {seed}")
        keys = ServerKeys.from_master(random.randbytes(32))
        identity = Identity(random.randbytes(32))
        self.now = 0
        self.whole = whole
        self.log: list[Any] = []  # what each round sent, and the deadlines after it
        self.server = Side(
            make_server(server_config or config, keys, random.randbytes, wall_offset=WALL), SERVER, random
        )
        self.client = Side(make_client(SERVER, config, identity, random.randbytes, 0), CLIENT, random)
        self._to_server: list[tuple[int, bytes]] = []
        self._to_client: list[tuple[int, bytes]] = []

    def round(self, up: Channel = list, down: Channel = list, step: int = 5 * MILLISECOND) -> None:
        """What was sent in the last round arrives, through these channels; then both act."""
        self.now += step
        self.server.receive(self._bursts(self._to_server, CLIENT, up), self.now)
        self.client.receive(self._bursts(self._to_client, SERVER, down), self.now)
        self._to_client, self._to_server = self.server.settle(self.now), self.client.settle(self.now)
        deadlines = [side.core.host.next_timeout() for side in (self.server, self.client)]
        self.log.append((self._to_client, self._to_server, deadlines))

    def until(self, done: Callable[[], bool], up: Channel = list, down: Channel = list, rounds: int = 2_000) -> None:
        """Rounds until done; an error when there are too many."""
        for _ in range(rounds):
            if done():
                return
            self.round(up, down)
        raise AssertionError(f"not done after {rounds} rounds")

    def connected(self) -> tuple[Connection, Connection]:
        """Both ends of the connection: the server's and the client's."""
        assert isinstance(self.client.core, ClientCore)
        assert isinstance(self.server.core, ServerCore)
        near = self.client.core.endpoint.connection
        assert near is not None
        far = self.server.core.endpoint.find(near.connection_id)
        assert far is not None
        return far, near

    @property
    def hello_attempt(self) -> bytes:
        """The attempt id of the client's first HELLO."""
        return bytes(self.log[0][1][0][1][8:16]) if self.log else bytes(8)

    @property
    def user(self) -> ClientCore:
        """The client's core, for its verbs."""
        assert isinstance(self.client.core, ClientCore)
        return self.client.core

    def _bursts(self, sent: list[tuple[int, bytes]], source: Address, channel: Channel) -> list[Burst]:
        datagrams = channel([data[at : at + size] for size, data in sent for at in range(0, len(data), size)])
        return join(datagrams, source) if self.whole else [one(datagram, source) for datagram in datagrams]


def one(datagram: bytes, source: Address) -> Burst:
    """A burst of one."""
    return Burst(source, memoryview(bytearray(datagram)), len(datagram))


def join(datagrams: Datagrams, source: Address) -> list[Burst]:
    """As the kernel does it: runs of one size, which a shorter one ends."""
    bursts: list[Burst] = []
    group: Datagrams = []
    for datagram in datagrams:
        size = len(group[0]) if group else 0
        full = sum(map(len, group)) + len(datagram) > 65_000 or len(group) >= 64
        if group and (full or len(group[-1]) < size or len(datagram) > size):
            bursts.append(Burst(source, memoryview(bytearray(b"".join(group))), size))
            group = []
        group.append(datagram)
    if group:
        bursts.append(Burst(source, memoryview(bytearray(b"".join(group))), len(group[0])))
    return bursts
