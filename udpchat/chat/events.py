"""What chat tells the application, at the server and at the client. Times are wall clock since 1970 [us]."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.wire.numbers import Change


@dataclass(frozen=True, slots=True)
class UserChanged:
    """Somebody came or went. user_count: how many are here now."""

    nick: str
    change: Change
    user_count: int
    address: str = ""  # host and port, at the server only


@dataclass(frozen=True, slots=True)
class LineSaid:
    """A line in a room."""

    sequence: int
    sent_at: int
    room: str
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class PrivateSaid:
    """A private line. At the server it is told without its text."""

    sequence: int
    sent_at: int
    sender: str
    recipient: str
    text: str


@dataclass(frozen=True, slots=True)
class NoticeGiven:
    """A word from the server's administrator."""

    sent_at: int
    text: str


@dataclass(frozen=True, slots=True)
class Connected:
    """The handshake is done; the application may look at the server's key and then join.

    server_key: 32 bytes, empty in plaintext mode.
    """

    server_key: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    """We are in. token: saves a round trip next time."""

    nick: str
    room: str
    user_count: int
    server_time: int
    token: bytes


@dataclass(frozen=True, slots=True)
class JoinRefused:
    """The server did not let us in; another `join` may follow on the same connection."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is over."""

    code: int
    reason: str
    remote: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request of ours.

    request_id: as the verb returned it. sequence, sent_at: of a line that the server has taken; 0 elsewhere.
    """

    request_id: int
    sequence: int = 0
    sent_at: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server said no to a request of ours."""

    request_id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class UserList:
    """The users who are here: (nickname, joined at) in the order of joining."""

    request_id: int
    users: tuple[tuple[str, int], ...]
