"""One direction of a path: rate, queue, delay and seeded faults. Pure: told the time, answers when what arrives."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random
from typing import Final, NamedTuple

from udpchat.sim.bottleneck import PICOSECONDS, Bottleneck
from udpchat.sim.faults import LossModel, corrupt_bytes
from udpchat.sim.stalls import NO_STALLS, Stalls, StallSpec

FRAMING: Final = 42  # bytes of Ethernet, IPv4 and UDP header that a datagram costs on the wire
IP_HEADERS: Final = 28  # bytes of IPv4 and UDP header that count against the MTU
FULL_PACKET: Final = 1_514  # bytes of a full Ethernet packet: the unit of the default queue
MINIMUM_QUEUE: Final = 10  # packets of the default queue on a path whose bandwidth-delay product is smaller
MAX_HELD_BACK: Final = 20  # packet times that a reordered packet is late by
HELD_BACK_UNLIMITED: Final = (1_000, 5_000)  # us that it is late by when the rate is unlimited


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """What one direction of a path does. Times are microseconds from the link's origin.

    rate: bytes per second on the wire, 0 is unlimited; rate_changes: (time, rate from then on), ascending.
    delay, jitter: one way; each packet takes delay plus a uniform part of jitter, order is kept.
    queue: packets queued or on the line; 0 is one bandwidth-delay product of a path with this delay both ways,
        at least 10.
    mtu: largest IP packet [bytes], larger ones vanish from mtu_from on; 0 is any.
    loss: share of packets lost behind the bottleneck; burst: mean length of a run of losses, see LossModel.
    duplicate, reorder, corrupt: probabilities. blackouts: (start, length) during which what is sent vanishes.
    stalls: times in which nothing leaves the line; then all that waited leaves at once, as from a busy relay.
    """

    rate: int = 0
    delay: int = 0
    jitter: int = 0
    loss: float = 0.0
    burst: float = 1.0
    queue: int = 0
    mtu: int = 0
    mtu_from: int = 0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    blackouts: tuple[tuple[int, int], ...] = ()
    rate_changes: tuple[tuple[int, int], ...] = ()
    stalls: StallSpec = NO_STALLS

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        for name in ("rate", "delay", "jitter", "burst", "queue", "mtu", "mtu_from"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if any(start < 0 or length < 0 for start, length in self.blackouts):
            raise ValueError("a blackout has a start and a length that are not negative")
        times = [at for at, _ in self.rate_changes]
        if times != sorted(times) or any(rate < 0 for _, rate in self.rate_changes):
            raise ValueError("rate changes must be in the order of their times, with rates that are not negative")

    @property
    def queue_limit(self) -> int:
        """Packets that may be queued or on the line."""
        product = self.rate * 2 * self.delay // (1_000_000 * FULL_PACKET)
        return self.queue or max(MINIMUM_QUEUE, product)

    def healed(self) -> LinkSpec:
        """The same line without its faults: rate, delay, jitter and queue stay."""
        clean = replace(self, loss=0.0, burst=1.0, mtu=0, duplicate=0.0, reorder=0.0, corrupt=0.0)
        return replace(clean, blackouts=(), stalls=NO_STALLS)


class Fate(NamedTuple):
    """What becomes of a datagram: why it is dropped (empty when it is not), how often it arrives, whether damaged."""

    drop: str
    copies: int
    is_corrupted: bool = False


ARRIVES: Final = Fate("", 1)
BLACKED_OUT: Final = Fate("blackout", 0)
TOO_LARGE: Final = Fate("mtu", 0)
QUEUE_FULL: Final = Fate("queue", 0)
LOST: Final = Fate("loss", 0)


class Delivery(NamedTuple):
    """One arrival of a datagram: when [us], and whether its bytes are to be damaged with `Link.corrupt`."""

    at: int
    corrupted: bool


@dataclass(slots=True)
class LinkCounters:
    """What has happened to the datagrams of a link; bytes are UDP payload."""

    received: int = 0
    received_bytes: int = 0
    blacked_out: int = 0
    too_large: int = 0
    queue_full: int = 0
    lost: int = 0
    reordered: int = 0
    duplicated: int = 0
    corrupted: int = 0
    delivered: int = 0
    delivered_bytes: int = 0

    @property
    def dropped(self) -> int:
        """Datagrams that never arrived, for whatever reason."""
        return self.blacked_out + self.too_large + self.queue_full + self.lost

    def add(self, other: LinkCounters) -> None:
        """Count what another link did as well."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class Link:
    """One direction of a path with a fate for each datagram that follows from the seed alone.

    Every datagram draws the same number of random values whatever becomes of it, so setting one fault does not move
    another. origin: the time [us] from which the times of the spec count. fate: of the last datagram.
    """

    __slots__ = (
        "_bottleneck",
        "_damage",
        "_last_arrival",
        "_loss",
        "_origin",
        "_random",
        "_seed",
        "_spec",
        "_stalls",
        "counters",
        "fate",
    )

    def __init__(self, spec: LinkSpec, seed: int | str, origin: int = 0) -> None:
        self._spec = spec
        self._seed = seed
        self._origin = origin
        self._random = Random(f"link {seed}").random
        self._damage = Random(f"damage {seed}")
        self._loss = LossModel(spec.loss, spec.burst)
        self._bottleneck = Bottleneck(spec.rate, spec.rate_changes, spec.queue_limit)
        self._stalls = Stalls(spec.stalls, seed)
        self._last_arrival = 0
        self.counters = LinkCounters()
        self.fate = ARRIVES

    @property
    def spec(self) -> LinkSpec:
        """What the link does at present."""
        return self._spec

    def replace(self, spec: LinkSpec) -> None:
        """Go on with another spec; what is on its way arrives as it would have."""
        if spec.stalls != self._spec.stalls:
            self._stalls = Stalls(spec.stalls, self._seed)
        self._spec = spec
        self._loss = LossModel(spec.loss, spec.burst)
        self._bottleneck.replace(spec.rate, spec.rate_changes, spec.queue_limit)

    def send(self, size: int, now: int) -> tuple[Delivery, ...]:
        """The arrivals of a datagram of size bytes that is sent at now [us]; none when it is dropped."""
        draw = self._random
        lost = self._loss.drops(draw())
        draws = (draw(), draw(), draw(), draw(), draw())
        counters, spec, time = self.counters, self._spec, now - self._origin
        counters.received += 1
        counters.received_bytes += size
        self.fate = ARRIVES
        if spec.blackouts and any(start <= time < start + length for start, length in spec.blackouts):
            counters.blacked_out += 1
            self.fate = BLACKED_OUT
            return ()
        if spec.mtu and size + IP_HEADERS > spec.mtu and time >= spec.mtu_from:
            counters.too_large += 1
            self.fate = TOO_LARGE
            return ()
        exit_time = self._bottleneck.pass_through(size + FRAMING, time)
        if exit_time is None:
            counters.queue_full += 1
            self.fate = QUEUE_FULL
            return ()
        if lost:
            counters.lost += 1
            self.fate = LOST
            return ()
        left = self._stalls.release(-(-exit_time // PICOSECONDS))
        return self._arrivals(size, self._origin + left + spec.delay, draws)

    def corrupt(self, data: bytes) -> bytes:
        """A damaged copy of a datagram, from a random stream of its own."""
        return corrupt_bytes(data, self._damage)

    def queued(self, now: int) -> int:
        """Packets that are queued or on the line at a time [us], which may not go back."""
        return self._bottleneck.queued(now - self._origin)

    def queue_delay(self, share: float = 0.5) -> int:
        """Delay in the queue [us] that the given share of arriving packets did not exceed: the median by default."""
        return self._bottleneck.samples.quantile(share)

    def _arrivals(self, size: int, at: int, draws: tuple[float, float, float, float, float]) -> tuple[Delivery, ...]:
        jitter, reorder, held_back, duplicate, corrupt = draws
        spec, counters = self._spec, self.counters
        arrival = at + int(jitter * (spec.jitter + 1)) if spec.jitter else at
        if reorder < spec.reorder:
            counters.reordered += 1
            arrival += self._hold_back(size, held_back)
        else:
            self._last_arrival = arrival = max(arrival, self._last_arrival)
        corrupted = corrupt < spec.corrupt
        counters.corrupted += corrupted
        counters.delivered += 1
        counters.delivered_bytes += size
        first = Delivery(arrival, corrupted)
        if duplicate >= spec.duplicate:
            if corrupted:
                self.fate = Fate("", 1, is_corrupted=True)
            return (first,)
        counters.duplicated += 1
        counters.delivered += 1
        counters.delivered_bytes += size
        self.fate = Fate("", 2, is_corrupted=corrupted)
        return (first, Delivery(arrival + self._hold_back(size, held_back), corrupted=False))

    def _hold_back(self, size: int, draw: float) -> int:
        packet_time = self._bottleneck.packet_time(size + FRAMING)
        if packet_time:
            return packet_time * (1 + int(draw * MAX_HELD_BACK))
        shortest, longest = HELD_BACK_UNLIMITED
        return shortest + int(draw * (longest - shortest))
