"""What the rate model knows about the path: bandwidth, smallest RTT, round trips, standing queue, random loss."""

from __future__ import annotations

from collections import deque
from math import isqrt
from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.filters import Aggregation, DeliveryRate, RateSample, SmallestRtt, WindowedMax
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
EVIDENCE: Final = 100 * MILLISECOND  # so long no RTT may be small before a queue is believed where there is noise
EVIDENCE_ROUNDS: Final = 16
SHAKEN: Final = 4  # times the jitter: what dense traffic is late by where the RTT jumps
LATENCY_DECAY: Final = 8  # rounds in which a latency that is no longer seen is forgotten where there is noise
UNLIMITED: Final = 1 << 40
OVERFLOW: Final = 30_000  # parts per million above twice the usual loss: a queue was full
OVERFLOW_PACKETS: Final = 8  # and more than so many: few packets make no ratio
LOSS_ROUNDS: Final = 16  # of which the better quarter shows the random loss
FEW_ROUNDS: Final = 4
NOISE_KEPT: Final = 70  # percent of the noise still sent for after an overflow
NOISE_GROWTH: Final = 32  # rounds in which it doubles again
ACCEPT_INTERVAL: Final = 5 * SECOND  # between two latencies taken for the path's own: another flow's queue moves
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
        self._aggregation = Aggregation(BANDWIDTH_ROUNDS)
        self._minima: deque[tuple[int, int]] = deque(maxlen=EVIDENCE_ROUNDS)  # (end, smallest RTT) of the last rounds
        self._accepted_at = -ACCEPT_INTERVAL
        self._tick = 0  # of the maximum bandwidth
        self._ticked_at = now
        self._noise_limit = UNLIMITED  # bytes of noise that the queue bears
        self._loss_ratios: deque[int] = deque(maxlen=LOSS_ROUNDS)  # of the last rounds, parts per million
        self._latency = 0  # of dense traffic above min_rtt [us]
        self.standing_rtt = 0  # smallest RTT of late [us]

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
        return self.rtt.value + self._latency

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
    def min_rtt(self) -> int:
        """Smallest RTT of late, 0 before the first sample [us]."""
        return self.rtt.value

    @property
    def queue_delay(self) -> int:
        """RTT above what it is without a queue just now [us]."""
        return max(0, self.rtt.queue_delay - self._latency)

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
            self._aggregation.add(sample.acked_bytes, self._bandwidth.value, sample.now, self._tick)
            rate = self._rate.add(sample, span, silence)
        if rate is not None and rate.span >= shortest:
            current.max_rate = max(current.max_rate, rate.rate)
            if not sample.app_limited or rate.rate > self._bandwidth.value:
                self._bandwidth.add(self._tick, rate.rate)
        ended = sample.largest_acked >= self._round_end and sample.now - self._round_started_at >= self.round_time
        if ended:
            self._end_round(sample)
        return ended, rate

    def steady_spans(self) -> tuple[int, int]:
        """See DeliveryRate."""
        return self._rate.steady_spans()

    def forget_bandwidth(self, rate: int) -> None:
        """Believe rate from now on: what was measured before no longer holds."""
        self._bandwidth.reset(self._tick, rate)

    def accept_latency(self, now: int) -> bool:
        """Take the last RTT for that of an empty path under load, until a smaller one is seen; not twice in a row."""
        latency = max(0, self.last_round.min_rtt - self.rtt.value)
        if now - self._accepted_at < ACCEPT_INTERVAL and latency > SHAKEN * self.rtt.jitter:
            return False
        self._accepted_at = now
        self._latency = latency
        return True

    def forget_latency(self) -> None:
        """Judge by the smallest RTT again."""
        self._latency = 0

    def _note_minimum(self, rtt: int, now: int) -> None:
        minima = self._minima
        minima.append((now, rtt))
        since = now - EVIDENCE if self.noise else now - 1
        self.standing_rtt = min([value for at, value in minima if at > since], default=rtt)
        excess = self._latency - max(0, self.standing_rtt - self.rtt.value)
        if excess > 0:
            self._latency -= excess // LATENCY_DECAY if self.noise else excess

    def _end_round(self, sample: AckSample) -> None:
        last, self._round = self._round, Round()
        if not last.min_rtt:
            last.min_rtt = self.last_round.min_rtt
        self.last_round = last
        self._note_minimum(last.min_rtt, sample.now)
        self.round_count += 1
        if not self.noise or sample.now - self._ticked_at >= MINIMUM_TICK:
            self._tick += 1
            self._ticked_at = sample.now
        self._round_end = sample.next_packet_number
        self._round_started_at = sample.now
        overflowed = self._has_overflowed(last)
        self._limit_noise(overflowed=overflowed)
        if not self.has_queue and not overflowed:
            acked, lost = self._losses
            self._losses = (acked * 7 // 8 + last.acked, lost * 7 // 8 + last.lost)
        self.made_up_loss = self._loss_to_make_up()

    def _has_overflowed(self, last: Round) -> bool:
        """Whether the round lost far more than the better rounds before it: random loss is in all of them."""
        ratios = self._loss_ratios
        ratio = last.lost * MILLION // (last.acked + last.lost) if last.lost else 0
        usual = sorted(ratios)[len(ratios) // 4] if len(ratios) >= FEW_ROUNDS else MILLION
        ratios.append(ratio)
        return ratio > 2 * usual + OVERFLOW and last.lost > OVERFLOW_PACKETS * self.datagram_size

    def _limit_noise(self, *, overflowed: bool) -> None:
        if overflowed:
            self._noise_limit = self.noise * NOISE_KEPT // 100
        elif self._noise_limit < UNLIMITED:
            self._noise_limit += self._noise_limit // NOISE_GROWTH + self.datagram_size

    def _loss_to_make_up(self) -> int:
        acked, lost = self._losses
        if not lost:
            return 0
        loss = min(lost * MILLION // (acked + lost), MAX_LOSS)
        # The maximum of many rates is already about two standard deviations above their mean.
        packets = max(self._bandwidth.value * self.round_time // (SECOND * self.datagram_size), 1)
        return max(0, loss * LOSS_MADE_UP // 100 - 2 * isqrt(loss * MILLION // packets))
