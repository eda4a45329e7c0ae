"""What a query means: names without case, globs, words, hashes; and nothing that takes long to find out."""

from __future__ import annotations

import re
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.peers.web import shared
from udpchat.peers.patterns import Glob, fold, matcher, pattern_fault
from udpchat.wire.numbers import QueryKind

FILE = shared("Trip to Zürich (2024).PNG")

letters = st.text("ab*?", max_size=12)


@pytest.mark.parametrize(
    ("kind", "pattern", "is_meant"),
    [
        (QueryKind.EXACT, "trip to zürich (2024).png", True),
        (QueryKind.EXACT, "trip to zu\u0308rich (2024).png", True),  # the same letter in two characters
        (QueryKind.EXACT, "trip to zürich (2024)", False),
        (QueryKind.GLOB, "*.png", True),
        (QueryKind.GLOB, "trip*20??*", True),
        (QueryKind.GLOB, "*", True),
        (QueryKind.GLOB, "*.jpg", False),
        (QueryKind.GLOB, "trip", False),
        (QueryKind.GLOB, "[t]rip*", False),
        (QueryKind.WORDS, "ZÜRICH trip", True),
        (QueryKind.WORDS, "2024, png!", True),
        (QueryKind.WORDS, "zürich 2025", False),
        (QueryKind.MD5, FILE.md5.hex(), True),
        (QueryKind.MD5, FILE.md5.hex().upper(), True),
        (QueryKind.MD5, "0" * 32, False),
        (QueryKind.ROOT, FILE.root.hex(), True),
        (QueryKind.ROOT, "0" * 64, False),
    ],
)
def test_a_pattern_means_what_its_kind_says(kind: QueryKind, pattern: str, is_meant: bool) -> None:
    assert pattern_fault(kind, pattern) is None
    assert matcher(kind, pattern)(FILE) is is_meant


@pytest.mark.parametrize(
    ("kind", "pattern", "is_meant"),
    [
        (QueryKind.EXACT, "TRIP.png", True),
        (QueryKind.EXACT, "pictures/2024/trip.png", True),
        (QueryKind.EXACT, "2024/trip.png", False),
        (QueryKind.GLOB, "t*", True),
        (QueryKind.GLOB, "p*", False),
        (QueryKind.GLOB, "pictures/*.png", True),
        (QueryKind.WORDS, "pictures trip", True),
    ],
)
def test_of_a_path_the_last_part_is_the_name_unless_the_pattern_is_a_path(
    kind: QueryKind, pattern: str, is_meant: bool
) -> None:
    assert matcher(kind, pattern)(shared("Pictures/2024/Trip.png")) is is_meant


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        (0, "a"),
        (99, "a"),
        (QueryKind.EXACT, ""),
        (QueryKind.GLOB, "  "),
        (QueryKind.WORDS, "..."),
        (QueryKind.MD5, "12"),
        (QueryKind.MD5, "g" * 32),
        (QueryKind.MD5, " " + "0" * 31),
        (QueryKind.ROOT, "0" * 32),
    ],
)
def test_what_nothing_can_be_found_by_is_said_to_be_so(kind: int, pattern: str) -> None:
    assert pattern_fault(kind, pattern)


@given(letters, st.text("ab", max_size=12))
def test_a_glob_means_what_the_standard_library_takes_it_for(pattern: str, name: str) -> None:
    assert Glob(pattern).matches(name) is (re.match(translate(pattern), name) is not None)


def test_a_glob_that_kills_backtracking_is_answered_in_steps_of_one_character() -> None:
    name = "a" * 100_000
    assert not Glob("*a" * 127 + "b").matches(name)  # 2 ** 127 ways for who tries one after another
    assert Glob("*a" * 127).matches(name)


def test_folding_a_folded_name_changes_nothing() -> None:
    for name in ("STRASSE ß", "İstanbul", "ﬁle", "Å\u0301", "ΑΣ"):
        assert fold(fold(name)) == fold(name)
