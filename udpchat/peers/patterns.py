"""What a query looks for. Names are compared without case; no pattern takes longer than in proportion to the name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final, Protocol

from udpchat.wire.numbers import QueryKind

MD5_DIGITS: Final = 32
ROOT_DIGITS: Final = 64

_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_WORD: Final = re.compile(r"\w+")


class Findable(Protocol):
    """What a pattern is held against."""

    @property
    def file_name(self) -> str: ...  # noqa: D102
    @property
    def md5(self) -> bytes: ...  # noqa: D102
    @property
    def root(self) -> bytes: ...  # noqa: D102


Matcher = Callable[[Findable], bool]


def pattern_fault(kind: int, pattern: str) -> str | None:
    """Why nothing can be looked for by this, in words for its owner; None when it can."""
    if kind not in QueryKind.__members__.values():
        return f"there is no search of kind {kind}"
    digits = {QueryKind.MD5: MD5_DIGITS, QueryKind.ROOT: ROOT_DIGITS}.get(QueryKind(kind), 0)
    if digits:
        is_right = len(pattern) == digits and _HEX.fullmatch(pattern) is not None
        return None if is_right else f"this hash has {digits} hexadecimal digits"
    if not pattern.strip():
        return "there is nothing to look for"
    if kind == QueryKind.WORDS and not _WORD.search(pattern):
        return "there is no word in what is looked for"
    return None


def matcher(kind: QueryKind, pattern: str) -> Matcher:
    """Tells of each file whether it is meant. The pattern has no fault.

    A name may be a path; its last part is meant then, unless there is a slash in the pattern too. Words stand anywhere.
    """
    match kind:
        case QueryKind.EXACT:
            name, shown = fold(pattern), name_for(pattern)
            return lambda file: shown(file) == name
        case QueryKind.GLOB:
            glob, shown = Glob(fold(pattern)), name_for(pattern)
            return lambda file: glob.matches(shown(file))
        case QueryKind.WORDS:
            words = words_of(pattern)
            return lambda file: contains_all(fold(file.file_name), words)
        case QueryKind.MD5:
            md5 = bytes.fromhex(pattern)
            return lambda file: file.md5 == md5
        case QueryKind.ROOT:
            root = bytes.fromhex(pattern)
            return lambda file: file.root == root


def name_for(pattern: str) -> Callable[[Findable], str]:
    """What of a file a name or glob is compared with."""
    if "/" in pattern:
        return lambda file: fold(file.file_name)
    return lambda file: fold(file.file_name.rpartition("/")[2])


def fold(name: str) -> str:
    """What makes two names the same: case and the way in which accents are written do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def words_of(pattern: str) -> frozenset[str]:
    """The words in what somebody looks for."""
    return frozenset(_WORD.findall(fold(pattern)))


def contains_all(text: str, words: frozenset[str]) -> bool:
    """Whether every word stands somewhere in the text."""
    return all(word in text for word in words)


class Glob:
    """A pattern in which `*` is any run of characters and `?` is one.

    All ways to match are followed at once, each a bit of one number, so no pattern makes it slow: a regular expression
    that backtracks takes exponential time for `*a*a*a*b`.
    """

    __slots__ = ("_accepts", "_any", "_end", "_stays")

    def __init__(self, pattern: str) -> None:
        self._accepts: dict[str, int] = {}  # by character: places whose next element takes it
        self._any = 0  # places whose next element is ?
        self._stays = 0  # places at which any character may be passed over: those after *
        place = 0
        for character in pattern:
            bit = 1 << place
            if character == "*":
                self._stays |= bit
                continue
            if character == "?":
                self._any |= bit
            else:
                self._accepts[character] = self._accepts.get(character, 0) | bit
            place += 1
        self._end = 1 << place

    def matches(self, name: str) -> bool:
        """Whether all of the name is what the pattern says."""
        places, accepts, any_, stays = 1, self._accepts, self._any, self._stays
        for character in name:
            places = (places & (accepts.get(character, 0) | any_)) << 1 | places & stays
            if not places:
                return False
        return bool(places & self._end)
