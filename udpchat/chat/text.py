"""What a nickname and a line may be."""

from __future__ import annotations

import unicodedata
from typing import Final

from udpchat.chat.characters import is_mark, is_shown, is_substantial
from udpchat.chat.lookalikes import skeleton
from udpchat.config import MAX_NICK, MAX_TEXT

LINE_BREAKS: Final = frozenset("\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")  # as str.splitlines has them
RESERVED_START: Final = "/!@#~*-><"  # a name that starts so would be taken for a command, an address or a notice


def nick_fault(nick: str) -> str | None:
    """Why this cannot be a nickname, in words for its owner; None when it can."""
    if (fault := name_fault(nick, "a nickname", MAX_NICK)) is not None:
        return fault
    if unicodedata.normalize("NFC", nick) != nick:
        return "a nickname must be in Unicode normal form C"
    return None


def name_fault(name: str, what: str, limit: int) -> str | None:
    """Why this cannot be a name, of a person or a room; None when it can. limit: characters. what: how it is called."""
    if not name:
        return f"{what} cannot be empty"
    if len(name) > limit:
        return f"{what} has at most {limit} characters"
    if not all(map(is_shown, name)):
        return f"{what} has only visible characters and no spaces"
    if _start(name[0]) in RESERVED_START or is_mark(name[0]):
        return f"{what} cannot start with {name[0]}"
    if not any(map(is_substantial, name)):
        return f"{what} has at least one letter, digit or symbol"
    return None


def _start(character: str) -> str:
    """What a first character is taken for: wide and small forms, and signs that look like another."""
    plain = unicodedata.normalize("NFKC", character)[0]
    if plain.isascii() or plain.isalnum():
        return plain
    return skeleton(plain)[0]


def text_fault(text: str) -> str | None:
    """Why this cannot be a line of chat; None when it can."""
    if not text.strip():
        return "a line cannot be empty"
    if len(text.encode()) > MAX_TEXT:
        return f"a line has at most {MAX_TEXT} bytes"
    return None


def remark_fault(text: str, limit: int, what: str) -> str | None:
    """Why this cannot be a remark beside a name, as an away message or a reason; None when it can. It may be empty.

    limit: characters. what: how it is called, with its article. Anything but a break of the line goes through intact.
    """
    if len(text) > limit:
        return f"{what} has at most {limit} characters"
    if any(character in LINE_BREAKS for character in text):
        return f"{what} is a single line"
    return None
