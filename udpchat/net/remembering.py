"""What a client remembers of a server between runs: tickets, how far it has read, and a log of messages if wanted."""

from __future__ import annotations

import asyncio

from udpchat.net.home import Home
from udpchat.net.journal import Journal, Message

SAVE_DELAY = 1.0  # seconds from a message to writing down that it was told


class Remembering:
    """Memory of one session. journal: None when messages are not logged. A visitor reads nothing and saves nothing.

    A server without a key, in plaintext, cannot be told from another one: nothing is remembered of it.
    """

    def __init__(self, home: Home, journal: Journal | None = None, *, is_visitor: bool = False) -> None:
        self._home = home
        self._journal = journal
        self._is_visitor = is_visitor
        self._server = b""
        self._nick = ""
        self._given = 0  # newest message that the application has got
        self._done = 0  # and the newest that it is done with
        self._saved = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, server: bytes, nick: str) -> None:
        """This server, this nickname from now on; after a login another. server: its public key."""
        self._done = self._given
        self.save()
        self._server, self._nick = server, nick
        self._given = self._done = self._saved = 0

    @property
    def seen(self) -> int:
        """Sequence of the newest message that was received last time; 0 when nothing is known."""
        if self._is_visitor or not self._server:
            return 0
        if self._journal is not None:
            return self._journal.last(self._server, self._nick)
        return self._home.seen(self._server, self._nick)

    @property
    def ticket(self) -> bytes:
        """Of an earlier login under this nickname; empty when there is none."""
        return self._home.ticket(self._server, self._nick) if self._server else b""

    def keep_ticket(self, nick: str, ticket: bytes) -> None:
        """A login succeeded."""
        if self._server and ticket:
            self._home.keep_ticket(self._server, nick, ticket)

    def received(self, message: Message) -> None:
        """A message came; it is logged before anybody is told. StorageError."""
        if self._journal is not None:
            self._journal.append(self._server, self._nick, message)

    def given(self, message: Message) -> None:
        """The application gets a message."""
        self._given = message.sequence

    def done(self, message: Message) -> None:
        """The application asks for the next event, so it is done with this one.

        That is written down a moment later: a program that is killed before is told it once more, but misses none.
        """
        self._done = message.sequence
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SAVE_DELAY, self.save)

    def save(self) -> None:
        """Write down how far we are."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._done > self._saved and self._server and not self._is_visitor:
            self._home.keep_seen(self._server, self._nick, self._done)
            self._saved = self._done

    def close(self) -> None:
        """The session is over; what the application got last, it has."""
        self._done = self._given
        self.save()
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()
