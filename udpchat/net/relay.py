"""A UDP relay with faults in front of a real server: every client gets a seeded link of its own in each direction."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Iterator
from typing import Final

from udpchat.capture.rotation import CaptureLog
from udpchat.errors import UsageError
from udpchat.net.relay_outbox import MAX_QUEUED, Client, Outbox, RelayCounters, SocketAddress, clock
from udpchat.net.relay_record import RelayRecord
from udpchat.sim.link import Link, LinkSpec

MAX_CLIENTS: Final = 1_000  # one descriptor each; select() takes 1,024
MAX_READ: Final = 64  # datagrams read from one socket before the others have their turn
IDLE_CLIENT: Final = 60_000_000  # us of silence after which a client makes room for another when all places are taken
SOCKET_BUFFER: Final = 8 * 1_048_576  # bytes asked for; the system may grant less

_RECEIVE_SIZE: Final = 65_535
_PROBE: Final = 3  # IP_PMTUDISC_PROBE: do not fragment, and do not believe ICMP about the path MTU
_DO_NOT_FRAGMENT: Final = {  # Linux numbers, which Python 3.11 does not name
    socket.AF_INET: (socket.IPPROTO_IP, 10),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 23),
}


class Relay:
    """Forwards datagrams between clients and one server, through links that lose, delay and damage them.

    up, down: what the links of each direction do; blackouts count from the start. seed: with the number of the client
    it decides every fault. rebind: interval [us] after which every client gets a new port towards the server and the
    old one is closed, as when a NAT forgets; 0 is never. max_clients, max_queued: what it holds at most. capture: takes
    what passes, with `relay_record.INTERFACES`; it stays the caller's.
    """

    def __init__(
        self,
        up: LinkSpec,
        down: LinkSpec | None = None,
        *,
        seed: int = 0,
        rebind: int = 0,
        max_clients: int = MAX_CLIENTS,
        max_queued: int = MAX_QUEUED,
        capture: CaptureLog | None = None,
    ) -> None:
        self._specs = up, down or up
        self._seed = seed
        self._rebind = rebind
        self._target: tuple[int, SocketAddress] = (socket.AF_INET, ())
        self._listener: socket.socket | None = None
        self._clients: dict[SocketAddress, Client] = {}
        self._counters = RelayCounters()
        self._origin = 0
        self._outbox = Outbox(self._counters, max_queued)
        self._max_clients = max_clients
        self._rebinding: asyncio.TimerHandle | None = None
        self._capture = capture

    async def start(self, listen: tuple[str, int], target: tuple[str, int]) -> tuple[str, int]:
        """Begin to relay; the address that is listened on, with its port when 0 was asked for.

        Raises OSError when the address cannot be listened on, LookupError when the target is not known.
        """
        if self._listener is not None:
            raise UsageError("the relay runs already")
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(*target, type=socket.SOCK_DGRAM)
        except (socket.gaierror, UnicodeError) as error:  # not found, or no name at all
            raise LookupError(f"{target[0]}: {getattr(error, 'strerror', 'not a host name')}") from error
        self._target = found[0][0], found[0][4]
        self._listener = listener = await _listening_socket(loop, listen)
        self._origin = clock()
        self._outbox.listener = listener
        host, port = listener.getsockname()[:2]
        if self._capture is not None:
            name, number = self._target[1][:2]
            self._outbox.record = RelayRecord(self._capture, (host, port), (str(name), int(number)))
        loop.add_reader(listener, self._on_client_readable)
        if self._rebind:
            self._rebinding = loop.call_later(self._rebind / 1e6, self._rebind_all)
        return host, port

    def counters(self) -> RelayCounters:
        """A copy of the counts so far."""
        result = RelayCounters(
            self._counters.clients,
            self._counters.rebindings,
            self._counters.refused,
            self._counters.overflowed,
            self._counters.unsent,
        )
        result.up.add(self._counters.up)
        result.down.add(self._counters.down)
        for client in self._clients.values():
            result.up.add(client.up.counters)
            result.down.add(client.down.counters)
        return result

    def close(self) -> None:
        """Stop at once; what is on its way is lost. A second call does nothing."""
        if self._listener is None:
            return
        if self._rebinding is not None:
            self._rebinding.cancel()
        if self._outbox.record is not None:
            self._outbox.record.close()
        self._outbox.close()
        for client in list(self._clients.values()):
            self._forget(client)
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None

    def _on_client_readable(self) -> None:
        assert self._listener is not None
        push, record, clients = self._outbox.push, self._outbox.record, self._clients
        for data, address in _received(self._listener):
            client = clients.get(address) or self._welcome(address)
            if client is None:
                self._counters.refused += 1
                if record is not None:
                    record.refused(address[:2], data)
                continue
            now = client.last_heard = clock()
            arrivals = client.up.send(len(data), now)
            if record is not None:
                record.came(client, data, now, client.up.fate, upwards=True)
            for at, corrupted in arrivals:
                push(at, client, True, client.up.corrupt(data) if corrupted else data)
        self._outbox.flush()

    def _on_server_readable(self, client: Client) -> None:
        push, record, down = self._outbox.push, self._outbox.record, client.down
        for data, _ in _received(client.socket):
            now = clock()
            arrivals = down.send(len(data), now)
            if record is not None:
                record.came(client, data, now, down.fate, upwards=False)
            for at, corrupted in arrivals:
                push(at, client, False, down.corrupt(data) if corrupted else data)
        self._outbox.flush()

    def _welcome(self, address: SocketAddress) -> Client | None:
        """Make a place for a client; None when all are taken by clients that speak."""
        if len(self._clients) >= self._max_clients:
            idle = min(self._clients.values(), key=lambda client: client.last_heard)
            if clock() - idle.last_heard < IDLE_CLIENT:
                return None
            self._forget(idle)
        try:
            upstream = self._upstream_socket()
        except OSError:
            return None
        name = f"{self._seed} client {self._counters.clients}"
        up = Link(self._specs[0], f"{name} up", self._origin)
        down = Link(self._specs[1], f"{name} down", self._origin)
        client = self._clients[address] = Client(address, upstream, up, down)
        self._counters.clients += 1
        asyncio.get_running_loop().add_reader(upstream, self._on_server_readable, client)
        return client

    def _forget(self, client: Client) -> None:
        del self._clients[client.address]
        self._counters.up.add(client.up.counters)
        self._counters.down.add(client.down.counters)
        asyncio.get_running_loop().remove_reader(client.socket)
        client.socket.close()

    def _upstream_socket(self) -> socket.socket:
        family, address = self._target
        upstream = _datagram_socket(family)
        try:
            upstream.connect(address)
        except OSError:
            upstream.close()
            raise
        return upstream

    def _rebind_all(self) -> None:
        loop = asyncio.get_running_loop()
        self._rebinding = loop.call_later(self._rebind / 1e6, self._rebind_all)
        for client in self._clients.values():
            try:
                fresh = self._upstream_socket()
            except OSError:
                continue
            loop.remove_reader(client.socket)
            client.socket.close()
            client.bind(fresh)
            self._counters.rebindings += 1
            loop.add_reader(fresh, self._on_server_readable, client)


def _received(source: socket.socket) -> Iterator[tuple[bytes, SocketAddress]]:
    """What waits in a socket, at most MAX_READ datagrams."""
    receive = source.recvfrom
    for _ in range(MAX_READ):
        try:
            yield receive(_RECEIVE_SIZE)
        except BlockingIOError:
            return
        except OSError:  # what ICMP said about an earlier datagram: nothing that concerns a relay
            continue


async def _listening_socket(loop: asyncio.AbstractEventLoop, listen: tuple[str, int]) -> socket.socket:
    try:
        found = await loop.getaddrinfo(*listen, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
    except UnicodeError as error:
        raise OSError(errno.EADDRNOTAVAIL, f"{listen[0]} is no address") from error
    family, _, _, _, address = found[0]
    listener = _datagram_socket(family)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _datagram_socket(family: int) -> socket.socket:
    """A socket that does not wait, with large buffers, and that does not fragment where we know how to say so."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setblocking(False)
    options = [
        (socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER),
        (socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER),
    ]
    if sys.platform == "linux":
        options.append((*_DO_NOT_FRAGMENT[socket.AddressFamily(family)], _PROBE))
    for level, name, value in options:
        try:
            made.setsockopt(level, name, value)
        except OSError:
            continue
    return made
