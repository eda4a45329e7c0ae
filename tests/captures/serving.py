"""A running server whose core the test holds, the wire between it and a client, and somebody with bad intentions."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count

from scapy.layers.inet import IP, UDP

from tests.captures.layers import BODIES, UDPCHAT
from udpchat.config import HELLO_SIZE, Config
from udpchat.crypto.keys import ServerKeys
from udpchat.net.driver import Driver
from udpchat.net.home import wall_clock
from udpchat.net.hosts import ServerCore, make_server
from udpchat.net.server import Server
from udpchat.net.sockets import listen
from udpchat.protocol.datagrams import Address
from udpchat.store.memory import MemoryStore
from udpchat.wire.numbers import Flag

LOCALHOST = "127.0.0.1"
PADDING = bytes(HELLO_SIZE - 77)  # of a HELLO without a cookie
LARGEST = 65_507  # bytes of a UDP datagram


@dataclass(frozen=True)
class Running:
    """server: as an administrator holds it. core: what it runs."""

    server: Server
    core: ServerCore

    @property
    def address(self) -> Address:
        return self.server.address

    def drops(self) -> Counter[str]:
        """Datagrams dropped so far, by reason, whether they named a connection or not."""
        drops = Counter(self.core.endpoint.drops)
        for connection in self.core.endpoint.connections.values():
            drops += connection.receiver.drops
        return drops

    def places(self) -> list[Address]:
        """Where the server believes its users to be."""
        return [connection.address for connection in self.core.endpoint.connections.values()]

    def nicks(self) -> list[str]:
        """Who is here."""
        return [session.nick for session in self.server.users()]


@asynccontextmanager
async def running(
    config: Config | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
    keys: ServerKeys | None = None,
) -> AsyncIterator[Running]:
    """A server on loopback, with a store in memory."""
    config, keys = config or Config(), keys or ServerKeys.from_master(random_bytes(32))
    core = make_server(config, keys, random_bytes, wall_offset=wall_clock() - Driver.now())
    sockets = listen(LOCALHOST, 0, portable=config.portable)
    store = MemoryStore(clock=wall_clock, random_bytes=random_bytes)
    server = Server(core, keys, lambda *listeners: Driver(core.host, sockets, store, *listeners), LOCALHOST)
    try:
        yield Running(server, core)
    finally:
        await server.close()


class Wire:
    """Between a client and a server: passes on both ways, remembers what it saw, and can be told to say more.

    address: where the client is to connect to. home: what the server takes for the client's address.
    """

    def __init__(self, server: Address) -> None:
        self.sent: list[bytes] = []
        self.answered: list[bytes] = []
        self._client: Address | None = None
        self._loop = asyncio.get_running_loop()
        self._front, self._back = udp_socket(), udp_socket()
        self._back.connect(server)
        self._loop.add_reader(self._front, self._from_client)
        self._loop.add_reader(self._back, self._from_server)

    @property
    def address(self) -> Address:
        return _name(self._front)

    @property
    def home(self) -> Address:
        return _name(self._back)

    def inject(self, datagram: bytes) -> None:
        """Say something to the server in the client's name."""
        self._back.send(datagram)

    def close(self) -> None:
        for each in (self._front, self._back):
            self._loop.remove_reader(each)
            each.close()

    def _from_client(self) -> None:
        datagram, self._client = self._front.recvfrom(LARGEST)
        self.sent.append(datagram)
        self._back.send(datagram)

    def _from_server(self) -> None:
        datagram = self._back.recv(LARGEST)
        self.answered.append(datagram)
        if self._client is not None:
            self._front.sendto(datagram, self._client)


@asynccontextmanager
async def wire_to(server: Address) -> AsyncIterator[Wire]:
    """A wire that is taken away in the end."""
    wire = Wire(server)
    try:
        yield wire
    finally:
        wire.close()


class Attacker:
    """Sends what it likes from an address of its own, or of anybody's with root."""

    def __init__(self, target: Address, host: str) -> None:
        self._target = target
        self._socket = udp_socket(host)
        self._marks = count(1)

    @property
    def address(self) -> Address:
        return _name(self._socket)

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self._socket.sendto(datagram, self._target)

    def spoof(self, source: Address, *datagrams: bytes) -> None:
        """Send in the name of another address."""
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for datagram in datagrams:
                packet = IP(src=source[0], dst=self._target[0]) / UDP(sport=source[1], dport=self._target[1]) / datagram
                raw.sendto(bytes(packet), self._target)

    async def answers(self) -> list[bytes]:
        """What the server has answered, when it has looked at all that was sent so far.

        Datagrams stay in order on loopback: when the server answers a HELLO, it has seen what came before.
        """
        mark = b"mark" + next(self._marks).to_bytes(4, "big")
        self.send(hello(mark))
        answers: list[bytes] = []
        while True:
            answer = await asyncio.get_running_loop().sock_recv(self._socket, LARGEST)
            if answer[8:16] == mark:
                return answers
            answers.append(answer)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def attacker(target: Address, host: str = LOCALHOST) -> Iterator[Attacker]:
    """An attacker who is caught in the end."""
    someone = Attacker(target, host)
    try:
        yield someone
    finally:
        someone.close()


def hello(attempt: bytes, cookie: bytes = b"", flags: int = Flag.SEALED) -> bytes:
    """A HELLO as a client would send it."""
    body = BODIES["HELLO"](ephemeral=b"\x09" + bytes(31), features=1, cookie=cookie, padding=PADDING[len(cookie) :])
    return bytes(UDPCHAT(flags=flags, connection_id=attempt) / body)


def udp_socket(host: str = LOCALHOST) -> socket.socket:
    """A socket at a free port that does not block."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.bind((host, 0))
    return made


def _name(made: socket.socket) -> Address:
    host, port = made.getsockname()
    return host, port
