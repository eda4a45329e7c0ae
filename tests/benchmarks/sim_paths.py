"""What a simulated path can do to a connection: joining over it, its MTU, new addresses, strangers."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

from tests.benchmarks.garbage import KINDS, garbage
from tests.benchmarks.meter import MEGABIT, finish, link, min_rtt, offer, start
from tests.benchmarks.report import Row
from tests.benchmarks.sim_people import Talk
from tests.world import SERVER, World, client
from udpchat.chat.events import Connected, Joined, UserChanged
from udpchat.config import MAX_DATAGRAM_IPV4, MILLISECOND, SECOND
from udpchat.files.events import Downloaded, Uploaded
from udpchat.protocol.datagrams import Address
from udpchat.sim.link import LinkSpec
from udpchat.sim.trace import Happening

JOIN_RTT = 100  # ms
FIRST_JOIN, LATER_JOIN = 3, 2  # round trips
JOIN_LOSS = 0.30
JOIN_COUNT = 50
JOIN_TIME = 15 * SECOND

MTU_ROUNDS = 5
HOLE_MTU = 1_300
HOLE_COST = 1.0  # seconds

REBIND_FILE = 20_000_000
REBIND_RATIO = 0.9

FLOOD_RATE = 10_000  # datagrams per second
FLOOD_TIME = 10
FLOOD_BURST = 10_000


def joins(options: Namespace) -> Iterator[Row]:
    """Round trips of a first and of a later join, and joins at 30 % loss each way."""
    spec = LinkSpec(delay=JOIN_RTT * MILLISECOND // 2)
    world = World(1, spec)
    identity = world.random.randbytes(32)
    began = world.network.now
    first = world.add_client("anna", identity=identity)
    world.join(first)
    taken = (first.heard_at[first.events.index(first.told(Joined)[0])] - began) / (JOIN_RTT * MILLISECOND)
    yield {"what": "first join, round trips", "found": taken, "target": FIRST_JOIN, "ok": round(taken, 1) <= FIRST_JOIN}
    world.do(client(first).chat.leave)
    world.network.run_for(SECOND)
    began = world.network.now
    again = world.add_client("anna", identity=identity, token=first.told(Joined)[0].token, address=("10.0.1.1", 40_001))
    world.join(again)
    taken = (again.heard_at[again.events.index(again.told(Joined)[0])] - began) / (JOIN_RTT * MILLISECOND)
    yield {"what": "later join, round trips", "found": taken, "target": LATER_JOIN, "ok": round(taken, 1) <= LATER_JOIN}
    for seed in range(1, options.seeds + 1):
        yield _lossy_joins(seed)


def _lossy_joins(seed: int) -> Row:
    world = World(seed, link(100, 40, JOIN_LOSS))
    ends = [world.add_client(f"user{number}") for number in range(JOIN_COUNT)]
    world.network.run_until(lambda: all(end.told(Joined) for end in ends), JOIN_TIME)
    times = [end.heard_at[end.events.index(end.told(Joined)[0])] / SECOND for end in ends if end.told(Joined)]
    return {
        "what": f"of {JOIN_COUNT} joins at 30 % loss, within 15 s",
        "seed": seed,
        "found": len(times),
        "target": JOIN_COUNT,
        "slowest_s": max(times, default=0.0),
        "ok": len(times) == JOIN_COUNT,
    }


def mtu(options: Namespace) -> Iterator[Row]:
    """How soon 1,472 bytes are found, and what a black hole above 1,300 costs in mid-file."""
    for seed in range(1, options.seeds + 1):
        yield _found(seed, sends=False)
        yield _found(seed, sends=True)
        for rtt in (40, 100):
            yield _hole(seed, rtt, options.scale)


def _found(seed: int, *, sends: bool) -> Row:
    spec = link(100, 40)
    world = World(seed, spec)
    anna = world.add_client("anna")
    world.run_until(lambda: bool(anna.told(Connected)))
    opened = world.network.now
    connection = client(anna).endpoint.connection
    assert connection is not None
    if sends:
        world.join(anna)
        offer(world, anna, "file.bin", 5_000_000)
    world.network.run_until(lambda: connection.transmitter.mtu.datagram_size == MAX_DATAGRAM_IPV4, 10 * SECOND)
    rounds = (world.network.now - opened) / min_rtt(spec)
    what = "1,472 found while sending, round trips" if sends else "1,472 found, round trips"
    return {"what": what, "seed": seed, "found": rounds, "target": MTU_ROUNDS, "ok": rounds <= MTU_ROUNDS}


def _hole(seed: int, rtt: int, scale: float) -> Row:
    spec = link(100, rtt)
    size = int(40_000_000 * scale)
    plain, _, _ = _timed(seed, spec, size, 0)
    holed, stall, found = _timed(seed, spec, size, HOLE_MTU)
    return {
        "what": f"seconds that a black hole above 1,300 costs, {rtt} ms",
        "seed": seed,
        "found": holed - plain,
        "target": HOLE_COST,
        "longest_silence_s": stall,
        "datagram_after": found,
        "ok": holed - plain < HOLE_COST,
    }


def _timed(seed: int, spec: LinkSpec, size: int, hole: int) -> tuple[float, float, int]:
    """Seconds of an upload, its longest time without an arrival, its datagram size at the end."""
    world, meter, (anna,) = start(seed, spec, "anna")
    offer(world, anna, "file.bin", size)
    if hole:
        world.run_until(lambda: len(meter.arrivals.get(anna.address, ())) * 1_420 > size // 2)
        world.network.connect(anna.address, SERVER, replace(spec, mtu=hole))
    finished = finish(world, anna, Uploaded)
    connection = client(anna).endpoint.connection
    assert connection is not None
    times = [at for at, _, _ in meter.arrivals[anna.address]]
    silence = max(later - sooner for sooner, later in pairwise(times))
    began = meter.first_data[anna.address]
    return (finished - began) / SECOND, silence / SECOND, connection.transmitter.mtu.datagram_size


def rebind(options: Namespace) -> Iterator[Row]:
    """20 MB up and 20 MB down at once while the client's port changes every second."""
    for mbit, rtt, loss in ((20, 40, 0.0), (20, 40, 0.01)):
        for seed in range(1, options.seeds + 1):
            size = int(REBIND_FILE * options.scale)
            still, _, _ = _both_ways(seed, link(mbit, rtt, loss), size, every=0)
            moved, joined, moves = _both_ways(seed, link(mbit, rtt, loss), size, every=SECOND)
            yield {
                "link": f"{mbit} Mbit/s {rtt} ms {loss:.0%}",
                "seed": seed,
                "mbps_still": still / MEGABIT,
                "mbps_moving": moved / MEGABIT,
                "ratio": moved / still,
                "target": REBIND_RATIO,
                "moves": moves,
                "joins": joined,
                "ok": moved / still >= REBIND_RATIO and joined == 1,
            }


def _both_ways(seed: int, spec: LinkSpec, size: int, *, every: int) -> tuple[float, int, int]:
    """Goodput of the slower way, joins the server saw, moves made."""
    world, _, (anna,) = start(seed, spec, "anna")
    offer(world, anna, "first.bin", size)
    finish(world, anna, Uploaded)
    address, moves = anna.address, 0

    def move() -> None:
        nonlocal address, moves
        if len(anna.told(Uploaded)) > 1 and anna.told(Downloaded):
            return
        fresh: Address = (address[0], address[1] + 1)
        world.network.rebind(address, fresh)
        address, moves = fresh, moves + 1
        world.network.call_at(world.network.now + every, move)

    began = world.network.now
    offer(world, anna, "second.bin", size)
    world.do(lambda: client(anna).files.get("first.bin"))
    if every:
        world.network.call_at(began + every, move)
    finished = max(finish(world, anna, Uploaded, 2), finish(world, anna, Downloaded))
    joined = sum(event.user_count == 1 for event in world.server.told(UserChanged))
    return size * SECOND / (finished - began), joined, moves


def flood(options: Namespace) -> Iterator[Row]:
    """Garbage of every kind at 10,000/s beside two people who talk; what goes back to the strangers."""
    for kind in KINDS:
        yield _flood(kind, 1, options.scale)


def _flood(kind: str, seed: int, scale: float) -> Row:
    world, _, (anna, ben) = start(seed, link(100, 10), "anna", "ben")
    back_bytes = back_count = 0

    def tap(happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        nonlocal back_bytes, back_count
        if happening is Happening.SENT and source == SERVER and destination[0].startswith("192."):
            back_bytes, back_count = back_bytes + len(data), back_count + 1

    world.network.tap(tap)
    connection = client(anna).endpoint.connection
    assert connection is not None
    talk, random = Talk(world, anna, ben), Random(f"flood {seed}")
    world.do(talk.begin)
    count, sent_bytes, made, began = int(FLOOD_TIME * FLOOD_RATE * scale) + FLOOD_BURST, 0, 0, world.network.now

    def pour() -> None:
        nonlocal sent_bytes, made
        now = world.network.now
        due = min(count, FLOOD_BURST + (now - began) * FLOOD_RATE // SECOND)
        for number in range(made, due):
            data = garbage(kind, number, random, connection.connection_id)
            sent_bytes += len(data)
            world.network.inject(data, (f"192.0.2.{number % 200}", 1_024 + number % 50_000), SERVER, now)
        made = due
        if made < count:
            world.network.call_at(now + MILLISECOND, pour)

    world.do(pour)
    world.network.run_for(int(FLOOD_TIME * scale * SECOND) + SECOND)
    talk.end()
    world.network.run_for(SECOND)
    missing, wrong = talk.settle()
    delays = sorted(talk.delays)
    return {
        "kind": kind,
        "datagrams": count,
        "mb_sent": sent_bytes / 1e6,
        "answers": back_count,
        "bytes_back": back_bytes,
        "missing": missing,
        "p99_ms": delays[len(delays) * 99 // 100] / MILLISECOND,
        "connections": len(world.server.core.endpoint.connections),  # type: ignore[union-attr]
        # One smaller cookie for each HELLO is the rule; anything else gets silence.
        "ok": not missing and not wrong and back_bytes <= sent_bytes and (not back_count or kind == "hello"),
    }
