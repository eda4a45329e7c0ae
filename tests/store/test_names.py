from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from udpchat.store.names import display_name, export_name, name_key, numbered, split_suffix

EXAMPLES = {
    "report.pdf": "report.pdf",
    "Jahresbericht März 2024.pdf": "Jahresbericht März 2024.pdf",
    "日本語.txt": "日本語.txt",
    "../x": "_x",
    "..\\x": "_x",
    "a/../../b": "a_.._.._b",
    "/abs/x": "_abs_x",
    "\\\\srv\\s\\x": "__srv_s_x",
    "C:\\x": "C__x",
    "C:x": "C_x",
    "x:ads": "x_ads",
    ".": "file",
    "..": "file",
    "": "file",
    " ": "file",
    "-rf": "rf",
    "--output=x": "output=x",
    ".bashrc": "bashrc",
    "~": "file",
    "~root": "root",
    "$HOME": "$HOME",
    "`id`": "`id`",
    ";ls": ";ls",
    "*": "_",
    "?": "_",
    "CON": "_CON",
    "con.txt": "_con.txt",
    "con .txt": "_con .txt",
    "NUL ": "_NUL",
    "aux.": "_aux",
    "COM1": "_COM1",
    "COM\u00b9.log": "_COM\u00b9.log",
    "LPT9": "_LPT9",
    "CONIN$": "_CONIN$",
    "console.txt": "console.txt",
    "a.": "a",
    "a ": "a",
    "x\0.txt": "x.txt",
    "a\nb": "ab",
    "a\rb": "ab",
    "a\x1b[2Jb": "a[2Jb",
    "\x9b31m": "31m",
    "%2e%2e%2f": "%2e%2e%2f",
    "\uff0e\uff0e\uff0f": "_",
    "\u2025\u2215x": "_x",
    "x" * 256: "x" * 255,
    "\u00e9" * 128: "\u00e9" * 127,
    "e\u0301" * 128: "\u00e9" * 127,
    "\ud800": "file",
    "a\ud800b": "ab",
    "\ufeffa": "a",
    "a\u200bb": "ab",
    "\u202egnp.js": "gnp.js",
    "desktop.ini": "_desktop.ini",
    "Desktop.INI": "_Desktop.INI",
    "x.part": "x.part",
    "." * 300: "file",
    "x" * 300 + ".tar.gz": "x" * 248 + ".tar.gz",
    "a\u00a0b\u3000": "a b",
    ".CON": "_CON",
}


@pytest.mark.parametrize(("raw", "safe"), EXAMPLES.items())
def test_export_name_is_safe_and_close(raw: str, safe: str) -> None:
    assert export_name(raw) == safe


def check_safe(name: str) -> None:
    assert name
    assert len(name.encode()) <= 255
    assert export_name(name) == name
    assert unicodedata.normalize("NFC", name) == name
    assert not set(name) & set('/\\:<>"|?*')
    assert name[0] not in ".-~ "
    assert name[-1] not in ". "
    assert Path(name).name == name
    assert os.path.normpath(os.path.join("/downloads", name)) == f"/downloads/{name}"


RAW = st.text(st.characters() | st.sampled_from('./\\:-~ ()"\u202e\u0338\u0301')) | st.sampled_from(list(EXAMPLES))


@settings(max_examples=300, deadline=None)
@given(RAW)
@example("a" * 254 + " .txt")
@example("." + "\u200b" + "/..")
@example("x" * 231 + "." + "y" * 23)
def test_export_name_is_one_safe_component_and_a_fixed_point(raw: str) -> None:
    check_safe(export_name(raw))


@settings(max_examples=200, deadline=None)
@given(RAW, st.integers(2, 10_000))
def test_numbered_name_is_as_safe_as_the_name(raw: str, number: int) -> None:
    name = numbered(export_name(raw), number)
    check_safe(name)
    assert f"({number})" in name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("name.ext", "name (2).ext"),
        ("name", "name (2)"),
        ("a.tar.gz", "a (2).tar.gz"),
        (".bashrc", ".bashrc (2)"),
        ("a.b.c", "a.b (2).c"),
        ("see p. 5 and so on", "see p. 5 and so on (2)"),
        ("name (2).ext", "name (2) (2).ext"),
        ("x" * 255, "x" * 251 + " (2)"),
    ],
)
def test_numbered_name_keeps_the_suffix(name: str, expected: str) -> None:
    assert numbered(name, 2) == expected


@given(st.text())
def test_stem_and_suffix_are_the_name(name: str) -> None:
    assert "".join(split_suffix(name)) == name


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("a\x1b[2J", "a<U+001B>[2J"),
        ("a\nb\tc", "a<U+000A>b<U+0009>c"),
        ("\u202egnp.js", "<U+202E>gnp.js"),
        ("\x9b31m", "<U+009B>31m"),
        ("\u2066x\u2069", "<U+2066>x<U+2069>"),
        ("a\u200bb", "a<U+200B>b"),
        ("\ud800", "<U+D800>"),
        ("a\u2028b", "a<U+2028>b"),
        ("日本語 é", "日本語 é"),
    ],
)
def test_display_name_shows_what_hides(raw: str, shown: str) -> None:
    assert display_name(raw) == shown


@given(st.text(st.characters()))
def test_display_name_is_printable_and_can_be_encoded(raw: str) -> None:
    shown = display_name(raw)
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in shown)
    assert shown.encode().decode() == shown
    assert display_name(shown) == shown


@pytest.mark.parametrize("other", ["A.TXT", "a.txt"])
def test_names_that_look_alike_share_a_key(other: str) -> None:
    assert name_key("a.txt") == name_key(other)
    assert name_key("e\u0301") == name_key("\u00c9")
    assert name_key("a.txt") != name_key("b.txt")
