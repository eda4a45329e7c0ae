"""The short ways of a busy room do what the long ways do: two worlds of one seed, with and without them."""

from __future__ import annotations

from random import Random

import pytest

from tests.protocol.pair import CLIENT, Datagrams, Pair, one
from tests.protocol.test_bursts import Weather
from tests.world import seeds
from udpchat.chat.events import Joined
from udpchat.config import MILLISECOND, Config
from udpchat.net.hosts import ServerCore
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address, Burst
from udpchat.wire.codec import LoneAck
from udpchat.wire.numbers import PacketType

STEPS = (100, MILLISECOND, 3 * MILLISECOND, 5 * MILLISECOND, 30 * MILLISECOND, 120 * MILLISECOND)
ROUNDS = 120


class LongWay(Connection):
    """Takes no short way."""

    def lone_message(self, now: int) -> Burst | None:
        return None

    def receive_lone_ack(self, ack: LoneAck, datagram: memoryview, address: Address, now: int) -> bool:
        return False


class Counting(Connection):
    """Counts how often a short way was taken: out and in."""

    sent = taken = 0

    def lone_message(self, now: int) -> Burst | None:
        burst = super().lone_message(now)
        self.sent += burst is not None
        return burst

    def receive_lone_ack(self, ack: LoneAck, datagram: memoryview, address: Address, now: int) -> bool:
        taken = super().receive_lone_ack(ack, datagram, address, now)
        self.taken += taken
        return taken


def announce(pair: Pair, text: str) -> None:
    """A line from the server to everybody."""
    assert isinstance(pair.server.core, ServerCore)
    pair.server.core.chat.administration.announce(text, pair.now)


def joined(seed: int, config: Config, kind: type[Connection]) -> tuple[Pair, Connection]:
    """anna is in, and the server's end of her connection is of this kind."""
    pair = Pair(seed, config)
    pair.until(lambda: pair.user.endpoint.connection is not None)
    far, _ = pair.connected()
    far.__class__ = kind
    pair.until(lambda: any(isinstance(event, Joined) for event in pair.client.told))
    return pair, far


def talk(
    seed: int, config: Config, share: float, kind: type[Connection], *, files: bool
) -> tuple[Pair, Connection, list[tuple[object, ...]]]:
    """Lines both ways at any time, some longer than a packet; small files between them.

    Also what each round sent, and the deadlines of the server's end after it.
    """
    log: list[tuple[object, ...]] = []
    pair, far = joined(seed, config, kind)
    random = Random(f"talk {seed}")
    up, down = Weather(f"up {seed}", share), Weather(f"down {seed}", share)
    for number in range(ROUNDS):
        for _ in range(random.choice((0, 0, 1, 1, 2))):
            announce(pair, f"{number} " + "x" * random.choice((0, 40, 40, 300, 1_500)))
        if random.random() < 0.3:
            pair.user.chat.say(f"line {number}")
        if files and random.random() < 0.05:
            pair.client.store.local[f"{number}.bin"] = random.randbytes(20_000)
            pair.user.files.put(f"{number}.bin")
        pair.round(up, down, random.choice(STEPS))
        to_client, to_server, (wake_up, _) = pair.log[-1]
        deadline = far.next_timeout()
        assert deadline is not None
        assert wake_up <= deadline, "the server would oversleep"
        log.append((to_client, to_server, deadline, far.next_near_timeout()))
    return pair, far, log


def compare(seed: int, config: Config, share: float, *, files: bool) -> Counting:
    """Play both ways; the connection that took the short ones."""
    short, far, short_log = talk(seed, config, share, Counting, files=files)
    long, _, long_log = talk(seed, config, share, LongWay, files=files)
    for number, (left, right) in enumerate(zip(short_log, long_log, strict=True)):
        assert left == right, f"seed {seed}, round {number}"
    assert (short.client.told, short.server.told) == (long.client.told, long.server.told)
    assert isinstance(far, Counting)
    return far


@pytest.mark.parametrize("share", [0.0, 0.06])
@pytest.mark.parametrize("plaintext", [False, True])
def test_the_short_ways_send_the_same_bytes_and_wait_for_the_same_deadlines(share: float, plaintext: bool) -> None:
    for seed in seeds(4):
        congestion = ("bbr", "newreno", "cubic", "fixed")[seed % 4]
        config = Config(plaintext=plaintext, congestion=congestion, rekey_packets=60)
        far = compare(seed, config, share, files=False)
        assert far.sent > 10 or share, "the short way out was hardly taken"
        assert far.taken > 10 or share, (
            "the short way in was hardly taken"
        )  # after a loss ACKs have two ranges for long


@pytest.mark.parametrize("share", [0.0, 0.03])
def test_the_short_ways_keep_out_of_the_way_of_files(share: float) -> None:
    for seed in seeds(2):
        compare(seed, Config(congestion="fixed"), share, files=True)


def test_an_ack_that_was_tampered_with_changes_nothing_by_the_short_way_either() -> None:
    pair, far = joined(1, Config(), Counting)
    assert isinstance(far, Counting)
    for _ in range(20):
        pair.round()
    caught: Datagrams = []

    def catch(datagrams: Datagrams) -> Datagrams:
        caught.extend(datagrams)
        return []

    announce(pair, "hello")
    pair.round()
    pair.round()
    pair.round(up=catch)
    ack = caught[-1]
    in_flight, taken = far.transmitter.recovery.in_flight.bytes_in_flight, far.taken
    drops = far.receiver.drops["not-authentic"]
    assert in_flight > 0
    for at in range(len(ack)):
        damaged = bytearray(ack)
        damaged[at] ^= 1
        pair.server.core.host.receive_burst(one(bytes(damaged), CLIENT), pair.now)
    assert far.transmitter.recovery.in_flight.bytes_in_flight == in_flight
    assert far.receiver.drops["not-authentic"] > drops
    pair.server.core.host.receive_burst(one(ack, CLIENT), pair.now)
    assert far.taken > taken
    assert far.transmitter.recovery.in_flight.bytes_in_flight < in_flight


def test_the_same_ack_twice_counts_once() -> None:
    pair, far = joined(2, Config(), Counting)
    announce(pair, "hello")
    for _ in range(20):
        pair.round(up=lambda datagrams: [each for datagram in datagrams for each in (datagram, datagram)])
    assert far.receiver.drops["duplicate"] > 0
    assert far.is_alive


def test_an_ack_that_comes_twice_is_taken_by_one_way_and_dropped_by_the_other() -> None:
    pair, far = joined(2, Config(), Counting)
    assert isinstance(far, Counting)
    for _ in range(20):
        pair.round()
    caught: Datagrams = []

    def catch(datagrams: Datagrams) -> Datagrams:
        caught.extend(datagrams)
        return []

    announce(pair, "hello")
    pair.round()
    pair.round()
    pair.round(up=catch)
    counters, drops, taken = far.transmitter.recovery.counters, far.receiver.drops["duplicate"], far.taken
    pair.server.core.host.receive_burst(one(caught[-1], CLIENT), pair.now)
    after = counters.acked_bytes, counters.received_acks, far.taken
    assert far.taken == taken + 1
    pair.server.core.host.receive_burst(one(caught[-1], CLIENT), pair.now)
    assert (counters.acked_bytes, counters.received_acks, far.taken) == after
    assert far.receiver.drops["duplicate"] == drops + 1


def test_our_own_ack_that_is_sent_back_to_us_in_plaintext_acknowledges_nothing() -> None:
    pair, far = joined(4, Config(plaintext=True), Counting)
    assert isinstance(far, Counting)
    for _ in range(20):
        pair.round()
    caught: Datagrams = []

    def look(datagrams: Datagrams) -> Datagrams:
        caught.extend(datagram for datagram in datagrams if datagram[3] == PacketType.ACK)
        return datagrams

    for number in range(10):
        pair.user.chat.say(f"line {number}")
        pair.round(down=look)
    announce(pair, "hello")
    pair.round(down=lambda _: [])
    assert caught
    counters, drops = far.transmitter.recovery.counters, far.receiver.drops["wrong-direction"]
    before = counters.acked_bytes, counters.received_acks, far.taken
    for datagram in caught:
        pair.server.core.host.receive_burst(one(datagram, CLIENT), pair.now)
    assert (counters.acked_bytes, counters.received_acks, far.taken) == before
    assert far.receiver.drops["wrong-direction"] == drops + len(caught)


def test_an_ack_from_another_address_moves_the_peer_and_is_no_case_for_the_short_way() -> None:
    pair, far = joined(3, Config(), Counting)
    assert isinstance(far, Counting)
    for _ in range(20):
        pair.round()
    caught: Datagrams = []
    announce(pair, "hello")
    pair.round()
    pair.round()

    def catch(datagrams: Datagrams) -> Datagrams:
        caught.extend(datagrams)
        return []

    pair.round(up=catch)
    taken = far.taken
    pair.server.core.host.receive_burst(one(caught[-1], ("10.0.1.1", 40_001)), pair.now)
    assert far.taken == taken
    assert far.address == ("10.0.1.1", 40_001)
