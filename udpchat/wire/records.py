"""Records <-> bytes, and the reader that cuts an ordered byte channel into records.

A record is header (9 bytes: length, type, request id) and body. Bytes after the fields we know are ignored: that is how
a later version adds fields. Unknown types are handed out as `UnknownRecord`, to be answered UNSUPPORTED.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Final, cast

from udpchat.config import MAX_RECORD
from udpchat.errors import DecodeError, ErrorCode, ProtocolViolationError, UsageError
from udpchat.wire.file_records import (
    Blocks,
    Cancel,
    Commit,
    Committed,
    Credit,
    DeleteFile,
    Fetch,
    File,
    ListFiles,
    ListMembers,
    ListStates,
    Mark,
    Member,
    Missing,
    Offer,
    Open,
    Opened,
    Pace,
    Received,
    Shared,
    State,
    Tune,
    Tuned,
    WantBlocks,
)
from udpchat.wire.layout import Ranges
from udpchat.wire.peer_records import Hit, Neighbour, Query
from udpchat.wire.people_records import (
    Account,
    Administer,
    Away,
    Ban,
    Done,
    Finished,
    Join,
    Login,
    Notice,
    Password,
    Presence,
    Queued,
    Refused,
    Register,
    Slowed,
    Unsupported,
    User,
    Users,
    Welcome,
)
from udpchat.wire.record_types import RECORD_CLASSES
from udpchat.wire.room_records import (
    CreateRoom,
    EnterRoom,
    History,
    LeaveRoom,
    Line,
    ListRooms,
    Private,
    Read,
    Receipt,
    Room,
    Said,
    Say,
    Seen,
    SetTopic,
    Tell,
)
from udpchat.wire.schema import protocol_schema

__all__ = [
    "RECORD_HEADER_SIZE",
    "Account",
    "Administer",
    "Away",
    "Ban",
    "Blocks",
    "Cancel",
    "Commit",
    "Committed",
    "CreateRoom",
    "Credit",
    "DeleteFile",
    "Done",
    "EnterRoom",
    "Fetch",
    "File",
    "Finished",
    "History",
    "Hit",
    "Join",
    "LeaveRoom",
    "Line",
    "ListFiles",
    "ListMembers",
    "ListRooms",
    "ListStates",
    "Login",
    "Mark",
    "Member",
    "Missing",
    "Neighbour",
    "Notice",
    "Offer",
    "Open",
    "Opened",
    "Pace",
    "Password",
    "Presence",
    "Private",
    "Query",
    "Queued",
    "Ranges",
    "Read",
    "Receipt",
    "Received",
    "Record",
    "RecordReader",
    "Refused",
    "Register",
    "Room",
    "Said",
    "Say",
    "Seen",
    "SetTopic",
    "Shared",
    "Slowed",
    "State",
    "Tell",
    "Tune",
    "Tuned",
    "UnknownRecord",
    "Unsupported",
    "User",
    "Users",
    "WantBlocks",
    "Welcome",
    "decode_record",
    "encode_record",
]

Record = (
    Join
    | Welcome
    | Refused
    | Unsupported
    | Presence
    | Users
    | User
    | Finished
    | Notice
    | Queued
    | Register
    | Login
    | Password
    | Account
    | Away
    | Administer
    | Ban
    | Slowed
    | Done
    | Say
    | Said
    | Line
    | Tell
    | Private
    | ListRooms
    | Room
    | CreateRoom
    | EnterRoom
    | LeaveRoom
    | SetTopic
    | Seen
    | Read
    | Receipt
    | History
    | Open
    | Opened
    | Credit
    | Commit
    | Committed
    | Cancel
    | ListFiles
    | File
    | Fetch
    | Offer
    | Received
    | Shared
    | Tune
    | Tuned
    | Member
    | ListMembers
    | WantBlocks
    | Blocks
    | Missing
    | Pace
    | Mark
    | State
    | ListStates
    | DeleteFile
    | Neighbour
    | Query
    | Hit
)

_HEADER: Final = Struct(">" + "".join(field.format for field in protocol_schema().record_header))
RECORD_HEADER_SIZE: Final = _HEADER.size
_MAX_REQUEST_ID: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class UnknownRecord:
    """A record of a type that a later version may know."""

    record_type: int


def encode_record(record: Record, request_id: int = 0) -> bytes:
    """Header and body. request_id: chosen by who asks and repeated in each answer, 0 where nobody asked."""
    if not 0 <= request_id <= _MAX_REQUEST_ID:
        raise UsageError(f"no such request id: {request_id}")
    body = record.LAYOUT.pack(record.values())
    if len(body) > MAX_RECORD:
        raise UsageError(f"a {record.TYPE.name} of {len(body)} bytes is no record")
    return _HEADER.pack(len(body), record.TYPE, request_id) + body


def decode_record(record_type: int, body: bytes | bytearray | memoryview) -> Record:
    """The record that a body is; bytes after the fields we know are ignored."""
    cls = RECORD_CLASSES.get(record_type)
    if cls is None:
        raise DecodeError("unknown-type")
    values, _ = cls.LAYOUT.unpack(memoryview(body))
    try:
        return cast("Callable[..., Record]", cls)(*values)
    except UsageError:
        raise DecodeError("malformed") from None


class RecordReader:
    """Cuts one ordered byte channel into records; holds at most one incomplete record."""

    __slots__ = ("_needed", "_pending")

    def __init__(self) -> None:
        self._pending = bytearray()
        self._needed = RECORD_HEADER_SIZE  # bytes without which nothing can be read

    def feed(self, data: bytes | bytearray | memoryview) -> list[tuple[int, Record | UnknownRecord]]:
        """The records, with their request ids, that are complete now that `data` has come.

        ProtocolViolationError when the channel holds what is no record; nothing can be read from it afterwards.
        """
        pending = self._pending
        if pending:
            pending += data
            if len(pending) < self._needed:
                return []
            source = memoryview(bytes(pending))
            pending.clear()
        else:
            source = memoryview(data)
        records, end = self._read(source)
        pending += source[end:]
        return records

    def _read(self, source: memoryview) -> tuple[list[tuple[int, Record | UnknownRecord]], int]:
        """The whole records in `source`, and where they end."""
        records: list[tuple[int, Record | UnknownRecord]] = []
        size, at = len(source), 0
        self._needed = RECORD_HEADER_SIZE
        while size - at >= RECORD_HEADER_SIZE:
            length, record_type, request_id = _HEADER.unpack_from(source, at)
            if length > MAX_RECORD:
                raise ProtocolViolationError(ErrorCode.MALFORMED_RECORD, f"a record of {length} bytes")
            end = at + RECORD_HEADER_SIZE + length
            if end > size:
                self._needed = end - at
                break
            records.append((request_id, _decode_known(record_type, source[at + RECORD_HEADER_SIZE : end])))
            at = end
        return records, at


def _decode_known(record_type: int, body: memoryview) -> Record | UnknownRecord:
    if record_type not in RECORD_CLASSES:
        return UnknownRecord(record_type)
    try:
        return decode_record(record_type, body)
    except DecodeError as error:
        name = RECORD_CLASSES[record_type].TYPE.name
        raise ProtocolViolationError(ErrorCode.MALFORMED_RECORD, f"a {name} that cannot be read") from error
