"""The records about files, in construct: part of the declaration in packets.py."""

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
    PrefixedArray,
    Struct,
)

from udpchat.errors import ErrorCode
from udpchat.wire.numbers import FileFlag, FileState, MemberFlag, Priority

RANGE = Struct(
    "start" / Int64ub * "first number or offset of the run",
    "stop" / Int64ub * "one past the last",
)

OPEN = Struct(
    "upload_id" / Bytes(16) * "made by the client; the same id is the same upload, also after a restart",
    "size" / Int64ub * "of the whole file, or of all files of a folder together [bytes]",
    "modified" / Int64ub * "when its content changed, client's wall clock since 1970; 0: unknown [us]",
    "members" / Int32ub * "members of a folder; 0 for a file",
    "flags" / FlagsEnum(Int8ub, FileFlag) * "what it is",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path",
    "room" / PascalString(Int8ub, "utf8") * "room that hears of it; empty: the lobby, unless it is for one user",
    "to" / PascalString(Int8ub, "utf8") * "nickname of the one user it is for; empty: for a room",
)
OPENED = Struct(
    "transfer_id" / Int32ub * "to be used in DATA",
    "limit" / Int64ub * "DATA may be sent below this offset [bytes]",
    "flags" / FlagsEnum(Int8ub, FileFlag) * "INDEXED: the server has the whole index of the folder",
    "present" / PrefixedArray(Int16ub, RANGE) * "byte ranges the server holds already",
)
CREDIT = Struct(
    "transfer_id" / Int32ub * "the transfer",
    "limit" / Int64ub * "DATA may be sent below this offset [bytes]",
)
COMMIT = Struct(
    "upload_id" / Bytes(16) * "of the OPEN",
    "md5" / Bytes(16) * "of the whole file, as the client read it; of a folder: of the MD5s of its members, in order",
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
LIST_FILES = Struct("room" / PascalString(Int8ub, "utf8") * "files of one room only; empty: all that one may see")
FILE = Struct(
    "file_id" / Bytes(16) * "the file's name on the server; of an upload that is not complete: its upload_id",
    "size" / Int64ub * "[bytes]",
    "md5" / Bytes(16) * "of the whole file; zero while it is not complete",
    "stored_at" / Int64ub * "server's wall clock since 1970 [us]",
    "expires_at" / Int64ub * "when the server will remove it, by its wall clock; 0: never [us]",
    "present" / Int64ub * "bytes that the server has",
    "width" / Int32ub * "of an image; 0: unknown [pixels]",
    "height" / Int32ub * "of an image; 0: unknown [pixels]",
    "members" / Int32ub * "members of a folder; 0 for a file",
    "delivered" / Int32ub * "people whose machines have all bytes of it",
    "verified" / Int32ub * "people who have it with the right MD5",
    "opened" / Int32ub * "people who have looked at it",
    "flags" / FlagsEnum(Int8ub, FileFlag) * "what it is",
    "state" / Enum(Int8ub, FileState) * "RECEIVING or STORED; of a private one: how far it is with its recipient",
    "media" / PascalString(Int8ub, "utf8") * "media type by its content, as image/png; empty: unknown",
    "owner" / PascalString(Int8ub, "utf8") * "nickname of the uploader",
    "room" / PascalString(Int8ub, "utf8") * "room it was sent to; empty: it is private",
    "to" / PascalString(Int8ub, "utf8") * "nickname of the one user it is for; empty: for a room",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path",
)
FETCH = Struct(
    "file_id" / Bytes(16) * "which file; all zero: by name",
    "number" / Int32ub * "member of a folder that is wanted alone; 2^32 - 1: the whole",
    "flags" / FlagsEnum(Int8ub, FileFlag) * "INDEXED: the client has the index of the folder",
    "file_name" / PascalString(Int16ub, "utf8") * "which file, when file_id is zero: the newest of that name",
    "present" / PrefixedArray(Int16ub, RANGE) * "byte ranges the client holds already",
)
OFFER = Struct(
    "transfer_id" / Int32ub * "will be used in DATA, once the client has sent CREDIT",
    "file_id" / Bytes(16) * "the file's name on the server",
    "size" / Int64ub * "[bytes]",
    "md5" / Bytes(16) * "of the whole file, as the server stored it; of a folder: of the MD5s of its members, in order",
    "root" / Bytes(32) * "block root, see section Blocks; zero when only a member is offered",
    "modified" / Int64ub * "when its content changed, owner's wall clock since 1970; 0: unknown [us]",
    "members" / Int32ub * "members of a folder, sent as MEMBER; 0 for a file",
    "flags" / FlagsEnum(Int8ub, FileFlag) * "what it is",
    "media" / PascalString(Int8ub, "utf8") * "media type by its content; empty: unknown",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path",
)
RECEIVED = Struct(
    "transfer_id" / Int32ub * "the transfer that is complete",
    "md5" / Bytes(16) * "of the whole file, as the client stored it",
)
SHARED = Struct(
    "sequence" / Int64ub * "place in the server's order",
    "sent_at" / Int64ub * "server's wall clock since 1970 [us]",
    "file_id" / Bytes(16) * "the file's name on the server",
    "size" / Int64ub * "[bytes]",
    "md5" / Bytes(16) * "of the whole file",
    "width" / Int32ub * "of an image; 0: unknown [pixels]",
    "height" / Int32ub * "of an image; 0: unknown [pixels]",
    "members" / Int32ub * "members of a folder; 0 for a file",
    "flags" / FlagsEnum(Int8ub, FileFlag) * "what it is",
    "media" / PascalString(Int8ub, "utf8") * "media type by its content; empty: unknown",
    "room" / PascalString(Int8ub, "utf8") * "room it was sent to; empty: it is private",
    "owner" / PascalString(Int8ub, "utf8") * "nickname of the uploader",
    "to" / PascalString(Int8ub, "utf8") * "nickname of the one user it is for; empty: for a room",
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
MEMBER = Struct(
    "transfer_id" / Int32ub * "the folder's transfer; 0 in an answer to LIST_MEMBERS",
    "number" / Int32ub * "place in the index, from 0 on; its bytes follow those of the one before",
    "size" / Int64ub * "[bytes]",
    "modified" / Int64ub * "when its content changed, owner's wall clock since 1970; 0: unknown [us]",
    "md5" / Bytes(16) * "of its bytes; zero in an upload",
    "flags" / FlagsEnum(Int8ub, MemberFlag) * "what it is",
    "path" / PascalString(Int16ub, "utf8") * "below the folder, parts separated by /; display text",
)
LIST_MEMBERS = Struct("file_id" / Bytes(16) * "the folder")
WANT_BLOCKS = Struct("transfer_id" / Int32ub * "the receiver's MD5 is another: which blocks were meant?")
BLOCKS = Struct(
    "transfer_id" / Int32ub * "the transfer",
    "first" / Int32ub * "number of the first block",
    "hashes" / Prefixed(Int16ub, GreedyBytes) * "SHA-256 of each block of 1 MiB, 32 bytes each",
)
MISSING = Struct(
    "transfer_id" / Int32ub * "the transfer",
    "ranges" / PrefixedArray(Int16ub, RANGE) * "byte ranges the receiver does not hold after all: to be sent again",
)
PACE = Struct(
    "transfer_id" / Int32ub * "the transfer that is being sent to me",
    "rate" / Int64ub * "file bytes a second at most; 0: any number",
    "priority" / Enum(Int8ub, Priority) * "before or after other transfers",
)
MARK = Struct(
    "file_id" / Bytes(16) * "the file",
    "state" / Enum(Int8ub, FileState) * "OPENED or DECLINED: what its recipient did with it",
)
STATE = Struct(
    "file_id" / Bytes(16) * "the file",
    "at" / Int64ub * "since when, server's wall clock since 1970 [us]",
    "state" / Enum(Int8ub, FileState) * "how far it is with that person",
    "nick" / PascalString(Int8ub, "utf8") * "who",
    "file_name" / PascalString(Int16ub, "utf8") * "display text, never a path",
)
LIST_STATES = Struct("file_id" / Bytes(16) * "the file")
DELETE_FILE = Struct("file_id" / Bytes(16) * "the file")

FILE_RECORDS: Final[dict[str, Any]] = {
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
    "MEMBER": MEMBER,
    "LIST_MEMBERS": LIST_MEMBERS,
    "WANT_BLOCKS": WANT_BLOCKS,
    "BLOCKS": BLOCKS,
    "MISSING": MISSING,
    "PACE": PACE,
    "MARK": MARK,
    "STATE": STATE,
    "LIST_STATES": LIST_STATES,
    "DELETE_FILE": DELETE_FILE,
}
