"""Nodes become neighbours, part, come back, and say no, on the real stack in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chat.people import CLEAN as CLEAN_WORLD
from tests.peers.web import Guest, Web, address_of, ring
from udpchat.chat.visits import VISIT
from udpchat.config import DEFAULT_PORT, DIAL_LAST, SECOND, Config
from udpchat.crypto.identity import Identity
from udpchat.crypto.keys import ServerKeys
from udpchat.errors import ErrorCode, UsageError
from udpchat.lab.world import SERVER, World
from udpchat.net.hosts import make_peer
from udpchat.peers.events import DialFailed, NeighbourCame, NeighbourGone
from udpchat.protocol.datagrams import Burst
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import QueryKind
from udpchat.wire.records import Neighbour

DEAD = LinkSpec(delay=1, loss=1.0)


def pair(config: Config | None = None) -> Web:
    return Web(1, 2, [(0, 1)], config=config)


def failures(web: Web, node: int) -> list[int]:
    return [event.code for event in web.nodes[node].told(DialFailed)]


def test_both_ends_learn_who_the_other_is() -> None:
    web = pair().knit()
    first, second = web.nodes
    assert first.told(NeighbourCame) == [
        NeighbourCame(1, "node1", address_of(1), second.keys.static_public, b"", was_dialled=True)
    ]
    came = NeighbourCame(1, "node0", address_of(0), first.keys.static_public, first.identity.public, was_dialled=False)
    assert second.told(NeighbourCame) == [came]


def test_a_node_takes_no_seat_and_is_not_seen() -> None:
    web = pair().knit()
    members = web.nodes[1].core.server.desk.members
    assert len(members) == 0
    assert len(members.visitors) == 1


def test_a_neighbour_stays_however_long_it_says_nothing() -> None:
    web = pair().knit()
    web.rest(2.2 * VISIT / SECOND)
    assert not web.nodes[0].told(NeighbourGone)
    web.nodes[1].share("a")
    assert len(web.find(0, "a")) == 1


def test_neighbours_search_in_both_directions() -> None:
    web = pair().knit()
    for node in (0, 1):
        web.nodes[node].share(f"file of {node}")
    assert [hit.hit.file_name for hit in web.find(0, "file*", QueryKind.GLOB)] == ["file of 1"]
    assert [hit.hit.file_name for hit in web.find(1, "file*", QueryKind.GLOB)] == ["file of 0"]


def test_a_hit_names_the_address_and_the_key_of_its_holder() -> None:
    web = Web(1, 3, [(1, 0), (1, 2)]).knit()
    web.nodes[2].share("a")
    (found,) = web.find(0, "a")
    assert (found.hit.host, found.hit.port) == address_of(2)
    assert found.hit.key == web.nodes[2].keys.static_public
    assert (found.hops, found.neighbour) == (2, "node1")


def test_nodes_in_plaintext_are_neighbours_and_show_no_key() -> None:
    web = pair(Config(plaintext=True)).knit()
    web.nodes[1].share("a")
    (found,) = web.find(0, "a")
    assert found.hit.key == bytes(32)


# -- no ----------------------------------------------------------------------------------------------------------------


def test_only_nodes_on_the_list_may_be_neighbours() -> None:
    web = Web(1, 3, [])
    web.nodes[2].core.peers.allow(frozenset({web.nodes[0].identity.public}))
    web.dial(0, 2)
    web.dial(1, 2)
    web.until(lambda: bool(failures(web, 1)) and bool(web.names(0)))
    assert web.names(2) == ["node0"]
    assert failures(web, 1) == [ErrorCode.NOT_ALLOWED]


def test_a_node_that_is_taken_off_the_list_is_parted_from() -> None:
    web = pair().knit()
    web.nodes[1].core.peers.allow(frozenset())
    web.network.settle()
    web.rest(1)
    assert [gone.code for gone in web.nodes[1].told(NeighbourGone)] == [ErrorCode.NOT_ALLOWED]
    assert [gone.code for gone in web.nodes[0].told(NeighbourGone)] == [ErrorCode.NOT_ALLOWED]
    web.nodes[1].core.peers.allow(None)
    web.until(lambda: len(web.names(0)) == 2, DIAL_LAST / SECOND + 5)


def test_a_node_is_no_neighbour_of_itself() -> None:
    web = Web(1, 1, [])
    web.dial(0, 0)
    web.until(lambda: bool(failures(web, 0)))
    web.rest(2 * DIAL_LAST / SECOND)
    assert web.nodes[0].told(DialFailed) == [
        DialFailed(
            address_of(0), ErrorCode.OWN_ADDRESS, "this address is our own: a node is no neighbour of itself", None
        )
    ]
    assert web.names(0) == []


def test_a_node_that_dials_itself_in_plaintext_is_told_by_its_own_server() -> None:
    web = Web(1, 1, [], config=Config(plaintext=True))
    web.dial(0, 0)
    web.until(lambda: bool(failures(web, 0)))
    assert failures(web, 0) == [ErrorCode.OWN_ADDRESS]
    assert web.names(0) == []


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_so_many_neighbours_and_no_more(limit: int) -> None:
    web = Web(1, 4, [], config=Config(max_neighbours=limit))
    for node in (1, 2, 3):
        web.dial(node, 0)
        web.rest(1)
    assert len(web.names(0)) == limit
    assert [failures(web, node) for node in (1, 2, 3)].count([ErrorCode.SERVER_FULL]) == 3 - limit


def test_a_node_that_dials_more_than_it_may_have_is_told_so() -> None:
    web = Web(1, 3, [], config=Config(max_neighbours=1))
    web.dial(0, 1)
    web.rest(1)
    web.dial(0, 2)
    web.rest(1)
    assert web.names(0) == ["node1"]
    assert failures(web, 0) == [ErrorCode.SERVER_FULL]
    assert not web.nodes[2].core.roster.links


@pytest.mark.parametrize("seed", range(8))
def test_two_nodes_that_dial_one_another_are_neighbours_once(seed: int) -> None:
    web = Web(seed, 2, [])
    web.dial(0, 1)
    web.rest(seed * 0.004)
    web.dial(1, 0)
    web.rest(10)
    assert [len(node.core.roster) for node in web.nodes] == [1, 1]
    web.nodes[1].share("a")
    assert len(web.find(0, "a")) == 1
    assert web.sent()["queries"] == 1


def test_whoever_says_the_key_of_another_keeps_nobody_out() -> None:
    web = Web(1, 3, [(0, 1)])
    liar = web.nodes[2].core.roster
    web.nodes[2].core.roster.node = type(liar.node)("liar", liar.node.identity, web.nodes[0].keys.static_public, 1)
    web.dial(2, 1)
    web.until(lambda: bool(web.names(1)))
    web.dial(0, 1)
    web.until(lambda: web.names(1) == ["liar", "node0"])


def test_one_node_under_two_addresses_is_dialled_once() -> None:
    web = Web(1, 2, [])
    other = ("10.7.7.7", DEFAULT_PORT)
    web.dial(0, 1)
    web.rest(1)
    web.network.add(_Mirror(web, other), other)
    web.nodes[0].core.host.dial(other, web.network.now)
    web.rest(5)
    assert failures(web, 0)[:1] == [ErrorCode.NEIGHBOURS_ALREADY]
    assert len(web.nodes[1].core.roster) == 1


class _Mirror:
    """Another address of node 1: passes datagrams on both ways."""

    def __init__(self, web: Web, address: tuple[str, int]) -> None:
        self._waiting: list[tuple[tuple[str, int], bytes]] = []
        self._client = address_of(0)
        self._server = address_of(1)

    def receive_burst(self, burst: Burst, now: int) -> None:
        to = self._server if burst.address == self._client else self._client
        self._waiting += [(to, bytes(datagram)) for datagram in burst.datagrams()]

    def handle_timeout(self, now: int) -> None:
        pass

    def next_event(self) -> None:
        return None

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        while self._waiting:
            to, datagram = self._waiting.pop(0)
            yield Burst(to, memoryview(datagram), len(datagram))

    def next_timeout(self) -> int | None:
        return 0 if self._waiting else None


def test_a_node_with_another_key_than_was_asked_for_is_not_joined() -> None:
    web = Web(1, 2, [])
    web.dial(0, 1, key=b"x" * 32)
    web.until(lambda: bool(failures(web, 0)))
    assert failures(web, 0) == [ErrorCode.NOT_ALLOWED]
    assert web.names(1) == []
    assert len(web.nodes[1].core.server.desk.members.visitors) == 0


def test_a_server_that_is_no_node_is_said_to_be_none() -> None:
    world = World(1, CLEAN_WORLD)
    identity, keys = Identity(b"i" * 32), ServerKeys.from_master(b"m" * 32)
    core = make_peer("node", DEFAULT_PORT, Config(), keys, identity, world.stream().randbytes)
    told: list[DialFailed] = []

    def on_event(_: object, event: object, __: int) -> None:
        if isinstance(event, DialFailed):
            told.append(event)

    world.network.add(core.host, ("10.5.5.5", DEFAULT_PORT), on_event)
    core.host.dial(SERVER, 0)
    world.run_until(lambda: bool(told))
    (failed,) = told
    assert (failed.code, failed.wait is not None) == (ErrorCode.IDLE_TIMEOUT, True)
    assert "no node of a peer network" in failed.reason


@pytest.mark.parametrize("name", ["", " a", "a" * 33, "a\x1b[2J"])
def test_a_name_that_no_node_has_is_refused_at_both_ends(name: str) -> None:
    keys = ServerKeys.from_master(b"m" * 32)
    with pytest.raises(UsageError, match="the name of a node"):
        make_peer(name, 1, Config(), keys, Identity(b"i" * 32), bytes)
    web = Web(1, 1, [])
    guest = Guest(web, 0)
    guest.say(Neighbour(bytes(32), 1, name))
    assert guest.refusals == [ErrorCode.NICK_NOT_ALLOWED]


# -- coming and going --------------------------------------------------------------------------------------------------


def test_a_node_that_was_away_is_a_neighbour_again() -> None:
    web = Web(1, 2, [(0, 1)], config=Config(idle_timeout=4 * SECOND, keep_alive=SECOND)).knit()
    for way in ((address_of(0), address_of(1)), (address_of(1), address_of(0))):
        web.network.link(*way).replace(DEAD)
    web.until(lambda: all(node.told(NeighbourGone) for node in web.nodes))
    web.rest(120)
    assert len(failures(web, 0)) >= 2
    web.network.heal()
    web.until(lambda: len(web.names(0)) == len(web.names(1)) == 2, 2 * DIAL_LAST / SECOND)


def test_a_node_that_is_not_there_yet_is_waited_for() -> None:
    web = Web(1, 1, [])
    web.nodes[0].core.host.dial(address_of(1), 0)
    web.until(lambda: len(failures(web, 0)) == 2)
    waits = [failed.wait for failed in web.nodes[0].told(DialFailed)]
    assert waits[0] < waits[1] <= DIAL_LAST
    web.add()
    web.until(lambda: bool(web.names(0)), 2 * DIAL_LAST / SECOND)


def test_a_node_that_dials_again_takes_the_place_of_its_old_connection() -> None:
    web = Web(1, 2, [(0, 1)])
    twin = web.add(identity=bytes(32))
    web.add(identity=bytes(32))
    assert twin.number == 2
    web.dial(2, 1)
    web.until(lambda: web.names(1) == ["node2"])
    web.dial(3, 1)
    web.until(lambda: web.names(1) == ["node2", "node3"])
    assert [gone.code for gone in web.nodes[1].told(NeighbourGone)] == [ErrorCode.TAKEN_OVER]
    assert len(web.nodes[1].core.roster) == 1


def test_a_neighbour_that_is_hung_up_on_is_not_dialled_again() -> None:
    web = pair().knit()
    host = web.nodes[0].core.host
    assert list(host.dialled) == [address_of(1)]
    host.hang_up(address_of(1))
    web.network.settle()
    web.rest(2 * DIAL_LAST / SECOND)
    assert list(host.dialled) == []
    assert [len(node.core.roster) for node in web.nodes] == [0, 0]
    assert len(web.names(0)) == 1
    with pytest.raises(UsageError, match="not dialled"):
        host.hang_up(address_of(1))
    web.dial(0, 1)
    web.until(lambda: len(web.names(0)) == 2)


def test_a_node_is_dialled_once() -> None:
    web = pair().knit()
    with pytest.raises(UsageError, match=r"10\.0\.0\.2 port 27272 is dialled already"):
        web.dial(0, 1)


def test_hanging_up_in_the_middle_of_the_handshake_ends_it() -> None:
    web = Web(1, 2, [])
    web.dial(0, 1)
    web.rest(0.012)
    web.nodes[0].core.host.hang_up(address_of(1))
    web.network.settle()
    web.rest(60)
    assert not web.names(1)
    assert not web.nodes[0].told(DialFailed)


def test_the_net_heals_round_a_node_that_dies() -> None:
    web = Web(1, 6, ring(6)).knit()
    web.nodes[3].share("a")
    web.network.remove(address_of(1))
    (found,) = web.find(0, "a")
    assert (found.hops, found.neighbour) == (3, "node5")
