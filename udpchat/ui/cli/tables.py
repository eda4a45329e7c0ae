"""Lists for people: users, accounts, rooms, bans, history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from udpchat.chat.events import BanInfo, RoomInfo, UserInfo
from udpchat.chat.ports import BanEntry, Person
from udpchat.ui.cli.render import clock_time, local_time, user_count_text, visible
from udpchat.ui.cli.sentences import MessageEvent
from udpchat.wire.numbers import RoomFlag, UserFlag


def user_table(users: Iterable[UserInfo]) -> list[str]:
    """Who is here, with a last line that says how many."""
    rows = list(users)
    return [*(_user_line(user) for user in rows), user_count_text(len(rows))]


def account_table(users: Iterable[UserInfo]) -> list[str]:
    """Accounts, present or not, with a last line that says how many."""
    rows = list(users)
    return [*(_user_line(user) for user in rows), f"{len(rows)} account{'' if len(rows) == 1 else 's'}"]


def seen_line(user: UserInfo) -> str:
    """When somebody was here last."""
    nick = visible(user.nick)
    if not user.flags & UserFlag.PRESENT:
        when = f"was here last at {clock_time(user.last_seen)}" if user.last_seen else "was never here"
        return f"{nick} is not here and {when}"
    away = f"; away: {visible(user.away)}" if user.away else ""
    return f"{nick} is here since {clock_time(user.joined_at)}, was last active at {clock_time(user.last_seen)}{away}"


def room_table(rooms: Iterable[RoomInfo]) -> list[str]:
    """All rooms; a star marks those one is a member of."""
    return [_room_line(room) for room in rooms]


def ban_table(bans: Iterable[BanInfo | BanEntry]) -> list[str]:
    """Who is not let in."""
    rows = [
        f"{visible(ban.target)} since {clock_time(ban.banned_at)} by {visible(ban.by) or 'the administrator'}"
        + (f": {visible(ban.reason)}" if ban.reason else "")
        for ban in bans
    ]
    return rows or ["nobody is banned"]


def person_table(people: Iterable[Person]) -> list[str]:
    """Accounts, as the administrator of the data folder sees them."""
    rows = [
        f"{visible(person.nick)}{' (administrator)' if person.is_admin else ''}, "
        + (f"here last at {clock_time(person.last_seen)}" if person.last_seen else "never here")
        for person in people
    ]
    return rows or ["there are no accounts yet"]


class HistoryPages:
    """Messages as lines, with a line between two days."""

    def __init__(self, said: Callable[[MessageEvent], str]) -> None:
        """said: a message without its time."""
        self._said = said
        self._day: date | None = None

    def lines(self, messages: Iterable[MessageEvent]) -> list[str]:
        """The next messages, oldest first."""
        found: list[str] = []
        for message in messages:
            then = local_time(message.sent_at)
            if then is not None and then.date() != self._day:
                self._day = then.date()
                found.append(f"--- {then:%A %Y-%m-%d} ---")
            found.append(f"{then.strftime('%H:%M:%S') if then else '??:??:??'} {self._said(message)}")
        return found


def _user_line(user: UserInfo) -> str:
    marks = [
        *(["administrator"] if user.flags & UserFlag.ADMIN else []),
        *(["account"] if user.flags & UserFlag.ACCOUNT and not user.flags & UserFlag.ADMIN else []),
        *(["looks like somebody else here"] if user.flags & UserFlag.LOOKALIKE else []),
        *([f"away: {visible(user.away)}"] if user.away else []),
    ]
    shown = f" ({', '.join(marks)})" if marks else ""
    if user.joined_at:
        return f"{visible(user.nick)}{shown} since {clock_time(user.joined_at)}"
    last = f"last seen {clock_time(user.last_seen)}" if user.last_seen else "never seen"
    return f"{visible(user.nick)}{shown} not here, {last}"


def _room_line(room: RoomInfo) -> str:
    mark = "*" if room.flags & RoomFlag.MEMBER else " "
    topic = f": {visible(room.topic)}" if room.topic else ""
    owner = f", made by {visible(room.owner)}" if room.owner else ""
    return f"{mark} {visible(room.room)}{topic} ({user_count_text(room.user_count)}{owner})"
