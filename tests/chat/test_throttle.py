"""The token bucket: times in, verdicts out."""

from __future__ import annotations

import pytest

from udpchat.chat.throttle import Throttle, Verdict
from udpchat.config import SECOND

ANNA, BEN = 1, 2
TENTH = SECOND // 10


def offers(throttle: Throttle[str], owner: int, count: int, now: int) -> list[Verdict]:
    return [throttle.offer(owner, f"{owner}-{number}", now) for number in range(count)]


def drain(throttle: Throttle[str]) -> list[tuple[int, str]]:
    """All that waits, with when it came out."""
    found: list[tuple[int, str]] = []
    while (now := throttle.next_timeout()) is not None:
        found.extend((now, item) for item in throttle.take_due(now))
    return found


def test_a_burst_is_taken_at_once_and_the_rest_waits_its_turn() -> None:
    throttle: Throttle[str] = Throttle(10, 3, 5)
    assert offers(throttle, ANNA, 9, 0) == [
        *[Verdict.TAKEN] * 3,
        Verdict.SLOWED,
        *[Verdict.WAITS] * 4,
        Verdict.REFUSED,
    ]
    assert drain(throttle) == [(TENTH * turn, f"1-{turn + 2}") for turn in range(1, 6)]


@pytest.mark.parametrize(("burst", "taken"), [(1, 1), (2, 2), (200, 200)])
def test_the_burst_is_what_is_taken_at_once(burst: int, taken: int) -> None:
    verdicts = offers(Throttle(10, burst, 1_000), ANNA, 250, 0)
    assert verdicts.count(Verdict.TAKEN) == taken


@pytest.mark.parametrize(("waiting", "refused"), [(0, 4), (3, 1), (4, 0), (5, 0)])
def test_as_many_wait_as_may(waiting: int, refused: int) -> None:
    assert offers(Throttle(10, 1, waiting), ANNA, 5, 0).count(Verdict.REFUSED) == refused


def test_in_the_long_run_the_rate_holds_however_late_the_timer_is() -> None:
    throttle: Throttle[str] = Throttle(10, 1, 100)
    offers(throttle, ANNA, 51, 0)
    assert len(throttle.take_due(5 * SECOND)) == 50, "a late timer takes all that was due"


def test_a_rate_of_zero_lets_all_through() -> None:
    throttle: Throttle[str] = Throttle(0, 0, 0)
    assert set(offers(throttle, ANNA, 10_000, 0)) == {Verdict.TAKEN}
    assert throttle.next_timeout() is None


def test_one_who_is_slowed_does_not_slow_another() -> None:
    throttle: Throttle[str] = Throttle(10, 2, 100)
    offers(throttle, ANNA, 50, 0)
    assert offers(throttle, BEN, 2, 0) == [Verdict.TAKEN, Verdict.TAKEN]


def test_what_comes_while_others_wait_is_not_taken_before_them() -> None:
    throttle: Throttle[str] = Throttle(10, 1, 100)
    offers(throttle, ANNA, 3, 0)
    assert throttle.take_due(TENTH) == ["1-1"]
    assert throttle.offer(ANNA, "late", 2 * TENTH) is Verdict.WAITS, "the one before it is due, but not out yet"
    assert [item for _, item in drain(throttle)] == ["1-2", "late"]


def test_an_owner_is_told_once_that_it_is_slowed_until_the_bucket_was_full_again() -> None:
    throttle: Throttle[str] = Throttle(10, 2, 100)
    offers(throttle, BEN, 50, 0)  # who speaks all the time, beside her
    offers(throttle, ANNA, 3, 0)
    throttle.take_due(TENTH)
    assert offers(throttle, ANNA, 2, 2 * TENTH) == [Verdict.TAKEN, Verdict.WAITS]
    throttle.take_due(5 * TENTH)
    assert offers(throttle, ANNA, 3, 10 * TENTH) == [Verdict.TAKEN, Verdict.TAKEN, Verdict.SLOWED]


@pytest.mark.parametrize(("now", "wait"), [(0, TENTH), (TENTH // 2, TENTH // 2), (TENTH, 0), (SECOND, 0)])
def test_the_wait_until_the_next_is_taken(now: int, wait: int) -> None:
    throttle: Throttle[str] = Throttle(10, 1, 100)
    offers(throttle, ANNA, 1, 0)
    assert throttle.wait(ANNA, now) == wait


def test_dropped_items_never_come_out_and_leave_the_others_in_order() -> None:
    throttle: Throttle[str] = Throttle(10, 1, 100)
    offers(throttle, ANNA, 5, 0)
    offers(throttle, BEN, 3, 0)
    throttle.drop(lambda item: item in {"1-2", "1-3", "2-1", "2-2"})
    assert [item for _, item in drain(throttle)] == ["1-1", "1-4"]
    assert throttle.offer(BEN, "again", SECOND) is Verdict.TAKEN


@pytest.mark.parametrize("charges", [1, 2, 3, 1_000])
def test_what_could_not_wait_counts_but_leaves_no_more_than_an_empty_bucket(charges: int) -> None:
    throttle: Throttle[str] = Throttle(10, 3, 100)
    for _ in range(charges):
        throttle.charge(ANNA, 0)
    assert offers(throttle, ANNA, 3, 0).count(Verdict.TAKEN) == max(0, 3 - charges)
    assert drain(throttle)[0][0] == TENTH


def test_a_charge_never_shortens_what_waits() -> None:
    throttle: Throttle[str] = Throttle(10, 1, 100)
    offers(throttle, ANNA, 20, 0)
    before = throttle.wait(ANNA, 0)
    throttle.charge(ANNA, 0)
    assert throttle.wait(ANNA, 0) >= before


def test_owners_who_have_been_silent_are_forgotten() -> None:
    throttle: Throttle[str] = Throttle(10, 3, 100)
    for owner in range(10_000):
        throttle.offer(owner, "hello", owner * TENTH)
    assert len(throttle) <= 4
