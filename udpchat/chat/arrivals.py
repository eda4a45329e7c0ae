"""Connections that have not joined: what is known of each, how long it may take, who is next when there is a place."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from udpchat.chat.ports import NOBODY, Person
from udpchat.config import JOIN_TIMEOUT, SECOND
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import fold
from udpchat.wire.records import Join

TYPING_TIMEOUT: Final = 120 * SECOND  # after a refusal somebody types another nickname, or a password


@dataclass(slots=True, eq=False)
class Arrival:
    """A connection that has not joined.

    identity: of its last JOIN that was signed well, else empty. account: it has logged in as. nick: as it is asked for.
    received, join: the request that is not answered yet. asked_as: person id in the question that storage has, or None.
    position: in the queue, from 1 on, as the client was told; 0: not in it. is_busy: a login is under way.
    """

    connection_id: bytes
    handshake_hash: bytes
    host: str
    deadline: int
    identity: bytes = b""
    account: Person | None = None
    nick: str = ""
    received: RecordReceived | None = None
    join: Join | None = field(default=None, repr=False)
    asked_as: int | None = None
    position: int = 0
    is_busy: bool = False

    @property
    def person_id(self) -> int:
        """Of the account it has logged in as."""
        return NOBODY if self.account is None else self.account.person_id

    @property
    def is_waited_for(self) -> bool:
        """It is our turn to say something."""
        return self.is_busy or self.join is not None


class Arrivals:
    """All of them, by connection, with their deadlines."""

    def __init__(self) -> None:
        self._by_connection: dict[bytes, Arrival] = {}
        self._heap: list[tuple[int, bytes]] = []  # one entry each; it may be earlier than the deadline

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self._by_connection.values())

    def open(self, connection_id: bytes, handshake_hash: bytes, host: str, now: int) -> None:
        """A connection stands."""
        arrival = Arrival(connection_id, handshake_hash, host, now + JOIN_TIMEOUT)
        self._by_connection[connection_id] = arrival
        heappush(self._heap, (arrival.deadline, connection_id))

    def find(self, connection_id: bytes) -> Arrival | None:
        """The one of a connection; None when it has joined or is gone."""
        return self._by_connection.get(connection_id)

    def remove(self, connection_id: bytes) -> Arrival | None:
        """It has joined, or is gone."""
        return self._by_connection.pop(connection_id, None)

    def has_claim(self, nick: str, *, but: bytes) -> bool:
        """Whether another connection is joining under a nickname."""
        folded = fold(nick)
        return any(
            arrival.join is not None and arrival.connection_id != but and fold(arrival.nick) == folded
            for arrival in self
        )

    def next_timeout(self) -> int | None:
        """When somebody may be late."""
        while self._heap and self._heap[0][1] not in self._by_connection:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_late(self, now: int) -> Iterator[Arrival]:
        """Those who had time enough to join. Who waits for us is not late."""
        while (deadline := self.next_timeout()) is not None and deadline <= now:
            arrival = self._by_connection[heappop(self._heap)[1]]
            if arrival.is_waited_for:
                arrival.deadline = now + TYPING_TIMEOUT
            if arrival.deadline > now:
                heappush(self._heap, (arrival.deadline, arrival.connection_id))
            else:
                del self._by_connection[arrival.connection_id]
                yield arrival


class Queue:
    """Who waits for a place on a full server, first come, first served."""

    def __init__(self) -> None:
        self._waiting: list[Arrival] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, arrival: object) -> bool:
        return arrival in self._waiting

    def first(self, count: int) -> list[Arrival]:
        """The next so many."""
        return self._waiting[: max(0, count)]

    def add(self, arrival: Arrival) -> Arrival | None:
        """Somebody stands in line: at the end, or where the same key stands already. The one who stood there."""
        for place, former in enumerate(self._waiting):
            if former.identity == arrival.identity:
                self._waiting[place] = arrival
                former.position = 0
                return former
        self._waiting.append(arrival)
        return None

    def has_key(self, identity: bytes) -> bool:
        """Whether a key stands in line."""
        return any(arrival.identity == identity for arrival in self._waiting)

    def remove(self, arrival: Arrival) -> None:
        """Somebody got in, was refused, or is gone."""
        if arrival in self._waiting:
            self._waiting.remove(arrival)
            arrival.position = 0

    def take_moved(self) -> Iterator[Arrival]:
        """Those whose position is not the one they were told; it is, from now on."""
        for position, arrival in enumerate(self._waiting, 1):
            if arrival.position != position:
                arrival.position = position
                yield arrival


def plain_host(host: str) -> str:
    """An address as bans have it: without a zone, IPv4 as IPv4, shortest form. What is no address stays as it is."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def is_address(text: str) -> bool:
    """Whether this is an IP address, and so no nickname."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
