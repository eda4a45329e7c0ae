"""All text for people: foreign text made safe, times, sizes, durations, and a sentence for every event."""

from __future__ import annotations

import time
import unicodedata
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from udpchat.chat.events import Disconnected, LineSaid, NoticeGiven, PrivateSaid, UserChanged
from udpchat.config import SECOND
from udpchat.errors import ErrorCode
from udpchat.files.events import (
    Downloaded,
    FileDelivered,
    FileShared,
    Progress,
    TransferFailed,
    UploadBegan,
    Uploaded,
)
from udpchat.protocol.ports import FileEntry
from udpchat.wire.numbers import Change

Event = (
    UserChanged
    | LineSaid
    | PrivateSaid
    | NoticeGiven
    | UploadBegan
    | FileShared
    | FileDelivered
    | TransferFailed
    | Disconnected
    | Uploaded
    | Downloaded
)

# Controls, invisible and direction-changing characters, halves of pairs, separators of lines: they could move the
# cursor, colour the screen, or show a name backwards.
_SHOWN_AS_NUMBER: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"  # Persian words and composed emoji need them; they change no direction
_CHANGES: Final = {
    Change.JOINED: "joined",
    Change.LEFT: "left",
    Change.LOST: "was lost",
    Change.KICKED: "was kicked",
}
_SPEED_WINDOW: Final = 3 * SECOND  # over which a speed is measured


def visible(text: str) -> str:
    """Foreign text for a terminal: what controls, hides or turns round is shown as <U+202E>.

    Everything that came over the network passes through here on its way to a person. Joiners inside a word stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible_character(character) for character in text)


def clock_time(at: int) -> str:
    """Wall clock since 1970 [us] as local "14:03:59", with the date when it is not today's."""
    try:
        then = datetime.fromtimestamp(at / SECOND).astimezone()
    except (ValueError, OverflowError, OSError):  # a server may claim any time
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


def user_count_text(count: int) -> str:
    """How many are here."""
    return "1 user is here" if count == 1 else f"{count} users are here"


def describe(event: Event) -> str:
    """One line about an event, with its time."""
    match event:
        case LineSaid(_, sent_at, _, sender, text):
            return f"{clock_time(sent_at)} {visible(sender)}: {visible(text)}"
        case PrivateSaid(_, sent_at, sender, recipient, text):
            said = f": {visible(text)}" if text else " (private)"
            return f"{clock_time(sent_at)} {visible(sender)} -> {visible(recipient)}{said}"
        case NoticeGiven(sent_at, text):
            return f"{clock_time(sent_at)} * the administrator says: {visible(text)}"
        case _:
            return f"{clock_time(time.time_ns() // 1_000)} * {_happening(event)}"


def failure_text(failed: TransferFailed) -> str:
    """A transfer that ended without a whole file."""
    by = f" of {visible(failed.nick)}" if failed.nick else ""
    name = f" {visible(failed.file_name)}" if failed.file_name else ""
    return f"transfer{by}{name} failed: {visible(failed.text)}"


def file_line(entry: FileEntry) -> str:
    """A row of a list of files."""
    when = clock_time(entry.stored_at)
    whose = f"{visible(entry.owner_nick)}: {visible(entry.file_name)}"
    return f"{size_text(entry.size):>9}  {entry.md5.hex()}  {when}  {whose}"


def file_table(files: Iterable[FileEntry]) -> list[str]:
    """A list of files, with a last line that sums it up."""
    rows = list(files)
    total = sum(entry.size for entry in rows)
    summary = f"{len(rows)} file{'' if len(rows) == 1 else 's'}, {size_text(total)}" if rows else "no files yet"
    return [*(file_line(entry) for entry in rows), summary]


def user_table(users: Iterable[tuple[str, int]]) -> list[str]:
    """A list of users (nickname, joined at), with a last line that says how many."""
    rows = list(users)
    return [*(f"{visible(nick)} since {clock_time(joined_at)}" for nick, joined_at in rows), user_count_text(len(rows))]


class Meter:
    """The speed of one transfer over its last seconds, and the line that shows it."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque()  # (now, bytes done)

    def line(self, progress: Progress, now: int) -> str:
        """How far, how fast, how long still."""
        self._samples.append((now, progress.done))
        while self._samples[-1][0] - self._samples[0][0] > _SPEED_WINDOW:
            self._samples.popleft()
        since, before = self._samples[0]
        gained, elapsed = progress.done - before, now - since
        percent = 100 * progress.done // progress.size if progress.size else 100
        text = f"{visible(progress.file_name)} {percent:3d}% of {size_text(progress.size)}"
        if gained <= 0 or elapsed <= 0:
            return text
        left = (progress.size - progress.done) * elapsed // gained
        return f"{text}, {speed_text(gained, elapsed)}, {duration_text(left)} left"


def _visible_character(character: str) -> str:
    if character == "\t":
        return "    "
    if character in _JOINERS or unicodedata.category(character) not in _SHOWN_AS_NUMBER:
        return character
    return f"<U+{ord(character):04X}>"


def _happening(event: Event) -> str:
    match event:
        case UserChanged(nick, change, user_count, address):
            where = f" from {visible(address)}" if address else ""
            return f"{visible(nick)} {_CHANGES.get(change, 'changed')}{where}, {user_count_text(user_count)}"
        case Disconnected(code, reason, remote):
            return "left" if code == ErrorCode.NO_ERROR and not remote else f"disconnected: {visible(reason)}"
        case _:
            return _file_happening(event)


def _file_happening(event: Event) -> str:
    match event:
        case UploadBegan(nick, file_name, size):
            return f"{visible(nick)} is uploading {visible(file_name)} ({size_text(size)})"
        case FileShared(nick, entry, md5_sent):
            digests = _digests("sent", md5_sent, "stored", entry.md5)
            return f"{visible(nick)} uploaded {visible(entry.file_name)} ({size_text(entry.size)}), {digests}"
        case FileDelivered(nick, entry, md5_received):
            digests = _digests("stored", entry.md5, "received", md5_received)
            return f"{visible(nick)} downloaded {visible(entry.file_name)} ({size_text(entry.size)}), {digests}"
        case TransferFailed():
            return failure_text(event)
        case Uploaded():
            digests = _digests("here", event.md5_sent, "at the server", event.md5_stored)
            return f"uploaded {visible(event.file_name)} {_effort(event)}, {digests}"
        case Downloaded():
            digests = _digests("at the server", event.md5_offered, "here", event.md5_stored)
            return f"downloaded {visible(event.file_name)} to {visible(event.path)} {_effort(event)}, {digests}"
        case _:
            return type(event).__name__


def _effort(done: Uploaded | Downloaded) -> str:
    spent = done.finished - done.started
    return f"({size_text(done.size)} in {duration_text(spent)}, {speed_text(done.size, spent)})"


def _digests(one: str, first: bytes, other: str, second: bytes) -> str:
    if first == second:
        return f"MD5 {first.hex()} {one} and {other}"
    return f"MD5 DIFFERS: {first.hex()} {one}, {second.hex()} {other}"
