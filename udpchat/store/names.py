"""Names from outside: made safe for a disk, made unique, made fit to be shown.

A file name that came over the network is text and nothing else. Only `export_name` turns it into the name of a file.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from udpchat.config import MAX_FILE_NAME

FALLBACK: Final = "file"  # when nothing of a name is left
UNFINISHED: Final = ".udpchat-part"  # how the hidden names of downloads end that are still arriving
MAX_SUFFIX: Final = 24  # bytes of ".ext" that survive when a name is cut

# What separates, quotes or expands on POSIX or Windows, and the characters that look like those or are mapped to them.
_REPLACED: Final = frozenset(
    '<>:"/\\|?*\uff1c\uff1e\uff1a\uff02\uff0f\uff3c\uff5c\uff1f\uff0a\u2044\u2215\u29f5\u29f8\ufe68'
)
_LEADING: Final = ".-~ \u2024\u2025\u2026\uff0e"  # hidden files, options, home folders
_TRAILING: Final = ". \u2024\u2025\u2026\uff0e"  # Windows drops dots and spaces
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
_NO_TEXT: Final = re.compile("[\ud800-\udfff]")  # Python has a byte E9 that is no text as U+DCE9
_SPECIAL: Final = frozenset({"desktop.ini", "thumbs.db", "autorun.inf"})


def export_name(display: str) -> str:
    """A name for a file on any disk, as close to display as is safe.

    One path component of at most 255 bytes in UTF-8, never empty, hidden, a device, or an option; of letters that are
    composed (NFC) and visible. Safe names stay as they are.
    """
    name = display
    for _ in range(4):  # cutting may bare what was inside: once more, until nothing changes
        cleaned = _clean(name)
        if cleaned == name:
            return name
        name = cleaned
    return name if _clean(name) == name else FALLBACK


def numbered(name: str, number: int) -> str:
    """`name (2).ext` for "name.ext" and 2; again at most 255 bytes."""
    stem, suffix = split_suffix(name)
    tail = f" ({number}){suffix}"
    return shortened(stem, MAX_FILE_NAME - _length(tail)).rstrip(_TRAILING) + tail


def shortened(text: str, size: int) -> str:
    """The beginning of a text, at most so many bytes."""
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore")


def split_suffix(name: str) -> tuple[str, str]:
    """ "name" and ".ext"; ".tar.gz" and its like count as one. A suffix is short and follows a name."""
    stem, dot, last = name.rpartition(".")
    if not stem or not last or " " in last or _length(last) >= MAX_SUFFIX:
        return name, ""
    inner, inner_dot, middle = stem.rpartition(".")
    if inner and middle.lower() == "tar":
        return inner, f"{inner_dot}{middle}{dot}{last}"
    return stem, dot + last


def name_key(file_name: str) -> str:
    """What two names have in common that people, or disks, take for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", file_name).casefold())


def readable_name(local: str) -> str:
    """A name from this disk as text that can be sent: bytes that are no Unicode are shown as %E9."""
    return _NO_TEXT.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", local)


def display_name(raw: str) -> str:
    """Text for lists and terminals: what controls, hides or turns round is shown as <U+202E>."""
    return "".join(
        f"<U+{ord(character):04X}>" if unicodedata.category(character) in _DROPPED else character for character in raw
    )


def _clean(name: str) -> str:
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", name):
        category = unicodedata.category(character)
        if character in _REPLACED:
            kept.append("_")
        elif category == "Zs":
            kept.append(" ")
        elif category not in _DROPPED:
            kept.append(character)
    cleaned = unicodedata.normalize("NFC", "".join(kept)).lstrip(_LEADING).rstrip(_TRAILING)
    cleaned = _shorten(_guard(cleaned))
    return cleaned or FALLBACK


def _guard(name: str) -> str:
    stem = name.partition(".")[0].rstrip(" ")
    return f"_{name}" if _DEVICE.fullmatch(stem) or name.casefold() in _SPECIAL else name


def _shorten(name: str) -> str:
    if _length(name) <= MAX_FILE_NAME:
        return name
    stem, suffix = split_suffix(name)
    return shortened(stem, MAX_FILE_NAME - _length(suffix)).rstrip(_TRAILING) + suffix


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
