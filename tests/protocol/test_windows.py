"""Windows that a peer closes, opens wide or lies about; a channel that stops another; queues with a cap."""

from __future__ import annotations

import pytest

from tests.files.shop import connection, open_shop, put
from tests.protocol.forge import Forger
from tests.protocol.test_hostile_packets import ack, closing
from tests.protocol.test_migration import server_end
from tests.world import SERVER, client
from udpchat.chat.events import LineSaid, UserList
from udpchat.config import INITIAL_RECEIVE_WINDOW, KIB, MIB, MILLISECOND, SECOND, Config
from udpchat.sim.link import LinkSpec
from udpchat.store.memory_sources import MemorySource
from udpchat.wire.codec import Message
from udpchat.wire.numbers import PacketType, Scope
from udpchat.wire.records import Users, encode_record

EVERYBODY = Users(Scope.PRESENT, "")


def _sends(window: int, rounds: int = 200) -> tuple[int, int]:
    """DATA bytes sent and the most that was in flight, by a server whose peer claims this window."""
    forger = Forger()
    forger.connection.send_transfer(9, 10 * MIB, MemorySource("x", bytes(10 * MIB)), 10 * MIB)
    recovery = forger.connection.transmitter.recovery
    sent = most = 0
    for _ in range(rounds):
        forger.pair.now += 10 * MILLISECOND
        bursts = forger.victim.settle(forger.pair.now)
        sent += sum(len(data) for size, data in bursts if data[3] == PacketType.DATA)
        most = max(most, recovery.in_flight.bytes_in_flight)
        top = recovery.numbers.next_number - 1
        first = next((run.first for run in recovery.in_flight), None)
        if first is not None and not recovery.numbers.skipped_in(first, top + 1):
            forger.pair.now += 10 * MILLISECOND
            forger.say(PacketType.ACK, ack(top, (first, top + 1), window=window, received=top))
        assert forger.connection.is_alive
    return sent, most


def test_a_closed_window_is_probed_one_packet_at_a_time() -> None:
    sent, most = _sends(0)
    assert 0 < sent <= 201 * 1_472 + 20 * 1_472, "one packet a round trip, after a first flight"
    assert most <= INITIAL_RECEIVE_WINDOW


@pytest.mark.parametrize("window", [1, 10_000, 100_000])
def test_no_more_is_in_flight_than_the_peer_allows(window: int) -> None:
    forger = Forger()
    forger.say(PacketType.ACK, ack(0, window=window))
    forger.connection.send_transfer(9, MIB, MemorySource("x", bytes(MIB)), MIB)
    forger.victim.settle(forger.pair.now)
    assert forger.connection.transmitter.recovery.in_flight.bytes_in_flight <= max(window, 1_472)


def test_a_huge_window_changes_nothing() -> None:
    sent, most = _sends(2**32 - 1, 30)
    assert sent > 0
    assert most <= 16 * MIB


def test_a_full_channel_1_never_blocks_channel_0() -> None:
    forger = Forger()
    forger.say(PacketType.MSG, Message(1, 5), b"a hole before this")
    answers = forger.write(encode_record(EVERYBODY, 5), channel=0)
    assert closing(answers) is None
    assert any(answer[3] == PacketType.MSG for answer in answers)


def test_chat_passes_a_long_answer_that_is_stuck() -> None:
    world, ends = open_shop("anna", "ben", link=LinkSpec(rate=125_000, delay=10 * MILLISECOND))
    anna, ben = ends
    channels = server_end(world, anna).transmitter.messages.channels
    world.do(lambda: [client(anna).chat.asking.users() for _ in range(16)])
    channels[1].write(encode_record(EVERYBODY, 0) * 20_000)
    world.network.run_for(100 * MILLISECOND)
    start = world.network.now
    world.do(lambda: client(ben).chat.say("me first"))
    world.run_until(lambda: bool(anna.told(LineSaid)), 2)
    assert world.network.now - start < 400 * MILLISECOND
    world.run_until(lambda: len(anna.told(UserList)) == 16, 30)


@pytest.mark.parametrize("length", [99_000, 100_000, 100_001])
def test_the_queue_of_a_channel_has_a_cap(length: int) -> None:
    world, (anna,) = open_shop("anna", config=Config(max_send_queue=100_000))
    world.network.connect(anna.address, SERVER, LinkSpec(delay=1, loss=1.0))
    world.network.run_for(SECOND)
    found = connection(anna)
    waiting = found.transmitter.messages.channels[0].queued
    found.send_encoded(bytes(length - waiting))
    assert found.is_alive is (length <= 100_000)


def test_windows_grown_for_a_transfer_are_given_back() -> None:
    fast = LinkSpec(rate=125_000_000, delay=10 * MILLISECOND)
    world, (anna, ben) = open_shop("anna", "ben", link=fast, config=Config(server_window=3 * MIB))
    for end in (anna, ben):
        put(world, end, bytes(6 * MIB), end.address[0])
        assert server_end(world, end).receiver.window.window == INITIAL_RECEIVE_WINDOW
    assert put(world, anna, bytes(KIB), "small").size == KIB
