"""Records between nodes of a peer network; sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.wire.numbers import RecordType
from udpchat.wire.record_types import RecordBase, record


@record(RecordType.NEIGHBOUR)
@dataclass(frozen=True, slots=True)
class Neighbour(RecordBase):
    """Let us be neighbours; answered with the other node's Neighbour. key: of this node's server, zero in plaintext."""

    key: bytes
    port: int
    node_name: str


@record(RecordType.QUERY)
@dataclass(frozen=True, slots=True)
class Query(RecordBase):
    """Who has this? kind: a QueryKind, or a number of a later version. ttl: links that it may still travel."""

    query_id: bytes
    kind: int
    ttl: int
    hops: int
    pattern: str


@record(RecordType.HIT)
@dataclass(frozen=True, slots=True)
class Hit(RecordBase):
    """A node has what a query asks for. key, host, port: where; host is empty when the holder itself says it.

    file_id: what FETCH calls it there.
    """

    query_id: bytes
    hops: int
    key: bytes
    port: int
    file_id: bytes
    size: int
    md5: bytes
    root: bytes
    members: int
    flags: int
    host: str
    file_name: str
