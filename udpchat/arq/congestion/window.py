"""What NewReno and CUBIC have in common: recovery periods, growth only when the window is used, pacing.

RFC 9002 section 7; undo after spurious loss as RFC 9438 section 4.9.
"""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.config import GRANULARITY, INITIAL_WINDOW_PACKETS, MINIMUM_WINDOW_PACKETS, SECOND

PACING_GAIN: Final = (5, 4)  # of window / smoothed_rtt (RFC 9002 section 7.7)
BURST_SLACK_PACKETS: Final = 3  # a window that is full but for a pacing burst is full
INFINITE: Final = 1 << 62  # slow start threshold before the first loss


class WindowController:
    """A window in bytes that grows with ACKs and shrinks once per round trip with loss.

    Subclasses say how: `_grow` in congestion avoidance, `_reduce` on a loss.
    """

    name = "window"

    def __init__(self, datagram_size: int) -> None:
        self.congestion_window = INITIAL_WINDOW_PACKETS * datagram_size
        self.pacing_rate = 0
        self._datagram_size = datagram_size
        self._threshold = INFINITE
        self._recovery_start = -1  # packets sent at or before this time belong to a reduction already made
        self._peak_in_flight = 0  # of the current round
        self._round_end = 0
        self._before_loss: tuple[int, int] | None = None  # window and threshold, for an undo
        self._lost_in_recovery = 0  # bytes declared lost and not yet known to be spurious

    @property
    def state(self) -> str:
        """ "slow start", "recovery" or "avoidance"."""
        if self._before_loss is not None:
            return "recovery"
        return "slow start" if self.congestion_window < self._threshold else "avoidance"

    @property
    def slow_start_threshold(self) -> int:
        """Window above which growth is slow [bytes]."""
        return self._threshold

    def on_sent(self, size: int, bytes_in_flight: int, now: int) -> None:  # noqa: ARG002
        """Remember how full the window gets."""
        self._peak_in_flight = max(self._peak_in_flight, bytes_in_flight + size)

    def on_ack(self, sample: AckSample) -> None:
        """Shrink for what was lost, else grow for what was acknowledged."""
        if sample.lost_bytes:
            self._on_congestion(sample.lost_bytes, sample.largest_lost_sent_at, sample.now)
        if sample.acked_bytes and sample.largest_sent_at > self._recovery_start:
            self._before_loss = None
            if self._is_limited_by_window(sample):
                self._on_acked(sample)
            else:
                self._on_unused_window()
        if sample.largest_acked >= self._round_end:
            self._round_end = sample.next_packet_number
            self._peak_in_flight = sample.bytes_in_flight
        if sample.smoothed_rtt:
            self._set_pacing_rate(sample.smoothed_rtt)

    def on_message_ack(self, sent_at: int, latest_rtt: int, smoothed_rtt: int, now: int) -> None:  # noqa: ARG002
        """Do not grow; the round ends, for the window was empty before it."""
        if sent_at > self._recovery_start:
            self._before_loss = None
            self._on_unused_window()
        self._round_end = self._peak_in_flight = 0
        self._set_pacing_rate(smoothed_rtt)

    def _set_pacing_rate(self, smoothed_rtt: int) -> None:
        gain, unit = PACING_GAIN
        rtt = max(smoothed_rtt, GRANULARITY // 8)
        self.pacing_rate = self.congestion_window * gain * SECOND // (unit * rtt)

    def on_loss(self, lost_bytes: int, largest_lost_sent_at: int, now: int, *, persistent: bool) -> None:
        """Shrink; to the minimum when the congestion is persistent (RFC 9002 section 7.6.2)."""
        self._on_congestion(lost_bytes, largest_lost_sent_at, now)
        if persistent:
            self.congestion_window = self._minimum_window
            self._recovery_start = -1
            self._before_loss = None

    def on_spurious_loss(self, size: int, sent_at: int, now: int) -> None:  # noqa: ARG002
        """Take the last reduction back when nothing that caused it was really lost."""
        if self._before_loss is None or sent_at > self._recovery_start:
            return
        self._lost_in_recovery -= size
        if self._lost_in_recovery <= 0:
            window, self._threshold = self._before_loss
            self.congestion_window = max(self.congestion_window, window)
            self._before_loss = None

    def set_datagram_size(self, size: int) -> None:
        """Count growth in datagrams of size bytes; an untouched initial window keeps its packets."""
        if self.congestion_window == INITIAL_WINDOW_PACKETS * self._datagram_size:
            self.congestion_window = INITIAL_WINDOW_PACKETS * size
        self._datagram_size = size
        self.congestion_window = max(self.congestion_window, self._minimum_window)

    def on_new_path(self, now: int) -> None:
        """Start again with the initial window."""
        self.congestion_window = INITIAL_WINDOW_PACKETS * self._datagram_size
        self.pacing_rate = 0
        self._threshold = INFINITE
        self._recovery_start = now
        self._before_loss = None

    @property
    def _minimum_window(self) -> int:
        return MINIMUM_WINDOW_PACKETS * self._datagram_size

    def _is_limited_by_window(self, sample: AckSample) -> bool:
        if sample.app_limited:
            return False
        used = max(self._peak_in_flight, sample.prior_in_flight)
        if self.congestion_window < self._threshold:
            return 2 * used >= self.congestion_window  # pacing may hold back half a window that still doubles
        return used + BURST_SLACK_PACKETS * self._datagram_size >= self.congestion_window

    def _on_acked(self, sample: AckSample) -> None:
        if self.congestion_window < self._threshold:
            self.congestion_window += sample.acked_bytes
        else:
            self._grow(sample)

    def _on_congestion(self, lost_bytes: int, largest_lost_sent_at: int, now: int) -> None:
        if largest_lost_sent_at <= self._recovery_start:
            self._lost_in_recovery += lost_bytes
            return
        self._recovery_start = now
        self._before_loss = (self.congestion_window, self._threshold)
        self._lost_in_recovery = lost_bytes
        self._reduce()

    def _on_unused_window(self) -> None:
        """Called instead of growth while the sender has too little to send."""

    def _grow(self, sample: AckSample) -> None:
        raise NotImplementedError

    def _reduce(self) -> None:
        raise NotImplementedError
