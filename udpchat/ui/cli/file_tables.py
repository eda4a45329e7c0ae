"""Lists of files for people: those of a server, what is in a folder, all about one, transfers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from udpchat.config import LOBBY, SECOND
from udpchat.files.events import Phase, Progress
from udpchat.files.local_ports import Direction, Transfer, Wish
from udpchat.files.members import MemberInfo
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import FileMark
from udpchat.files.transfers import PAUSED
from udpchat.protocol.members import fold
from udpchat.ui.cli.file_words import (
    digest_text,
    expiry_text,
    is_private,
    media_text,
    members_text,
    shown_name,
    state_text,
    state_word,
    whose,
)
from udpchat.ui.cli.progress import phase_text
from udpchat.ui.cli.render import clock_time, share_text, size_text, speed_text, visible
from udpchat.wire.numbers import FileState, MemberFlag, Priority

SHORT_ID = 8  # hex digits that name a file


def file_table(files: Iterable[FileEntry], *, is_long: bool = False) -> list[str]:
    """A list of files, with a last line that sums it up. is_long: with ids, types and when they expire."""
    rows = list(files)
    width = max((len(state_text(entry)) for entry in rows), default=0)
    total = sum(entry.size for entry in rows)
    summary = f"{len(rows)} file{'' if len(rows) == 1 else 's'}, {size_text(total)}" if rows else "no files yet"
    return [*(_file_line(entry, width, is_long=is_long) for entry in rows), summary]


def member_table(members: Iterable[MemberInfo]) -> list[str]:
    """What is in a folder, with a last line that sums it up."""
    rows = list(members)
    total = size_text(sum(member.size for member in rows))
    return [*(_member_line(member) for member in rows), f"{members_text(len(rows))}, {total}"]


def file_details(entry: FileEntry, marks: Iterable[FileMark], here: tuple[str, bytes] | None = None) -> list[str]:
    """All about one file. here: path and MD5 of what we have of it on this disk."""
    media = entry.media
    kind = media_text(media.name, media.width, media.height)
    what = f"{kind}, by its content" if kind else "not known by its content"
    state = state_text(entry)
    facts = [
        ("is", f"a folder of {members_text(entry.members)}" if entry.is_folder else what),
        ("size", f"{size_text(entry.size)} ({entry.size} bytes)"),
        ("from", f"{visible(entry.owner_nick)}" + (f", {clock_time(entry.stored_at)}" if entry.stored_at else "")),
        ("for", _audience(entry)),
        ("state", state),
        ("stays", expiry_text(entry)),
        ("MD5", f"{digest_text(entry.md5).rstrip()}" + _digest_note(entry)),
        *([("MD5 here", ", ".join(filter(None, (here[1].hex(), visible(here[0])))))] if here is not None else []),
        ("id", entry.file_id.hex()),
    ]
    people = [f"  {visible(mark.nick)}: {state_word(mark.state)}, {clock_time(mark.at)}" for mark in marks]
    return [shown_name(entry), *(f"  {name:<8}  {text}" for name, text in facts), *people]


def transfer_table(transfers: Iterable[Progress], rates: Mapping[int, int] | None = None) -> list[str]:
    """Transfers of ours, in their order. rates: bytes a second, by number."""
    rows = sorted(transfers, key=lambda each: (each.transfer.place, each.transfer.number))
    return [_transfer_line(each, (rates or {}).get(each.transfer.number, 0)) for each in rows] or ["no transfers"]


def unfinished_line(transfer: Transfer, server: str = "") -> str:
    """A transfer as it is written down. server: where it goes to or comes from."""
    return _line(transfer, transfer.done, _resting_text(transfer), server)


def adopted_text(transfer: Transfer) -> str:
    """A transfer of an earlier run that goes on."""
    what = "upload" if transfer.direction is Direction.UPLOAD else "download"
    done = f"{share_text(transfer.done, transfer.size)} of {size_text(transfer.size)}" if transfer.size else "begun"
    ends = {
        Wish.RUN: "goes on",
        Wish.PAUSE: f"is paused; /resume {transfer.number} lets it go on",
        Wish.CANCEL: "is cancelled",
    }
    how = "is in the hands of another program of yours" if transfer.is_elsewhere else ends[transfer.wish]
    return f"[{transfer.number}] the {what} of {visible(transfer.file_name)} ({done}) {how}"


def _file_line(entry: FileEntry, width: int, *, is_long: bool) -> str:
    columns = [
        f"{size_text(entry.size):>9}",
        digest_text(entry.md5),
        clock_time(entry.stored_at) if entry.stored_at else " " * 8,
        f"{state_text(entry):<{width}}",
        f"{whose(entry)}: {shown_name(entry)}",
    ]
    if is_long:
        kind = media_text(entry.media.name, entry.media.width, entry.media.height)
        what = members_text(entry.members) if entry.is_folder else kind
        columns = [entry.file_id.hex()[:SHORT_ID], *columns, f"({', '.join(filter(None, (what, expiry_text(entry))))})"]
    return "  ".join(columns)


def _member_line(member: MemberInfo) -> str:
    size = "" if member.is_directory else size_text(member.size)
    digest = " " * 32 if member.is_directory else digest_text(member.md5)
    end = "/" if member.is_directory else "*" if member.flags & MemberFlag.EXECUTABLE else ""
    when = clock_time(member.modified) if member.modified else " " * 8
    return f"{size:>9}  {digest}  {when}  {visible(member.path)}{end}"


def _audience(entry: FileEntry) -> str:
    if is_private(entry):
        return f"{visible(entry.recipient)} alone"
    return f"everybody in #{visible(entry.room)}" if entry.room else "everybody"


def _digest_note(entry: FileEntry) -> str:
    if entry.state is FileState.RECEIVING:
        return ""
    return ", the same at the sender and at the server"


def _transfer_line(progress: Progress, rate: int) -> str:
    how = phase_text(progress)
    if progress.phase is Phase.RUNNING:
        how = f"running, {speed_text(rate, SECOND)}" if rate else "running"
    if progress.members:
        how += f", {progress.members_done} of {progress.members} members"
    return _line(progress.transfer, progress.done, how)


def _line(transfer: Transfer, done: int, how: str, server: str = "") -> str:
    share = f"{share_text(done, transfer.size):>4} of {size_text(transfer.size):>9}" if transfer.size else " " * 17
    wishes = [
        *([f"{transfer.priority.name.lower()} priority"] if transfer.priority is not Priority.NORMAL else []),
        *([f"at most {speed_text(transfer.rate, SECOND)}"] if transfer.rate else []),
    ]
    what = "put" if transfer.direction is Direction.UPLOAD else "get"
    place = f" {visible(server)}" if server else ""
    whom = ""
    if transfer.to:
        whom = f" to @{visible(transfer.to)}"
    elif transfer.room and fold(transfer.room) != LOBBY:
        whom = f" to #{visible(transfer.room)}"
    why = f" ({visible(transfer.text)})" if transfer.text not in ("", PAUSED) else ""
    name = f"{visible(transfer.file_name)}{whom}{place}{why}"
    number = transfer.number or ""  # it has one when it is written down
    return f"{number:>3}  {what}  {share}  {', '.join([how, *wishes])}: {name}"


def _resting_text(transfer: Transfer) -> str:
    if transfer.is_elsewhere:
        return (
            "running" if transfer.wish is Wish.RUN else "paused" if transfer.wish is Wish.PAUSE else "being cancelled"
        )
    ends = {Wish.RUN: "waits for its program", Wish.PAUSE: "paused", Wish.CANCEL: "cancelled"}
    return ends[transfer.wish]
