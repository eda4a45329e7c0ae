"""Finding words in messages: what a text is indexed under, and what a query looks for.

A text becomes a sequence of terms. Letters and digits that stand together are one term, without case and accents; a
symbol (an emoji) is one by itself. Chinese, Japanese and Korean have no spaces between words: a run of such characters
becomes its overlapping pairs and then its last character, so 吃饭吧 is 吃饭, 饭吧, 吧. A run of two or more is found
anywhere inside a longer one as a phrase of pairs; a single character as the beginning of a pair or of the last term.

Terms consist of lower-case ASCII letters and digits and of characters beyond ASCII, nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from udpchat.errors import ErrorCode, StorageError

MAX_QUERY_TERMS: Final = 64  # that one query may look for

# Marks that a reader may leave out: accents of Latin, Greek and Cyrillic, points of Hebrew, vowels of Arabic. Those of
# other scripts are parts of their letters.
_OPTIONAL_MARKS: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
# Chinese, Japanese and Korean letters and signs of repetition, in normal form C; middle dots and brackets are not.
_UNSPACED: Final = re.compile(
    "[\u1100-\u11ff\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096\u3099-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c"
    "\uac00-\ud7fb\uf900-\ufaff\U00016fe0-\U00016fe4\U0001aff0-\U0001b16f\U00020000-\U0003fffd]+"
)
_QUOTED_OR_WORD: Final = re.compile(r'"([^"]*)(?:"|$)(\*?)|([^\s"]+)')
_QUOTES: Final = {ord(quote): '"' for quote in "\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\u300e\u300f"}


@dataclass(frozen=True, slots=True)
class Term:
    """What a text must have: these terms one after the other. is_prefix: the last one may go on."""

    terms: tuple[str, ...]
    is_prefix: bool = False


def index_terms(text: str) -> str:
    """The terms of a text, in order, separated by spaces."""
    return " ".join(term for piece in _pieces(_normal(text)) for term in _terms(piece, ends=True))


def query_terms(words: str) -> tuple[Term, ...]:
    """What a text must have, all of it, to be found by these words; nothing when there is nothing to look for.

    Words in quotes stand side by side; a word or phrase that ends in * may go on. Nothing else has a meaning of its
    own. StorageError when more is looked for than `MAX_QUERY_TERMS`.
    """
    found: list[Term] = []
    for match in _QUOTED_OR_WORD.finditer(_normal(words).translate(_QUOTES)):
        phrase, star, word = match.groups()
        term = _query_term(word.rstrip("*"), word.endswith("*")) if word else _query_term(phrase, bool(star))
        if term is not None:
            found.append(term)
    if sum(len(term.terms) for term in found) > MAX_QUERY_TERMS:
        text = f"at most {MAX_QUERY_TERMS} words, or characters of Chinese, can be looked for at once; use fewer"
        raise StorageError(text, ErrorCode.TEXT_NOT_ALLOWED)
    return tuple(found)


def matches(query: Sequence[Term], indexed: Sequence[str]) -> bool:
    """Whether a text with these terms (of `index_terms`, split) has all that a query wants; an empty query has none."""
    return bool(query) and all(_occurs(term, indexed) for term in query)


def _query_term(text: str, is_prefix: bool) -> Term | None:
    pieces = list(_pieces(text))
    terms = [term for number, piece in enumerate(pieces, 1) for term in _terms(piece, ends=number < len(pieces))]
    if not terms:
        return None
    # One character of a language without spaces begins the pair that it is indexed in.
    return Term(tuple(terms), is_prefix or (bool(_UNSPACED.fullmatch(pieces[-1])) and len(pieces[-1]) == 1))


def _normal(text: str) -> str:
    """Without case and accents, and one way only to write each character."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", _OPTIONAL_MARKS.sub("", decomposed))


def _pieces(normal: str) -> Iterator[str]:
    """What stands together: words, symbols, runs without spaces."""
    start = 0
    kind = _kind(normal[0]) if normal else ""
    for position, character in enumerate(normal):
        other = _kind(character)
        if other != kind or kind == "symbol":
            if kind and position > start:
                yield normal[start:position]
            start, kind = position, other
    if kind and start < len(normal):
        yield normal[start:]


def _kind(character: str) -> str:
    if _UNSPACED.match(character):
        return "unspaced"
    category = unicodedata.category(character)
    if category[0] in "LNM":
        return "word"
    return "symbol" if category == "So" else ""


def _terms(piece: str, *, ends: bool) -> Iterator[str]:
    """ends: the run is known to end here, so that its last character is a term."""
    if not _UNSPACED.match(piece):
        yield piece
        return
    for position in range(len(piece) - 1):
        yield piece[position : position + 2]
    if ends or len(piece) == 1:
        yield piece[-1]


def _occurs(term: Term, indexed: Sequence[str]) -> bool:
    *whole, last = term.terms
    for start in range(len(indexed) - len(whole)):
        end = start + len(whole)
        if list(indexed[start:end]) == whole and (
            indexed[end].startswith(last) if term.is_prefix else indexed[end] == last
        ):
            return True
    return False
