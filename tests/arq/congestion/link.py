"""One direction of the model's path: serialisation, drop-tail queue, loss, delay."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from udpchat.sim.stalls import NO_STALLS, Stalls, StallSpec

FRAMING = 42  # Ethernet, IPv4 and UDP headers around each datagram
FULL_FRAME = 1_514


@dataclass(frozen=True, slots=True)
class Path:
    """One direction and its mirror: rate in bit/s, one-way delay and jitter in us, queue in packets."""

    rate: int
    delay: int
    loss: float = 0.0
    queue: int = 100
    jitter: int = 0
    burst: int = 1  # mean length of a run of losses
    changes: tuple[tuple[int, int], ...] = ()  # (time, bit/s)
    tick: int = 0  # the receiver reads its socket once per tick [us]; 0 is at once
    grain: int = 0  # the sender's timers are rounded up to this [us]
    reorder: float = 0.0  # probability that a packet is held back by 3 ms
    start: int = 0
    stalls: StallSpec = NO_STALLS  # of the line and of both ends, each with a seed of its own

    @property
    def limit(self) -> float:
        """File bytes per second that the path can carry at best (DESIGN section 10)."""
        return self.rate / 8 * (1 - self.loss) * 1420 / FULL_FRAME


class Link:
    """One direction: serialisation, drop-tail queue, then loss, then delay."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.rate = path.rate
        self.random = random.Random(seed)
        self.departures: deque[int] = deque()
        self.free_at = 0
        self.dropped = 0
        self.lost = 0
        self.carried = 0
        self.waits: list[int] = []
        self.bad = False
        self.changes = list(path.changes)
        self.last_arrival = 0
        self.stalls = Stalls(path.stalls, f"link {seed}")

    def send(self, size: int, now: int) -> int | None:
        """When the packet arrives, or None."""
        while self.changes and now >= self.changes[0][0]:
            self.rate = self.changes.pop(0)[1]
        departures = self.departures
        while departures and departures[0] <= now:
            departures.popleft()
        if len(departures) >= self.path.queue:
            self.dropped += 1
            return None
        start = max(self.free_at, now)
        self.waits.append(start - now)
        self.free_at = start + ((size + FRAMING) * 8_000_000 + self.rate - 1) // self.rate
        departures.append(self.free_at)
        self.carried += size + FRAMING
        if self._loses():
            self.lost += 1
            return None
        arrival = self.stalls.release(self.free_at) + self.path.delay
        if self.path.jitter:
            arrival = max(self.last_arrival, arrival + self.random.randrange(self.path.jitter))
            self.last_arrival = arrival
        if self.path.reorder and self.random.random() < self.path.reorder:
            arrival += 3_000
        return arrival

    def _loses(self) -> bool:
        loss, burst = self.path.loss, self.path.burst
        if not loss:
            return False
        if burst == 1:
            return self.random.random() < loss
        leave = 1 / burst
        enter = loss * leave / (1 - loss)
        self.bad = self.random.random() >= leave if self.bad else self.random.random() < enter
        return self.bad
