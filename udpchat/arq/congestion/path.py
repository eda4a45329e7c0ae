"""What the rate model knows about the path: bandwidth, smallest RTT, round trips, standing queue, random loss."""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.filters import Aggregation, DeliveryRate, RateSample, SmallestRtt, WindowedMax
from udpchat.arq.congestion.latency import Latency
from udpchat.arq.congestion.losses import Losses
from udpchat.config import MILLISECOND, SECOND

BANDWIDTH_ROUNDS: Final = 10  # over which the bandwidth is a maximum (BBR draft, 2 cycles)
MINIMUM_ROUND: Final = 8 * MILLISECOND  # a shorter span of arrivals says more about schedulers than about the path
SLACK_PACKETS: Final = 2  # queue that is noise: a pacing burst
SLACK_SHARE: Final = 8  # or this part of min_rtt
MINIMUM_TICK: Final = 50 * MILLISECOND  # of that maximum where there is noise
NOISE_SHARE: Final = 4  # of the BDP: what every window has room for; more that comes at once is noise
JITTER: Final = 2  # times the mean difference of one RTT to the next is noise
QUIET: Final = 1 * MILLISECOND  # of bandwidth that may come at once anywhere
MAX_NOISE: Final = 50 * MILLISECOND  # two stalls of a busy host
UNLIMITED: Final = 1 << 40
NOISE_KEPT: Final = 70  # percent of the noise still sent for after an overflow
NOISE_GROWTH: Final = 32  # rounds in which it doubles again


class Round:
    """What one round trip showed: it ends with the packet number `end`."""

    __slots__ = ("acked", "app_limited", "end", "lost", "max_rate", "min_rtt", "started_at")

    def __init__(self, end: int, started_at: int) -> None:
        self.end = end
        self.started_at = started_at
        self.acked = 0
        self.lost = 0
        self.min_rtt = 0  # smallest RTT seen in it, 0 without a sample
        self.max_rate = 0
        self.app_limited = False


class Path:
    """The model. Rounds last one round trip, at least 8 ms."""

    __slots__ = (
        "_aggregation",
        "_bandwidth",
        "_latency",
        "_noise_limit",
        "_rate",
        "_round",
        "_tick",
        "datagram_size",
        "last_round",
        "losses",
        "round_count",
        "rtt",
    )

    def __init__(self, datagram_size: int, now: int) -> None:
        self.datagram_size = datagram_size
        self.rtt = SmallestRtt(now)
        self.round_count = 0
        self.last_round = Round(0, now)
        self.losses = Losses()
        self._latency = Latency()
        self._round = Round(0, now)
        self._rate = DeliveryRate()
        self._bandwidth = WindowedMax(BANDWIDTH_ROUNDS)
        self._tick = (0, now)  # of that maximum, and when it began
        self._aggregation = Aggregation(BANDWIDTH_ROUNDS)
        self._noise_limit = UNLIMITED  # bytes of noise that the queue bears

    @property
    def bandwidth(self) -> int:
        """Bytes per second that the path delivers."""
        return self._bandwidth.value

    @property
    def bdp(self) -> int:
        """Bytes in flight that fill the path and no queue."""
        return self._bandwidth.value * self.base_rtt // SECOND

    @property
    def base_rtt(self) -> int:
        """RTT of dense traffic without a queue [us]: min_rtt, and what jitter adds to it."""
        return self.rtt.value + self._latency.value

    @property
    def noise(self) -> int:
        """Bytes that must be in flight beside the BDP because hosts and ACKs are late."""
        bandwidth = self._bandwidth.value
        usual = max(self.bdp // NOISE_SHARE, bandwidth * QUIET // SECOND)
        most = min(bandwidth * MAX_NOISE // SECOND, self._noise_limit)
        shaken = bandwidth * max(0, JITTER * self.rtt.jitter - self.slack) // SECOND
        return max(0, min(max(self._aggregation.value - usual, shaken), most))

    @property
    def noise_time(self) -> int:
        """How late hosts and ACKs are [us]."""
        bandwidth = self._bandwidth.value
        return self.noise * SECOND // bandwidth if bandwidth else 0

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
        """Whether the path was never seen empty, in the last round or for longer where there is noise."""
        return self.standing_rtt > self.base_rtt + self.slack

    @property
    def standing_rtt(self) -> int:
        """Smallest RTT of the last round, or of more where there is noise [us]."""
        return self._latency.standing_rtt

    @property
    def min_rtt(self) -> int:
        """Smallest RTT of late, 0 before the first sample [us]."""
        return self.rtt.value

    @property
    def queue_delay(self) -> int:
        """RTT above what it is without a queue just now [us]."""
        return max(0, self.rtt.queue_delay - self._latency.value)

    @property
    def late(self) -> int:
        """Delay of some packets in a row that is no queue [us]."""
        return self.slack + self.noise_time

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
        rate = None
        if sample.acked_bytes:
            self._aggregation.add(sample.acked_bytes, self._bandwidth.value, sample.now, self._tick[0])
            rate = self._rate.add(sample, span, silence)
        if rate is not None and rate.span >= shortest:
            current.max_rate = max(current.max_rate, rate.rate)
            if not sample.app_limited or rate.rate > self._bandwidth.value:
                self._bandwidth.add(self._tick[0], rate.rate)
        ended = sample.largest_acked >= current.end and sample.now - current.started_at >= self.round_time
        if ended:
            self._end_round(sample)
        return ended, rate

    def note_rtt(self, latest_rtt: int, now: int) -> None:
        """Take in an RTT that was measured apart from rounds and rates [us]."""
        value = self.rtt.value
        self.rtt.add(latest_rtt, self.slack if latest_rtt > value else 0, now)

    def steady_spans(self) -> tuple[int, int]:
        """See DeliveryRate."""
        return self._rate.steady_spans()

    def forget_bandwidth(self, rate: int) -> None:
        """Believe rate from now on: what was measured before no longer holds."""
        self._bandwidth.reset(self._tick[0], rate)

    def accept_latency(self, now: int) -> bool:
        """Take the last RTT for that of an empty path under load, until a smaller one is seen; not twice in a row."""
        return self._latency.accept(self.last_round.min_rtt - self.rtt.value, self.rtt.jitter, now)

    def _end_round(self, sample: AckSample) -> None:
        last, self._round = self._round, Round(sample.next_packet_number, sample.now)
        if not last.min_rtt:
            last.min_rtt = self.last_round.min_rtt
        self.last_round = last
        self.round_count += 1
        self._latency.on_round(last.min_rtt, sample.now, is_noisy=self.noise > 0)
        self._latency.decay(self.rtt.value, is_noisy=self.noise > 0)
        tick, ticked_at = self._tick
        if not self.noise or sample.now - ticked_at >= MINIMUM_TICK:
            self._tick = (tick + 1, sample.now)
        losses = self.losses
        losses.on_round(last.acked, last.lost, self.datagram_size)
        self._limit_noise(overflowed=losses.has_overflowed)
        if not self.has_queue and not losses.has_overflowed:
            losses.count_random(last.acked, last.lost)
        losses.make_up(self._bandwidth.value * self.round_time // (SECOND * self.datagram_size))

    def _limit_noise(self, *, overflowed: bool) -> None:
        if overflowed:
            self._noise_limit = self.noise * NOISE_KEPT // 100
        elif self._noise_limit < UNLIMITED:
            self._noise_limit += self._noise_limit // NOISE_GROWTH + self.datagram_size
