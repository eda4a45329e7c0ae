"""A constant window: for lessons and for comparing ARQ schemes, not for shared networks."""

from __future__ import annotations

from udpchat.arq.congestion.base import AckSample
from udpchat.config import INITIAL_WINDOW_PACKETS

ROOM_FOR_MESSAGES = 8  # packets beside the window of file data, so that chat takes none of it


class Fixed:
    """Keeps `packets` full datagrams in flight, whatever happens; not paced."""

    __slots__ = ("_packets", "congestion_window", "name", "pacing_rate")

    def __init__(self, datagram_size: int, *, packets: int = INITIAL_WINDOW_PACKETS) -> None:
        if packets < 1:
            raise ValueError("a window holds at least one packet")
        self.name = "fixed"
        self.pacing_rate = 0
        self.congestion_window = packets * datagram_size
        self._packets = packets

    @property
    def state(self) -> str:
        """Always "fixed"."""
        return "fixed"

    def on_sent(self, size: int, bytes_in_flight: int, now: int) -> None:
        """Nothing changes the window."""

    def on_ack(self, sample: AckSample) -> None:
        """Nothing changes the window."""

    def on_message_ack(self, sent_at: int, latest_rtt: int, smoothed_rtt: int, now: int) -> None:
        """Nothing changes the window."""

    def on_loss(self, lost_bytes: int, largest_lost_sent_at: int, now: int, *, persistent: bool) -> None:
        """Nothing changes the window."""

    def on_spurious_loss(self, size: int, sent_at: int, now: int) -> None:
        """Nothing changes the window."""

    def set_datagram_size(self, size: int) -> None:
        """Keep the number of packets, not of bytes."""
        self.congestion_window = self._packets * size

    def on_new_path(self, now: int) -> None:
        """Nothing changes the window."""
