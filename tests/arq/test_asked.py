"""Which packets say something about bytes that a receiver has asked for again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.work import calls
from udpchat.arq.asked import Asked


def test_packets_from_before_the_question_say_nothing_about_what_was_asked() -> None:
    asked = Asked()
    asked.add(100, 200, number=7)
    assert asked.told_by(6, 50, 250) == ((50, 100), (200, 250))
    assert asked.told_by(7, 50, 250) == ((50, 250),)


def test_what_is_settled_is_told_by_any_packet_again() -> None:
    asked = Asked()
    asked.add(100, 200, number=7)
    asked.settle(100, 150)
    assert asked.told_by(3, 100, 200) == ((100, 150),)
    asked.settle(0, 1_000)
    assert not asked
    assert asked.told_by(3, 100, 200) == ((100, 200),)


def test_what_is_asked_twice_counts_from_the_second_question_on() -> None:
    asked = Asked()
    asked.add(0, 300, number=5)
    asked.add(100, 200, number=9)
    assert asked.told_by(6, 0, 300) == ((0, 100), (200, 300))
    assert asked.told_by(9, 0, 300) == ((0, 300),)
    assert len(asked) == 3


def test_pieces_of_one_question_that_touch_are_one_piece() -> None:
    asked = Asked()
    for start, stop in ((0, 100), (200, 300), (100, 200), (50, 120)):
        asked.add(start, stop, number=5)
    assert len(asked) == 1
    asked.add(300, 400, number=6)
    assert len(asked) == 2


def test_no_step_costs_more_for_all_that_was_asked_before() -> None:
    few, many = Asked(), Asked()
    few.add(0, 1, number=1)
    for number in range(1, 3_000):
        many.add(10 * number, 10 * number + 1, number)
    for step in (
        lambda asked: asked.add(15_005, 15_006, 9_999),
        lambda asked: asked.told_by(5, 15_005, 15_006),
        lambda asked: asked.settle(15_005, 15_006),
        len,
    ):
        assert calls(lambda: step(many)) <= calls(lambda: step(few)) + 10  # noqa: B023 - called at once


QUESTION = st.tuples(st.booleans(), st.integers(0, 30), st.integers(1, 8))


@given(st.lists(QUESTION, max_size=30), st.integers(0, 40), st.integers(1, 40))
def test_it_agrees_with_a_number_for_each_byte(steps: list[tuple[bool, int, int]], packet: int, step: int) -> None:
    asked, since = Asked(), dict.fromkeys(range(50), 0)
    for number, (is_question, start, length) in enumerate(steps, step):
        if is_question:
            asked.add(start, start + length, number)
        else:
            asked.settle(start, start + length)
        since.update(dict.fromkeys(range(start, start + length), number if is_question else 0))
    told = {byte for start, stop in asked.told_by(packet, 0, 50) for byte in range(start, stop)}
    assert told == {byte for byte in range(50) if since[byte] <= packet}
    assert bool(asked) == any(since.values())
