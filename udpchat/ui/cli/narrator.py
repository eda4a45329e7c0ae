"""How one session tells its events: what it has learnt about names, and colours where there are any."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Final

from udpchat.chat.events import FileSaid, LineSaid, NoticeGiven, PrivateSaid, UserChanged, UserInfo
from udpchat.protocol.members import fold
from udpchat.ui.cli.file_sentences import offer_text
from udpchat.ui.cli.render import clock_time
from udpchat.ui.cli.sentences import Event, MessageEvent, describe, named, said_text
from udpchat.wire.numbers import Change, UserFlag

MAX_LOOKALIKES: Final = 4_096  # remembered at once
PRIVATE: Final = "\x1b[1;35m"  # bold, magenta
NOTICE: Final = "\x1b[1;33m"  # bold, yellow
QUIET: Final = "\x1b[2m"  # dim
PLAIN: Final = "\x1b[0m"
SOMEBODY: Final = "somebody else here"  # whom a nickname looks like, when only the fact is known


class Narrator:
    """Tells events in sentences. has_colours: the terminal takes escape sequences, ours alone."""

    def __init__(self, *, has_colours: bool = False) -> None:
        self._has_colours = has_colours
        self._lookalikes: dict[str, str] = {}  # folded nickname -> whom it looks like

    def learn(self, users: Iterable[UserInfo], me: str) -> None:
        """Who is here, as the server lists them. me: our own nickname, which misleads nobody here."""
        for user in users:
            is_new = fold(user.nick) not in self._lookalikes and fold(user.nick) != fold(me)
            if user.flags & UserFlag.LOOKALIKE and is_new:
                self._remember(user.nick, SOMEBODY)

    def line(self, event: Event) -> str:
        """One line about an event, with its time."""
        match event:
            case UserChanged():
                self._learn_change(event)
                return self._coloured(QUIET, describe(event))
            case PrivateSaid() | FileSaid() if event.recipient:
                return self._coloured(PRIVATE, self.message(event))
            case LineSaid() | PrivateSaid() | FileSaid():
                return self.message(event)
            case NoticeGiven():
                return self._coloured(NOTICE, describe(event))
            case _:
                return describe(event)

    def offer(self, event: FileSaid) -> str:
        """A file that somebody offers to us, with its time."""
        sender = named(event.sender, self._lookalikes.get(fold(event.sender), ""))
        return self._coloured(PRIVATE, f"{clock_time(event.sent_at)} {offer_text(sender, event.file)}")

    def message(self, event: MessageEvent) -> str:
        """A message with its time; without colours."""
        return f"{clock_time(event.sent_at)} {self.said(event)}"

    def said(self, event: MessageEvent) -> str:
        """A message without its time; whoever looks like somebody else is named as such."""
        return said_text(event, self._lookalikes.get(fold(event.sender), ""))

    def quiet(self, text: str) -> str:
        """A line of little weight, with the time."""
        return self._coloured(QUIET, f"{clock_time(time.time_ns() // 1_000)} * {text}")

    def _learn_change(self, event: UserChanged) -> None:
        if event.change is Change.JOINED:
            if event.flags & UserFlag.LOOKALIKE:
                self._remember(event.nick, event.text or SOMEBODY)
            else:
                self._lookalikes.pop(fold(event.nick), None)

    def _remember(self, nick: str, other: str) -> None:
        while len(self._lookalikes) >= MAX_LOOKALIKES:
            del self._lookalikes[next(iter(self._lookalikes))]
        self._lookalikes[fold(nick)] = other

    def _coloured(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._has_colours else text


def wants_colours() -> bool:
    """Whether the user has nothing against colours (no-color.org), and the terminal is said to have them."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
