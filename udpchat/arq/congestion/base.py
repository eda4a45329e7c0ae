"""What a congestion controller is told, and what it answers.

Bytes are UDP payload of whole datagrams, times integer microseconds, rates bytes per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

MAX_PACING_RATE: Final = 1 << 40  # bytes per second: far above any path, so that a bad estimate stays a number


@dataclass(slots=True)
class AckSample:
    """All that one ACK says about the path.

    now: when the ACK was taken in [us].
    acked_bytes, lost_bytes, lost_packets: newly acknowledged by this ACK, newly declared lost with it.
    bytes_in_flight, prior_in_flight: after both, before both.
    latest_rtt: 0 when this ACK gave no sample; smoothed_rtt, min_rtt: of the connection [us].
    largest_acked: packet number when newly acknowledged, else -1; largest_sent_at: when that packet was sent [us].
    app_limited: that packet was sent while there was nothing more to send.
    next_packet_number: one past the newest sent; round trips are counted by it.
    delivered: bytes acknowledged so far on this connection.
    received: the receiver's count of datagrams so far.
    arrival: receiver's clock, unwrapped, when the largest packet of the ACK arrived [us].
    largest_lost_sent_at: when the newest of the lost packets was sent, -1 when none was lost [us].
    ack_delay: how much of latest_rtt the receiver held the ACK back [us].
    """

    now: int
    acked_bytes: int
    lost_bytes: int
    lost_packets: int
    bytes_in_flight: int
    prior_in_flight: int
    latest_rtt: int
    smoothed_rtt: int
    min_rtt: int
    largest_acked: int
    largest_sent_at: int
    app_limited: bool
    next_packet_number: int
    delivered: int
    received: int
    arrival: int
    largest_lost_sent_at: int = -1
    ack_delay: int = 0


class CongestionController(Protocol):
    """Decides how many bytes may be in flight and how fast they leave.

    congestion_window: bytes that may be in flight.
    pacing_rate: bytes per second; 0 means at once, as the window allows.
    """

    name: str
    congestion_window: int
    pacing_rate: int

    @property
    def state(self) -> str:
        """One word for people: what the controller is doing."""
        ...

    def on_sent(self, size: int, bytes_in_flight: int, now: int) -> None:
        """Note that size bytes leave; bytes_in_flight is without them."""
        ...

    def on_ack(self, sample: AckSample) -> None:
        """Take in one ACK and the losses found with it."""
        ...

    def on_message_ack(self, sent_at: int, latest_rtt: int, smoothed_rtt: int, now: int) -> None:
        """Take in the ACK of one message that was sent while no file bytes were, in a window that was not half used.

        Nothing was lost with it, and nothing is learned from it but the RTT [us].
        """
        ...

    def on_loss(self, lost_bytes: int, largest_lost_sent_at: int, now: int, *, persistent: bool) -> None:
        """Take in a loss that a timer found.

        persistent: all that was sent over a long time is lost (RFC 9002 section 7.6).
        """
        ...

    def on_spurious_loss(self, size: int, sent_at: int, now: int) -> None:
        """Take in that a packet of size bytes, sent at sent_at and declared lost, was acknowledged after all."""
        ...

    def set_datagram_size(self, size: int) -> None:
        """Use size bytes as the full datagram from now on."""
        ...

    def on_new_path(self, now: int) -> None:
        """Forget the path: the peer's address changed (RFC 9000 section 9.4)."""
        ...
