"""A capture's client datagrams sent to a real server over real sockets, in virtual time; what it answers."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import Sequence
from random import Random

from tests.captures.layers import UDPCHAT
from tests.captures.replay import Sent
from tests.captures.serving import LARGEST, LOCALHOST, udp_socket
from tests.captures.virtual import VirtualDriver
from udpchat.capture.reader import Captured
from udpchat.config import SECOND
from udpchat.crypto.keys import ServerKeys
from udpchat.lab.content import deposit, make_content
from udpchat.lab.experiment import Experiment
from udpchat.lab.run import EPOCH, FILE_NAME
from udpchat.net.hosts import ServerCore, make_server
from udpchat.net.server import Server
from udpchat.net.sockets import listen
from udpchat.protocol.datagrams import Address
from udpchat.store.memory import MemoryStore
from udpchat.wire.numbers import PacketType


class LiveServer:
    """A server with the keys and the dice of the one in the experiment's world. keylog: the lines it has written."""

    def __init__(self, experiment: Experiment, *, portable: bool) -> None:
        seed, dice = experiment.seed, Random(f"world {experiment.seed}")
        keys = ServerKeys.from_master(dice.randbytes(32))
        self.keylog: list[str] = []
        self.core: ServerCore = make_server(
            experiment.config,
            keys,
            Random(f"world {seed} stream 1").randbytes,
            wall_offset=EPOCH,
            keylog=self.keylog.append,
        )
        store = MemoryStore(
            clock=lambda: EPOCH + VirtualDriver.now(), random_bytes=Random(f"world {seed} stream 2").randbytes
        )
        if experiment.direction == "down":
            deposit(store, FILE_NAME, make_content(experiment, dice))
        sockets, host = listen(LOCALHOST, 0, portable=portable), self.core.host
        self.server = Server(
            self.core, keys, lambda *listeners: VirtualDriver(host, sockets, store, *listeners), LOCALHOST
        )


class Clients:
    """A socket for every address of the capture, from which its datagrams are sent at their times.

    answers: what came back, by the recorded address. A cookie is good for one address and time, so a HELLO gets the
    one that was answered here in place of the recorded one.
    """

    def __init__(self, server: Address) -> None:
        self.answers: defaultdict[Address, list[Sent]] = defaultdict(list)
        self._server = server
        self._sockets: dict[Address, socket.socket] = {}
        self._cookies: dict[bytes, bytes] = {}  # by attempt
        self._loop = asyncio.get_running_loop()

    async def play(self, seen: Sequence[Captured]) -> None:
        """Send what the server received, and wait until the end of the capture. seen: at the server's side."""
        for each in seen:
            if not each.outbound:
                await self._wait_until(each.us - EPOCH)
                self._send(each.source, each.data)
                await asyncio.sleep(0)  # one after another, also what came in the same microsecond
        await self._wait_until(seen[-1].us - EPOCH + 1)

    async def _wait_until(self, us: int) -> None:
        await asyncio.sleep(max(0.0, us / SECOND - self._loop.time()))

    def close(self) -> None:
        for made in self._sockets.values():
            self._loop.remove_reader(made)
            made.close()

    def _send(self, source: Address, datagram: bytes) -> None:
        if source not in self._sockets:
            made = self._sockets[source] = udp_socket()
            self._loop.add_reader(made, self._receive, source, made)
        if datagram[3] == PacketType.HELLO:
            datagram = self._with_cookie(datagram)
        self._sockets[source].sendto(datagram, self._server)

    def _receive(self, source: Address, made: socket.socket) -> None:
        datagram = made.recv(LARGEST)
        if datagram[3] == PacketType.COOKIE:
            self._cookies[datagram[8:16]] = UDPCHAT(datagram).cookie
        self.answers[source].append(Sent(VirtualDriver.now(), datagram))

    def _with_cookie(self, datagram: bytes) -> bytes:
        hello = UDPCHAT(datagram)
        if hello.cookie:
            hello.payload.cookie = self._cookies[hello.connection_id]
            hello.trailer = None
        return bytes(hello)
