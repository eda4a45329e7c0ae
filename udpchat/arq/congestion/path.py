"""What the rate model knows about the path: bandwidth, smallest RTT, round trips, standing queue, random loss."""

from __future__ import annotations

from math import isqrt
from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.filters import DeliveryRate, RateSample, SmallestRtt, WindowedMax
from udpchat.config import MILLISECOND, SECOND

BANDWIDTH_ROUNDS: Final = 10  # over which the bandwidth is a maximum (BBR draft, 2 cycles)
MINIMUM_ROUND: Final = 8 * MILLISECOND  # a shorter span of arrivals says more about schedulers than about the path
SLACK_PACKETS: Final = 2  # queue that is noise: a pacing burst
SLACK_SHARE: Final = 8  # or this part of min_rtt
MILLION: Final = 1_000_000
LOSS_MADE_UP: Final = 90  # percent of the random loss: all of it would never come down again
MAX_LOSS: Final = 200_000  # parts per million of random loss that are made up for


class Round:
    """What one round trip showed."""

    __slots__ = ("acked", "app_limited", "lost", "max_rate", "min_rtt")

    def __init__(self) -> None:
        self.acked = 0
        self.lost = 0
        self.min_rtt = 0  # smallest RTT seen in it, 0 without a sample
        self.max_rate = 0
        self.app_limited = False


class Path:
    """The model. Rounds last one round trip, at least 8 ms."""

    def __init__(self, datagram_size: int, now: int) -> None:
        self.datagram_size = datagram_size
        self.rtt = SmallestRtt(now)
        self.round_count = 0
        self.last_round = Round()
        self._round = Round()
        self._round_end = 0  # packet number
        self._round_started_at = now
        self._rate = DeliveryRate()
        self._bandwidth = WindowedMax(BANDWIDTH_ROUNDS)
        self.made_up_loss = 0  # parts per million to send on top of the bandwidth
        self._losses = (0, 0)  # (acked, lost) bytes of rounds without a queue, fading

    @property
    def bandwidth(self) -> int:
        """Bytes per second that the path delivers."""
        return self._bandwidth.value

    @property
    def bdp(self) -> int:
        """Bytes in flight that fill the path and no queue."""
        return self._bandwidth.value * self.min_rtt // SECOND

    @property
    def round_time(self) -> int:
        """Length of a round on an empty path [us]."""
        return max(self.min_rtt, MINIMUM_ROUND)

    @property
    def slack(self) -> int:
        """RTT above min_rtt that is no standing queue [us]."""
        bandwidth = self._bandwidth.value
        packets = SLACK_PACKETS * self.datagram_size * SECOND // bandwidth if bandwidth else 0
        return max(self.min_rtt // SLACK_SHARE, packets)

    @property
    def has_queue(self) -> bool:
        """Whether the last round never saw the path empty."""
        return self.last_round.min_rtt > self.min_rtt + self.slack

    @property
    def min_rtt(self) -> int:
        """Smallest RTT of late, 0 before the first sample [us]."""
        return self.rtt.value

    @property
    def queue_delay(self) -> int:
        """RTT above min_rtt just now [us]."""
        return self.rtt.queue_delay

    def update(self, sample: AckSample, *, span: int, shortest: int, silence: int) -> tuple[bool, RateSample | None]:
        """Take in one ACK: whether a round ended with it, and the rate it showed.

        The rate is taken over about span us and believed when over at least shortest us; silence as in DeliveryRate.
        """
        current = self._round
        current.acked += sample.acked_bytes
        current.lost += sample.lost_bytes
        current.app_limited |= sample.app_limited
        if sample.latest_rtt:
            self.rtt.add(sample.latest_rtt, self.slack, sample.now)
            if not current.min_rtt or sample.latest_rtt < current.min_rtt:
                current.min_rtt = sample.latest_rtt
        rate = self._rate.add(sample, span, silence) if sample.acked_bytes else None
        if rate is not None and rate.span >= shortest:
            current.max_rate = max(current.max_rate, rate.rate)
            if not sample.app_limited or rate.rate > self._bandwidth.value:
                self._bandwidth.add(self.round_count, rate.rate)
        ended = sample.largest_acked >= self._round_end and sample.now - self._round_started_at >= self.round_time
        if ended:
            self._end_round(sample)
        return ended, rate

    def forget_bandwidth(self, rate: int) -> None:
        """Believe rate from now on: what was measured before no longer holds."""
        self._bandwidth.reset(self.round_count, rate)

    def _end_round(self, sample: AckSample) -> None:
        last, self._round = self._round, Round()
        if not last.min_rtt:
            last.min_rtt = self.last_round.min_rtt
        self.last_round = last
        self.round_count += 1
        self._round_end = sample.next_packet_number
        self._round_started_at = sample.now
        if not self.has_queue:
            acked, lost = self._losses
            self._losses = (acked * 7 // 8 + last.acked, lost * 7 // 8 + last.lost)
        self.made_up_loss = self._loss_to_make_up()

    def _loss_to_make_up(self) -> int:
        acked, lost = self._losses
        if not lost:
            return 0
        loss = min(lost * MILLION // (acked + lost), MAX_LOSS)
        # The maximum of many rates is already about two standard deviations above their mean.
        packets = max(self._bandwidth.value * self.round_time // (SECOND * self.datagram_size), 1)
        return max(0, loss * LOSS_MADE_UP // 100 - 2 * isqrt(loss * MILLION // packets))
