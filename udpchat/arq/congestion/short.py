"""Paths shorter than 2 ms, where samples time the two programs rather than the wire: a window that doubles."""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.path import Path
from udpchat.arq.pacing import UNPACED_RATE
from udpchat.config import KIB, MIB, MILLISECOND, SECOND

SHORT_RTT: Final = 2 * MILLISECOND  # a path with a smaller min_rtt is short
FIRST_WINDOW: Final = 16  # packets
MAX_WINDOW: Final = 4 * MIB  # what fits the default receive buffer of a socket
FAST: Final = UNPACED_RATE * 2 // 5  # bytes per second above which programs, not wires, are the bottleneck
FAST_WINDOW: Final = 1 * MIB  # smallest window on such a path: two turns of eight bursts
QUEUE_TIME: Final = 6 * MILLISECOND  # of bandwidth in flight: what covers the turns of an event loop
GROWTH_RTT: Final = 4 * MILLISECOND  # an RTT below this has room for twice the window
PACING_PERCENT: Final = 125
LOSS_PERCENT: Final = 70  # of the window kept when packets are lost behind a queue
MINIMUM_WINDOW: Final = 16 * KIB
CEILING_LIFETIME: Final = 2 * SECOND


class ShortPath:
    """Window and rate on a short path: about 6 ms of bandwidth in flight, not paced when fast."""

    __slots__ = ("_ceiling", "_ceiling_at", "_recovery_start", "_window")

    def __init__(self, path: Path) -> None:
        self._window = FIRST_WINDOW * path.datagram_size
        self._ceiling = MAX_WINDOW  # what the last loss behind a queue left
        self._ceiling_at = 0
        self._recovery_start = -1

    def on_ack(self, sample: AckSample, path: Path) -> None:
        """Double per round trip while the RTT stays small, then follow the bandwidth."""
        if sample.lost_bytes:
            self._on_loss(sample, path)
        if sample.now - self._ceiling_at > CEILING_LIFETIME:
            self._ceiling = MAX_WINDOW
        used = 2 * sample.prior_in_flight >= self._window
        if used and not sample.app_limited and 0 < sample.latest_rtt < GROWTH_RTT:
            self._window += sample.acked_bytes
        floor = FAST_WINDOW if path.bandwidth >= FAST else FIRST_WINDOW * path.datagram_size
        target = max(floor, path.bandwidth * QUEUE_TIME // SECOND)
        if sample.latest_rtt > GROWTH_RTT and self._window > target:
            self._window = max(target, self._window - sample.acked_bytes)
        self._window = min(self._window, self._ceiling)

    def window(self) -> int:
        """Bytes that may be in flight."""
        return self._window

    def pacing_rate(self, path: Path) -> int:
        """0, not paced, until the wire is known to be slower than the programs."""
        if path.round_count < 3 or path.bandwidth >= FAST:
            return 0
        return path.bandwidth * PACING_PERCENT // 100

    def _on_loss(self, sample: AckSample, path: Path) -> None:
        behind_queue = sample.latest_rtt > 2 * path.min_rtt + MILLISECOND
        if not behind_queue or sample.largest_lost_sent_at <= self._recovery_start:
            return
        self._recovery_start = sample.now
        self._window = max(self._window * LOSS_PERCENT // 100, MINIMUM_WINDOW)
        self._ceiling, self._ceiling_at = self._window, sample.now
