"""Rates, and whose turn it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from udpchat.config import FLOOD_RATE, FLOOD_TIME, QUERY_BURST, QUERY_QUEUE, QUERY_RATE, SECOND
from udpchat.peers.limits import Allowance, Turns
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Query


def query(number: int) -> Query:
    return Query(number.to_bytes(16, "big"), QueryKind.EXACT, 7, 0, "a")


def turns(*links: int) -> Turns:
    made = Turns()
    for link in links:
        made.open(link)
    return made


def taken(made: Turns, now: int) -> list[int]:
    """All that may be taken now and is paid for, by link."""
    links = []
    while (turn := made.take(now)) is not None:
        made.paid(turn[0], now)
        links.append(turn[0])
    return links


@given(st.integers(1, 1_000), st.integers(1, 100), st.lists(st.integers(0, SECOND), max_size=50))
def test_an_allowance_gives_its_burst_and_then_its_rate_and_says_when(rate: int, burst: int, waits: list[int]) -> None:
    allowance, now, given_ = Allowance(rate, burst), 0, 0
    for wait in waits:
        now += wait
        while allowance.level(now) > 0:
            allowance.take()
            given_ += 1
        assert allowance.level(allowance.ready_at - 1) == 0 if allowance.ready_at - 1 > now else True
        assert given_ <= burst + rate * now // SECOND
    later = max(now, allowance.ready_at)
    assert allowance.level(later) >= 1


def test_links_are_taken_from_in_turn_however_much_one_brings() -> None:
    made = turns(1, 2, 3)
    for number in range(20):
        made.add(1, query(number), 0)
    made.add(2, query(100), 0)
    made.add(3, query(101), 0)
    made.add(3, query(102), 0)
    assert taken(made, 0)[:6] == [1, 2, 3, 1, 3, 1]


def test_all_links_together_are_taken_from_at_the_rate() -> None:
    made = turns(1, 2)
    for number in range(QUERY_BURST):
        made.add(1, query(number), 0)
        made.add(2, query(1_000 + number), 0)
    assert len(taken(made, 0)) == QUERY_BURST
    due = made.next_timeout()
    assert due == SECOND // QUERY_RATE
    assert taken(made, due - 1) == []
    assert len(taken(made, due)) == 1
    assert len(taken(made, due + SECOND // 2)) == QUERY_RATE // 2


def test_of_one_link_the_newest_is_taken_first() -> None:
    made = turns(1)
    for number in range(QUERY_BURST + 2):
        made.add(1, query(number), 0)
    taken(made, 0)
    made.add(1, query(1_000), 0)
    turn = made.take(SECOND)
    assert turn is not None
    assert turn[1] == query(1_000)


def test_a_line_holds_what_it_is_said_to_hold_and_loses_the_oldest() -> None:
    made, now = turns(1, 2), 0
    for number in range(QUERY_BURST):  # all of the rate goes to the other link from here on
        made.add(2, query(10_000 + number), 0)
    taken(made, 0)
    for number in range(QUERY_QUEUE):
        assert made.add(1, query(number), 0) == 0
    now = SECOND // QUERY_RATE
    assert made.add(1, query(QUERY_QUEUE), now) == 1
    assert len(taken(made, 60 * SECOND)) == QUERY_BURST
    assert len(taken(made, 61 * SECOND)) == QUERY_RATE
    assert len(taken(made, 62 * SECOND)) == QUERY_QUEUE - QUERY_BURST - QUERY_RATE


def test_a_link_that_brings_what_a_node_may_send_is_never_taken_for_a_flood() -> None:
    made, served = turns(1), 0
    for number in range(QUERY_BURST):
        made.add(1, query(number), 0)
    for step in range(10 * QUERY_RATE):
        now = step * SECOND // QUERY_RATE
        assert made.add(1, query(1_000 + step), now) == 0
        served += len(taken(made, now))
    assert served >= 10 * QUERY_RATE


def test_more_than_that_at_once_is_a_flood() -> None:
    made = turns(1)
    for number in range(QUERY_QUEUE):
        assert made.add(1, query(number), 0) == 0
    assert made.add(1, query(QUERY_QUEUE), 0) == QUERY_QUEUE


def test_a_link_that_floods_is_taken_from_slowly_until_it_has_behaved_for_a_while() -> None:
    made, now, served = turns(1), 0, 0
    for step in range(5_000):  # 1,000 a second for five seconds
        now = step * SECOND // 1_000
        made.add(1, query(step), now)
        served += len(taken(made, now))
    assert served <= QUERY_BURST + QUERY_RATE + 5 * FLOOD_RATE
    for second in range(5):  # what was left
        later = now + FLOOD_TIME + second * SECOND
        taken(made, later)
    for number in range(50):
        made.add(1, query(7_000 + number), later)
    assert len(taken(made, later)) == 50


def test_a_link_that_floods_keeps_nobody_else_waiting() -> None:
    made, asked, waits = turns(1, 2), 0, []
    for step in range(5_000):
        now = step * SECOND // 1_000
        made.add(1, query(step), now)
        if step % 100 == 50:
            made.add(2, query(10_000 + step), now)
            asked = now
        if 2 in taken(made, now):
            waits.append(now - asked)
    assert len(waits) == 50
    assert max(waits) <= 2 * SECOND // QUERY_RATE
    assert sum(1 for wait in waits if wait) < 5  # only until the flood is known for one


def test_what_a_link_that_goes_has_brought_is_forgotten() -> None:
    made = turns(1, 2)
    made.add(1, query(1), 0)
    made.add(2, query(2), 0)
    made.close(1)
    assert taken(made, 0) == [2]
    assert made.next_timeout() is None
