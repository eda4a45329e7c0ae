"""CUBIC as RFC 9438 has it, in integer arithmetic so that every machine computes the same window."""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.window import WindowController
from udpchat.config import SECOND

BETA: Final = (7, 10)  # of the window after a loss (RFC 9438 section 4.6)
SCALING: Final = (4, 10)  # C, in segments per cubic second (RFC 9438 section 5)
RENO_INCREASE: Final = (9, 17)  # alpha = 3 (1 - beta) / (1 + beta) (RFC 9438 section 4.3)
NO_EPOCH: Final = -1


def cube_root(value: int) -> int:
    """Largest integer whose cube is not above value."""
    if value < 0:
        raise ValueError("the cube root of a negative number is not wanted here")
    root = 1 << -(-value.bit_length() // 3)
    while root and (smaller := (2 * root + value // (root * root)) // 3) < root:
        root = smaller
    return root if value else 0


class Cubic(WindowController):
    """Grows along a cubic curve around the window of the last loss; keeps 0.7 of the window on loss."""

    name = "cubic"

    def __init__(self, datagram_size: int) -> None:
        super().__init__(datagram_size)
        self._epoch_start = NO_EPOCH  # when the current congestion avoidance began
        self._plateau = 0  # W_max: the window before the last reduction, bytes
        self._time_to_plateau = 0  # K, us
        self._reno_window = 0  # W_est: what Reno would have, bytes

    def on_new_path(self, now: int) -> None:
        """Start again with the initial window."""
        super().on_new_path(now)
        self._epoch_start = NO_EPOCH
        self._plateau = 0

    def enter_avoidance(self, window: int) -> None:
        """Go on from window bytes in congestion avoidance, as if this were the plateau."""
        self.congestion_window = self._threshold = self._plateau = window
        self._epoch_start = NO_EPOCH

    def _grow(self, sample: AckSample) -> None:
        window, segment = self.congestion_window, self._datagram_size
        if self._epoch_start == NO_EPOCH:
            self._start_epoch(sample.now)
        ahead = sample.now - self._epoch_start + sample.smoothed_rtt - self._time_to_plateau
        part, whole = SCALING
        target = self._plateau + part * segment * ahead**3 // (whole * SECOND**3)
        target = min(max(target, window), window * 3 // 2)
        part, whole = RENO_INCREASE if self._reno_window < self._plateau else (1, 1)
        self._reno_window += part * segment * sample.acked_bytes // (whole * window)
        self.congestion_window = max(window + (target - window) * sample.acked_bytes // window, self._reno_window)

    def _start_epoch(self, now: int) -> None:
        window = self.congestion_window
        self._epoch_start = now
        self._reno_window = window
        self._plateau = max(self._plateau, window)
        part, whole = SCALING
        # K = cbrt((W_max - cwnd) / C) in seconds, windows in segments (RFC 9438 figure 2).
        self._time_to_plateau = cube_root((self._plateau - window) * whole * SECOND**3 // (part * self._datagram_size))

    def _reduce(self) -> None:
        window = self.congestion_window
        part, whole = BETA
        # Fast convergence (RFC 9438 section 4.7): a flow that loses below its plateau gives room to a new one.
        self._plateau = window * (whole + part) // (2 * whole) if window < self._plateau else window
        self._threshold = max(window * part // whole, self._minimum_window)
        self.congestion_window = self._threshold
        self._epoch_start = NO_EPOCH

    def _on_unused_window(self) -> None:
        # Time without anything to send is no time on the curve (RFC 9438 section 5.8).
        self._epoch_start = NO_EPOCH
