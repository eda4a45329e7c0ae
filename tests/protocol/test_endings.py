"""How connections end, and how they are kept."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.world import SERVER, WALL, End, World, client, connections
from udpchat.chat.events import Disconnected, Joined, LineSaid, UserChanged
from udpchat.config import IDLE_TIMEOUT, KEEP_ALIVE, MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.net.hosts import ServerCore
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address, Burst
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening
from udpchat.wire.codec import encode_reset
from udpchat.wire.numbers import Change, PacketType

CLEAN = LinkSpec(delay=10 * MILLISECOND)
DEAD = LinkSpec(delay=10 * MILLISECOND, loss=1.0)


class Wire:
    """Remembers what was sent: (time, source, type, size)."""

    def __init__(self, world: World) -> None:
        self.sent: list[tuple[int, Address, PacketType, int]] = []
        world.network.tap(self._note)

    def _note(self, happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        if happening is Happening.SENT:
            self.sent.append((now, source, PacketType(data[3]), len(data)))

    def of(self, packet_type: PacketType, source: Address | None = None) -> list[int]:
        """When packets of a type were sent."""
        return [now for now, by, kind, _ in self.sent if kind is packet_type and source in (None, by)]


def start(config: Config | None = None, link: LinkSpec = CLEAN) -> tuple[World, End, End]:
    """anna and ben have joined."""
    world = World(1, link, config)
    anna, ben = world.add_client("anna"), world.add_client("ben")
    world.join(anna, ben)
    world.network.run_for(SECOND)
    return world, anna, ben


def connection(end: End) -> Connection:
    """The connection of a client."""
    found = client(end).endpoint.connection
    assert found is not None
    return found


def heard_of(end: End, change: Change) -> bool:
    """The client was told that somebody came or went."""
    return any(event.change is change for event in end.told(UserChanged))


def test_leaving_is_told_to_both_ends_and_to_the_others() -> None:
    world, anna, ben = start()
    wire = Wire(world)
    world.do(client(anna).chat.leave)
    world.run_until(lambda: heard_of(ben, Change.LEFT), 1)
    assert [(event.code, event.remote) for event in anna.told(Disconnected)] == [(ErrorCode.NO_ERROR, False)]
    world.network.run_for(5 * SECOND)
    assert len(wire.of(PacketType.CLOSE)) == 2  # CLOSE, and its confirmation
    assert connection(anna).next_timeout() is None, "nothing is left to wait for"
    assert len(list(connections(world.server.core.endpoint))) == 1


def test_close_is_repeated_when_stragglers_arrive() -> None:
    world, anna, _ = start()
    wire = Wire(world)
    world.network.connect(anna.address, SERVER, DEAD, CLEAN)
    world.do(client(anna).chat.leave)
    world.do(lambda: _core(world).chat.administration.announce("still there?", world.network.now))
    world.network.run_for(100 * MILLISECOND)
    assert len(wire.of(PacketType.CLOSE)) >= 2, "the first one was lost, the notice brought another"
    world.network.run_for(10 * SECOND)
    assert connection(anna).next_timeout() is None


def test_both_ends_close_at_once() -> None:
    world, anna, _ = start()
    server_end = next(each for each in connections(world.server.core.endpoint) if each.address == anna.address)
    world.do(client(anna).chat.leave)
    world.do(lambda: _core(world).chat.administration.kick("anna", "", ""))
    world.network.run_for(5 * SECOND)
    assert connection(anna).next_timeout() is None
    assert server_end.next_timeout() is None
    assert len(_core(world).endpoint.connections) == 1


def _core(world: World) -> ServerCore:
    assert isinstance(world.server.core, ServerCore)
    return world.server.core


def test_a_long_reason_is_cut_to_fit_a_datagram() -> None:
    world, anna, _ = start()
    world.do(lambda: connection(anna).close(ErrorCode.NO_ERROR, "é" * 5_000))
    world.network.run_for(SECOND)
    assert len(_core(world).endpoint.connections) == 1


@pytest.mark.parametrize("plaintext", [False, True])
def test_silence_ends_both_ends_at_the_idle_timeout(plaintext: bool) -> None:
    world, anna, ben = start(Config(plaintext=plaintext))
    cut = world.network.now
    world.network.connect(anna.address, SERVER, DEAD)
    world.run_until(lambda: bool(anna.told(Disconnected)), 100)
    assert cut < world.network.now <= cut + IDLE_TIMEOUT
    assert anna.told(Disconnected)[0].code == ErrorCode.IDLE_TIMEOUT
    world.run_until(lambda: heard_of(ben, Change.LOST), 100)
    assert len(_core(world).endpoint.connections) == 1


@pytest.mark.parametrize("plaintext", [False, True])
def test_a_ping_every_25_s_keeps_a_silent_session_for_hours(plaintext: bool) -> None:
    world, anna, _ = start(Config(plaintext=plaintext))
    wire, began = Wire(world), world.network.now
    world.network.run_for(3 * 3_600 * SECOND)
    assert not anna.told(Disconnected)
    pings = wire.of(PacketType.PING, anna.address)
    gaps = [later - earlier for earlier, later in pairwise(pings)]
    assert min(gaps) >= KEEP_ALIVE
    assert max(gaps) <= KEEP_ALIVE + 100 * MILLISECOND
    assert len(wire.sent) < 6 * (world.network.now - began) / KEEP_ALIVE, "a silent session is silent"


def test_30_s_of_darkness_are_survived_and_what_was_said_arrives_soon_after() -> None:
    world, anna, ben = start()
    world.network.connect(anna.address, SERVER, DEAD)
    world.do(lambda: client(anna).chat.say("into the dark"))
    world.network.run_for(30 * SECOND)
    world.network.connect(anna.address, SERVER, CLEAN)
    world.run_until(lambda: bool(ben.told(LineSaid)), 5)
    assert not anna.told(Disconnected)


def test_a_server_that_restarts_is_noticed_at_the_next_packet() -> None:
    world, anna, _ = start()
    world.network.remove(SERVER)
    world.network.run_for(3 * SECOND)
    world.server = world.start_server()
    wire = Wire(world)
    world.do(lambda: client(anna).chat.say("hello?"))
    world.run_until(lambda: bool(anna.told(Disconnected)), 1)
    assert "restarted" in anna.told(Disconnected)[0].reason
    world.network.run_for(10 * SECOND)
    resets = [size for _, _, kind, size in wire.sent if kind is PacketType.RESET]
    assert resets == [40], "one answer, and no loop"


def test_a_reset_in_the_middle_of_a_burst_is_seen() -> None:
    world, anna, _ = start()
    world.network.remove(SERVER)
    world.server = world.start_server()
    name = connection(anna).connection_id
    reset = encode_reset(name, _core(world).endpoint.acceptor.ids.reset_token(name))
    for filler in (bytes(40), bytes(1_200)):
        assert connection(anna).is_alive or filler == bytes(1_200)
        datagrams = filler + reset
        burst = _burst(datagrams, len(filler))
        client(anna).host.receive_burst(burst, world.network.now)
    assert not connection(anna).is_alive


def _burst(data: bytes, size: int) -> Burst:
    return Burst(SERVER, memoryview(bytearray(data)), size)


def test_a_forged_reset_is_ignored() -> None:
    world, anna, _ = start()
    name = connection(anna).connection_id
    token = _core(world).endpoint.acceptor.ids.reset_token(name)
    for bit in range(0, 128, 5):
        wrong = (int.from_bytes(token, "big") ^ 1 << bit).to_bytes(16, "big")
        world.network.inject(encode_reset(name, wrong), SERVER, anna.address, world.network.now)
    genuine = encode_reset(name, token)
    world.network.inject(genuine, ("10.6.6.6", 27272), anna.address, world.network.now)
    world.network.inject(genuine + b"\0", SERVER, anna.address, world.network.now)
    world.network.inject(genuine, anna.address, SERVER, world.network.now)
    world.network.run_for(SECOND)
    assert connection(anna).is_alive
    assert not anna.told(Disconnected)
    world.network.inject(genuine, SERVER, anna.address, world.network.now)
    world.network.run_for(SECOND)
    assert not connection(anna).is_alive


def test_many_short_deadlines_leave_no_trail() -> None:
    world, anna, ben = start()
    for number in range(100):
        world.do(lambda number=number: client(anna).chat.say(f"line {number}"))  # type: ignore[misc]
        world.network.run_for(7 * MILLISECOND)
    world.run_until(lambda: len(ben.told(LineSaid)) == 100)
    _core(world).endpoint.check_invariants()
    assert ben.told(LineSaid)[0].sent_at > WALL
    assert len(anna.told(Joined)) == 1
