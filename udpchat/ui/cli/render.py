"""Text for people: foreign text made safe, times, sizes, durations, speeds."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from udpchat.config import SECOND

# Controls, invisible and direction-changing characters, halves of pairs, separators of lines: they could move the
# cursor, colour the screen, or show a name backwards.
_SHOWN_AS_NUMBER: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"  # Persian words and composed emoji need them; they change no direction
_ON_TOP: Final = frozenset({"Mn", "Me"})  # drawn over the character before them
_MAX_MARKS: Final = 8  # on one character; no script has more


def visible(text: str) -> str:
    """Foreign text for a terminal: what controls, hides or turns round is shown as <U+202E>.

    Everything that came over the network passes through here on its way to a person. Joiners inside a word stay. Marks
    that would pile up over the lines above are counted: <+200 marks>.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible_characters(text))


def local_time(at: int) -> datetime | None:
    """Wall clock since 1970 [us] as local time; None when no calendar has it: a server may claim any time."""
    try:
        return datetime.fromtimestamp(at / SECOND).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def clock_time(at: int) -> str:
    """Wall clock since 1970 [us] as local "14:03:59", with the date when it is not today's."""
    then = local_time(at)
    if then is None:
        return "??:??:??"
    if then.date() == datetime.now().astimezone().date():
        return then.strftime("%H:%M:%S")
    return then.strftime("%Y-%m-%d %H:%M:%S")


def size_text(size: int) -> str:
    """Bytes as "512 B", "1.5 kB", "20.0 MB": powers of 1000, as disks are sold."""
    if size < 1_000:
        return f"{size} B"
    value, unit = size / 1_000, "kB"
    for larger in ("MB", "GB", "TB"):
        if value < 999.95:
            break
        value, unit = value / 1_000, larger
    return f"{value:.1f} {unit}"


def duration_text(duration: int) -> str:
    """Microseconds as "0.25 s", "12.3 s", "2 min 5 s", "3 h 12 min"."""
    seconds = max(duration, 0) / SECOND
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def speed_text(size: int, duration: int) -> str:
    """Bytes in so many microseconds as "11.2 MB/s"."""
    return f"{size_text(round(size * SECOND / max(duration, 1)))}/s"


def share_text(done: int, size: int) -> str:
    """How much of it is done, as "43%"; 100% only when all is."""
    return f"{min(100 * done // size, 100) if size else 100}%"


def user_count_text(count: int) -> str:
    """How many are here."""
    return "1 user is here" if count == 1 else f"{count} users are here"


def _visible_characters(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        if character in _JOINERS or unicodedata.category(character) in _ON_TOP:
            marks += 1
            if marks <= _MAX_MARKS:
                yield character
            continue
        if marks > _MAX_MARKS:
            yield f"<+{marks - _MAX_MARKS} marks>"
        marks = 0
        yield _visible_character(character)
    if marks > _MAX_MARKS:
        yield f"<+{marks - _MAX_MARKS} marks>"


def _visible_character(character: str) -> str:
    if character == "\t":
        return "    "
    if unicodedata.category(character) not in _SHOWN_AS_NUMBER:
        return character
    return f"<U+{ord(character):04X}>"
