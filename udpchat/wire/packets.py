"""THE declaration: every packet, in construct; the records are in the three other declared_*.py.

All readers come from these files: the struct codec (`hot.py`, generated), the tables of docs/protocol.md, the
scapy layers of the tests. `schema.py` reads it and refuses any construct shape outside the subset it knows.

A datagram is one packet:

    header (24 bytes) | clear part | sealed part | trailer (16 bytes)

Header and clear part travel in the clear and are authenticated (AEAD associated data). The trailer is the AEAD tag; in
plaintext mode and on handshake packets it is the CRC-32 of all that precedes it and twelve zero bytes; on RESET it is
the reset token. Numbers are big endian.

Messages travel as records on ordered byte channels, which MSG packets carry: record header (9 bytes) | record body.
"""

from __future__ import annotations

from typing import Any, Final

from construct import (
    Bytes,
    Const,
    Enum,
    FlagsEnum,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Int64ub,
    PascalString,
    Prefixed,
    PrefixedArray,
    Struct,
)

from udpchat.errors import ErrorCode
from udpchat.wire.declared_files import RANGE
from udpchat.wire.numbers import Feature, Flag, Mode, PacketType, RecordType

MAGIC: Final = 0x5543  # "UC"
VERSION: Final = 1
TRAILER_SIZE: Final = 16  # bytes after the body: AEAD tag, or CRC-32 and twelve zero bytes, or reset token
MAX_PACKET_NUMBER: Final = 2**53 - 1  # what a Lua dissector can hold exactly


HEADER = Struct(
    "magic" / Const(MAGIC, Int16ub) * "the letters UC",
    "version" / Int8ub * "protocol version",
    "type" / Enum(Int8ub, PacketType) * "packet type, selects the rest",
    "flags" / FlagsEnum(Int16ub, Flag) * "direction, key phase, sealed",
    "body_length" / Int16ub * "bytes after this header, without the trailer [bytes]",
    "connection_id" / Bytes(8) * "chosen by the server; in handshake packets the client's attempt id",
    "packet_number" / Int64ub * "per direction, +1 or more for each packet, never reused, below 2^53",
)

NOTHING = Struct()

# -- packets: name -> (clear part, sealed part) ------------------------------------------------------------------------

HELLO = Struct(
    "ephemeral" / Bytes(32) * "client's ephemeral X25519 public key; in plaintext mode 32 random bytes",
    "features" / FlagsEnum(Int32ub, Feature) * "what the client can do",
    "cookie" / Prefixed(Int8ub, GreedyBytes) * "empty, a cookie (20 bytes) or an address token (longer)",
    "padding" / GreedyBytes * "zero bytes up to a datagram of 1,200 bytes",
)
COOKIE = Struct(
    "cookie" / Prefixed(Int8ub, GreedyBytes) * "to be sent back in HELLO within 15 s, from the same address",
)
REPLY = Struct(
    "noise" / Prefixed(Int16ub, GreedyBytes) * "Noise NX message 2 around PARAMS; in plaintext mode PARAMS itself",
)
VERSION_PACKET = Struct(
    "lowest" / Int8ub * "oldest protocol version the server speaks",
    "highest" / Int8ub * "newest protocol version the server speaks",
    "modes" / FlagsEnum(Int8ub, Mode) * "kinds of session the server takes",
)
DATA_CLEAR = Struct(
    "transfer_id" / Int32ub * "the transfer, as named in OPENED or OFFER",
    "offset" / Int64ub * "place of the first chunk byte in the file [bytes]",
)
DATA_SEALED = Struct("chunk" / GreedyBytes * "file bytes")
MSG_CLEAR = Struct(
    "channel" / Int8ub * "0 control and chat, 1 long answers",
    "offset" / Int64ub * "place of the first content byte in the channel [bytes]",
)
MSG_SEALED = Struct("content" / GreedyBytes * "bytes of the channel: records, whole or in part")
ACK = Struct(
    "largest" / Int64ub * "largest packet number received",
    "arrival" / Int32ub * "receiver's clock when it arrived, modulo 2^32 [us]",
    "ack_delay" / Int32ub * "time from that arrival to this ACK [us]",
    "received" / Int64ub * "datagrams received so far on this connection",
    "window" / Int32ub * "bytes the receiver lets be in flight [bytes]",
    "ranges" / PrefixedArray(Int8ub, RANGE) * "packet numbers received, half-open runs, newest first, at most 64",
)
PING = Struct("padding" / Bytes(24) * "zero bytes, so that a RESET may answer")
CHALLENGE = Struct(
    "nonce" / Bytes(8) * "random, to be echoed in RESPONSE from the same address",
    "padding" / Bytes(16) * "zero bytes",
)
RESPONSE = Struct(
    "nonce" / Bytes(8) * "the nonce of the CHALLENGE",
    "padding" / Bytes(16) * "zero bytes",
)
PROBE = Struct("padding" / GreedyBytes * "zero bytes up to the datagram size that is tried")
CLOSE = Struct(
    "code" / Enum(Int16ub, ErrorCode) * "why",
    "reason" / PascalString(Int16ub, "utf8") * "the same for people",
)

PACKETS: Final[dict[str, tuple[Any, Any]]] = {
    "HELLO": (HELLO, NOTHING),
    "COOKIE": (COOKIE, NOTHING),
    "REPLY": (REPLY, NOTHING),
    "VERSION": (VERSION_PACKET, NOTHING),
    "RESET": (NOTHING, NOTHING),
    "DATA": (DATA_CLEAR, DATA_SEALED),
    "MSG": (MSG_CLEAR, MSG_SEALED),
    "ACK": (ACK, NOTHING),
    "PING": (NOTHING, PING),
    "CHALLENGE": (NOTHING, CHALLENGE),
    "RESPONSE": (NOTHING, RESPONSE),
    "PROBE": (NOTHING, PROBE),
    "CLOSE": (NOTHING, CLOSE),
}

# -- what a REPLY carries inside ---------------------------------------------------------------------------------------

PARAMS = Struct(
    "connection_id" / Bytes(8) * "the connection's name from now on, both ways",
    "reset_token" / Bytes(16) * "the trailer of a RESET that ends this connection",
    "features" / FlagsEnum(Int32ub, Feature) * "what the server can do",
    "max_datagram" / Int16ub * "largest datagram the server takes [bytes]",
    "idle_timeout" / Int32ub * "silence after which the server drops the connection [ms]",
    "padding" / GreedyBytes * "empty; in plaintext mode zero bytes up to the length that a sealed REPLY has",
)

# -- records -----------------------------------------------------------------------------------------------------------

RECORD_HEADER = Struct(
    "record_length" / Int32ub * "bytes of the record body, at most 1 MiB [bytes]",
    "record_type" / Enum(Int8ub, RecordType) * "selects the record body",
    "request_id" / Int32ub * "chosen by the asker, repeated in each answer; 0 where nobody asked",
)

# -- facts that construct cannot carry beside a field ------------------------------------------------------------------

HOT_PACKETS: Final = ("DATA", "MSG", "ACK")  # those whose speed is felt: also unpacked many at a time
UNSEALED_TYPES: Final = frozenset({"HELLO", "COOKIE", "REPLY", "VERSION", "RESET"})
