"""Several at once in simulation: transfers that share a connection or a line, chat beside transfers, a slow disk."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.benchmarks.meter import Meter, finish, link, offer, start
from tests.benchmarks.report import Row, percentile
from tests.world import SERVER, End, World, client, connections
from udpchat.chat.events import LineSaid
from udpchat.config import MIB, MILLISECOND, SECOND, TRANSFER_CREDIT
from udpchat.files.events import Downloaded, Uploaded
from udpchat.files.ports import SyncPart, WritePart
from udpchat.protocol.datagrams import Address
from udpchat.protocol.ports import StoreRequest
from udpchat.sim.disk import Complete, DelayedStore, DiskSpec
from udpchat.sim.link import Link, LinkSpec
from udpchat.sim.network import Network

LEAST_SHARE, MOST_SHARE = 0.7, 1.3
SHARE_SPAN = 5 * SECOND
SHARE_STEP = 500 * MILLISECOND
SETTLING = 5 * SECOND  # after the last has begun, where connections and not transfers share

LINES_PER_SECOND = 50
CHAT_P99 = 150 * MILLISECOND
FLAT = 2 * MIB  # bytes by which the slow disk may be further behind than the credit: one sync under way


class SharedNetwork(Network):
    """All clients are behind one line to the server, and one back."""

    def link(self, source: Address, destination: Address) -> Link:
        """The common line of a direction."""
        first = self._everybody[0]
        return super().link(first, SERVER) if destination == SERVER else super().link(SERVER, first)

    @property
    def _everybody(self) -> list[Address]:
        return [("10.0.1.1", 40_000)]


class SharedWorld(World):
    """A world whose clients share a line."""

    def __init__(self, seed: int, spec: LinkSpec) -> None:
        super().__init__(seed, spec)
        self.network = SharedNetwork(seed, spec)
        self.server = self.start_server()


def fairness(options: Namespace) -> Iterator[Row]:
    """Shares of three transfers on one connection, and of three connections on one line, in any 5 s."""
    for seed in range(1, options.seeds + 1):
        yield _transfers(seed, options.scale)
        yield _connections(seed, options.scale)


def _transfers(seed: int, scale: float) -> Row:
    world, meter, (anna,) = start(seed, link(20, 40, 0.01), "anna")
    for number in range(3):
        offer(world, anna, f"{number}.bin", int(20_000_000 * scale))
    finish(world, anna, Uploaded, 3)
    moments = [(at, (sender, number), size) for sender, all_ in meter.arrivals.items() for at, number, size in all_]
    least, most = _shares(moments, 3, 0)
    ok = least >= LEAST_SHARE and most <= MOST_SHARE
    return {"what": "3 transfers, 1 connection", "seed": seed, "least": least, "most": most, "ok": ok}


def _connections(seed: int, scale: float) -> Row:
    world = SharedWorld(seed, link(20, 40, 0.01))
    meter = Meter()
    world.network.tap(meter)
    ends = [world.add_client(f"user{number}") for number in range(3)]
    world.join(*ends)
    for end in ends:
        offer(world, end, "file.bin", int(40_000_000 * scale))
        world.network.run_for(2 * SECOND)
    for end in ends:
        finish(world, end, Uploaded)
    moments = [(at, sender, size) for sender, all_ in meter.arrivals.items() for at, _, size in all_]
    least, most = _shares(sorted(moments), 3, SETTLING)
    return {"what": "3 connections, 1 line, 2 s apart", "seed": seed, "least": least, "most": most}


def _shares(moments: Sequence[tuple[int, object, int]], count: int, settling: int) -> tuple[float, float]:
    """The smallest and largest part of its fair share that anybody had in 5 s during which all were at work."""
    firsts: dict[object, int] = {}
    lasts: dict[object, int] = {}
    for at, who, _ in moments:
        firsts.setdefault(who, at)
        lasts[who] = at
    begin, end = max(firsts.values()) + settling, min(lasts.values())
    found = []
    for at in range(begin, end - SHARE_SPAN, SHARE_STEP):
        sizes: Counter[object] = Counter()
        for time, who, size in moments:
            if at <= time < at + SHARE_SPAN:
                sizes[who] += size
        total = sum(sizes.values())
        found += [sizes[who] * count / total for who in firsts]
    return (min(found), max(found)) if found else (0.0, 0.0)


class Talk:
    """Two people who say numbered lines, and how long each took to the other."""

    def __init__(self, world: World, *ends: End) -> None:
        self.delays: list[int] = []
        self._world = world
        self._ends = ends
        self._said: dict[str, int] = {}
        self._stop = False

    def begin(self) -> None:
        """Say lines from now on."""
        for end in self._ends:
            self._say(end, 0)

    def end(self) -> None:
        """Say nothing more."""
        self._stop = True

    @property
    def said(self) -> int:
        """Lines said so far."""
        return len(self._said)

    def settle(self) -> tuple[int, int]:
        """Lines that never came, and lines that came twice or out of order."""
        wrong = missing = 0
        for end in self._ends:
            nick = self._world.nicks[end.address]
            for other in self._ends:
                name = self._world.nicks[other.address]
                if name == nick:
                    continue
                heard = self._heard(end, name)
                missing += sum(line.startswith(f"{name} ") for line in self._said) - len(set(heard))
                wrong += int(heard != sorted(set(heard)))
        return missing, wrong

    def _heard(self, end: End, name: str) -> list[int]:
        """Numbers of the lines of somebody that this end was told; takes their delays."""
        found = []
        for event, at in zip(end.events, end.heard_at, strict=True):
            if isinstance(event, LineSaid) and event.sender == name:
                self.delays.append(at - self._said[event.text])
                found.append(int(event.text.split()[1]))
        return found

    def _say(self, end: End, number: int) -> None:
        if self._stop:
            return
        text = f"{self._world.nicks[end.address]} {number}"
        self._said[text] = self._world.network.now
        client(end).chat.say(text)
        pause = SECOND // LINES_PER_SECOND
        self._world.network.call_at(self._world.network.now + pause, lambda: self._say(end, number + 1))


def chat(options: Namespace) -> Iterator[Row]:
    """50 lines/s each way while every direction of both links is full: delivery time."""
    cases: dict[str, tuple[LinkSpec, bool]] = {
        "idle": (link(20, 40, 0.01), False),
        "both directions full": (link(20, 40, 0.01), True),
        "full, 10 % loss": (link(20, 40, 0.10), True),
    }
    for name, (spec, is_full) in cases.items():
        for seed in range(1, options.seeds + 1):
            yield _chat(name, spec, seed, options.scale, is_full=is_full)


def _chat(name: str, spec: LinkSpec, seed: int, scale: float, *, is_full: bool) -> Row:
    world, _, (anna, ben) = start(seed, spec, "anna", "ben")
    if is_full:
        for end in (anna, ben):  # what the other fetches later
            offer(world, end, f"{world.nicks[end.address]}.bin", int(20_000_000 * scale))
            finish(world, end, Uploaded)
    talk = Talk(world, anna, ben)
    world.do(talk.begin)
    if is_full:
        for end, other in ((anna, "ben"), (ben, "anna")):
            offer(world, end, "second.bin", int(20_000_000 * scale))
            world.do(lambda end=end, other=other: client(end).files.get(f"{other}.bin"))  # type: ignore[misc]
        for end in (anna, ben):
            finish(world, end, Uploaded, 2)
            finish(world, end, Downloaded)
    else:
        world.network.run_for(int(10 * SECOND * scale))
    talk.end()
    world.network.run_for(3 * SECOND)
    missing, wrong = talk.settle()
    row: Row = {"case": name, "seed": seed, "lines": talk.said, "missing": missing, "wrong_order": wrong}
    row |= _delays(talk.delays)
    if spec.loss <= 0.01:
        row["ok"] = not missing and not wrong and percentile(talk.delays, 0.99) <= CHAT_P99
    return row


def _delays(delays: list[int]) -> Row:
    return {
        "p50_ms": percentile(delays, 0.50) / MILLISECOND,
        "p99_ms": percentile(delays, 0.99) / MILLISECOND,
        "max_ms": max(delays, default=0) / MILLISECOND,
    }


class WatchedDisk(DelayedStore):
    """A disk that remembers how far it was behind: bytes handed to it that no finished sync covers."""

    __slots__ = ("behind", "most_behind")

    def __init__(self, world: World, end: End, spec: DiskSpec) -> None:
        super().__init__(end.store, world.network, spec, end.address[0])
        self.behind = 0
        self.most_behind = 0

    def submit(self, request: StoreRequest, complete: Complete) -> None:
        """Count, then do it."""
        if isinstance(request, WritePart):
            self.behind += len(request.data)
            self.most_behind = max(self.most_behind, self.behind)
        elif isinstance(request, SyncPart):
            complete = self._settling(self.behind, complete)
        super().submit(request, complete)

    def _settling(self, covered: int, complete: Complete) -> Complete:
        def settle(request_id: int, result: object, now: int) -> None:
            self.behind -= covered
            complete(request_id, result, now)

        return settle


def disk(options: Namespace) -> Iterator[Row]:
    """A disk of 5 MB/s behind 100 Mbit/s: bytes ahead of the disk, and chat beside it."""
    for name, rate in (("fast disk", 0), ("5 MB/s", 5_000_000)):
        for seed in range(1, options.seeds + 1):
            yield _disk(name, rate, seed, options.scale)


def _disk(name: str, rate: int, seed: int, scale: float) -> Row:
    world, _, (anna, ben) = start(seed, link(100, 40), "anna", "ben")
    watched = WatchedDisk(world, world.server, DiskSpec(delay=1_000, bytes_per_second=rate))
    world.server.disk = watched
    most_in_flight = 0

    def watch(host: object, now: int) -> None:
        nonlocal most_in_flight
        for each in connections(client(anna).endpoint):
            most_in_flight = max(most_in_flight, each.transmitter.recovery.in_flight.bytes_in_flight)

    world.network.invariant(watch)
    talk = Talk(world, anna, ben)
    world.do(talk.begin)
    size = int(100_000_000 * scale)
    started = world.network.now
    offer(world, anna, "file.bin", size)
    finished = finish(world, anna, Uploaded)
    talk.end()
    world.network.run_for(2 * SECOND)
    missing, wrong = talk.settle()
    is_flat = watched.most_behind <= TRANSFER_CREDIT + FLAT
    return {
        "disk": name,
        "seed": seed,
        "mb_per_s": size / (finished - started),
        "most_behind_mib": watched.most_behind / MIB,
        "in_flight_mib": most_in_flight / MIB,
        "missing": missing,
        "wrong_order": wrong,
        **_delays(talk.delays),
        "ok": is_flat and not missing and not wrong and percentile(talk.delays, 0.99) <= CHAT_P99,
    }
