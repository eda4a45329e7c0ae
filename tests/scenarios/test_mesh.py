"""Searching in networks of every shape, while one packet in twenty is lost; the large ones are a benchmark."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.peers.survey import hits_of_others, survey
from tests.peers.web import LOSSY, Edge, Web, full, random_graph, ring, star
from tests.world import seeds
from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import QueryKind

RTT = 2 * LOSSY.delay
NARROW = LinkSpec(rate=1_250_000, delay=5 * MILLISECOND, loss=0.05)  # that a flood, passed on, would fill

SHAPES = {
    "ring": (20, ring(20)),
    "star": (15, star(15)),
    "full": (8, full(8)),
    "random": (20, random_graph(20, 3, 1)),
    "random, dense": (15, random_graph(15, 5, 2)),
}


@pytest.mark.parametrize("seed", seeds(0.2))
@pytest.mark.parametrize("shape", SHAPES)
def test_every_holder_within_reach_is_found_and_soon(shape: str, seed: int) -> None:
    count, edges = SHAPES[shape]
    figures = survey(Web(seed, count, edges, LOSSY).knit(), searches=5, ttl=7, rtt=RTT)
    assert figures.found == figures.reachable > 0
    assert figures.strangers == 0
    assert figures.queries <= 2 * figures.edges
    assert figures.first_hit <= 1


@pytest.mark.parametrize("ttl", [1, 2, 5])
def test_a_search_goes_as_far_as_its_ttl_and_no_further(ttl: int) -> None:
    web = Web(1, 12, ring(12), LOSSY).knit()
    for node in web.nodes:
        node.share("a.png")
    found = web.find(0, "a.png", ttl=ttl)
    assert sorted(hit.hops for hit in found) == sorted([*range(1, ttl + 1)] * 2)
    assert web.sent()["queries"] == 2 * ttl


def test_a_search_after_a_bad_time_finds_all_the_same() -> None:
    web = Web(1, 6, random_graph(6, 3, 1), LinkSpec(delay=5 * MILLISECOND, loss=0.2, duplicate=0.2, reorder=0.2)).knit()
    for node in web.nodes[1:]:
        node.share("a.png")
    assert len(web.find(0, "a.png")) == 5


@pytest.mark.parametrize("plaintext", [False, True])
def test_the_same_seed_gives_the_same_bytes(plaintext: bool) -> None:
    traces = []
    for _ in range(2):
        web = Web(7, 6, random_graph(6, 3, 1), LOSSY, Config(plaintext=plaintext)).knit()
        for node in web.nodes:
            node.share(f"{node.number}.png")
        assert len(web.find(3, "*.png", QueryKind.GLOB)) == 5
        traces.append(web.network.trace_hash())
    assert traces[0] == traces[1]


def calm(seed: int, edges: list[Edge], flood: int) -> tuple[int, int]:
    web = Web(seed, 7, edges, NARROW, checked=False).knit()
    most_neighbours = Counter(node for edge in edges for node in edge).most_common(1)[0][0]
    return hits_of_others(web, seconds=2, interval=1, but=most_neighbours, flood=flood, patience=SECOND)


def test_a_neighbour_that_floods_costs_the_others_less_than_a_tenth_of_their_hits() -> None:
    edges = random_graph(7, 3, 4)
    without, due = calm(1, edges, flood=0)
    assert without == due
    flooded, due = calm(1, edges, flood=1_000)
    assert flooded > 0.9 * due
