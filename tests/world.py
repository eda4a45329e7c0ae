"""The world of the lab with a rule of its own, for the scenario tests and benchmarks."""

from __future__ import annotations

import os
from collections.abc import Callable

from udpchat.config import MAX_DATAGRAM_IPV4, Config
from udpchat.lab import world as lab
from udpchat.lab.world import FAST_DISK, SERVER, WALL, End, client, connections
from udpchat.protocol.connection import Connection
from udpchat.protocol.service import Host
from udpchat.protocol.transmit import MESSAGE_RESERVE
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec

__all__ = ["FAST_DISK", "SEEDS", "SERVER", "WALL", "End", "WindowWatch", "World", "client", "connections", "seeds"]

SEEDS = float(os.environ.get("UDPCHAT_SEEDS", "10"))  # multiplies how many seeds each scenario runs
PING_SIZE = 64  # bytes of the datagram


class World(lab.World):
    """A world in which nobody may overdraw the congestion window."""

    def __init__(
        self,
        seed: int,
        link: LinkSpec,
        config: Config | None = None,
        disk: DiskSpec = FAST_DISK,
        keylog: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(seed, link, config, disk, keylog)
        self.network.invariant(WindowWatch())


class WindowWatch:
    """Nothing but probes and copies of messages leaves when the congestion window and the reserve are used up."""

    def __init__(self) -> None:
        self._seen: dict[Connection, tuple[int, int]] = {}  # bytes in flight, extra packets allowed so far

    def __call__(self, host: Host, now: int) -> None:
        for connection in connections(host.endpoint):
            transmitter = connection.transmitter
            recovery, size = transmitter.recovery, transmitter.mtu.datagram_size
            in_flight = recovery.in_flight.bytes_in_flight
            extras = 2 * recovery.counters.probe_timeouts + transmitter.copies.sent
            last, last_extras = self._seen.get(connection, (0, 0))
            limit = max(recovery.controller.congestion_window + MESSAGE_RESERVE * size, last)
            extra = (extras - last_extras) * MAX_DATAGRAM_IPV4 + PING_SIZE
            assert in_flight <= limit + extra, f"{in_flight} bytes are in flight, the window has {limit}"
            self._seen[connection] = (in_flight, extras)


def seeds(count: float, first: int = 0) -> range:
    """So many seeds, or as many as the environment asks for."""
    return range(first, first + max(1, int(count * SEEDS)))
