import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from udpchat.chat.ports import Query
from udpchat.config import SECOND
from udpchat.ui.cli.history_filters import Asked, FilterError, parse_history, parse_time, placed


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        if hasattr(time, "tzset"):
            time.tzset()
        yield
    if hasattr(time, "tzset"):
        time.tzset()


BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 16, 20, 5, tzinfo=BERLIN)


def at(*moment: int) -> int:
    """Local time as wall clock [us]."""
    return round(datetime(*moment, tzinfo=BERLIN).timestamp() * SECOND)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20", at(2026, 11, 20)),
        ("2026-07-01", at(2026, 7, 1)),  # summer time
        ("2026-11-20T18:30", at(2026, 11, 20, 18, 30)),
        ("2026-11-20_18:30:10", at(2026, 11, 20, 18, 30, 10)),
        ("2026-11-20T18:30:00Z", at(2026, 11, 20, 19, 30)),
        ("2026-11-20T18:30:00+03:00", at(2026, 11, 20, 16, 30)),
        ("30s", at(2026, 11, 21, 16, 19, 35)),
        ("10m", at(2026, 11, 21, 16, 10, 5)),
        ("2h", at(2026, 11, 21, 14, 20, 5)),
        ("3d", at(2026, 11, 18, 16, 20, 5)),
        ("1w", at(2026, 11, 14, 16, 20, 5)),
        ("8:05", at(2026, 11, 21, 8, 5)),
        ("16:20", at(2026, 11, 21, 16, 20)),
        ("16:21", at(2026, 11, 20, 16, 21)),  # still to come, so it was yesterday
        ("00:00:01", at(2026, 11, 21, 0, 0, 1)),
    ],
)
def test_times_are_local_as_people_write_them(text: str, moment: int) -> None:
    assert parse_time(text, NOW) == moment


def test_a_day_that_ends_a_span_is_meant_whole() -> None:
    assert parse_time("2026-11-20", NOW, is_end=True) == at(2026, 11, 21)
    assert parse_time("2026-11-20T00:00", NOW, is_end=True) == at(2026, 11, 20)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "25:00", "12:60", "2026-13-01", "2026-02-30", "9999-12-31x", "10", "10x", "-2h", "999999w", "٣d"],
)
def test_what_is_no_time_is_answered_with_examples(text: str) -> None:
    with pytest.raises(FilterError, match="write for example 2026-11-20"):
        parse_time(text, NOW)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", Asked("", Query(), 50)),
        ("games", Asked("games", Query(), 50)),
        ("20", Asked("", Query(), 20)),
        ("games 20", Asked("games", Query(), 20)),
        ("#20 20", Asked("#20", Query(), 20)),
        ("games pizza", Asked("games", Query(words="pizza"), 50)),
        ("games 20 pizza 8", Asked("games", Query(words="pizza 8"), 20)),
        ("20 pizza", Asked("", Query(words="pizza"), 20)),
        ('games "see you" 饭菜', Asked("games", Query(words='"see you" 饭菜'), 50)),
        ("from:ben", Asked("", Query(sender="ben"), 50)),
        ("FROM:@ben games to:anna", Asked("games", Query(sender="ben", recipient="anna"), 50)),
        ("since:2h", Asked("", Query(sent_from=at(2026, 11, 21, 14, 20, 5)), 50)),
        (
            "since:2026-11-20 until:2026-11-20",
            Asked("", Query(sent_from=at(2026, 11, 20), sent_until=at(2026, 11, 21)), 50),
        ),
        ("games http://x.example", Asked("games", Query(words="http://x.example"), 50)),
    ],
)
def test_history_takes_a_place_a_number_filters_and_words(text: str, asked: Asked) -> None:
    assert parse_history(text, NOW) == asked


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("pizza", Asked("", Query(words="pizza"), 50)),
        ("20 pizza", Asked("", Query(words="20 pizza"), 50)),
        ("pizza from:ben", Asked("", Query(words="pizza", sender="ben"), 50)),
    ],
)
def test_a_search_takes_words_and_filters(text: str, asked: Asked) -> None:
    assert parse_history(text, NOW, has_place=False) == asked


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "0 is no number of lines"),
        ("9" * 30, "is no number of lines"),
        ("from:", "from: needs a nickname right behind it"),
        ("since: 2h", "since: needs a time right behind it"),
        ("since:yesterday", "yesterday is no time; write for example"),
        ("since:1h until:2h", "until: is not later than since:"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_in_words(text: str, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        parse_history(text, NOW)


@pytest.mark.parametrize(
    ("place", "query"),
    [
        ("", Query()),
        ("Games", Query(room="games")),
        ("ben", Query(nick="ben")),
        ("#ben", Query(room="ben")),
        ("@games", Query(nick="games")),
        ("lobby", Query(room="lobby")),
    ],
)
def test_a_place_is_a_room_when_there_is_one_else_a_nickname(place: str, query: Query) -> None:
    assert placed(Query(), place, ["lobby", "games"]) == query
