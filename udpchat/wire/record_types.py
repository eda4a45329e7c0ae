"""What records decode to: one frozen value per record type, which cannot be illegal.

Making one with a value that its field cannot carry (an id of the wrong length, a number out of range, text that is not
Unicode, ranges out of order) raises UsageError. Ranges are half-open, of bytes, ascending, with a gap between any two.
records.py turns them into bytes and back; import them from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from udpchat.errors import UsageError
from udpchat.wire.layout import Layout, Ranges, Value
from udpchat.wire.numbers import RecordType
from udpchat.wire.schema import protocol_schema


class RecordBase:
    """What all records share. TYPE: its number on the wire. LAYOUT: how its fields lie there."""

    __slots__ = ()

    TYPE: ClassVar[RecordType]
    LAYOUT: ClassVar[Layout]

    def __post_init__(self) -> None:
        self.LAYOUT.check(self.values())

    def values(self) -> list[Value]:
        """The fields in the order of the declaration."""
        return [getattr(self, name) for name in self.LAYOUT.names]


RECORD_CLASSES: dict[int, type[Record]] = {}

_R = TypeVar("_R", bound=RecordBase)


def _record(record_type: RecordType) -> Callable[[type[_R]], type[_R]]:
    """Bind a dataclass to its declaration, whose field names and order it has to share."""

    def bind(cls: type[_R]) -> type[_R]:
        cls.TYPE = record_type
        cls.LAYOUT = Layout(record_type.name, protocol_schema().record(record_type.name).fields)
        if cls.__match_args__ != cls.LAYOUT.names:  # type: ignore[attr-defined]
            raise UsageError(f"{cls.__name__} has other fields than its declaration")
        RECORD_CLASSES[record_type] = cls  # type: ignore[assignment]
        return cls

    return bind


@_record(RecordType.JOIN)
@dataclass(frozen=True, slots=True)
class Join(RecordBase):
    """I am here: who, under which nickname.

    identity: Ed25519 public key. signature: over the handshake hash. client_id: random, of this start of the client.
    features: bits of Feature. agent: program and version, for people.
    """

    identity: bytes
    signature: bytes
    client_id: bytes
    features: int
    nick: str
    agent: str


@_record(RecordType.WELCOME)
@dataclass(frozen=True, slots=True)
class Welcome(RecordBase):
    """You are in. server_time: wall clock since 1970 [us]. token: saves the cookie trip next time."""

    features: int
    user_count: int
    server_time: int
    token: bytes
    nick: str
    room: str


@_record(RecordType.REFUSED)
@dataclass(frozen=True, slots=True)
class Refused(RecordBase):
    """No. code: an ErrorCode, or a number of a later version. text: the same for people."""

    code: int
    text: str


@_record(RecordType.UNSUPPORTED)
@dataclass(frozen=True, slots=True)
class Unsupported(RecordBase):
    """A record type that the other end does not know."""

    record_type: int


@_record(RecordType.SAY)
@dataclass(frozen=True, slots=True)
class Say(RecordBase):
    """A line for a room. The same message_id is the same message."""

    message_id: bytes
    room: str
    text: str


@_record(RecordType.SAID)
@dataclass(frozen=True, slots=True)
class Said(RecordBase):
    """A SAY or TELL is stored. sent_at: the server's wall clock since 1970 [us]."""

    message_id: bytes
    sequence: int
    sent_at: int


@_record(RecordType.LINE)
@dataclass(frozen=True, slots=True)
class Line(RecordBase):
    """Somebody said something in a room. sent_at: the server's wall clock since 1970 [us]."""

    sequence: int
    sent_at: int
    room: str
    sender: str
    text: str


@_record(RecordType.TELL)
@dataclass(frozen=True, slots=True)
class Tell(RecordBase):
    """A line for one person. The same message_id is the same message."""

    message_id: bytes
    recipient: str
    text: str


@_record(RecordType.PRIVATE)
@dataclass(frozen=True, slots=True)
class Private(RecordBase):
    """Somebody told somebody something. sent_at: the server's wall clock since 1970 [us]."""

    sequence: int
    sent_at: int
    sender: str
    recipient: str
    text: str


@_record(RecordType.PRESENCE)
@dataclass(frozen=True, slots=True)
class Presence(RecordBase):
    """Somebody came or went. change: a Change, or a number of a later version."""

    change: int
    user_count: int
    nick: str


@_record(RecordType.USERS)
@dataclass(frozen=True, slots=True)
class Users(RecordBase):
    """Who is there? Answered by User records and Finished."""


@_record(RecordType.USER)
@dataclass(frozen=True, slots=True)
class User(RecordBase):
    """A user who is present. joined_at: the server's wall clock since 1970 [us]."""

    joined_at: int
    nick: str


@_record(RecordType.FINISHED)
@dataclass(frozen=True, slots=True)
class Finished(RecordBase):
    """The end of a list of `total` records."""

    total: int


@_record(RecordType.NOTICE)
@dataclass(frozen=True, slots=True)
class Notice(RecordBase):
    """A word from the administrator. sent_at: the server's wall clock since 1970 [us]."""

    sent_at: int
    text: str


@_record(RecordType.OPEN)
@dataclass(frozen=True, slots=True)
class Open(RecordBase):
    """I want to upload a file of `size` bytes. The same upload_id is the same upload."""

    upload_id: bytes
    size: int
    file_name: str


@_record(RecordType.OPENED)
@dataclass(frozen=True, slots=True)
class Opened(RecordBase):
    """Go on. limit: DATA may be sent below this offset [bytes]. present: byte ranges that are there already."""

    transfer_id: int
    limit: int
    present: Ranges


@_record(RecordType.CREDIT)
@dataclass(frozen=True, slots=True)
class Credit(RecordBase):
    """More room. limit: DATA may be sent below this offset [bytes]."""

    transfer_id: int
    limit: int


@_record(RecordType.COMMIT)
@dataclass(frozen=True, slots=True)
class Commit(RecordBase):
    """All is sent; this is its MD5."""

    upload_id: bytes
    md5: bytes


@_record(RecordType.COMMITTED)
@dataclass(frozen=True, slots=True)
class Committed(RecordBase):
    """The file is stored, durably. stored_at: the server's wall clock since 1970 [us]."""

    upload_id: bytes
    file_id: bytes
    md5: bytes
    stored_at: int
    file_name: str


@_record(RecordType.CANCEL)
@dataclass(frozen=True, slots=True)
class Cancel(RecordBase):
    """A transfer ends here. code: an ErrorCode, or a number of a later version."""

    transfer_id: int
    code: int
    text: str


@_record(RecordType.LIST_FILES)
@dataclass(frozen=True, slots=True)
class ListFiles(RecordBase):
    """Which files are there? Answered by File records and Finished."""


@_record(RecordType.FILE)
@dataclass(frozen=True, slots=True)
class File(RecordBase):
    """A file that can be fetched. size in bytes; stored_at: the server's wall clock since 1970 [us]."""

    file_id: bytes
    size: int
    md5: bytes
    stored_at: int
    owner: str
    file_name: str


@_record(RecordType.FETCH)
@dataclass(frozen=True, slots=True)
class Fetch(RecordBase):
    """I want a file, by id or, when that is all zero, by name. present: byte ranges that are there already."""

    file_id: bytes
    file_name: str
    present: Ranges


@_record(RecordType.OFFER)
@dataclass(frozen=True, slots=True)
class Offer(RecordBase):
    """It will come as this transfer once there is credit. size in bytes."""

    transfer_id: int
    file_id: bytes
    size: int
    md5: bytes
    file_name: str


@_record(RecordType.RECEIVED)
@dataclass(frozen=True, slots=True)
class Received(RecordBase):
    """The file is stored at the client; this is its MD5."""

    transfer_id: int
    md5: bytes


@_record(RecordType.SHARED)
@dataclass(frozen=True, slots=True)
class Shared(RecordBase):
    """There is a new file. size in bytes."""

    file_id: bytes
    size: int
    md5: bytes
    owner: str
    file_name: str


@_record(RecordType.TUNE)
@dataclass(frozen=True, slots=True)
class Tune(RecordBase):
    """Send me files this way. window: packets, 0 as congestion control says. Answered by Tuned or Refused."""

    window: int
    arq: str
    congestion: str


@_record(RecordType.TUNED)
@dataclass(frozen=True, slots=True)
class Tuned(RecordBase):
    """Files are sent to you this way from now on. window: packets, 0 as congestion control says."""

    window: int
    arq: str
    congestion: str


Record = (
    Join
    | Welcome
    | Refused
    | Unsupported
    | Say
    | Said
    | Line
    | Tell
    | Private
    | Presence
    | Users
    | User
    | Finished
    | Notice
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
)
