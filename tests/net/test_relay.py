import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from udpchat.capture.comments import read_comment
from udpchat.capture.pcapng import read_capture
from udpchat.capture.rotation import CaptureTarget
from udpchat.errors import UsageError
from udpchat.net.capturing import open_capture
from udpchat.net.relay import Relay
from udpchat.net.relay_record import INTERFACES
from udpchat.sim.link import LinkSpec

LOCALHOST = "127.0.0.1"
GUARD = 10  # seconds after which a test that hangs is given up


class Peer(asyncio.DatagramProtocol):
    """A socket that keeps what it hears, and answers it when it is told to."""

    def __init__(self, answers: bool = False) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()
        self.answers = answers

    transport: asyncio.DatagramTransport
    address: tuple[str, int]

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.heard.put_nowait((data, addr))
        if self.answers:
            self.transport.sendto(data.upper(), addr)

    def error_received(self, exc: Exception) -> None:
        pass


class Bench:
    """Peers and relays of one test."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.relays: list[Relay] = []

    async def peer(self, *, answers: bool = False, port: int = 0, host: str = LOCALHOST) -> Peer:
        loop = asyncio.get_running_loop()
        transport, peer = await loop.create_datagram_endpoint(lambda: Peer(answers), local_addr=(host, port))
        peer.transport, peer.address = transport, transport.get_extra_info("sockname")[:2]
        self.peers.append(peer)
        return peer

    async def relay(self, target: tuple[str, int], spec: LinkSpec, **options: Any) -> tuple[Relay, tuple[str, int]]:
        relay = Relay(spec, **options)
        self.relays.append(relay)
        return relay, await relay.start((target[0], 0), target)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    async with asyncio.timeout(GUARD):
        yield made
    for relay in made.relays:
        relay.close()
    for peer in made.peers:
        peer.transport.close()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (counters tell nobody that they have moved)
        await asyncio.sleep(0)


async def insist(peer: Peer, data: bytes, to: tuple[str, int]) -> bytes:
    """Send until something comes back."""
    while True:
        peer.transport.sendto(data, to)
        try:
            return (await asyncio.wait_for(peer.heard.get(), 0.05))[0]
        except TimeoutError:
            continue


async def test_datagrams_go_both_ways_and_each_client_has_a_port_of_its_own(bench: Bench) -> None:
    server = await bench.peer(answers=True)
    relay, address = await bench.relay(server.address, LinkSpec(delay=2_000))
    clients = [await bench.peer() for _ in range(3)]
    for number, client in enumerate(clients):
        client.transport.sendto(b"hello %d" % number, address)
    for number, client in enumerate(clients):
        assert await client.heard.get() == (b"HELLO %d" % number, address)
    assert len({server.heard.get_nowait()[1] for _ in clients}) == 3
    counters = relay.counters()
    assert counters.clients == counters.up.delivered == counters.down.delivered == 3
    assert counters.up.received_bytes == counters.down.delivered_bytes == 3 * len("hello 0")


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_ipv6_is_relayed(bench: Bench) -> None:
    server = await bench.peer(answers=True, host="::1")
    _, address = await bench.relay(server.address, LinkSpec())
    client = await bench.peer(host="::1")
    client.transport.sendto(b"six", address)
    assert (await client.heard.get())[0] == b"SIX"


async def survivors(bench: Bench, seed: int) -> list[bytes]:
    """What comes through, sorted: when the second copy of a datagram comes is a matter of the clock."""
    server, client = await bench.peer(), await bench.peer()
    spec = LinkSpec(loss=0.3, duplicate=0.1, corrupt=0.1)
    relay, address = await bench.relay(server.address, spec, seed=seed)
    for number in range(120):
        client.transport.sendto(b"%03d" % number, address)

    def is_through() -> bool:
        up = relay.counters().up
        return up.received == 120 and up.delivered == 120 - up.dropped + up.duplicated

    await until(is_through)
    return sorted([(await server.heard.get())[0] for _ in range(relay.counters().up.delivered)])


async def test_the_same_seed_does_the_same_to_the_same_datagrams(bench: Bench) -> None:
    first = await survivors(bench, 7)
    assert first == await survivors(bench, 7)
    assert first != await survivors(bench, 8)
    assert len(set(first)) < 110


async def test_damaged_datagrams_differ_and_are_counted(bench: Bench) -> None:
    server, client = await bench.peer(), await bench.peer()
    relay, address = await bench.relay(server.address, LinkSpec(corrupt=1.0))
    for _ in range(20):
        client.transport.sendto(b"as it was sent", address)
    heard = [(await server.heard.get())[0] for _ in range(20)]
    assert b"as it was sent" not in heard
    assert relay.counters().up.corrupted == 20


async def test_what_is_above_the_mtu_vanishes_and_the_rest_passes(bench: Bench) -> None:
    server, client = await bench.peer(), await bench.peer()
    relay, address = await bench.relay(server.address, LinkSpec(mtu=1_300))
    for size in (1_273, 1_272):
        client.transport.sendto(bytes(size), address)
    assert len((await server.heard.get())[0]) == 1_272
    assert relay.counters().up.too_large == 1


async def test_nothing_passes_in_a_blackout_counted_from_the_start(bench: Bench) -> None:
    server, client = await bench.peer(), await bench.peer()
    relay, address = await bench.relay(server.address, LinkSpec(blackouts=((0, 3_600_000_000),)))
    client.transport.sendto(b"lost", address)
    await until(lambda: relay.counters().up.blacked_out == 1)
    assert relay.counters().up.delivered == 0


async def test_rebinding_gives_clients_new_ports_towards_the_server(bench: Bench) -> None:
    server, client = await bench.peer(answers=True), await bench.peer()
    relay, address = await bench.relay(server.address, LinkSpec(), rebind=20_000)
    ports: set[tuple[str, int]] = set()
    while len(ports) < 3:
        assert await insist(client, b"ping", address) == b"PING"
        ports.add((await server.heard.get())[1])
    assert relay.counters().clients == 1
    assert relay.counters().rebindings >= 2


async def test_a_server_that_is_not_there_yet_is_no_error(bench: Bench) -> None:
    server, client = await bench.peer(), await bench.peer()
    target = server.address
    server.transport.close()
    relay, address = await bench.relay(target, LinkSpec())
    for number in range(5):
        client.transport.sendto(b"early", address)
        await until(lambda: relay.counters().up.received > number)  # noqa: B023
    await bench.peer(answers=True, port=target[1])
    assert await insist(client, b"there", address) == b"THERE"


async def test_clients_above_the_cap_are_refused_and_the_others_go_on(bench: Bench) -> None:
    server = await bench.peer(answers=True)
    relay, address = await bench.relay(server.address, LinkSpec(), max_clients=2)
    clients = [await bench.peer() for _ in range(3)]
    for number, client in enumerate(clients):
        client.transport.sendto(b"in?", address)
        await until(lambda: relay.counters().up.received + relay.counters().refused == number + 1)  # noqa: B023
    assert relay.counters().clients == 2
    assert relay.counters().refused == 1
    assert await insist(clients[0], b"still", address) in (b"IN?", b"STILL")


async def test_datagrams_on_their_way_are_capped(bench: Bench) -> None:
    server, client = await bench.peer(), await bench.peer()
    relay, address = await bench.relay(server.address, LinkSpec(delay=3_600_000_000), max_queued=10)
    for _ in range(11):
        client.transport.sendto(b"later", address)
    await until(lambda: relay.counters().up.received == 11)
    assert relay.counters().overflowed == 1


async def test_a_port_in_use_and_an_unknown_server_are_said(bench: Bench) -> None:
    taken = await bench.peer()
    with pytest.raises(OSError, match="in use"):
        await Relay(LinkSpec()).start(taken.address, taken.address)
    with pytest.raises(LookupError, match=r"a\.\.b"):
        await Relay(LinkSpec()).start((LOCALHOST, 0), ("a..b", 5))


async def test_a_closed_relay_stays_closed_and_keeps_its_counts(bench: Bench) -> None:
    server, client = await bench.peer(answers=True), await bench.peer()
    relay, address = await bench.relay(server.address, LinkSpec(), rebind=1_000_000)
    with pytest.raises(UsageError, match="already"):
        await relay.start((LOCALHOST, 0), server.address)
    assert await insist(client, b"one", address) == b"ONE"
    relay.close()
    relay.close()
    assert relay.counters().up.delivered >= 1


async def test_a_relay_records_both_sides_and_what_its_links_did(bench: Bench, tmp_path: Path) -> None:
    server = await bench.peer(answers=True)
    path = tmp_path / "relay.pcapng"
    with ExitStack() as closing:
        record = open_capture(CaptureTarget(path), INTERFACES, closing)
        relay, place = await bench.relay(
            server.address, LinkSpec(loss=0.3, duplicate=0.3, corrupt=0.3), seed=5, capture=record
        )
        client = await bench.peer()
        for number in range(30):
            await insist(client, b"hello %d" % number, place)
        relay.close()
        counters = relay.counters()
    found = list(read_capture(path))
    for side, link in (("client side", counters.up), ("server side", counters.down)):
        came = [read_comment(each.comment) for each in found if each.interface_name == side and not each.outbound]
        assert len(came) == link.received
        assert Counter(each.get("dropped") for each in came) == {None: link.received - link.lost, "loss": link.lost}
        assert sum("corrupted" in each for each in came) == link.corrupted
        assert sum(each.get("copies") == "2" for each in came) == link.duplicated
    left = [each for each in found if each.outbound]
    assert {(each.source, each.destination) for each in left if each.interface_name == "client side"} == {
        (place, client.address)
    }
    assert {each.destination for each in left if each.interface_name == "server side"} == {server.address}
    assert all(before.us <= after.us for before, after in pairwise(found))
