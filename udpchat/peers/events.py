"""What a node is told of its neighbours and of its searches."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.protocol.datagrams import Address
from udpchat.wire.records import Hit


@dataclass(frozen=True, slots=True)
class NeighbourCame:
    """A node is our neighbour from now on.

    link: its number, never used again. name: as it calls itself. key: static public key of its server, as we saw it
    in the handshake or, when it dialled us, as it says. identity: Ed25519 key of a node that dialled us, else empty.
    """

    link: int
    name: str
    address: Address
    key: bytes
    identity: bytes
    was_dialled: bool


@dataclass(frozen=True, slots=True)
class NeighbourGone:
    """A neighbour is one no more. code: an ErrorCode, or a number of a later version."""

    link: int
    name: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class DialFailed:
    """A node that we want as a neighbour cannot be reached, or says no. wait: until the next try [us]; None: none."""

    address: Address
    code: int
    reason: str
    wait: int | None


@dataclass(frozen=True, slots=True)
class HitCame:
    """A node has what we look for. hops: links between us. neighbour: the name of the one who told us."""

    query_id: bytes
    hit: Hit
    hops: int
    link: int
    neighbour: str


@dataclass(frozen=True, slots=True)
class QueryOver:
    """The time of a search is over. hits: how many came."""

    query_id: bytes
    hits: int
