"""Nicknames that cannot be told apart by eye."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.chat.lookalikes import (
    ASCII_ROWS,
    Namesakes,
    confusables,
    is_reserved,
    lookalike,
    skeleton,
)
from udpchat.chat.text import nick_fault
from udpchat.protocol.members import fold

ALIKE = [
    ("anna", "аnnа"),  # Cyrillic a
    ("paypal", "раураl"),
    ("linus", "Iinus"),
    ("ivan", "IVАN"),
    ("bums", "burns"),
    ("oliver", "0liver"),
    ("bill", "biIl"),
    ("well", "we1l"),
    ("sora", "ѕоrа"),
    ("ßen", "βen"),
    ("kate", "𝓴𝓪𝓽𝓮"),
    ("zoë", "zоë"),
]
UNLIKE = [("anna", "hanna"), ("zoe", "zoë"), ("ian", "lan"), ("李雷", "李磊"), ("anna", "ann"), ("x", "у")]


@pytest.mark.parametrize(("nick", "other"), ALIKE)
def test_nicknames_that_look_alike_are_found_both_ways(nick: str, other: str) -> None:
    assert lookalike(nick, ["somebody", other]) == other
    assert lookalike(other, ["somebody", nick]) == nick


@pytest.mark.parametrize(("nick", "other"), UNLIKE)
def test_nicknames_that_are_told_apart_by_eye_are_not_flagged(nick: str, other: str) -> None:
    assert lookalike(nick, [other]) is None
    assert lookalike(other, [nick]) is None


@pytest.mark.parametrize(("nick", "same"), [("anna", "anna"), ("anna", "ANNA"), ("Straße", "STRASSE")])
def test_the_same_nickname_is_no_lookalike(nick: str, same: str) -> None:
    assert lookalike(nick, [same]) is None


def test_the_rows_for_ascii_are_those_of_the_whole_table() -> None:
    assert {key: row for key, row in confusables().items() if key.isascii()} == ASCII_ROWS


def test_the_table_is_that_of_unicode() -> None:
    table = confusables()
    assert len(table) > 6_000
    rows = {"а": "a", "ρ": "p", "Ⅱ": "ll", "ո": "n", "ⅿ": "rn", "Ｏ": "O", "ӏ": "i"}
    assert {character: table.get(character) for character in rows} == rows


@pytest.mark.parametrize("character", ["a", "O", "l", "p", "n", "r"])
def test_what_others_are_replaced_by_stands_for_itself(character: str) -> None:
    assert character not in confusables()


@given(st.text(max_size=40))
def test_a_skeleton_is_the_same_for_every_form_and_spelling_of_a_text(text: str) -> None:
    assert skeleton(unicodedata.normalize("NFD", text)) == skeleton(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    "nick", ["server", "SERVER", "admin", "Admin", "аdmin", "AdmIn", "Admln", "adrnin", "Administrator"]
)
def test_names_of_authority_are_reserved_however_they_are_written(nick: str) -> None:
    assert nick_fault(nick) is None
    assert is_reserved(nick)


@pytest.mark.parametrize("nick", ["adam", "servers", "admins", "sysop", "root", "李雷", "anna"])
def test_other_names_are_not_reserved(nick: str) -> None:
    assert not is_reserved(nick)


NICKS = st.text("аannIl1оo0m", min_size=1, max_size=4)


@given(st.lists(NICKS, max_size=8), st.lists(NICKS, max_size=4), NICKS)
def test_the_index_finds_what_comparing_with_each_finds(added: list[str], taken_out: list[str], nick: str) -> None:
    names = Namesakes()
    for each in added:
        names.add(each)
    for each in taken_out:
        names.discard(each)
    gone = {fold(each) for each in taken_out}
    left = {fold(each): each for each in added if fold(each) not in gone}
    assert set(names) == set(left)
    assert (names.find(nick) is None) == (lookalike(nick, left.values()) is None)
    assert (nick in names) == (fold(nick) in left)
