"""What a nickname may be: it is seen, and is taken for nothing else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.chat.characters import is_invisible, visible
from udpchat.chat.lookalikes import is_reserved
from udpchat.chat.names import room_fault
from udpchat.chat.text import RESERVED_START, nick_fault
from udpchat.config import MAX_NICK

# One of each range of Default_Ignorable_Code_Point, both ends of the long ones, and blanks.
INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200f\u202a\u202e\u2060\u206f\u2800\u3164"
    "\ufe00\ufe0f\ufeff\uffa0\ufff0\ufff8\U0001bca0\U0001d159\U0001d173\U0001d17a\U000e0000\U000e0100\U000e01ef\U000e0fff"
)
SEEN = "a\u00e9\u03b1\u0436\u4e00\u3042\ud55c\u0627\u0905\u2764\u20ac\U0001f642\u2027\u2801\u3163\ufe10\uffa1\u115e"


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_cannot_be_seen_is_no_part_of_a_name(character: str) -> None:
    assert is_invisible(character)
    for name in (f"ben{character}", f"{character}ben", f"b{character}en", character):
        assert nick_fault(name) == "a nickname has only visible characters and no spaces"
        assert room_fault(name) == "the name of a room has only visible characters and no spaces"


@pytest.mark.parametrize("character", SEEN)
def test_what_can_be_seen_is(character: str) -> None:
    assert not is_invisible(character)
    assert visible(character) == character


@pytest.mark.parametrize(
    "nick",
    ["ben", "b", "1", "李雷", "José", "анна", "مريم", "हिन्दी", "👍", "❤", "_x_", "(ben)", "ben!", "o'neil", "a-b", "€"],
)
def test_names_of_people_are_nicknames(nick: str) -> None:
    assert nick_fault(nick) is None


@pytest.mark.parametrize(
    "first", [*RESERVED_START, "／", "！", "＠", "＃", "～", "＊", "－", "﹣", "＞", "﹤", "∗", "‐", "∕"]
)
def test_a_nickname_does_not_begin_as_a_command_or_a_notice_does(first: str) -> None:
    assert nick_fault(f"{first}ben") == f"a nickname cannot start with {first}"
    assert nick_fault(f"ben{first}") is None


@pytest.mark.parametrize("mark", ["\u0301", "\u20dd", "\u0903", "\u0336"])
def test_a_nickname_does_not_begin_with_a_mark_on_what_stands_before_it(mark: str) -> None:
    assert nick_fault(f"{mark}ben") == f"a nickname cannot start with {mark}"


@pytest.mark.parametrize("nick", [".", "...", "_", "()", "\u2026", "._.", "\u00b7\u0301"])
def test_a_nickname_is_more_than_punctuation(nick: str) -> None:
    assert nick_fault(nick) == "a nickname has at least one letter, digit or symbol"


@pytest.mark.parametrize("size", [MAX_NICK - 1, MAX_NICK, MAX_NICK + 1])
def test_a_nickname_is_so_long(size: int) -> None:
    assert (nick_fault("n" * size) is None) == (size <= MAX_NICK)


def test_no_nickname_reads_as_a_sentence_of_the_server() -> None:
    for blank in INVISIBLE + " \u00a0\u2003\u3000":
        assert nick_fault(blank.join(("*", "the", "administrator", "says"))) is not None


@pytest.mark.parametrize("nick", ["admin\u034f", "ad\u115fmin", "\u3164server", "admini\ufe0fstrator", "AD\u17b4MIN"])
def test_names_of_authority_are_reserved_also_with_what_cannot_be_seen(nick: str) -> None:
    assert is_reserved(nick)


@given(st.text(min_size=1, max_size=MAX_NICK))
def test_what_is_taken_for_a_nickname_is_seen_whole(nick: str) -> None:
    if nick_fault(nick) is None:
        assert visible(nick) == nick
        assert not any(character.isspace() for character in nick)
        assert unicodedata.normalize("NFKC", nick)[0] not in RESERVED_START
