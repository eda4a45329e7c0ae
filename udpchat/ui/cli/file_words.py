"""Words about files: what they are, how far they are, whom they are for."""

from __future__ import annotations

from typing import Final

from udpchat.chat.ports import Attachment
from udpchat.config import LOBBY
from udpchat.files.members import NO_MD5
from udpchat.files.ports import FileEntry
from udpchat.protocol.members import fold
from udpchat.ui.cli.render import clock_time, share_text, size_text, visible
from udpchat.wire.numbers import FileFlag, FileState

_TYPES: Final = {
    "application/epub+zip": "EPUB",
    "application/gzip": "gzip",
    "application/json": "JSON",
    "application/msword": "Word",
    "application/octet-stream": "",
    "application/pdf": "PDF",
    "application/vnd.ms-excel": "Excel",
    "application/vnd.ms-powerpoint": "PowerPoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/zip": "ZIP",
    "audio/mpeg": "MP3",
    "image/jpeg": "JPEG",
    "image/svg+xml": "SVG",
    "image/tiff": "TIFF",
    "text/html": "HTML",
    "text/plain": "text",
    "video/quicktime": "QuickTime",
    "video/x-matroska": "Matroska",
}
PROGRAM_TYPES: Final = frozenset(
    f"application/{kind}"
    for kind in (
        *("x-executable", "x-elf", "x-sharedlib", "x-pie-executable", "x-mach-binary", "x-mach-o"),
        *("x-msdownload", "x-dosexec", "vnd.microsoft.portable-executable", "x-msi", "x-ms-shortcut"),
        *("java-archive", "x-java-applet", "x-sh", "x-shellscript", "vnd.android.package-archive"),
    )
)
_STATES: Final = {
    FileState.STORED: "stored",
    FileState.DELIVERED: "delivered",
    FileState.VERIFIED: "verified",
    FileState.OPENED: "opened",
    FileState.DECLINED: "declined",
}


def media_text(media: str, width: int = 0, height: int = 0) -> str:
    """A media type for people: "PDF", "PNG 640 x 480", "program"; empty when nothing is known."""
    if media in PROGRAM_TYPES:
        return "program"
    name = _TYPES.get(media)
    if name is None:
        kind, _, rest = media.partition("/")
        short = rest.removeprefix("x-").removeprefix("vnd.")
        name = short.upper() if kind in ("image", "audio", "video") else short or kind
    return f"{visible(name)} {width} x {height}".strip() if width and height else visible(name)


def members_text(count: int) -> str:
    """How many are in a folder."""
    return f"{count} member{'' if count == 1 else 's'}"


def facts_text(file: Attachment | FileEntry) -> str:
    """What there is to say about a file before one has it: "1.2 MB, PDF", "3 members, 1.2 MB"."""
    if isinstance(file, FileEntry):
        kind = media_text(file.media.name, file.media.width, file.media.height)
    else:
        kind = media_text(file.media, file.width, file.height)
    members = members_text(file.members) if file.flags & FileFlag.FOLDER else ""
    return ", ".join(each for each in (members, size_text(file.size), kind) if each)


def thing(file: Attachment | FileEntry) -> str:
    """Whether it is a file or a folder."""
    return "folder" if file.flags & FileFlag.FOLDER else "file"


def is_private(entry: FileEntry) -> bool:
    """It is for one person."""
    return bool(entry.flags & FileFlag.PRIVATE or entry.recipient)


def shown_name(entry: FileEntry) -> str:
    """The name in a list; that of a folder ends in a slash."""
    return f"{visible(entry.file_name)}/" if entry.is_folder else visible(entry.file_name)


def whose(entry: FileEntry) -> str:
    """Whom it is from and for, marked as lines of chat are: "anna", "#games anna", "@private anna -> ben"."""
    owner = visible(entry.owner_nick)
    if is_private(entry):
        return f"@private {owner} -> {visible(entry.recipient)}"
    return owner if not entry.room or fold(entry.room) == LOBBY else f"#{visible(entry.room)} {owner}"


def state_text(entry: FileEntry) -> str:
    """How far it is: "receiving 43%", "stored", with one person "verified", with several "verified 3, opened 1"."""
    if entry.state is FileState.RECEIVING:
        return f"receiving {share_text(entry.present, entry.size)}"
    if is_private(entry):
        return state_word(entry.state)
    reached = {"delivered": entry.delivered, "verified": entry.verified, "opened": entry.opened}
    counts = list(reached.items())
    shown = [
        f"{word} {count}"
        for number, (word, count) in enumerate(counts)
        if count and (number + 1 == len(counts) or counts[number + 1][1] != count)
    ]
    return ", ".join(shown) or state_word(entry.state)


def state_word(state: FileState | int) -> str:
    """A state in a word."""
    return _STATES.get(FileState(state), "receiving") if state in set(FileState) else "in a state of a later version"


def digest_text(md5: bytes) -> str:
    """An MD5, or that there is none yet; as wide in both cases."""
    return f"{'(not known yet)':<32}" if md5 == NO_MD5 else md5.hex()


def expiry_text(entry: FileEntry) -> str:
    """Until when a file stays."""
    return f"until {clock_time(entry.expires_at)}" if entry.expires_at else "until it is deleted"
