"""What a relay holds: its clients, its counts, and the datagrams that are on their way."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from heapq import heappop, heappush
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from udpchat.sim.link import Link, LinkCounters

if TYPE_CHECKING:
    from udpchat.net.relay_record import RelayRecord

MAX_QUEUED: Final = 65_536  # datagrams on their way, both directions

SocketAddress = tuple[Any, ...]  # as the socket module has it: two parts for IPv4, four for IPv6


def clock() -> int:
    """The event loop's clock in microseconds."""
    return monotonic_ns() // 1_000


@dataclass(slots=True)
class RelayCounters:
    """What a relay has done. up: towards the server, down: towards the clients, over all clients."""

    clients: int = 0
    rebindings: int = 0
    refused: int = 0  # datagrams of clients for which there was no place
    overflowed: int = 0  # datagrams dropped because too many were on their way
    unsent: int = 0  # datagrams that the system did not take
    up: LinkCounters = field(default_factory=LinkCounters)
    down: LinkCounters = field(default_factory=LinkCounters)


class Client:
    """One client address: its socket towards the server, which is bound to local, and its two links."""

    __slots__ = ("address", "down", "last_heard", "local", "socket", "up")

    def __init__(self, address: SocketAddress, upstream: socket.socket, up: Link, down: Link) -> None:
        self.address = address
        self.up = up
        self.down = down
        self.last_heard = 0
        self.bind(upstream)

    def bind(self, upstream: socket.socket) -> None:
        """Speak to the server through another socket."""
        self.socket = upstream
        self.local = upstream.getsockname()[:2]


class Outbox:
    """Datagrams on their way, in the order of their arrival times, and the one timer that sends them."""

    __slots__ = ("_counters", "_heap", "_limit", "_sequence", "_timer", "listener", "record")

    def __init__(self, counters: RelayCounters, limit: int) -> None:
        self._limit = limit
        self.listener: socket.socket | None = None
        self.record: RelayRecord | None = None
        self._counters = counters
        self._heap: list[tuple[int, int, Client, bool, bytes]] = []  # (time, sequence, whose, upwards, data)
        self._sequence = 0
        self._timer: asyncio.TimerHandle | None = None

    def push(self, at: int, client: Client, upwards: bool, data: bytes) -> None:
        """Let a datagram arrive at a time [us]; `flush` follows."""
        if len(self._heap) >= self._limit:
            self._counters.overflowed += 1
            if self.record is not None:
                self.record.left(client, data, clock(), "overflow", upwards=upwards)
            return
        self._sequence = sequence = self._sequence + 1
        heappush(self._heap, (at, sequence, client, upwards, data))

    def flush(self) -> None:
        """Send what is due and set the timer for the rest."""
        heap, listener, record = self._heap, self.listener, self.record
        if listener is None:
            return
        now = clock()
        while heap and heap[0][0] <= now:
            _, _, client, upwards, data = heappop(heap)
            try:
                if upwards:
                    client.socket.send(data)
                else:
                    listener.sendto(data, client.address)
                dropped = ""
            except OSError:  # full buffer, too large for the interface, or what ICMP said about an earlier one
                self._counters.unsent += 1
                dropped = "unsent"
            if record is not None:
                record.left(client, data, clock(), dropped, upwards=upwards)
        if not heap:
            return
        when = heap[0][0] / 1e6
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._on_time)

    def close(self) -> None:
        """Drop everything."""
        self.listener = None
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _on_time(self) -> None:
        self._timer = None
        self.flush()
