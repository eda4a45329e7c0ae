"""The records that travel on message channels, in construct: part of the declaration in packets.py.

Those about files are in declared_files.py, those between nodes in declared_peers.py.
"""

from __future__ import annotations

from typing import Any, Final

from construct import (
    Bytes,
    Enum,
    FlagsEnum,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Int64ub,
    PascalString,
    Prefixed,
    Struct,
)

from udpchat.errors import ErrorCode
from udpchat.wire.declared_files import FILE_RECORDS
from udpchat.wire.declared_peers import PEER_RECORDS
from udpchat.wire.numbers import (
    AdminAction,
    Change,
    Feature,
    JoinFlag,
    Outcome,
    ReceiptState,
    RoomFlag,
    SaidFlag,
    Scope,
    UserFlag,
)

# -- people and talk

JOIN = Struct(
    "identity" / Bytes(32) * "client's Ed25519 public key: who this person is",
    "signature" / Bytes(64) * "over the handshake hash, see section Identity",
    "client_id" / Bytes(16) * "random, per started client: makes message ids unique",
    "features" / FlagsEnum(Int32ub, Feature) * "what the client can do",
    "flags" / FlagsEnum(Int8ub, JoinFlag) * "how",
    "seen" / Int64ub * "newest message that the client has; 0: as the server remembers",
    "ticket" / Prefixed(Int8ub, GreedyBytes) * "of an earlier login with this key; empty: none",
    "nick" / PascalString(Int8ub, "utf8") * "nickname asked for",
    "agent" / PascalString(Int8ub, "utf8") * "program and version, for people",
)
WELCOME = Struct(
    "features" / FlagsEnum(Int32ub, Feature) * "what the server can do",
    "user_count" / Int32ub * "users present, this one included",
    "server_time" / Int64ub * "server's wall clock since 1970 [us]",
    "sequence" / Int64ub * "messages after this one come by themselves",
    "flags" / FlagsEnum(Int8ub, UserFlag) * "what the server takes the user for",
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
    "flags" / FlagsEnum(Int8ub, SaidFlag) * "how it was taken",
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
    "user_count" / Int32ub * "users present after it; in a room when it is about a room",
    "flags" / FlagsEnum(Int8ub, UserFlag) * "what is known of the user",
    "nick" / PascalString(Int8ub, "utf8") * "to whom",
    "room" / PascalString(Int8ub, "utf8") * "room it is about; empty: the server",
    "text" / PascalString(Int16ub, "utf8") * "reason, away message, topic, or the nickname that this one looks like",
)
USERS = Struct(
    "scope" / Enum(Int8ub, Scope) * "who is asked for",
    "room" / PascalString(Int8ub, "utf8") * "members of this room only; empty: of any",
)
USER = Struct(
    "joined_at" / Int64ub * "server's wall clock since 1970, 0 for who is absent [us]",
    "last_seen" / Int64ub * "when the user said or asked something, or left [us]",
    "flags" / FlagsEnum(Int8ub, UserFlag) * "what is known of the user",
    "nick" / PascalString(Int8ub, "utf8") * "nickname",
    "away" / PascalString(Int16ub, "utf8") * "why the user is away",
)
FINISHED = Struct("total" / Int32ub * "records in the list that ends here")
NOTICE = Struct(
    "sent_at" / Int64ub * "server's wall clock since 1970 [us]",
    "text" / PascalString(Int16ub, "utf8") * "a word from the server's administrator",
)
QUEUED = Struct(
    "position" / Int32ub * "place in the queue, from 1 on",
    "max_users" / Int32ub * "how many the server takes",
)
REGISTER = Struct(
    "nick" / PascalString(Int8ub, "utf8") * "nickname that becomes an account",
    "password" / PascalString(Int16ub, "utf8") * "its password",
)
LOGIN = Struct(
    "nick" / PascalString(Int8ub, "utf8") * "of the account",
    "password" / PascalString(Int16ub, "utf8") * "its password",
)
PASSWORD = Struct(
    "old" / PascalString(Int16ub, "utf8") * "password so far",
    "new" / PascalString(Int16ub, "utf8") * "password from now on",
)
ACCOUNT = Struct(
    "outcome" / Enum(Int8ub, Outcome) * "what was done",
    "flags" / FlagsEnum(Int8ub, UserFlag) * "what the server takes the user for",
    "ticket" / Prefixed(Int8ub, GreedyBytes) * "for JOIN with the same key: no password is needed",
    "nick" / PascalString(Int8ub, "utf8") * "of the account; the user's nickname from now on",
)
LIST_ROOMS = Struct()
ROOM = Struct(
    "flags" / FlagsEnum(Int8ub, RoomFlag) * "what it is to the one who asked",
    "user_count" / Int32ub * "members who are present",
    "created_at" / Int64ub * "server's wall clock since 1970 [us]",
    "room" / PascalString(Int8ub, "utf8") * "its name",
    "owner" / PascalString(Int8ub, "utf8") * "nickname of who created it; empty: the server",
    "topic" / PascalString(Int16ub, "utf8") * "what it is about",
)
CREATE_ROOM = Struct(
    "room" / PascalString(Int8ub, "utf8") * "its name",
    "topic" / PascalString(Int16ub, "utf8") * "what it is about",
)
ENTER_ROOM = Struct("room" / PascalString(Int8ub, "utf8") * "to become a member of")
LEAVE_ROOM = Struct("room" / PascalString(Int8ub, "utf8") * "to be a member of no more")
SET_TOPIC = Struct(
    "room" / PascalString(Int8ub, "utf8") * "which",
    "topic" / PascalString(Int16ub, "utf8") * "what it is about from now on",
)
SEEN = Struct("sequence" / Int64ub * "messages up to this one have been handed to the application")
READ = Struct(
    "sequence" / Int64ub * "private messages up to this one have been read",
    "nick" / PascalString(Int8ub, "utf8") * "of who sent them",
)
RECEIPT = Struct(
    "state" / Enum(Int8ub, ReceiptState) * "how far they have come",
    "sequence" / Int64ub * "the asker's messages up to this one",
    "room" / PascalString(Int8ub, "utf8") * "in this room; empty: private ones",
    "nick" / PascalString(Int8ub, "utf8") * "to this user, when they are private",
)
AWAY = Struct("text" / PascalString(Int16ub, "utf8") * "why; empty: back again")
HISTORY = Struct(
    "sent_from" / Int64ub * "not sent before this time [us]",
    "sent_until" / Int64ub * "sent before this time; 0: any [us]",
    "before" / Int64ub * "older than this sequence; 0: the newest",
    "after" / Int64ub * "newer than this sequence, oldest first; 0: as `before` says",
    "limit" / Int16ub * "messages at most",
    "room" / PascalString(Int8ub, "utf8") * "messages of this room; empty: of all, when nick is empty too",
    "nick" / PascalString(Int8ub, "utf8") * "private messages to and from this user",
    "sender" / PascalString(Int8ub, "utf8") * "from this user only; empty: from anybody",
    "recipient" / PascalString(Int8ub, "utf8") * "private ones to this user only; empty: to anybody",
    "words" / PascalString(Int16ub, "utf8") * "with these words; empty: all",
)
DONE = Struct()
ADMINISTER = Struct(
    "action" / Enum(Int8ub, AdminAction) * "what is to be done",
    "target" / PascalString(Int8ub, "utf8") * "nickname or address",
    "text" / PascalString(Int16ub, "utf8") * "reason, or what is announced",
)
BAN = Struct(
    "banned_at" / Int64ub * "server's wall clock since 1970 [us]",
    "target" / PascalString(Int8ub, "utf8") * "nickname or address",
    "by" / PascalString(Int8ub, "utf8") * "nickname of the administrator; empty: at the server's terminal",
    "reason" / PascalString(Int16ub, "utf8") * "why",
)
SLOWED = Struct("wait" / Int32ub * "the user says lines too fast; the next is taken after this time [us]")

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
    "QUEUED": QUEUED,
    "REGISTER": REGISTER,
    "LOGIN": LOGIN,
    "PASSWORD": PASSWORD,
    "ACCOUNT": ACCOUNT,
    "LIST_ROOMS": LIST_ROOMS,
    "ROOM": ROOM,
    "CREATE_ROOM": CREATE_ROOM,
    "ENTER_ROOM": ENTER_ROOM,
    "LEAVE_ROOM": LEAVE_ROOM,
    "SET_TOPIC": SET_TOPIC,
    "SEEN": SEEN,
    "READ": READ,
    "RECEIPT": RECEIPT,
    "AWAY": AWAY,
    "HISTORY": HISTORY,
    "DONE": DONE,
    **FILE_RECORDS,
    **PEER_RECORDS,
    "ADMINISTER": ADMINISTER,
    "BAN": BAN,
    "SLOWED": SLOWED,
}
