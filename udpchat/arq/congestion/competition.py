"""Sharing a queue with flows that fill it: CUBIC for as long as they are there."""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.cubic import Cubic
from udpchat.arq.congestion.path import Path
from udpchat.config import SECOND

LOOK_INTERVAL: Final = 5 * SECOND  # at least, between two looks whether the other flow is still there
LOOK_DISTANCE: Final = 32  # round trips, queue included, between two looks: each costs two of them
LOOK_ROUNDS: Final = 2
LOOK_WINDOW: Final = (1, 2)  # of the BDP: with so little of ours, a queue is theirs
MINIMUM_WINDOW_PACKETS: Final = 4


class Competition:
    """CUBIC's window and rate; `is_over` when the queue is found empty. held: least window at first [bytes]."""

    __slots__ = ("_cubic", "_look_at", "_rounds", "is_over")

    def __init__(self, path: Path, now: int, held: int = 0) -> None:
        window = max(path.bandwidth * path.last_round.min_rtt // SECOND, held)
        self._cubic = Cubic(path.datagram_size)
        self._cubic.enter_avoidance(max(window, MINIMUM_WINDOW_PACKETS * path.datagram_size))
        self._look_at = now + _look_interval(path)
        self._rounds = 0  # of the current look; 0 is none
        self.is_over = False

    def on_ack(self, sample: AckSample, path: Path, *, round_ended: bool) -> None:
        """Let CUBIC decide; now and then look under the queue."""
        if not self._rounds:
            self._cubic.on_ack(sample)
        if not round_ended:
            return
        if not path.has_queue:
            self.is_over = True
        elif self._rounds > LOOK_ROUNDS:
            self._rounds = 0
            self._look_at = sample.now + _look_interval(path)
        elif self._rounds or sample.now >= self._look_at:
            self._rounds += 1

    def window(self, path: Path) -> int:
        """Bytes that may be in flight."""
        window = self._cubic.congestion_window
        if self._rounds:
            part, whole = LOOK_WINDOW
            window = min(window, path.bdp * part // whole)
        return max(window, MINIMUM_WINDOW_PACKETS * path.datagram_size)

    def pacing_rate(self, path: Path) -> int:
        """Bytes per second."""
        return self._cubic.pacing_rate or path.bandwidth

    def on_sent(self, size: int, bytes_in_flight: int, now: int) -> None:
        """Let CUBIC know how full its window is."""
        self._cubic.on_sent(size, bytes_in_flight, now)

    def on_message_ack(self, sent_at: int, latest_rtt: int, smoothed_rtt: int, now: int) -> None:
        """Leave the window as CUBIC does."""
        self._cubic.on_message_ack(sent_at, latest_rtt, smoothed_rtt, now)

    def on_loss(self, lost_bytes: int, largest_lost_sent_at: int, now: int, *, persistent: bool) -> None:
        """Shrink as CUBIC does."""
        self._cubic.on_loss(lost_bytes, largest_lost_sent_at, now, persistent=persistent)

    def on_spurious_loss(self, size: int, sent_at: int, now: int) -> None:
        """Take a reduction back as CUBIC does."""
        self._cubic.on_spurious_loss(size, sent_at, now)

    def set_datagram_size(self, size: int) -> None:
        """Count in datagrams of size bytes."""
        self._cubic.set_datagram_size(size)


def _look_interval(path: Path) -> int:
    return max(LOOK_INTERVAL, LOOK_DISTANCE * path.last_round.min_rtt)
