"""Records about what is said: rooms, private messages, receipts, history."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.wire.numbers import RecordType
from udpchat.wire.record_types import RecordBase, record


@record(RecordType.SAY)
@dataclass(frozen=True, slots=True)
class Say(RecordBase):
    """A line for a room. The same message_id is the same message."""

    message_id: bytes
    room: str
    text: str


@record(RecordType.SAID)
@dataclass(frozen=True, slots=True)
class Said(RecordBase):
    """A SAY or TELL is stored. sent_at: the server's wall clock since 1970 [us]. flags: bits of SaidFlag."""

    message_id: bytes
    sequence: int
    sent_at: int
    flags: int


@record(RecordType.LINE)
@dataclass(frozen=True, slots=True)
class Line(RecordBase):
    """Somebody said something in a room. sent_at: the server's wall clock since 1970 [us]."""

    sequence: int
    sent_at: int
    room: str
    sender: str
    text: str


@record(RecordType.TELL)
@dataclass(frozen=True, slots=True)
class Tell(RecordBase):
    """A line for one person. The same message_id is the same message."""

    message_id: bytes
    recipient: str
    text: str


@record(RecordType.PRIVATE)
@dataclass(frozen=True, slots=True)
class Private(RecordBase):
    """Somebody told somebody something. sent_at: the server's wall clock since 1970 [us]."""

    sequence: int
    sent_at: int
    sender: str
    recipient: str
    text: str


@record(RecordType.LIST_ROOMS)
@dataclass(frozen=True, slots=True)
class ListRooms(RecordBase):
    """Which rooms are there? Answered by Room records and Finished."""


@record(RecordType.ROOM)
@dataclass(frozen=True, slots=True)
class Room(RecordBase):
    """A room. flags: bits of RoomFlag. user_count: members who are present. owner: empty for the server's own."""

    flags: int
    user_count: int
    created_at: int
    room: str
    owner: str
    topic: str


@record(RecordType.CREATE_ROOM)
@dataclass(frozen=True, slots=True)
class CreateRoom(RecordBase):
    """Make a room and become a member of it. Answered by Room or Refused."""

    room: str
    topic: str


@record(RecordType.ENTER_ROOM)
@dataclass(frozen=True, slots=True)
class EnterRoom(RecordBase):
    """Become a member of a room. Answered by Room or Refused."""

    room: str


@record(RecordType.LEAVE_ROOM)
@dataclass(frozen=True, slots=True)
class LeaveRoom(RecordBase):
    """Be a member no more. Answered by Done or Refused."""

    room: str


@record(RecordType.SET_TOPIC)
@dataclass(frozen=True, slots=True)
class SetTopic(RecordBase):
    """Say what a room is about. Answered by Done or Refused."""

    room: str
    topic: str


@record(RecordType.SEEN)
@dataclass(frozen=True, slots=True)
class Seen(RecordBase):
    """Messages up to this one have been handed to the application."""

    sequence: int


@record(RecordType.READ)
@dataclass(frozen=True, slots=True)
class Read(RecordBase):
    """Private messages of a user up to this one have been read."""

    sequence: int
    nick: str


@record(RecordType.RECEIPT)
@dataclass(frozen=True, slots=True)
class Receipt(RecordBase):
    """How far my messages have come. state: a ReceiptState. sequence: the newest. room: empty for private ones."""

    state: int
    sequence: int
    room: str
    nick: str


@record(RecordType.HISTORY)
@dataclass(frozen=True, slots=True)
class History(RecordBase):
    """Which messages were there? Answered by Line, Private and Shared records, oldest first, and Finished.

    The fields are as declared; empty text and 0 leave a condition out.
    """

    sent_from: int
    sent_until: int
    before: int
    after: int
    limit: int
    room: str
    nick: str
    sender: str
    recipient: str
    words: str
