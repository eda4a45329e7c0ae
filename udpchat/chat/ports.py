"""What chat asks of storage, and what storage answers; see protocol/ports.py. Times are wall clock since 1970 [us].

A refusal is a `StorageError` with the code that the asker is to get. Names are compared by `fold`.

    request         answer                                  refusals
    AdmitPerson     Admission                               BANNED, NICK_REGISTERED
    AddAccount      Person                                  NAME_TAKEN, NOT_ALLOWED (no more accounts)
    FindAccount     AccountSecret, or None
    AddTicket       None
    SetPassword     None
    FindPerson      Person of an account, or None
    ListAccounts    tuple of Person, by name
    AddMessage      Stored                                  MESSAGE_CHANGED, NOT_IN_ROOM
    FindMessage     Stored, or None
    ReadMessages    Page
    FindMessages    tuple of Message, oldest first          NOT_IN_ROOM, UNKNOWN_ROOM
    SaveProgress    None
    MarkRead        Person who sent them, or None
    ListRooms       tuple of RoomEntry, the lobby first
    AddRoom         RoomEntry                               ROOM_EXISTS, TOO_MANY_ROOMS
    EnterRoom       RoomEntry                               UNKNOWN_ROOM, TOO_MANY_ROOMS
    LeaveRoom       RoomEntry                               UNKNOWN_ROOM, NOT_IN_ROOM, NOT_ALLOWED (the lobby)
    SetTopic        RoomEntry                               UNKNOWN_ROOM, NOT_IN_ROOM
    AddBan          BanEntry
    RemoveBan       bool, whether there was one
    ListBans        tuple of BanEntry, oldest first
    PruneMessages   int, how many went
    HashPassword    str
    VerifyPassword  bool
"""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.chat.account_ports import (
    AccountSecret,
    AddAccount,
    AddTicket,
    FindAccount,
    FindPerson,
    HashPassword,
    ListAccounts,
    Person,
    SetPassword,
    VerifyPassword,
)
from udpchat.protocol.ports import StoreRequest
from udpchat.wire.numbers import PLAIN_FILE, FileFlag

__all__ = [
    "NOBODY",
    "AccountSecret",
    "AddAccount",
    "AddBan",
    "AddMessage",
    "AddRoom",
    "AddTicket",
    "Admission",
    "AdmitPerson",
    "Attachment",
    "BanEntry",
    "EnterRoom",
    "FindAccount",
    "FindMessage",
    "FindMessages",
    "FindPerson",
    "HashPassword",
    "LeaveRoom",
    "ListAccounts",
    "ListBans",
    "ListRooms",
    "MarkRead",
    "Message",
    "Page",
    "Person",
    "Progress",
    "PruneMessages",
    "Query",
    "ReadMessages",
    "RemoveBan",
    "RoomEntry",
    "SaveProgress",
    "SetPassword",
    "SetTopic",
    "Stored",
    "VerifyPassword",
]

NOBODY = 0  # person id


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody's private messages to a user have come: the newest delivered one and the newest read one."""

    nick: str
    delivered: int
    read: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody may come in.

    rooms: they are a member of, without the lobby. newest: sequence of the newest message of all, at that moment.
    progress: of private messages that they sent in the last days.
    """

    person: Person
    rooms: tuple[str, ...]
    newest: int
    progress: tuple[Progress, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored file or folder that was sent to a room or a person. file_id, md5: 16 bytes; size in bytes.

    media: media type by its content, empty when unknown; width, height: of an image [pixels]. members: of a folder.
    """

    file_id: bytes
    file_name: str
    size: int
    md5: bytes
    media: str = ""
    width: int = 0
    height: int = 0
    members: int = 0
    flags: FileFlag = PLAIN_FILE


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is stored. room: empty when it is private. sender, recipient: nicknames as they were then."""

    sequence: int
    sent_at: int
    sender_id: int
    sender: str
    room: str
    recipient_id: int
    recipient: str
    text: str
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A message is on the disk. is_new: False when it was there already, under the same id; message is the old one."""

    message: Message
    is_new: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The next messages for somebody. upto: all messages up to this sequence are accounted for by it."""

    messages: tuple[Message, ...]
    upto: int


@dataclass(frozen=True, slots=True)
class RoomEntry:
    """A room. owner: nickname of who created it; empty: the server."""

    room: str
    topic: str
    owner: str
    created_at: int


@dataclass(frozen=True, slots=True)
class BanEntry:
    """Who may not join. target: a nickname or an address, as it was banned. by: empty for the server's terminal."""

    target: str
    by: str
    reason: str
    banned_at: int


@dataclass(frozen=True, slots=True)
class AdmitPerson(StoreRequest):
    """May this key come in under this nickname? A guest's person is made when there is none.

    person_id: of the account that has logged in on this connection, or NOBODY. ticket: hash of the ticket that was
    shown, or empty: one that fits the key and the nickname's account, and has not expired, makes it the account.
    host: address without port, for bans. remembers: False only looks a guest up; one who is new is NOBODY then.
    """

    request_id: int
    identity: bytes
    nick: str
    ticket: bytes
    person_id: int
    host: str
    at: int
    remembers: bool = True


@dataclass(frozen=True, slots=True)
class AddMessage(StoreRequest):
    """Store a message, durably. The same sender and message_id (16 bytes) is the same message.

    room: empty for a private one, which has a recipient. identity: key of an account's client, or empty: what it said
    as a guest, before it logged in, is the same message as well.
    """

    request_id: int
    message_id: bytes
    sender_id: int
    sender: str
    room: str
    recipient_id: int
    recipient: str
    text: str
    sent_at: int
    attachment: Attachment | None = None
    identity: bytes = b""


@dataclass(frozen=True, slots=True)
class FindMessage(StoreRequest):
    """Is the message with this id stored? sender_id, identity: as in AddMessage."""

    request_id: int
    message_id: bytes
    sender_id: int
    identity: bytes = b""


@dataclass(frozen=True, slots=True)
class ReadMessages(StoreRequest):
    """What somebody has not got yet: everything after a sequence that they may see, oldest first.

    That is: the lobby, rooms since they became a member, private messages from and to them.
    """

    request_id: int
    person_id: int
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class Query:
    """Which messages are looked for; see HISTORY in wire/declared_records.py. Empty text and 0: no condition."""

    room: str = ""
    nick: str = ""
    sender: str = ""
    recipient: str = ""
    words: str = ""
    sent_from: int = 0
    sent_until: int = 0
    before: int = 0
    after: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class FindMessages(StoreRequest):
    """History, as far as somebody may see it: whole rooms of theirs, private messages from and to them."""

    request_id: int
    person_id: int
    query: Query


@dataclass(frozen=True, slots=True)
class SaveProgress(StoreRequest):
    """Remember how far people are: (person id, newest message confirmed, last seen) each. Nothing goes backwards."""

    request_id: int
    people: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class MarkRead(StoreRequest):
    """Somebody has read the private messages of a user up to a sequence."""

    request_id: int
    person_id: int
    nick: str
    sequence: int


@dataclass(frozen=True, slots=True)
class PruneMessages(StoreRequest):
    """Forget messages sent before a time, and guests who were not here since then and left no message.

    guests_before: the same for guests alone, when it is later.
    """

    request_id: int
    before: int
    guests_before: int = 0


@dataclass(frozen=True, slots=True)
class ListRooms(StoreRequest):
    """All rooms."""

    request_id: int


@dataclass(frozen=True, slots=True)
class AddRoom(StoreRequest):
    """Make a room and its maker a member. So many of one person's making: TOO_MANY_ROOMS as well."""

    request_id: int
    person_id: int
    nick: str
    room: str
    topic: str
    at: int


@dataclass(frozen=True, slots=True)
class EnterRoom(StoreRequest):
    """Make somebody a member of a room; one who is a member already stays it."""

    request_id: int
    person_id: int
    room: str


@dataclass(frozen=True, slots=True)
class LeaveRoom(StoreRequest):
    """Make somebody no member of a room. One in which nobody is and nothing was said goes."""

    request_id: int
    person_id: int
    room: str


@dataclass(frozen=True, slots=True)
class SetTopic(StoreRequest):
    """Say what a room is about; members only."""

    request_id: int
    person_id: int
    room: str
    topic: str


@dataclass(frozen=True, slots=True)
class AddBan(StoreRequest):
    """Let nobody in who has this key, this account or this address; what is empty or NOBODY does not count."""

    request_id: int
    target: str
    identity: bytes
    person_id: int
    host: str
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class RemoveBan(StoreRequest):
    """Lift the ban of that target."""

    request_id: int
    target: str


@dataclass(frozen=True, slots=True)
class ListBans(StoreRequest):
    """All bans."""

    request_id: int
