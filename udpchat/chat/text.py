"""What a nickname and a line may be."""

from __future__ import annotations

import unicodedata

from udpchat.config import MAX_NICK, MAX_TEXT

# Separators of lines and words, controls, invisible and direction-changing characters, halves of pairs, unassigned.
FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
SPACES = frozenset({"Zs"})
RESERVED_START = "/!@#~"  # a nickname that starts so would be taken for a command or an address


def nick_fault(nick: str) -> str | None:
    """Why this cannot be a nickname, in words for its owner; None when it can."""
    if not nick:
        return "a nickname cannot be empty"
    if len(nick) > MAX_NICK:
        return f"a nickname has at most {MAX_NICK} characters"
    if nick[0] in RESERVED_START:
        return f"a nickname cannot start with {nick[0]}"
    if any(unicodedata.category(character) in FORBIDDEN_CATEGORIES | SPACES for character in nick):
        return "a nickname has only visible characters and no spaces"
    if unicodedata.normalize("NFC", nick) != nick:
        return "a nickname must be in Unicode normal form C"
    return None


def text_fault(text: str) -> str | None:
    """Why this cannot be a line of chat; None when it can."""
    if not text.strip():
        return "a line cannot be empty"
    if len(text.encode()) > MAX_TEXT:
        return f"a line has at most {MAX_TEXT} bytes"
    return None
