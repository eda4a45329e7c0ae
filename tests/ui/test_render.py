import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.ui.cli.render import (
    clock_time,
    duration_text,
    share_text,
    size_text,
    speed_text,
    visible,
)

HOSTILE = "a\x1b]0;title\x07\x9b31m\u202egpj.exe\r\n\u2028\u2066\x00\x7f\ud800"


def is_safe(text: str) -> bool:
    return not any(
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} and character not in "\u200c\u200d"
        for character in text
    )


@given(st.text())
def test_no_character_that_controls_hides_or_turns_round_gets_through(text: str) -> None:
    assert is_safe(visible(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 世界 👍", "Grüße, 世界 👍"),
        ("\u0645\u06cc\u200c\u0631\u0648\u0645", "\u0645\u06cc\u200c\u0631\u0648\u0645"),
        ("a\tb", "a    b"),
        ("\x1b[2J", "<U+001B>[2J"),
        ("\u202eexe.jpg", "<U+202E>exe.jpg"),
        ("two\nlines", "two<U+000A>lines"),
    ],
)
def test_what_people_write_stays_and_what_programs_do_becomes_a_number(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("marks", "shown"),
    [
        ("\u0301" * 8, "e" + "\u0301" * 8),
        ("\u0301" * 9, "e" + "\u0301" * 8 + "<+1 marks>"),
        ("\u0301\u20dd" * 5_000, "e" + "\u0301\u20dd" * 4 + "<+9992 marks>"),
        ("\u200d" * 4_000, "e" + "\u200d" * 8 + "<+3992 marks>"),
        ("\u0301x" * 20, "e" + "\u0301x" * 20),
    ],
)
def test_marks_that_pile_up_are_counted(marks: str, shown: str) -> None:
    assert visible(f"e{marks}") == shown
    assert visible(f"e{marks}end") == f"{shown}end"


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (20_000_000, "20.0 MB"),
        (5 * 10**12, "5.0 TB"),
        (2**53, "9007.2 TB"),
    ],
)
def test_sizes_are_powers_of_1000(size: int, shown: str) -> None:
    assert size_text(size) == shown


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (-5, "0.00 s"),
        (250_000, "0.25 s"),
        (9_996_000, "10.0 s"),
        (59_960_000, "1 min 0 s"),
        (125_000_000, "2 min 5 s"),
        (11_520_000_000, "3 h 12 min"),
        (864_000_000_000, "10 days"),
    ],
)
def test_durations_have_the_units_people_use(duration: int, shown: str) -> None:
    assert duration_text(duration) == shown


def test_speed_of_nothing_in_no_time_is_shown() -> None:
    assert speed_text(0, 0) == "0 B/s"
    assert speed_text(11_200_000, 1_000_000) == "11.2 MB/s"


@pytest.mark.parametrize("at", [0, -(2**63), 2**63, 2**64])
def test_any_time_that_a_server_claims_can_be_shown(at: int) -> None:
    assert re.fullmatch(r"(\d{4}-\d\d-\d\d )?(\d\d:\d\d:\d\d)|\?\?:\?\?:\?\?", clock_time(at))


@pytest.mark.parametrize(
    ("done", "size", "shown"),
    [(0, 10, "0%"), (999, 1_000, "99%"), (1_000, 1_000, "100%"), (0, 0, "100%"), (11, 10, "100%"), (43, 100, "43%")],
)
def test_a_share_is_whole_only_when_all_is_done(done: int, size: int, shown: str) -> None:
    assert share_text(done, size) == shown
