"""Hits as each node passes them back: the way of their query, and not more of them than is fair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.peers.stand import HIT, KEY, QUERY, Stand
from tests.peers.web import shared
from udpchat.config import (
    HIT_BURST,
    MAX_ANSWERS,
    ROUTE_LIFETIME,
)
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Hit


def asked(links: int = 3, ttl: int = 7) -> Stand:
    """A mesh through which a query of link 1 has gone."""
    stand = Stand(links)
    stand.mesh.on_query(1, replace(QUERY, ttl=ttl), 0)
    stand.sent.clear()
    return stand


def test_a_hit_of_our_own_says_what_it_is_and_not_where() -> None:
    stand = Stand(2, shares=("a.png",))
    stand.mesh.on_query(1, QUERY, 0)
    (hit,) = stand.to(1)
    assert isinstance(hit, Hit)
    file = shared("a.png")
    assert (hit.file_name, hit.size, hit.md5, hit.root) == (file.file_name, file.size, file.md5, file.root)
    assert (hit.query_id, hit.hops, hit.key, hit.host, hit.port) == (QUERY.query_id, 1, KEY, "", 27272)


def test_a_hit_goes_back_the_way_its_query_came_and_nowhere_else() -> None:
    stand = asked()
    stand.mesh.on_hit(2, replace(HIT, host="10.9.9.9", hops=3), 0)
    assert stand.sent == [(1, replace(HIT, host="10.9.9.9", hops=4))]


def test_the_neighbour_of_the_holder_says_where_it_is() -> None:
    stand = asked()
    stand.mesh.on_hit(2, HIT, 0)
    assert stand.sent == [(1, replace(HIT, host="10.0.0.2", hops=2))]


def test_what_is_on_the_machine_of_a_neighbour_is_said_to_be_there() -> None:
    stand = asked()
    stand.mesh.on_hit(2, replace(HIT, host="127.0.0.1", hops=2), 0)
    stand.mesh.on_hit(2, replace(HIT, host="::1", hops=2), 0)
    assert [record.host for record in stand.to(1) if isinstance(record, Hit)] == ["10.0.0.2"] * 2


@pytest.mark.parametrize(
    "hit",
    [
        replace(HIT, hops=0),
        replace(HIT, hops=7, host="10.0.0.9"),  # the query had six links left
        replace(HIT, hops=255, host="10.0.0.9"),
        replace(HIT, hops=2),  # by now somebody has seen where the holder is
        replace(HIT, host="evil.example"),
        replace(HIT, host="10.0.0.256"),
        replace(HIT, port=0),
        replace(HIT, file_name=""),
        replace(HIT, file_name="a" * 1_025),
    ],
)
def test_a_hit_that_cannot_be_true_is_dropped(hit: Hit) -> None:
    stand = asked()
    stand.mesh.on_hit(2, hit, 0)
    assert stand.sent == []
    assert stand.mesh.drops == {"malformed-hit": 1}


def test_a_hit_for_a_query_that_nobody_asked_is_dropped() -> None:
    stand = asked()
    stand.mesh.on_hit(2, replace(HIT, query_id=b"?" * 16), 0)
    stand.mesh.on_hit(1, HIT, 0)  # from the one who asked
    assert stand.sent == []
    assert stand.mesh.drops == {"unknown-query": 1, "wrong-way": 1}


def test_a_hit_comes_too_late_when_its_query_is_forgotten() -> None:
    stand = asked()
    stand.mesh.on_hit(2, HIT, ROUTE_LIFETIME - 1)
    stand.mesh.on_hit(2, HIT, ROUTE_LIFETIME)
    assert len(stand.sent) == 1


def test_hits_whose_asker_is_gone_end_here() -> None:
    stand = asked()
    stand.mesh.close(1)
    stand.mesh.on_hit(2, HIT, 0)
    assert stand.sent == []
    assert stand.mesh.drops == {"no-way-back": 1}


@pytest.mark.parametrize("ttl", [2, 3, 7])
def test_a_neighbour_that_makes_hits_up_leaves_room_for_the_answers_of_one_node(ttl: int) -> None:
    stand = asked(4, ttl=ttl)
    for _ in range(1_000):
        stand.mesh.on_hit(2, HIT, 0)
    assert len(stand.to(1)) == MAX_ANSWERS * (ttl - 1)
    for _ in range(MAX_ANSWERS):
        stand.mesh.on_hit(3, HIT, 0)
    assert len(stand.to(1)) == MAX_ANSWERS * ttl
    stand.mesh.on_hit(4, HIT, 0)
    assert len(stand.to(1)) == MAX_ANSWERS * ttl


def test_at_its_last_link_a_query_has_no_hits_of_others() -> None:
    stand = asked(2, ttl=1)
    stand.mesh.on_hit(2, HIT, 0)
    assert stand.sent == []
    assert stand.mesh.drops == {"malformed-hit": 1}


def test_a_node_answers_with_so_many_and_no_more() -> None:
    stand = Stand(1, shares=tuple(f"{number}.png" for number in range(MAX_ANSWERS + 1)))
    stand.mesh.on_query(1, replace(QUERY, kind=QueryKind.GLOB, pattern="*"), 0)
    assert len(stand.to(1)) == MAX_ANSWERS


def test_queries_with_few_hits_go_first_when_a_neighbour_gets_too_many() -> None:
    stand = Stand(4)
    greedy = [replace(QUERY, query_id=bytes([number]) * 16) for number in range(20)]
    for query in (*greedy, QUERY):
        stand.mesh.on_query(1, query, 0)
    stand.sent.clear()
    for _ in range(MAX_ANSWERS):
        for query in greedy:
            for link in (2, 3):
                stand.mesh.on_hit(link, replace(HIT, query_id=query.query_id), 0)
    assert len(stand.to(1)) < HIT_BURST
    for _ in range(20):
        stand.mesh.on_hit(4, HIT, 0)
    assert [record.query_id for record in stand.to(1)[-20:]] == [QUERY.query_id] * 20
