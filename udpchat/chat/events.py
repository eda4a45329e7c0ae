"""What chat tells the application, at the server and at the client. Times are wall clock since 1970 [us]."""

from __future__ import annotations

from dataclasses import dataclass, field

from udpchat.chat.ports import Attachment
from udpchat.wire.numbers import AdminAction, Change, Outcome, ReceiptState, RoomFlag, UserFlag

NO_FLAGS = UserFlag(0)

# -- news: told at the client; at the server as well, where it says so -------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserChanged:
    """Somebody came or went, is away or back, entered or left a room, or changed its topic. Also at the server.

    user_count: how many are here now; in the room, when there is one. room: empty when it is about the server. text:
    reason, away message, topic, or whom the nickname looks like (flags has LOOKALIKE).
    """

    nick: str
    change: Change | int  # a number of a later version
    user_count: int
    address: str = ""  # host and port, at the server only
    flags: UserFlag = NO_FLAGS
    room: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class LineSaid:
    """A line in a room. Also at the server."""

    sequence: int
    sent_at: int
    room: str
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class PrivateSaid:
    """A private line. Also at the server, which tells it without its text."""

    sequence: int
    sent_at: int
    sender: str
    recipient: str
    text: str


@dataclass(frozen=True, slots=True)
class FileSaid:
    """A file was sent to a room, or to one person: the room is empty then. Also at the server."""

    sequence: int
    sent_at: int
    room: str
    sender: str
    file: Attachment
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class NoticeGiven:
    """A word from the server's administrator. Also at the server."""

    sent_at: int
    text: str


@dataclass(frozen=True, slots=True)
class ReceiptCame:
    """Our messages up to a sequence have come so far: to everybody in the room who is here, or to the user `nick`."""

    state: ReceiptState
    sequence: int
    room: str
    nick: str


@dataclass(frozen=True, slots=True)
class SlowedDown:
    """We say lines faster than the server takes them; none is lost. wait: until the next is taken [us]."""

    wait: int


# -- the connection ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The handshake is done; the application may look at the server's key and then join.

    server_key: 32 bytes, empty in plaintext mode.
    """

    server_key: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    """We are in. token: saves a round trip next time. sequence: messages after it come by themselves."""

    nick: str
    room: str
    user_count: int
    server_time: int
    token: bytes = field(repr=False)
    sequence: int = 0
    flags: UserFlag = NO_FLAGS


@dataclass(frozen=True, slots=True)
class JoinRefused:
    """The server did not let us in; another `join` may follow on the same connection, or a `login` and a `join`."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class WaitingInQueue:
    """The server is full; Joined comes when there is a place. position: from 1 on."""

    position: int
    max_users: int


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The connection was lost; the client tries to come back by itself.

    attempt: from 1 on, since it was lost. wait: until it is made [us].
    """

    code: int
    reason: str
    attempt: int
    wait: int


@dataclass(frozen=True, slots=True)
class Returned:
    """We are in again, after `Reconnecting`. What was missed follows as usual. away_for: how long it took [us]."""

    nick: str
    user_count: int
    away_for: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is over, and nobody will try again."""

    code: int
    reason: str
    remote: bool


# -- answers to verbs; request_id: as the verb returned it -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """It is done. sequence, sent_at: of a message that the server has stored; 0 elsewhere.

    waits: the recipient is not here and gets the message at the next login.
    """

    request_id: int
    sequence: int = 0
    sent_at: int = 0
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server said no to a request of ours."""

    request_id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user. joined_at: 0 for who is absent. last_seen: when they said or asked something, or left."""

    nick: str
    joined_at: int
    last_seen: int
    flags: UserFlag
    away: str


@dataclass(frozen=True, slots=True)
class UserList:
    """The users that were asked for; those who are here in the order of joining."""

    request_id: int
    users: tuple[UserInfo, ...]


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """A room. owner: empty for the server. user_count: members who are here."""

    room: str
    topic: str
    owner: str
    created_at: int
    user_count: int
    flags: RoomFlag


@dataclass(frozen=True, slots=True)
class RoomList:
    """All rooms; or the one room that was created or entered."""

    request_id: int
    rooms: tuple[RoomInfo, ...]


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """We are registered, logged in, or have another password. ticket: for the next join with the same key."""

    request_id: int
    outcome: Outcome
    nick: str
    flags: UserFlag
    ticket: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HistoryFound:
    """Messages that were asked for, oldest first."""

    request_id: int
    messages: tuple[LineSaid | PrivateSaid | FileSaid, ...]


@dataclass(frozen=True, slots=True)
class BanInfo:
    """Who may not join, by whom, since when and why. by: empty for the server's terminal."""

    target: str
    by: str
    reason: str
    banned_at: int


@dataclass(frozen=True, slots=True)
class BanList:
    """All bans, oldest first."""

    request_id: int
    bans: tuple[BanInfo, ...]


# -- told at the server only -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountHappened:
    """Something about an account: registered, logged in, a password changed; or a login that failed, and why."""

    nick: str
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class Administered:
    """An administrator did something. by: empty for the server's own terminal."""

    by: str
    action: AdminAction
    target: str
    text: str
