"""Characters that cannot be seen, and what the others are taken for."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from typing import Final

# Separators of lines and words, controls, invisible and direction-changing characters, halves of pairs, unassigned.
FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
SPACES: Final = frozenset({"Zs"})

# Half-open ranges: Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, and letters and symbols that
# are blank by their nature (of Braille, of music, of Khitan and of hieroglyphs).
_INVISIBLE: Final = (
    (0x00AD, 0x00AE),
    (0x034F, 0x0350),
    (0x061C, 0x061D),
    (0x115F, 0x1161),
    (0x17B4, 0x17B6),
    (0x180B, 0x1810),
    (0x200B, 0x2010),
    (0x202A, 0x202F),
    (0x2060, 0x2070),
    (0x2800, 0x2801),
    (0x3164, 0x3165),
    (0xFE00, 0xFE10),
    (0xFEFF, 0xFF00),
    (0xFFA0, 0xFFA1),
    (0xFFF0, 0xFFF9),
    (0x13441, 0x13443),
    (0x16FE4, 0x16FE5),
    (0x1BCA0, 0x1BCA4),
    (0x1D159, 0x1D15A),
    (0x1D173, 0x1D17B),
    (0xE0000, 0xE1000),
)
_STARTS: Final = [start for start, _ in _INVISIBLE]


def is_invisible(character: str) -> bool:
    """Whether nothing is shown for a character, though its category would let one expect it."""
    index = bisect_right(_STARTS, ord(character)) - 1
    return index >= 0 and ord(character) < _INVISIBLE[index][1]


def is_shown(character: str) -> bool:
    """Whether a character can be part of a name: it is seen, and no space."""
    category = unicodedata.category(character)
    return category not in FORBIDDEN_CATEGORIES and category not in SPACES and not is_invisible(character)


def is_mark(character: str) -> bool:
    """Whether a character only changes the one before it."""
    return unicodedata.category(character).startswith("M")


def is_substantial(character: str) -> bool:
    """Whether this is a letter, a digit or a symbol: punctuation and marks alone are no name."""
    return unicodedata.category(character)[0] in "LNS" and is_shown(character)


def visible(text: str) -> str:
    """A text without what cannot be seen in it."""
    return "".join(character for character in text if not is_invisible(character))
