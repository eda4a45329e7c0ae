"""Paths shorter than 2 ms, where samples time the two programs rather than the wire: a window that doubles."""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.path import Path
from udpchat.config import MIB, MILLISECOND, SECOND

SHORT_RTT: Final = 2 * MILLISECOND  # a path with a smaller min_rtt is short
FIRST_WINDOW_PACKETS: Final = 8
MINIMUM_WINDOW_PACKETS: Final = 4
MAX_WINDOW: Final = 4 * MIB  # what fits the default receive buffer of a socket
FAST: Final = 150_000_000  # bytes per second: more than gigabit Ethernet, so the programs are the bottleneck
FAST_WINDOW: Final = 1 * MIB  # smallest window on such a path: two turns of eight bursts
FAST_TIME: Final = 12 * MILLISECOND  # of bandwidth in flight there: a turn of each program
QUEUE_TIME: Final = 4 * MILLISECOND  # of bandwidth in flight on a slower wire: bounds its queue, covers a timer
LOSS_PERCENT: Final = 70  # of the window kept after loss
MINIMUM_LOSS: Final = 1  # percent of a round: less is no overflow
CAREFUL: Final = 8  # times slower growth once the queue has overflowed
PACING_PERCENT: Final = 125
HOLD_ROUNDS: Final = 32  # without growth after loss


class ShortPath:
    """Window and rate on a short path: some milliseconds of bandwidth in flight, paced only after loss."""

    __slots__ = ("_hold_until", "_is_careful", "_window")

    def __init__(self, path: Path) -> None:
        self._window = FIRST_WINDOW_PACKETS * path.datagram_size
        self._is_careful = False  # the queue has overflowed once
        self._hold_until = 0  # round before which the window does not grow

    def on_ack(self, sample: AckSample, path: Path, *, round_ended: bool) -> None:
        """Double per round trip while the RTT stays small, then follow the bandwidth."""
        if round_ended:
            self._look_for_loss(path)
        fast = path.bandwidth >= FAST
        most = path.min_rtt + (FAST_TIME if fast else QUEUE_TIME)
        window = self._window
        if path.queue_delay + path.min_rtt < most:
            is_used = 2 * sample.prior_in_flight >= window and not sample.app_limited
            if is_used and path.round_count >= self._hold_until:
                window += sample.acked_bytes // (CAREFUL if self._is_careful else 1)
        else:
            window = max(min(window, path.bandwidth * most // SECOND), window - sample.acked_bytes)
        least = FAST_WINDOW if fast else MINIMUM_WINDOW_PACKETS * path.datagram_size
        self._window = min(max(window, least), MAX_WINDOW)

    def window(self, path: Path) -> int:  # noqa: ARG002
        """Bytes that may be in flight."""
        return self._window

    def pacing_rate(self, path: Path) -> int:
        """0, not paced, unless a wire slower than the programs has shown that it needs it."""
        if not self._is_careful or path.bandwidth >= FAST:
            return 0
        return path.bandwidth * PACING_PERCENT // 100

    def _look_for_loss(self, path: Path) -> None:
        last = path.last_round
        if last.lost * 100 < (last.acked + last.lost) * MINIMUM_LOSS or not last.lost:
            return
        self._is_careful = True
        self._hold_until = path.round_count + HOLD_ROUNDS
        # Random loss must not strangle: what the path and two turns hold always stays.
        least = path.bandwidth * (path.min_rtt * 5 // 4 + MILLISECOND) // SECOND
        self._window = max(min(self._window, least), self._window * LOSS_PERCENT // 100)
