"""Nicknames that cannot be told apart by eye (Unicode Technical Standard 39, section 4).

Two strings look alike when their skeletons are the same: each character is replaced by the one that stands for all that
look like it. The table is Unicode's confusables.txt, as the package confusable_homoglyphs brings it.
"""

from __future__ import annotations

import json
import pkgutil
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from udpchat.chat.characters import visible
from udpchat.protocol.members import fold

RESERVED: Final = ("server", "admin", "administrator")  # nicknames that guests do not get
MARK: Final = "\u200e"  # the file puts it around what is written from right to left
MAX_REMEMBERED: Final = 8_192  # skeletons

# The rows for ASCII, for most nicknames need no other: the whole table takes 15 ms to read.
ASCII_ROWS: Final = {
    '"': "''",
    "%": "º/₀",
    "0": "O",
    "1": "l",
    "I": "l",
    "`": "'",
    "m": "rn",
    "|": "l",
}


def skeleton(nick: str) -> str:
    """What is the same for all nicknames that look like this one, whatever their case."""
    rows = ASCII_ROWS if nick.isascii() else confusables()
    plain = unicodedata.normalize("NFD", nick)
    mapped = "".join(rows.get(character, character) for character in plain)
    return unicodedata.normalize("NFD", mapped).casefold()


def lookalike(nick: str, others: Iterable[str]) -> str | None:
    """The first of the others that looks like this nickname and is not the same one."""
    shapes = looks(nick)
    return next((other for other in others if shapes & looks(other) and fold(other) != fold(nick)), None)


@lru_cache(MAX_REMEMBERED)
def looks(nick: str) -> frozenset[str]:
    """Skeletons of a nickname as it is written and in small letters: capital I looks like l, and IVAN is ivan too."""
    return frozenset((skeleton(nick), skeleton(fold(nick))))


def is_reserved(nick: str) -> bool:
    """Whether this is, or looks like, a name that only an account may have."""
    return any(_strict(look) in _RESERVED_LOOKS for look in looks(visible(nick)))


def _strict(look: str) -> str:
    """For names that matter: in capital letters i looks like l as well."""
    return look.replace("i", "l")


@lru_cache(1)
def confusables() -> dict[str, str]:
    """The whole table: for a character, what stands for all that look like it."""
    data = pkgutil.get_data("confusable_homoglyphs", "confusables.json") or b"{}"
    pairs = {bare(character): [bare(other["c"]) for other in others] for character, others in json.loads(data).items()}
    return {
        character: others[0]
        for character, others in pairs.items()
        if len(character) == len(others) == 1 and not _stands_for(character, others[0], pairs)
    }


def bare(text: str) -> str:
    """Without the marks that only order the file."""
    return text.replace(MARK, "")


def _stands_for(character: str, other: str, pairs: dict[str, list[str]]) -> bool:
    """Whether this is the one of a pair that the other is replaced by; the package has each pair both ways."""
    return len(other) == 1 and len(pairs[other]) == 1 and character < other


_RESERVED_LOOKS: Final = frozenset(_strict(look) for name in RESERVED for look in looks(name))


class Namesakes:
    """Nicknames that can be asked for one that looks like another, however many there are."""

    def __init__(self) -> None:
        self._by_look: dict[str, dict[str, str]] = {}  # by skeleton, by folded nickname

    def __iter__(self) -> Iterator[str]:
        """Folded nicknames."""
        return iter({folded for nicks in self._by_look.values() for folded in nicks})

    def __contains__(self, nick: str) -> bool:
        """Whether the nickname itself is among them."""
        return fold(nick) in self._by_look.get(skeleton(fold(nick)), {})

    def add(self, nick: str) -> None:
        """Take a nickname in."""
        for look in looks(nick):
            self._by_look.setdefault(look, {})[fold(nick)] = nick

    def discard(self, nick: str) -> None:
        """Take a nickname out."""
        for look in looks(nick):
            nicks = self._by_look.get(look, {})
            nicks.pop(fold(nick), None)
            if not nicks:
                self._by_look.pop(look, None)

    def find(self, nick: str) -> str | None:
        """One that looks like this nickname and is not the same."""
        for look in sorted(looks(nick)):
            for folded, other in self._by_look.get(look, {}).items():
                if folded != fold(nick):
                    return other
        return None
