"""What strangers and bad neighbours can say to a node, and how little comes of it."""

from __future__ import annotations

from dataclasses import replace

from tests.peers.web import Guest, Web, address_of
from udpchat.config import LINK_QUERIES, LINK_QUEUE, MAX_ANSWERS, QUERY_BURST, QUERY_QUEUE, Config
from udpchat.errors import ErrorCode
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Hit, Neighbour, Query, encode_record

QUERY = Query(b"q" * 16, QueryKind.EXACT, 7, 0, "a.png")
HIT = Hit(b"q" * 16, 1, b"k" * 32, 27272, b"f" * 16, 9, bytes(16), bytes(32), 0, 0, "", "a.png")
HELLO = Neighbour(bytes(32), 27272, "mallory")


def neighbours(web: Web, node: int = 0) -> Guest:
    """A bad neighbour."""
    guest = Guest(web, node)
    guest.say(HELLO)
    assert guest.told(Neighbour)
    return guest


def test_who_has_not_joined_may_ask_for_nothing() -> None:
    web = Web(1, 1, [])
    web.nodes[0].share("a.png")
    guest = Guest(web, 0, joins=False)
    guest.say(HELLO, QUERY, HIT)
    assert guest.refusals == [ErrorCode.NOT_JOINED] * 3
    assert not guest.told(Hit)


def test_who_is_no_neighbour_may_not_search() -> None:
    web = Web(1, 1, [])
    web.nodes[0].share("a.png")
    guest = Guest(web, 0)
    guest.say(QUERY, HIT)
    assert guest.refusals == [ErrorCode.NOT_ALLOWED] * 2
    assert not guest.told(Hit)


def test_a_neighbour_is_one_once() -> None:
    web = Web(1, 1, [])
    guest = neighbours(web)
    guest.say(HELLO)
    assert guest.refusals == [ErrorCode.NEIGHBOURS_ALREADY]
    assert len(web.nodes[0].core.roster) == 1


def test_a_query_that_claims_the_longest_life_goes_no_further_than_the_nodes_allow() -> None:
    web = Web(1, 6, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)], config=Config(max_ttl=3)).knit()
    for node in web.nodes:
        node.share("a.png")
    guest = neighbours(web)
    guest.say(replace(QUERY, ttl=255, hops=0))
    assert {hit.key for hit in guest.told(Hit)} == {web.nodes[node].keys.static_public for node in (0, 1, 2)}


def test_hits_that_nobody_asked_for_go_nowhere() -> None:
    web = Web(1, 2, [(0, 1)]).knit()
    guest = neighbours(web)
    guest.say(*[replace(HIT, query_id=number.to_bytes(16, "big")) for number in range(500)])
    assert web.nodes[0].mesh.drops["unknown-query"] == 500
    assert web.sent()["hits"] == 0


def test_a_flood_of_hits_for_one_search_is_cut_and_those_of_others_come_through() -> None:
    web = Web(1, 3, [(0, 1), (1, 2)]).knit()
    web.nodes[2].share("a.png")
    guest = neighbours(web, 1)
    query_id = web.search(0, "a.png")
    web.rest(0.006)
    guest.say(*[replace(HIT, query_id=query_id) for _ in range(2_000)])
    hits = [event.hit for _, event in web.nodes[0].hits(query_id)]
    assert len([hit for hit in hits if hit.key == HIT.key]) == MAX_ANSWERS * 6
    assert [hit.host for hit in hits if hit.key == web.nodes[2].keys.static_public] == [address_of(2)[0]]


def test_nothing_is_sent_to_an_address_that_a_hit_names() -> None:
    web = Web(1, 2, [(0, 1)]).knit()
    guest = neighbours(web, 1)
    to: set[str] = set()

    def on_datagram(_: Happening, __: int, ___: Address, destination: Address, ____: bytes) -> None:
        to.add(destination[0])

    web.network.tap(on_datagram)
    query_id = web.search(0, "a.png")
    web.rest(0.02)
    guest.say(replace(HIT, query_id=query_id, host="10.66.6.6", hops=2))
    assert [event.hit.host for _, event in web.nodes[0].hits(query_id)] == ["10.66.6.6"]
    assert to == {address_of(0)[0], address_of(1)[0], guest.address[0]}


def test_a_flood_of_queries_costs_what_one_node_may_ask() -> None:
    web = Web(1, 2, [(0, 1)]).knit()
    guest = neighbours(web)
    queries = [replace(QUERY, query_id=number.to_bytes(16, "big")) for number in range(QUERY_BURST + QUERY_QUEUE + 50)]
    guest.say(*queries)
    assert web.nodes[0].mesh.drops["flood"] > QUERY_QUEUE / 2
    assert web.nodes[0].mesh.sent["queries"] < QUERY_BURST + 100
    assert guest.closed is None


def test_for_a_neighbour_that_takes_nothing_so_many_bytes_wait_and_no_more() -> None:
    web = Web(1, 1, [])
    guest = neighbours(web)
    for way in ((guest.address, address_of(0)), (address_of(0), guest.address)):
        web.network.link(*way).replace(LinkSpec(loss=1.0))
    ((_, who),) = web.nodes[0].core.roster.links
    for record, limit in ((QUERY, LINK_QUERIES), (replace(HIT, file_name="a" * 1_000), LINK_QUEUE)):
        while who.send(record):
            web.network.settle()
        connection = who.connection
        assert connection is not None
        assert connection.is_alive
        waiting = connection.transmitter.messages.channels[0].queued
        assert limit < waiting <= limit + len(encode_record(record))


def test_a_giant_pattern_and_one_that_kills_backtracking_are_answered_like_others() -> None:
    web = Web(1, 1, [])
    web.nodes[0].share("a" * 200)
    guest = neighbours(web)
    guest.say(replace(QUERY, kind=QueryKind.GLOB, pattern="*a" * 127))
    guest.say(replace(QUERY, query_id=b"r" * 16, kind=QueryKind.GLOB, pattern="*a" * 127 + "b"))
    assert [hit.query_id for hit in guest.told(Hit)] == [b"q" * 16]
