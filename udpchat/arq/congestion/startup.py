"""Finding the bandwidth of a new path in two round trips, without filling its queue.

A first flight leaves at once; its spacing at the receiver is the bottleneck's. The next flight is twice as fast and
two thirds of a round trip long: either its packets arrive more slowly than they were sent, then that is the
bandwidth, or it goes on.
"""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.filters import RateSample
from udpchat.arq.congestion.path import Path
from udpchat.config import MILLISECOND

FIRST_FLIGHT: Final = 8  # packets: fits a queue of ten beside an ACK and a chat line
PACING_GAIN: Final = 2
TRIAL_WINDOW: Final = (2, 3)  # of the BDP while only the first flight has been timed
GROWTH_WINDOW: Final = (3, 2)  # of the BDP while the rate still grows
COMPRESSION: Final = (6, 5)  # arrivals this much slower than sending show the bottleneck
MAX_COMPRESSION: Final = 4  # more is no train that was paced
MAX_LATENESS: Final = 25 * MILLISECOND  # of a host
TRIAL_SHARE: Final = 8  # of min_rtt: a train that long is trusted
MINIMUM_TRAIN: Final = 1 * MILLISECOND
MINIMUM_TRAIN_PACKETS: Final = 3  # between two ACKs; fewer say nothing about the path
GROWTH: Final = (5, 4)  # a round that brings less is no growth (BBR draft, full pipe)
FLAT_ROUNDS: Final = 3


class Startup:
    """Window and rate of the first round trips; `is_done` when the bandwidth is known."""

    __slots__ = ("_best", "_flat_rounds", "_is_confirmed", "_is_timed", "is_done")

    def __init__(self) -> None:
        self.is_done = False
        self._is_timed = False  # a train of full packets has been timed
        self._is_confirmed = False  # the train was long enough to be trusted
        self._best = 0
        self._flat_rounds = 0

    def on_ack(self, path: Path, rate: RateSample | None, *, round_ended: bool) -> None:
        """Look for the bottleneck in the newest rate; in the rounds when the sender's window hides it."""
        if rate is not None and rate.size >= MINIMUM_TRAIN_PACKETS * path.datagram_size:
            self._is_timed = True
            span, send_span = path.steady_spans()
            if min(span, rate.span) >= max(MINIMUM_TRAIN, path.min_rtt // TRIAL_SHARE):
                slower, unit = COMPRESSION
                self._is_confirmed = True
                is_slow = rate.span * unit >= rate.send_span * slower and span * unit >= send_span * slower
                # A flight that left at once may have been spread by late hosts.
                self.is_done = is_slow and (rate.send_span * MAX_COMPRESSION >= rate.span or rate.span > MAX_LATENESS)
        if round_ended and not path.last_round.app_limited:
            self._look_at_round(path)

    def window(self, path: Path) -> int:
        """Bytes that may be in flight."""
        first = FIRST_FLIGHT * path.datagram_size
        if not self._is_timed:
            return first
        part, whole = GROWTH_WINDOW if self._is_confirmed else TRIAL_WINDOW
        return max(first, path.bdp * part // whole)

    def pacing_rate(self, path: Path) -> int:
        """Twice what the path has shown so far; 0 for the first flight."""
        return PACING_GAIN * path.bandwidth if self._is_timed else 0

    def _look_at_round(self, path: Path) -> None:
        more, unit = GROWTH
        if path.bandwidth * unit >= self._best * more:
            self._best = path.bandwidth
            self._flat_rounds = 0
            return
        self._flat_rounds += 1
        if path.has_queue or self._flat_rounds >= FLAT_ROUNDS:
            self.is_done = True
