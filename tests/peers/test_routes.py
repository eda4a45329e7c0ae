"""What a node remembers of queries: for a time, and not too many."""

from __future__ import annotations

from udpchat.config import MAX_ROUTES, ROUTE_LIFETIME
from udpchat.peers.routes import Routes


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_a_query_is_remembered_for_its_time() -> None:
    routes = Routes()
    routes.add(name(1), 5, 7, 1_000)
    route = routes.find(name(1), 1_000 + ROUTE_LIFETIME - 1)
    assert route is not None
    assert (route.link, route.ttl) == (5, 7)
    assert routes.find(name(1), 1_000 + ROUTE_LIFETIME) is None


def test_what_is_forgotten_takes_no_room() -> None:
    routes = Routes()
    for number in range(100):
        routes.add(name(number), 1, 7, 0)
    routes.add(name(1), 2, 7, ROUTE_LIFETIME)
    assert len(routes) == 1
    found = routes.find(name(1), ROUTE_LIFETIME)
    assert found is not None
    assert found.link == 2


def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    routes = Routes()
    for number in range(MAX_ROUTES):
        routes.add(name(number), 1, 7, number)
    assert routes.find(name(0), MAX_ROUTES) is not None
    routes.add(name(MAX_ROUTES), 1, 7, MAX_ROUTES)
    assert len(routes) == MAX_ROUTES
    assert routes.find(name(0), MAX_ROUTES) is None
    assert routes.find(name(1), MAX_ROUTES) is not None
