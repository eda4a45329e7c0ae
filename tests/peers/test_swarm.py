"""Many nodes, with records that arrive in any order: what holds in every network."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peers.stand import HIT, Swarm
from tests.peers.web import Edge, distances, full, random_graph, ring, star
from udpchat.peers.mesh import Link
from udpchat.wire.numbers import QueryKind

SHAPES = st.sampled_from([ring(2), ring(9), star(8), full(7), *(random_graph(15, 3, seed) for seed in range(5))])


@settings(deadline=None, max_examples=200)
@given(SHAPES, st.integers(0, 10_000), st.integers(1, 16), st.data())
def test_a_query_goes_once_through_each_node_and_every_hit_comes_back(
    edges: list[Edge], seed: int, ttl: int, data: st.DataObject
) -> None:
    count = 1 + max(max(edge) for edge in edges)
    holders = data.draw(st.sets(st.integers(1, count - 1)))
    swarm = Swarm(count, sorted(set(edges)), seed, holders, ttl)
    query_id = swarm.meshes[0].search(QueryKind.EXACT, "a.png", 0)
    swarm.run()
    far = distances(edges, 0)
    assert len(swarm.taken) == len(set(swarm.taken))
    assert 0 not in swarm.taken
    assert {node for node in swarm.taken if far[node] > ttl} == set()
    assert swarm.queries <= 2 * len(edges)
    found = [event.hit.port - 1 for event in swarm.told]
    assert sorted(found) == sorted(holders & set(swarm.taken))
    for event in swarm.told:
        assert event.query_id == query_id
        assert far[event.hit.port - 1] <= event.hops <= ttl
    if ttl == 16:  # no path through 15 nodes is longer
        assert set(swarm.taken) == set(range(1, count))


def test_what_nodes_on_the_way_let_through_none_nearer_cuts() -> None:
    """A chain of nodes, at the end of which one makes hits up: the answers of all others reach who asked."""
    for length in range(1, 7):
        swarm = Swarm(length + 1, [(node, node + 1) for node in range(length)], length, set(range(1, length + 1)), 7)
        mallory = swarm.meshes[length].open(Link("mallory", lambda: "10.6.6.6", lambda _: True))
        query_id = swarm.meshes[0].search(QueryKind.EXACT, "a.png", 0)
        while length not in swarm.taken:
            swarm.step()
        for _ in range(2_000):
            swarm.meshes[length].on_hit(mallory, replace(HIT, query_id=query_id), 0)
        swarm.run()
        found = {event.hit.port - 1 for event in swarm.told}
        assert set(range(1, length + 1)) <= found
