"""A sentence for every event about files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from udpchat.chat.ports import Attachment
from udpchat.errors import ErrorCode
from udpchat.files.events import (
    Downloaded,
    FileDelivered,
    FileMarked,
    FileRemoved,
    FileShared,
    TransferFailed,
    TransferResting,
    UploadBegan,
    Uploaded,
)
from udpchat.files.transfers import PAUSED
from udpchat.ui.cli.file_words import facts_text, members_text, thing
from udpchat.ui.cli.render import duration_text, size_text, speed_text, visible
from udpchat.wire.numbers import FileFlag, FileState

FileEvent = (
    UploadBegan
    | FileShared
    | FileDelivered
    | FileRemoved
    | FileMarked
    | TransferFailed
    | TransferResting
    | Uploaded
    | Downloaded
)
MAX_NAMED: Final = 5  # of the names of a long list

_MARKS: Final = {
    FileState.DELIVERED: "{name} has reached {nick}",
    FileState.VERIFIED: "{nick} has {name}, whole and with the right MD5",
    FileState.OPENED: "{nick} has opened {name}",
    FileState.DECLINED: "{nick} does not want {name}",
}


def sent_text(file: Attachment) -> str:
    """What somebody sent: "the file f.bin (5 B, MD5 ...)"."""
    return f"the {thing(file)} {visible(file.file_name)} ({facts_text(file)}, MD5 {file.md5.hex()})"


def offer_text(sender: str, file: Attachment) -> str:
    """What somebody offers to us. sender: safe already."""
    what = "the folder " if file.flags & FileFlag.FOLDER else ""
    return f'{sender} offers you {what}"{visible(file.file_name)}" ({facts_text(file)}); /accept or /decline'


def file_happening(event: FileEvent) -> str:
    """What happened, without its time."""
    match event:
        case UploadBegan(nick, file_name, size):
            return f"{visible(nick)} is uploading {visible(file_name)} ({size_text(size)})"
        case FileShared(nick, entry, md5_sent):
            digests = _digests("sent", md5_sent, "stored", entry.md5)
            return f"{visible(nick)} uploaded {visible(entry.file_name)} ({facts_text(entry)}), {digests}"
        case FileDelivered(nick, entry, md5_received):
            digests = _digests("stored", entry.md5, "received", md5_received)
            return f"{visible(nick)} downloaded {visible(entry.file_name)} ({size_text(entry.size)}), {digests}"
        case FileRemoved(nick, entry, text):
            name = visible(entry.file_name) + (f" of {visible(entry.owner_nick)}" if nick != entry.owner_nick else "")
            what = f"{name} ({size_text(entry.size)})"
            why = visible(text) or "its time was over"
            return f"{visible(nick)} deleted {what}" if nick else f"{what} is gone: {why}"
        case FileMarked(_, file_name, nick, state):
            text = _MARKS.get(state, "{nick} is further with {name}")
            return text.format(name=visible(file_name), nick=visible(nick))
        case TransferFailed():
            return failure_text(event)
        case TransferResting():
            return resting_text(event) + ("" if event.is_tried_again else "; /resume lets it go on")
        case Uploaded() | Downloaded():
            return done_text(event)


def resting_text(event: TransferResting) -> str:
    """A transfer that does not go on for now; without how its user lets it go on."""
    if event.is_tried_again:
        name = visible(event.transfer.file_name)
        return f"[{event.transfer.number}] {name} waits, and is tried again by itself: {visible(event.text)}"
    why = "is paused" if event.text == PAUSED else f"rests: {visible(event.text)}"
    return f"[{event.transfer.number}] {visible(event.transfer.file_name)} {why}"


def failure_text(failed: TransferFailed) -> str:
    """A transfer that ended without a whole file, or rests because of some trouble."""
    if failed.number:
        name = visible(failed.file_name)
        return f"[{failed.number}] {name} rests: {visible(failed.text)}; /resume {failed.number} tries it again"
    if failed.code == ErrorCode.CANCELLED and not failed.nick:
        return f"the transfer of {visible(failed.file_name)} is cancelled"
    by = f" of {visible(failed.nick)}" if failed.nick else ""
    name = f" {visible(failed.file_name)}" if failed.file_name else ""
    return f"transfer{by}{name} failed: {visible(failed.text)}"


def done_text(done: Uploaded | Downloaded) -> str:
    """A transfer that is done, with the MD5 of both ends."""
    name = visible(done.file_name)
    if isinstance(done, Uploaded):
        digests = _digests("here", done.md5_sent, "at the server", done.md5_stored)
        return f"uploaded {name} {_effort(done)}, {digests}{_left_out(done.left_out)}"
    digests = _digests("at the server", done.md5_offered, "here", done.md5_stored)
    return f"downloaded {name} to {visible(done.path)} {_effort(done)}, {digests}"


def _effort(done: Uploaded | Downloaded) -> str:
    spent, carried = done.finished - done.started, max(done.size - done.earlier, 0)
    members = f"{members_text(done.members)}, " if done.members else ""
    earlier = f", {size_text(done.earlier)} of it before" if done.earlier else ""
    return f"({members}{size_text(done.size)} in {duration_text(spent)}, {speed_text(carried, spent)}{earlier})"


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    shown = ", ".join(visible(name) for name in names[:MAX_NAMED])
    return f"; left out, for they are no files, lead out of the folder, or are udpchat's own: {shown}{more}"


def _digests(one: str, first: bytes, other: str, second: bytes) -> str:
    if first == second:
        return f"MD5 {first.hex()} {one} and {other}"
    return f"MD5 DIFFERS: {first.hex()} {one}, {second.hex()} {other}"
