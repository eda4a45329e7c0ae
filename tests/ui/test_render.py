import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.chat.events import Disconnected, LineSaid, NoticeGiven, PrivateSaid, UserChanged
from udpchat.errors import ErrorCode
from udpchat.files.events import Downloaded, FileDelivered, FileShared, Progress, TransferFailed, UploadBegan, Uploaded
from udpchat.protocol.ports import FileEntry
from udpchat.ui.cli.render import (
    Event,
    Meter,
    clock_time,
    describe,
    duration_text,
    file_table,
    size_text,
    speed_text,
    user_table,
    visible,
)
from udpchat.wire.numbers import Change

HOSTILE = "a\x1b]0;title\x07\x9b31m\u202egpj.exe\r\n\u2028\u2066\x00\x7f\ud800"
ONE, OTHER = bytes(range(16)), bytes(16)


def entry(name: str = "f.bin", nick: str = "anna", size: int = 5) -> FileEntry:
    return FileEntry(OTHER, name, size, ONE, 0, b"", nick)


def events(text: str) -> list[Event]:
    return [
        UserChanged(text, Change.JOINED, 2, text),
        LineSaid(1, 0, text, text, text),
        PrivateSaid(1, 0, text, text, text),
        NoticeGiven(0, text),
        UploadBegan(text, text, 5),
        FileShared(text, entry(text, text), OTHER),
        FileDelivered(text, entry(text, text), ONE),
        TransferFailed(0, text, text, 64, text),
        Uploaded(1, text, 5, ONE, ONE, OTHER, 0, 1_000_000),
        Downloaded(1, text, 5, ONE, OTHER, text, 0, 1_000_000),
        Disconnected(ErrorCode.KICKED, text, remote=True),
    ]


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


@pytest.mark.parametrize("event", events(HOSTILE), ids=lambda event: type(event).__name__)
def test_every_event_with_hostile_text_is_one_safe_line(event: Event) -> None:
    line = describe(event)
    assert is_safe(line)
    assert len(line.splitlines()) == 1


def test_lists_with_hostile_names_are_safe() -> None:
    assert all(is_safe(line) for line in [*file_table([entry(HOSTILE, HOSTILE)]), *user_table([(HOSTILE, 0)])])


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


def test_progress_shows_share_speed_and_time_left_over_the_last_seconds() -> None:
    meter = Meter()
    assert meter.line(Progress(1, "f", 0, 10_000_000), 0) == "f   0% of 10.0 MB"
    assert meter.line(Progress(1, "f", 1_000_000, 10_000_000), 1_000_000) == (
        "f  10% of 10.0 MB, 1.0 MB/s, 9.00 s left"
    )
    # Five seconds on, the slow start has left the window.
    meter.line(Progress(1, "f", 2_000_000, 10_000_000), 5_000_000)
    assert meter.line(Progress(1, "f", 6_000_000, 10_000_000), 6_000_000).endswith("4.0 MB/s, 1.00 s left")
    assert meter.line(Progress(2, "empty", 0, 0), 6_000_001).startswith("empty 100%")


def test_equal_digests_are_told_once_and_different_ones_stand_out() -> None:
    same = describe(FileShared("anna", entry(), ONE))
    assert same.count(ONE.hex()) == 1
    assert "DIFFERS" not in same
    different = describe(FileShared("anna", entry(), OTHER))
    assert "MD5 DIFFERS" in different
    assert ONE.hex() in different
    assert OTHER.hex() in different


@pytest.mark.parametrize(("count", "words"), [(0, "0 users are here"), (1, "1 user is here"), (2, "2 users are here")])
def test_who_leaves_is_told_with_how_many_are_left(count: int, words: str) -> None:
    assert describe(UserChanged("anna", Change.LEFT, count)).endswith(f"anna left, {words}")
