"""Watches simulated transfers from the wire: when the first file byte left, how much was sent, what was repeated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.benchmarks.report import limit
from tests.world import SERVER, End, World, client
from udpchat.config import MICROSECOND, SECOND, Config
from udpchat.files.events import Downloaded, TransferFailed, Uploaded
from udpchat.protocol.datagrams import Address
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import FRAMING, FULL_PACKET, LinkSpec
from udpchat.sim.trace import Happening
from udpchat.wire.hot import DATA_HEADERS_SIZE, TRAILER_SIZE, unpack_data
from udpchat.wire.numbers import PacketType

TYPE_AT = 3  # byte of the packet type in a datagram
ACK_PACKET = 137  # bytes on the wire of an ACK with one range
MEGABIT = 125_000  # bytes per second
OVERHEAD = DATA_HEADERS_SIZE + TRAILER_SIZE


class Meter:
    """A tap that counts. Keys are senders; sizes are UDP payload. times are virtual microseconds."""

    def __init__(self) -> None:
        self.udp_bytes: Counter[Address] = Counter()
        self.data_packets: Counter[Address] = Counter()
        self.repeated: Counter[Address] = Counter()  # DATA packets with file bytes that had been sent before
        self.first_data: dict[Address, int] = {}
        self.arrivals: dict[Address, list[tuple[int, int, int]]] = {}  # (time, transfer id, wire bytes) by sender
        self._next: Counter[tuple[Address, int]] = Counter()  # end of what was sent of a transfer

    def __call__(self, happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        """Take in one happening."""
        if happening is Happening.SENT:
            self.udp_bytes[source] += len(data)
        if (
            len(data) < OVERHEAD
            or happening is Happening.DROPPED
            or data[TYPE_AT : TYPE_AT + 1] != bytes((PacketType.DATA,))
        ):
            return
        transfer_id, offset = unpack_data(data)
        if happening is Happening.DELIVERED:
            self.arrivals.setdefault(source, []).append((now, transfer_id, len(data) + FRAMING))
            return
        self.data_packets[source] += 1
        self.first_data.setdefault(source, now)
        key = source, transfer_id
        if offset < self._next[key]:
            self.repeated[source] += 1
        self._next[key] = max(self._next[key], offset + len(data) - OVERHEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One file through one link.

    goodput: bytes per second from the first DATA to COMMITTED; ratio: of the limit. udp_ratio: UDP bytes of both ends
    for each byte of the file. repeated: DATA packets. queue_drops: packets the bottleneck refused. queue_median:
    delay in the queue [us]. min_rtt: of a full packet and its ACK on the empty path [us]. state: of the controller.
    """

    size: int
    goodput: float
    ratio: float
    udp_ratio: float
    repeated: int
    lost: int
    queue_drops: int
    queue_median: int
    min_rtt: int
    state: str
    meter: Meter
    sender: Address


def link(
    mbit: float, rtt: float, loss: float = 0.0, queue: float = 1.0, **more: float | tuple[tuple[int, int], ...]
) -> LinkSpec:
    """A link by rate [Mbit/s], round trip [ms], loss [share], queue [bandwidth-delay products, at least 10 packets]."""
    rate, delay = int(mbit * MEGABIT), int(rtt * 500)
    packets = max(10, round(queue * rate * 2 * delay / (SECOND * FULL_PACKET)))
    return LinkSpec(rate=rate, delay=delay, loss=loss, queue=packets, **more)  # type: ignore[arg-type]


def min_rtt(spec: LinkSpec) -> int:
    """Time from sending a full packet to its ACK on the empty path [us]."""
    return 2 * spec.delay + (FULL_PACKET + ACK_PACKET) * SECOND // spec.rate * MICROSECOND


def bandwidth_delay_product(spec: LinkSpec) -> int:
    """Bytes on the wire that fill the path."""
    return spec.rate * 2 * spec.delay // SECOND


def start(
    seed: int, spec: LinkSpec, *nicks: str, config: Config | None = None, disk: DiskSpec | None = None
) -> tuple[World, Meter, list[End]]:
    """A world with people who have joined."""
    world = World(seed, spec, config, disk or DiskSpec(delay=0))
    meter = Meter()
    world.network.tap(meter)
    ends = [world.add_client(nick) for nick in nicks]
    world.join(*ends)
    return world, meter, ends


def offer(world: World, end: End, name: str, size: int) -> None:
    """Let a client upload a fresh random file."""
    end.store.local[name] = world.random.randbytes(size)
    world.do(lambda: client(end).files.put(name))


def finish(
    world: World, end: End, kind: type[Uploaded] | type[Downloaded], count: int = 1, patience: float = 900.0
) -> int:
    """Wait for transfers; `now` at which the last was whole. AssertionError when one fails or none comes."""
    world.run_until(lambda: len(end.told(kind)) >= count or bool(end.told(TransferFailed)), patience)
    failed = end.told(TransferFailed)
    assert not failed, failed
    finished: int = max(each.finished for each in end.told(kind))
    return finished


def upload(spec: LinkSpec, size: int, seed: int = 1, config: Config | None = None) -> Transfer:
    """Send one file over an idle link and see what it took."""
    world, meter, (anna,) = start(seed, spec, "anna", config=config)
    before = sum(meter.udp_bytes.values())
    offer(world, anna, "file.bin", size)
    finished = finish(world, anna, Uploaded)
    seconds = (finished - meter.first_data[anna.address]) / SECOND
    up = world.network.link(anna.address, SERVER)
    connection = client(anna).endpoint.connection
    assert connection is not None
    recovery = connection.transmitter.recovery
    return Transfer(
        size=size,
        goodput=size / seconds,
        ratio=size / seconds / limit(spec.rate, spec.loss),
        udp_ratio=(sum(meter.udp_bytes.values()) - before) / size,
        repeated=meter.repeated[anna.address],
        lost=recovery.counters.lost_packets,
        queue_drops=up.counters.queue_full,
        queue_median=up.queue_delay(),
        min_rtt=min_rtt(spec),
        state=getattr(recovery.controller, "state", recovery.controller.name),
        meter=meter,
        sender=anna.address,
    )
