"""Round-trip time of a path (RFC 9002 section 5)."""

from __future__ import annotations

from udpchat.config import GRANULARITY
from udpchat.errors import UsageError


class RttEstimator:
    """What the ACKs of one path tell about its round-trip time; all values in microseconds. A new path gets a new one.

    latest_rtt, min_rtt: 0 before a sample. smoothed_rtt, rttvar: before a sample, what `initial_rtt` suggests.
    """

    __slots__ = ("has_sample", "latest_rtt", "min_rtt", "rttvar", "smoothed_rtt")

    def __init__(self, initial_rtt: int) -> None:
        self.has_sample = False
        self.latest_rtt = 0
        self.min_rtt = 0
        self.smoothed_rtt = initial_rtt
        self.rttvar = initial_rtt // 2

    def add_sample(self, latest_rtt: int, ack_delay: int) -> None:
        """Take in one measurement.

        latest_rtt: from sending a packet to receiving the ACK that newly acknowledges it, with it as the largest.
        ack_delay: what the peer reports it held that ACK back, capped by the caller.

        RFC 9002 section 5.3. rttvar is updated before smoothed_rtt, as RFC 6298 section 2.3 requires.
        """
        if latest_rtt < 0 or ack_delay < 0:
            raise UsageError("time does not run backward")
        self.latest_rtt = latest_rtt = max(latest_rtt, 1)  # rates divide by it
        if not self.has_sample:
            self.has_sample = True
            self.min_rtt = self.smoothed_rtt = latest_rtt
            self.rttvar = latest_rtt // 2
            return
        self.min_rtt = min(self.min_rtt, latest_rtt)
        adjusted = latest_rtt - ack_delay if latest_rtt >= self.min_rtt + ack_delay else latest_rtt
        # Half of the divisor is added so that rounding pulls neither way.
        self.rttvar = (3 * self.rttvar + abs(self.smoothed_rtt - adjusted) + 2) // 4
        self.smoothed_rtt = (7 * self.smoothed_rtt + adjusted + 4) // 8

    def probe_timeout(self, max_ack_delay: int) -> int:
        """Silence after which the peer is asked, without back-off (RFC 9002 section 6.2.1)."""
        return self.smoothed_rtt + max(4 * self.rttvar, GRANULARITY) + max_ack_delay
