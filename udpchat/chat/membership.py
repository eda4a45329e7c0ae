"""What a client knows of itself: who it is to the server, how it joins, and what it has heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from udpchat.chat.told import Told
from udpchat.protocol.members import fold
from udpchat.wire.numbers import JoinFlag, Outcome, UserFlag
from udpchat.wire.records import Account, Welcome

NO_LINK = b""
NO_FLAGS = JoinFlag(0)


@dataclass(slots=True)
class Membership:
    """Who we are to the server.

    client_id: of this start of the client. seen: newest message that was told to the application. flags: how we join.
    server_key: of the first connection. is_in: we have joined, on the connection that stands; was_in: on any.
    is_queued: we wait for a place. away: why we are, told again when we return. is_account: and not a guest.
    told: what the application was told. logins: requests to be another person that are not answered. is_other: one was
    answered, and the server does not know yet that we know. on_in: told our nickname whenever we are in; what other
    services had to say waits for that.
    """

    client_id: bytes
    nick: str = ""
    flags: JoinFlag = NO_FLAGS
    seen: int = 0
    ticket: bytes = field(default=b"", repr=False)
    token: bytes = field(default=b"", repr=False)
    connection_id: bytes = NO_LINK
    handshake_hash: bytes = b""
    server_key: bytes | None = None
    is_in: bool = False
    was_in: bool = False
    is_queued: bool = False
    away: str = ""
    is_account: bool = False
    told: Told = field(default_factory=Told)
    logins: set[int] = field(default_factory=set)
    is_other: bool = False
    on_in: Callable[[str], None] | None = None

    def came_in(self, welcome: Welcome) -> None:
        """We have joined, or are back."""
        self.is_in, self.is_queued, self.was_in = True, False, True
        self.is_account = bool(welcome.flags & UserFlag.ACCOUNT)
        if welcome.sequence < self.seen:
            self.told.forget()  # it has less than we have heard, so it has other data
        self.nick, self.token, self.seen = welcome.nick, welcome.token, welcome.sequence

    def became(self, record: Account) -> bool:
        """A request about an account was answered; True when we are another person by it."""
        was, self.nick, self.ticket = self.nick, record.nick, record.ticket
        if not self.is_in or record.outcome == Outcome.PASSWORD_CHANGED:
            return False
        is_same = fold(record.nick) == fold(was) and (self.is_account or record.outcome == Outcome.REGISTERED)
        self.is_account = self.is_other = True
        if not is_same:  # what waits for who we are now may be older than what we have heard
            self.told.change()
            self.seen = 0
        return not is_same

    def lost(self) -> None:
        """The connection is over: nobody answers what was asked on it."""
        self.is_in = self.is_queued = self.is_other = False
        self.logins.clear()
