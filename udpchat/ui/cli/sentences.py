"""A sentence for every event that a person can be told of."""

from __future__ import annotations

import time
from typing import Final

from udpchat.chat.events import (
    AccountHappened,
    Administered,
    Disconnected,
    FileSaid,
    LineSaid,
    NoticeGiven,
    PrivateSaid,
    Reconnecting,
    Returned,
    SlowedDown,
    UserChanged,
    WaitingInQueue,
)
from udpchat.config import LOBBY
from udpchat.errors import ErrorCode
from udpchat.net.watchdog import FellSilent, HeardAgain
from udpchat.protocol.members import fold
from udpchat.ui.cli.file_sentences import FileEvent, file_happening, sent_text
from udpchat.ui.cli.render import clock_time, duration_text, user_count_text, visible
from udpchat.wire.numbers import AdminAction, Change, UserFlag

MessageEvent = LineSaid | PrivateSaid | FileSaid
PeopleEvent = UserChanged | AccountHappened | Administered
LinkEvent = Disconnected | WaitingInQueue | Reconnecting | Returned | SlowedDown | FellSilent | HeardAgain
Happening = PeopleEvent | LinkEvent | FileEvent
Event = MessageEvent | NoticeGiven | Happening

_CHANGES: Final[dict[Change | int, str]] = {
    Change.JOINED: "joined",
    Change.LEFT: "left",
    Change.LOST: "was lost",
    Change.KICKED: "was kicked",
    Change.BANNED: "was banned",
}
_ACTIONS: Final = {
    AdminAction.KICK: "kicked",
    AdminAction.BAN: "banned",
    AdminAction.UNBAN: "lifted the ban of",
    AdminAction.LIST_BANS: "looked at the bans",
    AdminAction.ANNOUNCE: "announced",
}


def describe(event: Event) -> str:
    """One line about an event, with its time."""
    match event:
        case LineSaid() | PrivateSaid() | FileSaid():
            return f"{clock_time(event.sent_at)} {said_text(event)}"
        case NoticeGiven(sent_at, text):
            return f"{clock_time(sent_at)} * the administrator says: {visible(text)}"
        case _:
            return f"{clock_time(time.time_ns() // 1_000)} * {_happening(event)}"


def said_text(event: MessageEvent, looks_like: str = "") -> str:
    """A message without its time: "anna: hi", "#games anna: hi", "@private anna -> ben: hi".

    No nickname can begin with the marks, so no line of a room passes for a private one. looks_like: whom the sender's
    nickname looks like.
    """
    sender = named(event.sender, looks_like)
    match event:
        case PrivateSaid(recipient=recipient, text=text):
            return f"@private {sender} -> {visible(recipient)}" + (f": {visible(text)}" if text else "")
        case LineSaid(room=room, text=text):
            return f"{_room_mark(room)}{sender}: {visible(text)}"
        case FileSaid(recipient=recipient, file=file) if recipient:
            return f"@private {sender} -> {visible(recipient)} sent {sent_text(file)}"
        case FileSaid(room=room, file=file):
            return f"{_room_mark(room)}{sender} sent {sent_text(file)}"


def named(nick: str, looks_like: str = "") -> str:
    """A nickname, and whom it could be mistaken for."""
    return f"{visible(nick)} (looks like {visible(looks_like)})" if looks_like else visible(nick)


def _room_mark(room: str) -> str:
    return "" if fold(room) == LOBBY else f"#{visible(room)} "


def _happening(event: Happening) -> str:
    match event:
        case UserChanged():
            return _change(event)
        case AccountHappened(nick, address, text):
            return f"account {visible(nick)} from {visible(address)}: {visible(text)}"
        case Administered(by, action, target, text):
            who = visible(by) if by else "the administrator"
            return f"{who} {_ACTIONS[action]} {visible(target)}".rstrip() + (f": {visible(text)}" if text else "")
        case Disconnected() | WaitingInQueue() | Reconnecting() | Returned() | SlowedDown():
            return link_happening(event)
        case FellSilent() | HeardAgain():
            return link_happening(event)
        case _:
            return file_happening(event)


def _change(event: UserChanged) -> str:
    other = event.text if event.flags & UserFlag.LOOKALIKE and event.change is Change.JOINED else ""
    nick = named(event.nick, other)
    room = f"#{visible(event.room)}"
    because = f" ({visible(event.text)})" if event.text and not other else ""
    match event.change:
        case Change.AWAY:
            return f"{nick} is away{because}"
        case Change.BACK:
            return f"{nick} is back"
        case Change.ENTERED:
            return f"{nick} entered {room}, {user_count_text(event.user_count)}"
        case Change.WENT:
            return f"{nick} left {room}, {user_count_text(event.user_count)}"
        case Change.TOPIC:
            return f"{nick} set the topic of {room}: {visible(event.text) or '(none)'}"
        case change:
            where = f" from {visible(event.address)}" if event.address else ""
            return f"{nick} {_CHANGES.get(change, 'changed')}{where}{because}, {user_count_text(event.user_count)}"


def link_happening(event: LinkEvent) -> str:
    """What happened to our connection, without its time."""
    match event:
        case Disconnected(code, reason, remote):
            return "left" if code == ErrorCode.NO_ERROR and not remote else f"disconnected: {visible(reason)}"
        case WaitingInQueue(position, max_users):
            return f"the server is full ({max_users} users): you are number {position} in the queue; Ctrl-C gives up"
        case Reconnecting(_, reason, _, _):
            why = f" ({visible(reason)})" if reason else ""
            return f"connection lost{why}; trying to come back, what you type meanwhile is kept"
        case Returned(nick, user_count, away_for):
            who = visible(nick)
            return f"back as {who} after {duration_text(away_for)}; {user_count_text(user_count)}"
        case SlowedDown(wait):
            return (
                f"you write faster than the server takes it; your lines wait {duration_text(wait)} each, none is lost"
            )
        case FellSilent(silent_for):
            return f"nothing heard from the server for {duration_text(silent_for)}; trying on"
        case HeardAgain(silent_for):
            return f"the server is heard again after {duration_text(silent_for)}"
