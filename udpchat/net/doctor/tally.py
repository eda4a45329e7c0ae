"""What a connection's own packets tell of its path: round trips, losses of each direction, sizes that pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from udpchat.arq.mtu import PathMtu
from udpchat.config import BASE_DATAGRAM, SKIP_INTERVAL
from udpchat.errors import DecodeError
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Burst
from udpchat.protocol.endpoint import ClientEndpoint
from udpchat.protocol.service import Host
from udpchat.wire.codec import Ack, decode
from udpchat.wire.numbers import PacketType

MAX_PACKETS: Final = 4_096  # of which is remembered when they left; a visit sends some hundreds


@dataclass(frozen=True, slots=True)
class Losses:
    """Packets of one direction, and how many of them did not arrive. Path MTU probes are left out."""

    sent: int
    lost: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.lost / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A path, as far as it was seen. rtts: round trips without the server's own delay [us], in the order of sending.

    up, down: to the server and from it. datagram_up: largest UDP payload that passed [bytes]; is_searching: larger ones
    were still being tried. datagram_down: the same from the server, as far as it has tried. ceiling: the largest tried.
    """

    rtts: tuple[int, ...]
    up: Losses
    down: Losses
    datagram_up: int
    is_searching: bool
    datagram_down: int
    ceiling: int


class Tally:
    """Looks on at one connection of a client."""

    def __init__(self, ceiling: int) -> None:
        self.first_answer: int | None = None  # when anything came back [us]
        self.has_cookie = False
        self._ceiling = ceiling
        self._sent: dict[int, tuple[int, int]] = {}  # packet number -> when it left [us], bytes of its datagram
        self._acked: set[int] = set()
        self._rtts: list[int] = []
        self._largest_acked = -1
        self._largest_datagram = 0  # of those that came

    def on_sent(self, datagram: memoryview, now: int) -> None:
        """A packet of the connection leaves."""
        if len(self._sent) < MAX_PACKETS:
            self._sent[decode(datagram).header.packet_number] = now, len(datagram)

    def on_refused(self, datagram: memoryview) -> None:
        """The system did not take it."""
        self._sent.pop(decode(datagram).header.packet_number, None)

    def on_answer(self, datagram: memoryview, now: int) -> None:
        """Something came from the server, authentic or not."""
        if self.first_answer is None:
            self.first_answer = now
        try:
            self.has_cookie = self.has_cookie or decode(datagram).header.packet_type is PacketType.COOKIE
        except DecodeError:
            return  # another version, or not ours: it shows only that somebody is there

    def on_authentic(self, datagram: memoryview, now: int) -> None:
        """A packet of the connection came, and was not a copy."""
        self._largest_datagram = max(self._largest_datagram, len(datagram))
        match decode(datagram).clear:
            case Ack() as ack:
                if ack.largest > self._largest_acked:
                    self._largest_acked = ack.largest
                    if (sent := self._sent.get(ack.largest)) is not None:
                        self._rtts.append(max(1, now - sent[0] - ack.ack_delay))
                for start, stop in ack.ranges:
                    self._acked.update(range(start, stop))

    def measured(self, connection: Connection) -> Measured:
        """All of it. An ACK repeats what it reports ten times, so what no ACK has reported did not arrive."""
        mtu, acks = connection.transmitter.mtu, connection.receiver.acks
        small = [
            number
            for number, (_, size) in self._sent.items()
            if number <= self._largest_acked and size <= BASE_DATAGRAM
        ]
        down = max(self._largest_datagram, BASE_DATAGRAM)
        return Measured(
            rtts=tuple(self._rtts),
            up=Losses(len(small), sum(number not in self._acked for number in small)),
            down=missing(acks.largest, acks.received, vanished(self._ceiling, down)),
            datagram_up=mtu.datagram_size,
            is_searching=mtu.is_searching,
            datagram_down=down,
            ceiling=self._ceiling,
        )


class TalliedCore:
    """A client's core that is looked at; the methods are those of the core."""

    def __init__(self, host: Host, endpoint: ClientEndpoint, tally: Tally) -> None:
        self._host = host
        self._endpoint = endpoint
        self._tally = tally
        self.next_event = host.next_event
        self.handle_timeout = host.handle_timeout
        self.next_timeout = host.next_timeout
        self.check_invariants = host.check_invariants

    def receive_burst(self, burst: Burst, now: int) -> None:
        """Datagrams came: one at a time, so that it is seen which of them are authentic."""
        for datagram in burst.datagrams():
            self._tally.on_answer(datagram, now)
            connection = self._endpoint.connection
            before = connection.receiver.acks.received if connection is not None else 0
            self._host.receive_burst(Burst(burst.address, datagram, len(datagram)), now)
            if connection is not None and connection.receiver.acks.received > before:
                self._tally.on_authentic(datagram, now)

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """All that may go out now."""
        for burst in self._host.datagrams_to_send(now):
            if self._endpoint.connection is not None:
                for datagram in burst.datagrams():
                    self._tally.on_sent(datagram, now)
            yield burst

    def on_too_large(self, burst: Burst) -> None:
        """The system refused datagrams of this size."""
        if self._endpoint.connection is not None:
            for datagram in burst.datagrams():
                self._tally.on_refused(datagram)
        self._host.on_too_large(burst)

    def complete(self, request_id: int, result: Any, now: int) -> None:
        """Bring back what storage answered."""
        self._host.complete(request_id, result, now)


def missing(largest: int, received: int, probes: int) -> Losses:
    """What of the packets numbered 0 to largest did not come. probes: of those that were too large to come.

    A sender leaves out at most one number in SKIP_INTERVAL; so few missing ones say nothing.
    """
    sent = largest + 1 - max(0, largest) // SKIP_INTERVAL - probes
    return Losses(max(sent, received), max(0, sent - received))


def vanished(ceiling: int, passed: int) -> int:
    """How many probes a search for the path MTU loses when datagrams of so many bytes pass and larger ones do not."""
    search, lost = PathMtu(BASE_DATAGRAM, ceiling), 0
    while (size := search.next_probe(0)) is not None:
        if size <= passed:
            search.on_probe_acked(size)
        else:
            search.on_probe_lost(size)
            lost += 1
    return lost
