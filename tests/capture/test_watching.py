import pytest

from udpchat.arq.in_flight import Kind, SentRun
from udpchat.capture.watching import MAX_REMEMBERED, LostContent

DATA_7 = (Kind.DATA, 7)


def lost(first: int, count: int, offset: int, length: int, chunk: int = 100, stream: int = 7) -> SentRun:
    return SentRun(first, count, 0, chunk, chunk, Kind.DATA, stream, offset, length, chunk)


@pytest.mark.parametrize(
    ("start", "stop", "number"),
    [(0, 100, 10), (100, 200, 11), (150, 190, 11), (200, 230, 12), (229, 300, 12), (230, 330, None), (900, 950, None)],
)
def test_what_is_sent_again_is_found_by_its_bytes(start: int, stop: int, number: int | None) -> None:
    content = LostContent()
    content.add(lost(10, 3, 0, 230))
    assert content.take(DATA_7, start, stop) == number
    assert content.take((Kind.DATA, 8), start, stop) is None
    assert content.take((Kind.MESSAGE, 7), start, stop) is None


def test_a_packet_sent_again_in_smaller_ones_is_repeated_by_each() -> None:
    content = LostContent()
    content.add(lost(10, 1, 0, 100))
    assert [content.take(DATA_7, start, start + 40) for start in (0, 40, 80, 0)] == [10, 10, 10, None]


def test_what_is_lost_once_more_is_that_of_the_later_packet() -> None:
    content = LostContent()
    content.add(lost(10, 2, 0, 200))
    assert content.take(DATA_7, 0, 100) == 10
    content.add(lost(15, 1, 0, 100))
    assert content.take(DATA_7, 0, 100) == 15
    assert content.take(DATA_7, 100, 200) == 11


def test_when_too_much_is_lost_what_was_lost_first_is_forgotten() -> None:
    content = LostContent()
    for number in range(MAX_REMEMBERED + 1):
        content.add(lost(number, 1, number * 100, 100))
    assert content.take(DATA_7, 0, 100) is None
    last = MAX_REMEMBERED * 100
    assert content.take(DATA_7, last, last + 100) == MAX_REMEMBERED
