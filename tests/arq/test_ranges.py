"""RangeSet against a plain set of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.ranges import RangeSet
from udpchat.errors import UsageError

LIMIT = 40
EDGES = st.tuples(st.integers(0, LIMIT), st.integers(0, LIMIT)).map(lambda pair: (min(pair), max(pair)))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove", "pop"]), EDGES), max_size=25)


def runs_of(numbers: set[int]) -> list[tuple[int, int]]:
    starts = sorted(n for n in numbers if n - 1 not in numbers)
    stops = sorted(n + 1 for n in numbers if n + 1 not in numbers)
    return list(zip(starts, stops, strict=True))


@settings(max_examples=300)
@given(STEPS, EDGES)
def test_it_behaves_like_a_set_of_numbers(steps: list[tuple[str, tuple[int, int]]], edges: tuple[int, int]) -> None:
    ranges, model = RangeSet(), set[int]()
    for what, (start, stop) in steps:
        asked = set(range(start, stop))
        if what == "add":
            assert ranges.add(start, stop) == len(asked - model)
            model |= asked
        elif what == "remove":
            assert ranges.remove(start, stop) == len(asked & model)
            model -= asked
        elif model:
            first = runs_of(model)[0]
            assert ranges.pop_first() == first
            model -= set(range(*first))
        assert list(ranges) == runs_of(model)
        assert ranges.total == len(model)
    start, stop = edges
    asked = set(range(start, stop))
    runs = runs_of(model)
    assert list(ranges.descending()) == runs[::-1]
    assert list(ranges.missing(start, stop)) == runs_of(asked - model)
    assert list(ranges.overlap(start, stop)) == runs_of(asked & model)
    assert ranges.covers(start, stop) == (asked <= model)
    assert (len(ranges), bool(ranges)) == (len(runs), bool(runs))
    assert (ranges.first, ranges.last) == ((runs[0][0], runs[-1][1]) if runs else (0, 0))
    assert {n for n in range(-1, LIMIT + 2) if n in ranges} == model
    for run in runs:
        assert {ranges.run_at(n) for n in range(*run)} == {run}


@pytest.mark.parametrize(
    ("start", "stop", "new", "after"),
    [
        (30, 40, 10, [(0, 10), (20, 40)]),  # extends the last run
        (35, 40, 5, [(0, 10), (20, 30), (35, 40)]),
        (25, 28, 0, [(0, 10), (20, 30)]),
        (10, 20, 10, [(0, 30)]),  # fills the gap exactly
        (10, 15, 5, [(0, 15), (20, 30)]),
        (15, 20, 5, [(0, 10), (15, 30)]),
        (12, 18, 6, [(0, 10), (12, 18), (20, 30)]),
        (0, 50, 30, [(0, 50)]),
        (7, 7, 0, [(0, 10), (20, 30)]),
    ],
)
def test_runs_that_touch_become_one(start: int, stop: int, new: int, after: list[tuple[int, int]]) -> None:
    ranges = RangeSet([(20, 30), (0, 10)])
    assert ranges.add(start, stop) == new
    assert list(ranges) == after


def test_two_sets_are_equal_when_they_hold_the_same_numbers() -> None:
    assert RangeSet([(0, 5), (5, 9)]) == RangeSet([(0, 9)])
    assert RangeSet([(0, 5)]) != RangeSet([(0, 6)])
    assert RangeSet() != set()


def test_its_repr_shows_the_runs() -> None:
    assert repr(RangeSet([(1, 2), (5, 9)])) == "RangeSet([(1, 2), (5, 9)])"


def test_clear_and_drop_first_take_runs_out() -> None:
    ranges = RangeSet([(1, 2), (5, 9)])
    ranges.drop_first()
    assert (list(ranges), ranges.total) == ([(5, 9)], 4)
    ranges.clear()
    assert (list(ranges), ranges.total) == ([], 0)


def test_misuse_is_refused() -> None:
    ranges = RangeSet([(5, 9)])
    for call in (ranges.add, ranges.remove):
        with pytest.raises(UsageError):
            call(3, 2)
    with pytest.raises(UsageError):
        ranges.run_at(9)
    with pytest.raises(UsageError):
        RangeSet().pop_first()
    assert list(ranges) == [(5, 9)]
