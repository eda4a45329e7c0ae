"""A small working day in the simulated network: two people join, talk, and one sends the other a file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.world import SERVER, End, World, client, connections
from udpchat.chat.events import Answered, Joined, LineSaid
from udpchat.config import MILLISECOND, Config
from udpchat.files.events import Downloaded, TransferFailed, Uploaded
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening
from udpchat.wire.hot import DATA_HEADERS_SIZE, TRAILER_SIZE
from udpchat.wire.numbers import PacketType

CONTROLLERS = ("newreno", "cubic", "bbr")
TALK_EVERY = 40 * MILLISECOND
LINES = 6  # of each of the two
TYPE_AT = 3  # byte of the packet type in a datagram
HARMLESS = {"channel-full", "unknown-transfer"}  # drops of datagrams that are not damaged; "duplicate" may be damage


@dataclass(frozen=True, slots=True)
class Day:
    """What came of it.

    lost: packets that any end declared lost. overhead: DATA bytes sent for each byte of the file, of the worse way.
    rejected, damaged: datagrams that were refused, that the links had damaged. seconds: how long it all took.
    """

    trace: str
    lost: int
    overhead: float
    rejected: int
    damaged: int
    seconds: float


def config_of(seed: int) -> Config:
    """Every controller, sealed and in plaintext, in turn."""
    return Config(congestion=CONTROLLERS[seed % 3], plaintext=bool(seed // 3 % 2))


def live(seed: int, link: LinkSpec, size: int = 20_000, patience: float = 300.0) -> Day:
    """Play one day and check that nothing was lost, doubled or reordered. patience: virtual seconds for each step."""
    # Bursts are counted in packets, so one can outlast the few packets of a handshake: there they begin after it.
    world = World(seed, link if link.burst <= 1 else link.healed(), config_of(seed))
    sent: Counter[Address] = Counter()
    world.network.tap(lambda *happening: _count_data(sent, *happening))
    anna, ben = world.add_client("anna"), world.add_client("ben")
    world.run_until(lambda: bool(anna.told(Joined) and ben.told(Joined)), patience)
    for end in (anna, ben):
        world.network.connect(end.address, SERVER, link)
    _talk(world, anna, ben)
    data = world.random.randbytes(size)
    anna.store.local["a.bin"] = data
    world.do(lambda: client(anna).files.put("a.bin"))
    world.run_until(lambda: bool(anna.told(Uploaded) or anna.told(TransferFailed)), patience)
    world.do(lambda: client(ben).files.get("a.bin"))
    world.run_until(lambda: bool(ben.told(Downloaded) or ben.told(TransferFailed)), patience)
    world.run_until(lambda: len(anna.told(LineSaid)) >= 2 * LINES <= len(ben.told(LineSaid)), patience)
    world.network.run_for(500 * MILLISECOND)
    _check(anna, ben, size)
    everybody = [each for end in (world.server, anna, ben) for each in connections(end.core.endpoint)]
    return Day(
        trace=world.network.trace_hash(),
        lost=sum(each.transmitter.recovery.counters.lost_packets for each in everybody),
        overhead=max(sent.values()) / size,
        rejected=sum(_rejected(each.receiver.drops) for each in everybody)
        + sum(_rejected(end.core.endpoint.drops) for end in (world.server, anna, ben)),
        damaged=sum(
            world.network.link(*way).counters.corrupted
            for end in (anna, ben)
            for way in ((end.address, SERVER), (SERVER, end.address))
        ),
        seconds=world.network.now / 1_000_000,
    )


def _count_data(
    sent: Counter[Address], happening: Happening, now: int, source: Address, destination: Address, data: bytes
) -> None:
    if happening is Happening.SENT and data[TYPE_AT] == PacketType.DATA:
        sent[source] += len(data) - DATA_HEADERS_SIZE - TRAILER_SIZE


def _rejected(drops: Counter[str]) -> int:
    return sum(count for reason, count in drops.items() if reason not in HARMLESS)


def _talk(world: World, *ends: End) -> None:
    for number in range(LINES):
        for end in ends:
            _say_at(world, end, world.network.now + number * TALK_EVERY, f"{world.nicks[end.address]} {number}")


def _say_at(world: World, end: End, at: int, line: str) -> None:
    def say() -> None:
        client(end).chat.say(line)

    world.network.call_at(at, say)


def _check(anna: End, ben: End, size: int) -> None:
    assert not anna.told(TransferFailed), anna.told(TransferFailed)
    assert not ben.told(TransferFailed), ben.told(TransferFailed)
    (up,), (down,) = anna.told(Uploaded), ben.told(Downloaded)
    assert up.md5_sent == up.md5_stored == down.md5_stored == down.md5_offered
    assert up.size == down.size == size
    heard = [(line.sequence, line.sender, line.text) for line in anna.told(LineSaid)]
    assert heard == [(line.sequence, line.sender, line.text) for line in ben.told(LineSaid)]
    for name in ("anna", "ben"):
        assert [text for _, sender, text in heard if sender == name] == [f"{name} {number}" for number in range(LINES)]
    assert len(anna.told(Answered)) == len(ben.told(Answered)) == LINES
