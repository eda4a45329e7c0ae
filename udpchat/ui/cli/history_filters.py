"""What is asked of the history: places, people, times and words, as they are typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from udpchat.chat.ports import Query
from udpchat.config import SECOND
from udpchat.protocol.members import fold

LINES: Final = 50  # when nobody says how many
MAX_LINES: Final = 100_000  # that can be asked for at once; more is an export
EXAMPLES: Final = "write for example 2026-11-20, 2026-11-20T18:30, 18:30, 10m, 2h or 3d"

_AGO: Final = re.compile(r"(\d{1,6})(s|m|h|d|w)", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T_]\d\d:\d\d(:\d\d)?", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FILTERS: Final = ("from", "to", "since", "until")


class FilterError(Exception):
    """What was typed is no question; the message says what to type instead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the history. place: a room or a nickname as it was typed, to be looked up; empty: everywhere.

    query: without the place. limit: lines wanted.
    """

    place: str
    query: Query
    limit: int


def parse_history(text: str, now: datetime, *, has_place: bool = True) -> Asked:
    """The arguments of /history; has_place: the first word that is no filter and no number names a room or a nickname.

    now: local time, with its zone. Quotes hold words together. FilterError.
    """
    place, limit = "", LINES
    words: list[str] = []
    query = Query()
    is_first, may_be_limit = has_place, has_place
    for word in _split(text):
        name, colon, value = word.partition(":")
        if colon and name.lower() in FILTERS:
            query = _filtered(query, name.lower(), value, now)
        elif may_be_limit and word.isascii() and word.isdigit():
            limit, may_be_limit, is_first = parse_limit(word), False, False
        elif is_first:
            place, is_first = word, False
        else:
            words.append(word)
            may_be_limit = is_first = False
    return Asked(place, checked(replace(query, words=" ".join(words))), limit)


def parse_limit(text: str) -> int:
    """How many lines. FilterError."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_LINES)) or not 1 <= int(text) <= MAX_LINES:
        raise FilterError(f"{text} is no number of lines; write one from 1 to {MAX_LINES}")
    return int(text)


def parse_time(text: str, now: datetime, *, is_end: bool = False) -> int:
    """Wall clock [us] of an ISO date or time, a time of day, or so long ago. FilterError.

    A time of day that is still to come was yesterday's. is_end: a day without a time is meant whole.
    """
    try:
        return round(_moment(text, now, is_end=is_end).timestamp() * SECOND)
    except (ValueError, OverflowError, OSError):
        raise FilterError(f"{text or 'nothing'} is no time; {EXAMPLES}") from None


def checked(query: Query) -> Query:
    """The query, unless it can have no answer: FilterError."""
    if query.sent_until and query.sent_until <= query.sent_from:
        raise FilterError("until: is not later than since:, so nothing was said between them")
    return query


def placed(query: Query, place: str, rooms: Iterable[str]) -> Query:
    """The query for a room, or for the private lines with a nickname: "#games" and "@anna" say which is meant."""
    if not place:
        return query
    if place.startswith("#"):
        return replace(query, room=place[1:])
    if place.startswith("@"):
        return replace(query, nick=place[1:])
    room = next((room for room in rooms if fold(room) == fold(place)), "")
    return replace(query, room=room) if room else replace(query, nick=place)


def _filtered(query: Query, name: str, value: str, now: datetime) -> Query:
    if not value:
        raise FilterError(f"{name}: needs a {'nickname' if name in ('from', 'to') else 'time'} right behind it")
    match name:
        case "from":
            return replace(query, sender=value.removeprefix("@"))
        case "to":
            return replace(query, recipient=value.removeprefix("@"))
        case "since":
            return replace(query, sent_from=parse_time(value, now))
        case _:
            return replace(query, sent_until=parse_time(value, now, is_end=True))


def _moment(text: str, now: datetime, *, is_end: bool) -> datetime:
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if clock := _CLOCK.fullmatch(text):
        # The zone's rules of that day hold, not those of today: so without a zone, then as local time.
        day = now.replace(tzinfo=None, microsecond=0)
        then = day.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0))
        return (then if then <= day else then - timedelta(days=1)).astimezone()
    if _DAY.fullmatch(text):
        then = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 - local time, as it was typed
        return (then + timedelta(days=is_end)).astimezone()
    if _MOMENT.fullmatch(text):
        return datetime.fromisoformat(text.replace("_", "T")).astimezone()
    return datetime.fromisoformat(_with_zone(text))


def _with_zone(text: str) -> str:
    """An ISO time that says its zone; ValueError for anything else."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)", text, re.ASCII):
        raise ValueError(text)
    return text


def _split(text: str) -> list[str]:
    """Words; quotes hold several together and are kept, for the search takes them as one phrase."""
    return re.findall(r'"[^"]*"|\S+', text)
