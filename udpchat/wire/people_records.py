"""Records about people: joining, accounts, presence, administration."""

from __future__ import annotations

from dataclasses import dataclass, field

from udpchat.wire.numbers import RecordType
from udpchat.wire.record_types import RecordBase, record


@record(RecordType.JOIN)
@dataclass(frozen=True, slots=True)
class Join(RecordBase):
    """I am here: who, under which nickname.

    identity: Ed25519 public key. signature: over the handshake hash. client_id: random, of this start of the client.
    features: bits of Feature. flags: bits of JoinFlag. seen: newest message that this client has, 0 as the server
    remembers. ticket: of an earlier login with this key, or empty. agent: program and version, for people.
    """

    identity: bytes
    signature: bytes
    client_id: bytes
    features: int
    flags: int
    seen: int
    ticket: bytes = field(repr=False)
    nick: str
    agent: str


@record(RecordType.WELCOME)
@dataclass(frozen=True, slots=True)
class Welcome(RecordBase):
    """You are in.

    server_time: wall clock since 1970 [us]. sequence: messages after it come by themselves. flags: bits of UserFlag.
    token: saves the cookie trip next time.
    """

    features: int
    user_count: int
    server_time: int
    sequence: int
    flags: int
    token: bytes
    nick: str
    room: str


@record(RecordType.REFUSED)
@dataclass(frozen=True, slots=True)
class Refused(RecordBase):
    """No. code: an ErrorCode, or a number of a later version. text: the same for people."""

    code: int
    text: str


@record(RecordType.UNSUPPORTED)
@dataclass(frozen=True, slots=True)
class Unsupported(RecordBase):
    """A record type that the other end does not know."""

    record_type: int


@record(RecordType.PRESENCE)
@dataclass(frozen=True, slots=True)
class Presence(RecordBase):
    """Somebody came or went. change: a Change, or a number of a later version. flags: bits of UserFlag.

    room: empty when it is about the server. text: reason, away message, topic, or whom the nickname looks like.
    """

    change: int
    user_count: int
    flags: int
    nick: str
    room: str
    text: str


@record(RecordType.USERS)
@dataclass(frozen=True, slots=True)
class Users(RecordBase):
    """Who is there? scope: a Scope. room: its members only. Answered by User records and Finished."""

    scope: int
    room: str


@record(RecordType.USER)
@dataclass(frozen=True, slots=True)
class User(RecordBase):
    """A user. joined_at, last_seen: the server's wall clock since 1970 [us]. flags: bits of UserFlag."""

    joined_at: int
    last_seen: int
    flags: int
    nick: str
    away: str


@record(RecordType.FINISHED)
@dataclass(frozen=True, slots=True)
class Finished(RecordBase):
    """The end of a list of `total` records."""

    total: int


@record(RecordType.NOTICE)
@dataclass(frozen=True, slots=True)
class Notice(RecordBase):
    """A word from the administrator. sent_at: the server's wall clock since 1970 [us]."""

    sent_at: int
    text: str


@record(RecordType.QUEUED)
@dataclass(frozen=True, slots=True)
class Queued(RecordBase):
    """The server is full; Welcome comes when there is a place. position: from 1 on."""

    position: int
    max_users: int


@record(RecordType.REGISTER)
@dataclass(frozen=True, slots=True)
class Register(RecordBase):
    """Make my nickname an account. Answered by Account or Refused."""

    nick: str
    password: str = field(repr=False)


@record(RecordType.LOGIN)
@dataclass(frozen=True, slots=True)
class Login(RecordBase):
    """I am the owner of that account. Answered by Account or Refused."""

    nick: str
    password: str = field(repr=False)


@record(RecordType.PASSWORD)
@dataclass(frozen=True, slots=True)
class Password(RecordBase):
    """Change the password of my account. Answered by Account or Refused."""

    old: str = field(repr=False)
    new: str = field(repr=False)


@record(RecordType.ACCOUNT)
@dataclass(frozen=True, slots=True)
class Account(RecordBase):
    """What was asked about an account is done. outcome: an Outcome, or a later number. ticket: for Join."""

    outcome: int
    flags: int
    ticket: bytes = field(repr=False)
    nick: str


@record(RecordType.AWAY)
@dataclass(frozen=True, slots=True)
class Away(RecordBase):
    """I am away, and why; an empty text: I am back. Answered by Done."""

    text: str


@record(RecordType.ADMINISTER)
@dataclass(frozen=True, slots=True)
class Administer(RecordBase):
    """What only administrators may ask. action: an AdminAction. Answered by Ban records and Finished, or Done."""

    action: int
    target: str
    text: str


@record(RecordType.BAN)
@dataclass(frozen=True, slots=True)
class Ban(RecordBase):
    """Somebody who may not join. banned_at: wall clock [us]. by: empty for the server's own terminal."""

    banned_at: int
    target: str
    by: str
    reason: str


@record(RecordType.SLOWED)
@dataclass(frozen=True, slots=True)
class Slowed(RecordBase):
    """You speak faster than is taken; what you said waits. wait: until the next line is taken [us]."""

    wait: int


@record(RecordType.DONE)
@dataclass(frozen=True, slots=True)
class Done(RecordBase):
    """It is done: the answer to requests that have nothing else to say."""
