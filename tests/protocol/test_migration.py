"""Addresses that change: believed only when proved, and never enough to reach the wrong person."""

from __future__ import annotations

from itertools import count

import pytest

from tests.protocol.test_endings import CLEAN, Wire, connection, start
from tests.world import SERVER, End, World, client, connections
from udpchat.chat.events import Disconnected, Joined, LineSaid, PrivateSaid
from udpchat.config import KIB, MILLISECOND, SECOND, Config
from udpchat.files.events import Downloaded, TransferFailed, Uploaded
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening
from udpchat.wire.numbers import PacketType

MALLORY: Address = ("10.6.6.6", 666)
LINK = LinkSpec(rate=1_250_000, delay=10 * MILLISECOND)


def server_end(world: World, end: End) -> Connection:
    """The server's end of a client's connection."""
    name = connection(end).connection_id
    return next(each for each in connections(world.server.core.endpoint) if each.connection_id == name)


def move(world: World, end: End, to: Address) -> None:
    """Give a client another public address."""
    world.network.rebind(end.address, to)
    world.nicks[to] = world.nicks.pop(end.address)
    end.address = to


class Meter:
    """Bytes that the server got from and sent to an address, before it was proved."""

    def __init__(self, world: World) -> None:
        self.received: dict[Address, int] = {}
        self.sent: dict[Address, list[tuple[PacketType, int, int]]] = {}
        world.network.tap(self._note)

    def _note(self, happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        if happening is Happening.DELIVERED and destination == SERVER:
            self.received[source] = self.received.get(source, 0) + len(data)
        if happening is Happening.SENT and source == SERVER:
            sent = self.sent.setdefault(destination, [])
            sent.append((PacketType(data[3]), len(data), self.received.get(destination, 0)))


def _both_ways(loss: float, *, moves: bool, other_host: bool = False) -> tuple[float, Wire, Meter, End]:
    """Seconds that a file up and one down at the same time take, while the address changes every second or does not."""
    world, anna, ben = start(link=LinkSpec(rate=625_000, delay=10 * MILLISECOND, loss=loss))
    data = world.random.randbytes(1_000 * KIB)
    ben.store.local["b.bin"] = anna.store.local["a.bin"] = data
    world.do(lambda: client(ben).files.put("b.bin"))
    world.run_until(lambda: bool(ben.told(Uploaded)))
    wire, meter, fresh = Wire(world), Meter(world), count(1)
    world.do(lambda: (client(anna).files.put("a.bin"), client(anna).files.get("b.bin")))

    def rebind() -> None:
        number = next(fresh)
        host = f"10.0.7.{number}" if other_host else anna.address[0]
        move(world, anna, (host, 41_000 + number))
        world.network.call_at(world.network.now + SECOND, rebind)

    began = world.network.now
    if moves:
        world.network.call_at(began + 500 * MILLISECOND, rebind)
    world.run_until(lambda: bool(anna.told(Uploaded) and anna.told(Downloaded)), 60)
    assert not anna.told(TransferFailed)
    assert next(fresh) > 2 * moves
    return (world.network.now - began) / SECOND, wire, meter, anna


@pytest.mark.parametrize("other_host", [False, True])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_files_both_ways_survive_a_new_address_every_second(other_host: bool, loss: float) -> None:
    taken, wire, meter, anna = _both_ways(loss, moves=True, other_host=other_host)
    assert not wire.of(PacketType.HELLO), "no new join"
    assert len(anna.told(Joined)) == 1
    for address, sent in meter.sent.items():
        if address[1] > 41_000:
            kind, size, received = sent[0]
            assert kind is PacketType.CHALLENGE, "the first packet on a new path is a challenge"
            assert size <= 3 * received
    if not loss:
        alone, *_ = _both_ways(loss, moves=False)
        assert taken < alone / (0.8 if other_host else 0.9)


def test_before_the_answer_an_address_gets_at_most_three_times_what_it_sent() -> None:
    world, anna, ben = start(link=LINK)
    ben.store.local["b.bin"] = world.random.randbytes(1_000 * KIB)
    world.do(lambda: client(ben).files.put("b.bin"))
    world.run_until(lambda: bool(ben.told(Uploaded)))
    meter = Meter(world)
    world.do(lambda: client(anna).files.get("b.bin"))
    world.network.run_for(200 * MILLISECOND)
    _steal_next(world, anna)
    world.run_until(lambda: bool(anna.told(Downloaded)), 30)
    assert meter.sent[MALLORY][0][0] is PacketType.CHALLENGE
    total = 0
    for _, size, received in meter.sent[MALLORY]:
        total += size
        assert total <= 3 * received
    assert server_end(world, anna).address == anna.address


def _steal_next(world: World, victim: End) -> None:
    """The next 20 packets of the victim reach the server first from the attacker's address, then from its own."""
    left = [20]

    def copy(happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        if happening is Happening.SENT and source == victim.address and left[0]:
            left[0] -= 1
            world.network.inject(data, MALLORY, SERVER, now + MILLISECOND)

    world.network.tap(copy)


def test_an_attacker_who_forwards_packets_later_changes_nothing() -> None:
    world, anna, ben = start()
    meter = Meter(world)

    def copy(happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        if happening is Happening.SENT and source == anna.address:
            world.network.inject(data, MALLORY, SERVER, now + 50 * MILLISECOND)

    world.network.tap(copy)
    for number in range(5):
        world.do(lambda number=number: client(anna).chat.say(f"line {number}"))  # type: ignore[misc]
        world.network.run_for(200 * MILLISECOND)
    assert MALLORY not in meter.sent
    assert len(ben.told(LineSaid)) == 5


def test_an_unanswered_challenge_leads_back_to_the_proved_address() -> None:
    world, anna, ben = start()
    _steal_next(world, anna)
    world.do(lambda: client(anna).chat.say("one line, then silence"))
    world.network.run_for(5 * SECOND)
    assert server_end(world, anna).address == anna.address
    world.do(lambda: client(ben).chat.tell("anna", "for you only"))
    world.run_until(lambda: bool(anna.told(PrivateSaid)), 1)


def test_a_lost_challenge_is_sent_again() -> None:
    world, anna, _ = start()
    move(world, anna, ("10.0.8.1", 4_444))
    world.network.connect(SERVER, anna.address, LinkSpec(delay=10 * MILLISECOND, blackouts=((0, SECOND),)), CLEAN)
    wire = Wire(world)
    world.network.connect(SERVER, anna.address, LinkSpec(delay=10 * MILLISECOND, loss=1.0), CLEAN)
    world.do(lambda: client(anna).chat.say("from elsewhere"))
    world.network.run_for(60 * MILLISECOND)
    world.network.connect(SERVER, anna.address, CLEAN)
    world.network.run_for(SECOND)
    assert len(wire.of(PacketType.CHALLENGE)) >= 2
    assert server_end(world, anna).path.is_validated
    assert server_end(world, anna).address == ("10.0.8.1", 4_444)


def test_two_clients_that_swap_addresses_keep_their_own_messages() -> None:
    world, anna, ben = start()
    carl = world.add_client("carl")
    world.join(carl)
    one, other = anna.address, ben.address
    move(world, anna, ("10.0.9.9", 9))
    move(world, ben, one)
    move(world, anna, other)
    for number in range(5):
        world.do(lambda number=number: client(carl).chat.tell("anna", f"to anna {number}"))  # type: ignore[misc]
        world.do(lambda number=number: client(carl).chat.tell("ben", f"to ben {number}"))  # type: ignore[misc]
    world.do(lambda: (client(anna).chat.say("I am anna"), client(ben).chat.say("I am ben")))
    world.run_until(lambda: len(anna.told(PrivateSaid)) == len(ben.told(PrivateSaid)) == 5, 10)
    assert {event.text[:7] for event in anna.told(PrivateSaid)} == {"to anna"}
    assert {event.text[:6] for event in ben.told(PrivateSaid)} == {"to ben"}
    world.network.run_for(SECOND)
    assert server_end(world, anna).address == other
    assert server_end(world, ben).address == one


def test_a_plaintext_session_never_moves() -> None:
    world, anna, _ = start(Config(plaintext=True))
    before, meter = anna.address, Meter(world)
    move(world, anna, MALLORY)
    world.do(lambda: client(anna).chat.say("from elsewhere"))
    world.network.run_for(5 * SECOND)
    assert server_end(world, anna).address == before
    assert server_end(world, anna).receiver.drops["wrong-address"] > 0
    assert MALLORY not in meter.sent
    world.run_until(lambda: bool(anna.told(Disconnected)), 120)
