"""The records between nodes of a peer network, in construct: part of the declaration in packets.py."""

from __future__ import annotations

from typing import Any, Final

from construct import Bytes, Enum, FlagsEnum, Int8ub, Int16ub, Int32ub, Int64ub, PascalString, Struct

from udpchat.wire.numbers import FileFlag, QueryKind

NEIGHBOUR = Struct(
    "key" / Bytes(32) * "static public key of this node's server; zero in plaintext mode",
    "port" / Int16ub * "UDP port where this node listens",
    "node_name" / PascalString(Int8ub, "utf8") * "what people call this node; display text",
)
QUERY = Struct(
    "query_id" / Bytes(16) * "random, made by the node that asks; the same wherever the query goes",
    "kind" / Enum(Int8ub, QueryKind) * "what the pattern is",
    "ttl" / Int8ub * "links that it may still travel, this one included",
    "hops" / Int8ub * "links that it has travelled before this one",
    "pattern" / PascalString(Int8ub, "utf8") * "what is looked for",
)
HIT = Struct(
    "query_id" / Bytes(16) * "of the QUERY",
    "hops" / Int8ub * "links between the holder and who gets this record",
    "key" / Bytes(32) * "static public key that the holder shows in a handshake; zero in plaintext mode",
    "port" / Int16ub * "UDP port where the holder listens",
    "file_id" / Bytes(16) * "what FETCH calls it at the holder",
    "size" / Int64ub * "of the file, or of all files of a folder together [bytes]",
    "md5" / Bytes(16) * "of the whole file; of a folder: of the MD5s of its members, in order",
    "root" / Bytes(32) * "block root, see section Blocks; zero when the holder has not made it yet",
    "members" / Int32ub * "members of a folder; 0 for a file",
    "flags" / FlagsEnum(Int8ub, FileFlag) * "what it is",
    "host" / PascalString(Int8ub, "utf8") * "IP address of the holder; empty when the holder itself says it",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path of the one who reads it",
)

PEER_RECORDS: Final[dict[str, Any]] = {
    "NEIGHBOUR": NEIGHBOUR,
    "QUERY": QUERY,
    "HIT": HIT,
}
