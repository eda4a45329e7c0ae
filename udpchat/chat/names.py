"""Names as they are compared, what a room may be called, and the name that somebody may have meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import islice

from udpchat.chat.text import name_fault
from udpchat.config import MAX_NICK, MAX_ROOM
from udpchat.protocol.members import fold

CANDIDATES = 16  # names that are compared letter by letter: an unknown name must stay cheap, whoever sends many
LENGTHS_APART = 2  # letters by which a candidate may be longer or shorter
LIKENESS = 0.6  # of 1, as difflib counts it; its own default for close matches


def normal(name: str) -> str:
    """A nickname, a room's name or a password as it is compared: Unicode normal form C."""
    return unicodedata.normalize("NFC", name)


def room_fault(room: str) -> str | None:
    """Why this cannot be the name of a room, in words for who wants it; None when it can."""
    return name_fault(room, "the name of a room", MAX_ROOM)


def not_there(room: str) -> str:
    """What somebody hears who speaks in a room that is not there, or that is not theirs: it makes no difference."""
    return f"you are in no room called {room}; /rooms lists them, /join {room} enters"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name most like the given one; None when none is like it."""
    wanted = fold(name)
    if not 0 < len(wanted) <= MAX_NICK:
        return None
    alike = (other for other in names if _may_be_alike(wanted, fold(other)))
    rated = [(_likeness(wanted, fold(other)), other) for other in islice(alike, CANDIDATES)]
    best = max(rated, key=lambda pair: pair[0], default=(0.0, None))
    return best[1] if best[0] >= LIKENESS else None


def _may_be_alike(wanted: str, other: str) -> bool:
    """They begin or end with the same letter and are about as long."""
    return (
        bool(other)
        and abs(len(wanted) - len(other)) <= LENGTHS_APART
        and (wanted[0] == other[0] or wanted[-1] == other[-1])
    )


def _likeness(wanted: str, other: str) -> float:
    return SequenceMatcher(None, wanted, other, autojunk=False).ratio()
