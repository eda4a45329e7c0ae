"""Who a node is, and who its neighbours are, whichever end dialled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from udpchat.config import LINK_QUERIES, LINK_QUEUE, MAX_NODE_NAME
from udpchat.errors import ErrorCode, UsageError
from udpchat.peers.events import NeighbourCame, NeighbourGone
from udpchat.peers.mesh import Link, Mesh
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address
from udpchat.protocol.service import Desk
from udpchat.wire.records import Hit, Neighbour, Query

NO_KEY: Final = bytes(32)  # of a server in plaintext mode

Objection = tuple[ErrorCode, str]


@dataclass(frozen=True, slots=True)
class Node:
    """Who a node is. identity: its Ed25519 public key; key: its server's static key, or NO_KEY; port: where it listens.

    UsageError: a name that no node has.
    """

    name: str
    identity: bytes
    key: bytes
    port: int

    def __post_init__(self) -> None:
        if (fault := name_fault(self.name)) is not None:
            raise UsageError(fault)

    @property
    def record(self) -> Neighbour:
        """What it says of itself."""
        return Neighbour(self.key, self.port, self.name)


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """A neighbour. identity: of one that dialled us, else empty; key: of its server, proved only when we dialled."""

    name: str
    identity: bytes
    key: bytes
    desk: Desk
    connection_id: bytes
    was_dialled: bool

    @property
    def connection(self) -> Connection | None:
        """How it is reached."""
        return self.desk.endpoint.find(self.connection_id)

    @property
    def address(self) -> Address:
        """Where it is now; empty when it is gone."""
        connection = self.connection
        return ("", 0) if connection is None else connection.address

    def send(self, record: Query | Hit) -> bool:
        """Send a record, unless too much waits for it already."""
        connection = self.connection
        if connection is None or not connection.is_alive:
            return False
        limit = LINK_QUERIES if isinstance(record, Query) else LINK_QUEUE
        if connection.transmitter.messages.channels[0].queued > limit:
            return False
        connection.send_record(record)
        return True


class Roster:
    """The neighbours of a node, by the number of their link. tell: the application.

    allowed: identities of nodes that may dial us; None: all may. dialled: keys of servers that we have dialled and that
    have shown them; True when they are neighbours.
    """

    def __init__(self, node: Node, mesh: Mesh, max_neighbours: int, tell: Callable[[object], None]) -> None:
        self.node = node
        self.mesh = mesh
        self.allowed: frozenset[bytes] | None = None
        self.dialled: dict[bytes, bool] = {}
        self._max_neighbours = max_neighbours
        self.tell = tell
        self._by_link: dict[int, Acquaintance] = {}

    def __len__(self) -> int:
        return len(self._by_link)

    @property
    def links(self) -> Iterable[tuple[int, Acquaintance]]:
        """All of them, the oldest first."""
        return tuple(self._by_link.items())

    @property
    def is_full(self) -> bool:
        """There is no room for one more."""
        return len(self) >= self._max_neighbours

    @property
    def full_text(self) -> str:
        """The same in words."""
        return f"{self.node.name} has {self._max_neighbours} neighbours and takes no more"

    def come(self, who: Acquaintance) -> int:
        """A node is a neighbour from now on; the number of its link."""
        link = self.mesh.open(Link(who.name, lambda: who.address[0], who.send))
        self._by_link[link] = who
        self.tell(NeighbourCame(link, who.name, who.address, who.key, who.identity, who.was_dialled))
        return link

    def go(self, link: int, code: int, reason: str) -> None:
        """A node is a neighbour no more. Nothing when it was none."""
        who = self._by_link.pop(link, None)
        if who is not None:
            self.mesh.close(link)
            self.tell(NeighbourGone(link, who.name, code, reason))

    def objection(self, identity: bytes, record: Neighbour) -> Objection | None:
        """What speaks against a node that dialled us."""
        if identity == self.node.identity:
            return ErrorCode.OWN_ADDRESS, "this address is your own: a node is no neighbour of itself"
        if self.allowed is not None and identity not in self.allowed:
            return ErrorCode.NOT_ALLOWED, f"{self.node.name} takes only neighbours that it knows, and not this key"
        if (fault := name_fault(record.node_name)) is not None:
            return ErrorCode.NICK_NOT_ALLOWED, fault
        if self._is_ours(record.key):
            return ErrorCode.NEIGHBOURS_ALREADY, f"{self.node.name} is your neighbour over another connection"
        if self.is_full and not self.of(identity):
            return ErrorCode.SERVER_FULL, self.full_text
        return None

    def of(self, identity: bytes) -> list[int]:
        """Links of a node that dialled us."""
        return [link for link, who in self._by_link.items() if who.identity == identity]

    def _is_ours(self, key: bytes) -> bool:
        """Whether we have dialled the server of this key ourselves, and that connection is the one to keep.

        When two nodes dial one another at the same time, the one whose key is smaller goes on. Only keys that a
        handshake has shown count: whoever says the key of another keeps only himself out.
        """
        is_neighbour = self.dialled.get(key) if key != NO_KEY else None
        return is_neighbour is not None and (is_neighbour or self.node.key < key)


def name_fault(name: str) -> str | None:
    """Why no node can be called so; None when one can."""
    if not 0 < len(name) <= MAX_NODE_NAME:
        return f"the name of a node has 1 to {MAX_NODE_NAME} characters"
    if not name.isprintable() or name != name.strip():
        return "the name of a node has only visible characters, and no spaces at its ends"
    return None
