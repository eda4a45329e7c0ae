"""Queries as each node passes them on: to whom, and how often; and searches of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.peers.stand import HIT, QUERY, Stand
from udpchat.config import (
    MAX_LOCAL_SEARCHES,
    MAX_OWN_SEARCHES,
    QUERY_RATE,
    ROUTE_LIFETIME,
    SEARCH_TIME,
    SECOND,
)
from udpchat.errors import RefusedError, StorageError, UsageError
from udpchat.peers.events import HitCame, QueryOver
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Hit, Query

# -- queries -----------------------------------------------------------------------------------------------------------


def test_a_query_is_passed_on_to_all_but_the_one_it_came_from() -> None:
    stand = Stand()
    stand.mesh.on_query(2, QUERY, 0)
    passed = replace(QUERY, ttl=6, hops=1)
    assert stand.sent == [(1, passed), (3, passed)]


def test_a_query_is_answered_and_passed_on_once() -> None:
    stand = Stand(shares=("a.png",))
    for link in (1, 2, 3, 1):
        stand.mesh.on_query(link, QUERY, 0)
    assert [type(record) for record in stand.to(1)] == [Hit]
    assert [type(record) for record in stand.to(2)] == [Query]
    assert stand.mesh.drops["seen"] == 3


@pytest.mark.parametrize(
    ("ttl", "passed"),
    [(255, 6), (16, 6), (8, 6), (7, 6), (3, 2), (2, 1)],
)
def test_the_ttl_is_clamped_and_always_one_less(ttl: int, passed: int) -> None:
    stand = Stand(2)
    stand.mesh.on_query(1, replace(QUERY, ttl=ttl), 0)
    assert stand.to(2) == [replace(QUERY, ttl=passed, hops=1)]


def test_at_its_last_link_a_query_is_answered_and_not_passed_on() -> None:
    stand = Stand(shares=("a.png",))
    stand.mesh.on_query(1, replace(QUERY, ttl=1), 0)
    assert [(link, type(record)) for link, record in stand.sent] == [(1, Hit)]


def test_whatever_a_query_says_of_its_hops_its_ttl_ends_it() -> None:
    stand = Stand(2)
    stand.mesh.on_query(1, replace(QUERY, ttl=255, hops=255), 0)
    stand.mesh.on_query(1, replace(QUERY, query_id=b"r" * 16, hops=0), 0)
    assert [(record.ttl, record.hops) for record in stand.to(2) if isinstance(record, Query)] == [(6, 255), (6, 1)]


@pytest.mark.parametrize(
    "query",
    [
        replace(QUERY, ttl=0),
        replace(QUERY, pattern=""),
        replace(QUERY, kind=QueryKind.MD5),
        replace(QUERY, kind=QueryKind.WORDS, pattern="?!"),
    ],
)
def test_a_query_that_means_nothing_is_dropped_and_not_remembered(query: Query) -> None:
    stand = Stand(shares=("a.png",))
    stand.mesh.on_query(1, query, 0)
    assert stand.sent == []
    assert stand.mesh.drops == {"malformed-query": 1}
    stand.mesh.on_query(1, QUERY, 0)
    assert len(stand.sent) == 3


def test_a_query_of_a_kind_of_later_is_passed_on_and_not_answered() -> None:
    stand = Stand(2, shares=("a.png",))
    stand.mesh.on_query(1, replace(QUERY, kind=77), 0)
    assert stand.sent == [(2, replace(QUERY, kind=77, ttl=6, hops=1))]


def test_a_query_is_not_queued_for_a_neighbour_that_takes_no_more() -> None:
    stand = Stand(2)
    stand.takes = False
    stand.mesh.on_query(1, QUERY, 0)
    assert stand.mesh.sent["queries"] == 0
    assert stand.mesh.drops["link-full"] == 1


def test_a_query_waits_for_its_turn_when_too_many_come() -> None:
    stand = Stand(2)
    for number in range(150):
        stand.mesh.on_query(1, replace(QUERY, query_id=number.to_bytes(16, "big")), 0)
    assert len(stand.to(2)) == 100
    due = stand.mesh.next_timeout()
    assert due == SECOND // QUERY_RATE
    stand.mesh.handle_timeout(SECOND)
    assert len(stand.to(2)) == 150
    assert stand.mesh.next_timeout() is None


def test_a_copy_that_comes_while_the_query_waits_is_still_passed_on_once() -> None:
    stand = Stand(3)
    for number in range(101):
        for link in (1, 2):
            stand.mesh.on_query(link, replace(QUERY, query_id=number.to_bytes(16, "big")), 0)
    stand.mesh.handle_timeout(SECOND)
    assert len(stand.to(3)) == 101
    assert stand.mesh.drops["seen"] == 101


def test_storage_is_not_asked_for_more_than_it_can_answer() -> None:
    stand = Stand(2)
    stand.answers = False
    for number in range(MAX_LOCAL_SEARCHES + 1):
        stand.mesh.on_query(1, replace(QUERY, query_id=number.to_bytes(16, "big")), 0)
    assert len(stand.asked) == MAX_LOCAL_SEARCHES
    assert stand.mesh.drops["busy"] == 1
    assert len(stand.to(2)) == MAX_LOCAL_SEARCHES + 1  # passed on all the same
    stand.answer(*stand.asked.pop())
    stand.mesh.on_query(1, replace(QUERY, query_id=b"later" + bytes(11)), 0)
    assert len(stand.asked) == MAX_LOCAL_SEARCHES


def test_a_search_that_the_disk_fails_is_counted_and_harms_nothing() -> None:
    stand = Stand(2)
    stand.answers = False
    stand.mesh.on_query(1, QUERY, 0)
    stand.answer(*stand.asked.pop(), found=StorageError("the disk failed"))
    assert stand.mesh.drops == {"storage": 1}


def test_an_answer_that_comes_when_the_query_is_forgotten_goes_nowhere() -> None:
    stand = Stand(2, shares=("a.png",))
    stand.answers = False
    stand.mesh.on_query(1, QUERY, 0)
    stand.now = ROUTE_LIFETIME
    stand.answer(*stand.asked.pop())
    assert stand.to(1) == []
    assert stand.mesh.drops["late"] == 1


# -- searches of our own -----------------------------------------------------------------------------------------------


def test_a_search_asks_all_neighbours_and_tells_what_comes_until_it_is_over() -> None:
    stand = Stand(2)
    query_id = stand.mesh.search(QueryKind.GLOB, "*.png", 0)
    assert stand.sent == [(link, Query(query_id, QueryKind.GLOB, 7, 0, "*.png")) for link in (1, 2)]
    stand.mesh.on_hit(2, replace(HIT, query_id=query_id), 0)
    hit = replace(HIT, query_id=query_id, host="10.0.0.2")
    assert stand.told == [HitCame(query_id, hit, 1, 2, "node2")]
    assert stand.mesh.next_timeout() == SEARCH_TIME
    stand.mesh.handle_timeout(SEARCH_TIME - 1)
    assert len(stand.told) == 1
    stand.mesh.handle_timeout(SEARCH_TIME)
    assert stand.told[1:] == [QueryOver(query_id, 1)]
    stand.mesh.on_hit(1, replace(HIT, query_id=query_id), SEARCH_TIME)
    assert len(stand.told) == 2
    assert stand.mesh.drops == {"late": 1}


def test_our_own_query_that_comes_back_to_us_is_dropped() -> None:
    stand = Stand(2, shares=("a.png",))
    query_id = stand.mesh.search(QueryKind.EXACT, "a.png", 0)
    stand.sent.clear()
    stand.mesh.on_query(1, replace(QUERY, query_id=query_id), 0)
    assert stand.sent == []


def test_a_search_that_is_stopped_is_over_at_once_and_once() -> None:
    stand = Stand(1)
    query_id = stand.mesh.search(QueryKind.EXACT, "a", 0)
    stand.mesh.stop(query_id)
    stand.mesh.stop(query_id)
    stand.mesh.handle_timeout(SEARCH_TIME)
    assert stand.told == [QueryOver(query_id, 0)]


def test_what_cannot_be_searched_for_is_said_at_once() -> None:
    mesh = Stand(1).mesh
    for pattern, kind in (("", QueryKind.EXACT), ("12", QueryKind.MD5), ("x" * 256, QueryKind.EXACT)):
        with pytest.raises(UsageError):
            mesh.search(kind, pattern, 0)
    for ttl in (0, 8):
        with pytest.raises(UsageError, match="1 to 7 links"):
            mesh.search(QueryKind.EXACT, "a", 0, ttl=ttl)
    with pytest.raises(UsageError, match="at most"):
        mesh.search(QueryKind.EXACT, "a", 0, duration=ROUTE_LIFETIME + 1)
    assert mesh.next_timeout() is None


def test_too_many_searches_at_once_are_refused() -> None:
    mesh = Stand(1).mesh
    first = mesh.search(QueryKind.EXACT, "a", 0)
    for _ in range(MAX_OWN_SEARCHES - 1):
        mesh.search(QueryKind.EXACT, "a", 0)
    with pytest.raises(RefusedError, match="searches are under way"):
        mesh.search(QueryKind.EXACT, "a", 0)
    mesh.stop(first)
    mesh.search(QueryKind.EXACT, "a", 0)
