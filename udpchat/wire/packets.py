"""THE declaration: every packet and every record, in construct.

All readers come from this file: the struct codec (`hot.py`, generated), the tables of docs/protocol.md, the scapy
layers of the tests. `schema.py` reads it and refuses any construct shape outside the subset it knows.

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
from udpchat.wire.numbers import Change, Feature, Flag, Mode, PacketType, RecordType

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

RANGE = Struct(
    "start" / Int64ub * "first number or offset of the run",
    "stop" / Int64ub * "one past the last",
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

JOIN = Struct(
    "identity" / Bytes(32) * "client's Ed25519 public key: who this person is",
    "signature" / Bytes(64) * "over the handshake hash, see section Identity",
    "client_id" / Bytes(16) * "random, per started client: makes message ids unique",
    "features" / FlagsEnum(Int32ub, Feature) * "what the client can do",
    "nick" / PascalString(Int8ub, "utf8") * "nickname asked for",
    "agent" / PascalString(Int8ub, "utf8") * "program and version, for people",
)
WELCOME = Struct(
    "features" / FlagsEnum(Int32ub, Feature) * "what the server can do",
    "user_count" / Int32ub * "users present, this one included",
    "server_time" / Int64ub * "server's wall clock since 1970 [us]",
    "token" / Prefixed(Int8ub, GreedyBytes) * "address token: saves the cookie trip next time",
    "nick" / PascalString(Int8ub, "utf8") * "nickname given",
    "room" / PascalString(Int8ub, "utf8") * "room the user is in",
)
REFUSED = Struct(
    "code" / Enum(Int16ub, ErrorCode) * "why",
    "text" / PascalString(Int16ub, "utf8") * "the same for people",
)
UNSUPPORTED = Struct("record_type" / Int8ub * "type of the record that was not understood")
SAY = Struct(
    "message_id" / Bytes(16) * "made by the client; the same id is the same message",
    "room" / PascalString(Int8ub, "utf8") * "room it is meant for",
    "text" / PascalString(Int16ub, "utf8") * "the line",
)
SAID = Struct(
    "message_id" / Bytes(16) * "of the SAY or TELL that is answered",
    "sequence" / Int64ub * "place in the server's order",
    "sent_at" / Int64ub * "server's wall clock since 1970 [us]",
)
LINE = Struct(
    "sequence" / Int64ub * "place in the server's order",
    "sent_at" / Int64ub * "server's wall clock since 1970 [us]",
    "room" / PascalString(Int8ub, "utf8") * "room it was said in",
    "sender" / PascalString(Int8ub, "utf8") * "nickname of the speaker",
    "text" / PascalString(Int16ub, "utf8") * "the line",
)
TELL = Struct(
    "message_id" / Bytes(16) * "made by the client; the same id is the same message",
    "recipient" / PascalString(Int8ub, "utf8") * "nickname it is meant for",
    "text" / PascalString(Int16ub, "utf8") * "the line",
)
PRIVATE = Struct(
    "sequence" / Int64ub * "place in the server's order",
    "sent_at" / Int64ub * "server's wall clock since 1970 [us]",
    "sender" / PascalString(Int8ub, "utf8") * "nickname of the speaker",
    "recipient" / PascalString(Int8ub, "utf8") * "nickname it is meant for",
    "text" / PascalString(Int16ub, "utf8") * "the line",
)
PRESENCE = Struct(
    "change" / Enum(Int8ub, Change) * "what happened",
    "user_count" / Int32ub * "users present after it",
    "nick" / PascalString(Int8ub, "utf8") * "to whom",
)
USERS = Struct()
USER = Struct(
    "joined_at" / Int64ub * "server's wall clock since 1970 [us]",
    "nick" / PascalString(Int8ub, "utf8") * "a user who is present",
)
FINISHED = Struct("total" / Int32ub * "records in the list that ends here")
NOTICE = Struct(
    "sent_at" / Int64ub * "server's wall clock since 1970 [us]",
    "text" / PascalString(Int16ub, "utf8") * "a word from the server's administrator",
)
OPEN = Struct(
    "upload_id" / Bytes(16) * "made by the client; the same id is the same upload, also after a restart",
    "size" / Int64ub * "of the whole file [bytes]",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path",
)
OPENED = Struct(
    "transfer_id" / Int32ub * "to be used in DATA",
    "limit" / Int64ub * "DATA may be sent below this offset [bytes]",
    "present" / PrefixedArray(Int16ub, RANGE) * "byte ranges the server holds already",
)
CREDIT = Struct(
    "transfer_id" / Int32ub * "the transfer",
    "limit" / Int64ub * "DATA may be sent below this offset [bytes]",
)
COMMIT = Struct(
    "upload_id" / Bytes(16) * "of the OPEN",
    "md5" / Bytes(16) * "of the whole file, as the client read it",
)
COMMITTED = Struct(
    "upload_id" / Bytes(16) * "of the OPEN",
    "file_id" / Bytes(16) * "the file's name on the server",
    "md5" / Bytes(16) * "of the whole file, as the server stored it",
    "stored_at" / Int64ub * "server's wall clock since 1970 [us]",
    "file_name" / PascalString(Int16ub, "utf8") * "name in the list; another than asked for when that was taken",
)
CANCEL = Struct(
    "transfer_id" / Int32ub * "the transfer that ends",
    "code" / Enum(Int16ub, ErrorCode) * "why",
    "text" / PascalString(Int16ub, "utf8") * "the same for people",
)
LIST_FILES = Struct()
FILE = Struct(
    "file_id" / Bytes(16) * "the file's name on the server",
    "size" / Int64ub * "[bytes]",
    "md5" / Bytes(16) * "of the whole file",
    "stored_at" / Int64ub * "server's wall clock since 1970 [us]",
    "owner" / PascalString(Int8ub, "utf8") * "nickname of the uploader",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path",
)
FETCH = Struct(
    "file_id" / Bytes(16) * "which file; all zero: by name",
    "file_name" / PascalString(Int16ub, "utf8") * "which file, when file_id is zero: the newest of that name",
    "present" / PrefixedArray(Int16ub, RANGE) * "byte ranges the client holds already",
)
OFFER = Struct(
    "transfer_id" / Int32ub * "will be used in DATA, once the client has sent CREDIT",
    "file_id" / Bytes(16) * "the file's name on the server",
    "size" / Int64ub * "[bytes]",
    "md5" / Bytes(16) * "of the whole file, as the server stored it",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path",
)
RECEIVED = Struct(
    "transfer_id" / Int32ub * "the transfer that is complete",
    "md5" / Bytes(16) * "of the whole file, as the client stored it",
)
SHARED = Struct(
    "file_id" / Bytes(16) * "the file's name on the server",
    "size" / Int64ub * "[bytes]",
    "md5" / Bytes(16) * "of the whole file",
    "owner" / PascalString(Int8ub, "utf8") * "nickname of the uploader",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path",
)
TUNE = Struct(
    "window" / Int32ub * "file packets in flight at most; 0: as many as congestion control says [packets]",
    "arq" / PascalString(Int8ub, "utf8") * "scheme: selective-repeat, go-back-n or stop-and-wait",
    "congestion" / PascalString(Int8ub, "utf8") * "congestion control: bbr, cubic, newreno or fixed",
)
TUNED = Struct(
    "window" / Int32ub * "file packets in flight at most; 0: as many as congestion control says [packets]",
    "arq" / PascalString(Int8ub, "utf8") * "scheme of what the server sends from now on",
    "congestion" / PascalString(Int8ub, "utf8") * "congestion control of what the server sends from now on",
)

RECORDS: Final[dict[str, Any]] = {
    "JOIN": JOIN,
    "WELCOME": WELCOME,
    "REFUSED": REFUSED,
    "UNSUPPORTED": UNSUPPORTED,
    "SAY": SAY,
    "SAID": SAID,
    "LINE": LINE,
    "TELL": TELL,
    "PRIVATE": PRIVATE,
    "PRESENCE": PRESENCE,
    "USERS": USERS,
    "USER": USER,
    "FINISHED": FINISHED,
    "NOTICE": NOTICE,
    "OPEN": OPEN,
    "OPENED": OPENED,
    "CREDIT": CREDIT,
    "COMMIT": COMMIT,
    "COMMITTED": COMMITTED,
    "CANCEL": CANCEL,
    "LIST_FILES": LIST_FILES,
    "FILE": FILE,
    "FETCH": FETCH,
    "OFFER": OFFER,
    "RECEIVED": RECEIVED,
    "SHARED": SHARED,
    "TUNE": TUNE,
    "TUNED": TUNED,
}

# -- facts that construct cannot carry beside a field ------------------------------------------------------------------

HOT_PACKETS: Final = ("DATA", "MSG", "ACK")  # those whose speed is felt: also unpacked many at a time
UNSEALED_TYPES: Final = frozenset({"HELLO", "COOKIE", "REPLY", "VERSION", "RESET"})
