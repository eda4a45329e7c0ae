"""Largest value of late, bytes acknowledged at once, smallest RTT, and the delivery rate by the receiver's clock.

What they keep is short, and most connections are at rest: lists, for an empty deque takes 760 bytes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

from udpchat.arq.congestion.base import MAX_PACING_RATE, AckSample
from udpchat.config import MILLISECOND, SECOND

POINTS_PER_SPAN: Final = 64  # kept by one DeliveryRate; ACKs closer together are merged
MAX_POINTS: Final = 2 * POINTS_PER_SPAN
MINIMUM_SPAN: Final = 1 * MILLISECOND  # a shorter span measures the scheduler: it counts as this long
BATCH_TIME: Final = 2 * MILLISECOND  # packets that one ACK covers took at most so long, or half the silence
BATCH_SIZE: Final = 4_800  # bytes: four datagrams; fewer say nothing
LEAST_POINT: Final = 1_000  # bytes; less, when there was nothing more to send, is no part of a train
RTT_LIFETIME: Final = 10 * SECOND  # after which an RTT no longer seen is forgotten (BBR draft, MinRTTFilterLen)
JITTER_SHARE: Final = 16  # of a new difference in the mean (RFC 3550 section 6.4.1)
RECENT_SAMPLES: Final = 4  # RTT samples of which the smallest is free of jitter


class WindowedMax:
    """Largest value of the newest `length` ticks; ticks are any number that does not fall."""

    __slots__ = ("_length", "_values")

    def __init__(self, length: int) -> None:
        self._length = length
        self._values: list[tuple[int, int]] = []  # (tick, value), values falling

    def add(self, tick: int, value: int) -> None:
        """Take in one value."""
        values = self._values
        while values and values[-1][1] <= value:
            values.pop()
        values.append((tick, value))
        while values[0][0] <= tick - self._length:
            del values[0]

    def reset(self, tick: int, value: int) -> None:
        """Forget all but this value."""
        self._values.clear()
        self._values.append((tick, value))

    @property
    def value(self) -> int:
        """The maximum; 0 when nothing was added."""
        return self._values[0][1] if self._values else 0


class Aggregation:
    """Bytes that are acknowledged at once beyond what the bandwidth brings: hosts that were late, ACKs held back.

    After BBR (draft-ietf-ccwg-bbr, extra_acked).
    """

    __slots__ = ("_acked", "_started_at", "_window")

    def __init__(self, length: int) -> None:
        self._window = WindowedMax(length)
        self._started_at = 0  # of the stretch in which more came than the bandwidth brings
        self._acked = 0  # bytes in that stretch

    @property
    def value(self) -> int:
        """Largest of late [bytes]."""
        return self._window.value

    def add(self, acked: int, bandwidth: int, now: int, tick: int) -> None:
        """Take in the bytes of one ACK."""
        expected = bandwidth * (now - self._started_at) // SECOND
        if self._acked <= expected:
            self._acked = expected = 0
            self._started_at = now
        self._acked += acked
        self._window.add(tick, self._acked - expected)


class SmallestRtt:
    """Smallest RTT of the path [us]; forgotten when nothing near it was seen for 10 s."""

    __slots__ = ("_candidate", "_jitter", "_recent", "seen_at", "value")

    def __init__(self, now: int) -> None:
        self.value = 0  # before the first sample
        self.seen_at = now  # when an RTT near it was last measured
        self._candidate = 0  # smallest since then
        self._recent: list[int] = []  # the last RECENT_SAMPLES
        self._jitter = 0  # scaled by JITTER_SHARE

    @property
    def queue_delay(self) -> int:
        """RTT above the smallest just now, without jitter [us]."""
        return min(self._recent, default=self.value) - self.value

    @property
    def jitter(self) -> int:
        """Mean difference of one sample to the next (RFC 3550 section 6.4.1): large in noise, small in a queue [us]."""
        return self._jitter // JITTER_SHARE

    def add(self, rtt: int, slack: int, now: int) -> None:
        """Take in one sample; up to slack us above the smallest is near it."""
        if self._recent:
            self._jitter += abs(rtt - self._recent[-1]) - self._jitter // JITTER_SHARE
        self._recent.append(rtt)
        del self._recent[:-RECENT_SAMPLES]
        if not self.value or rtt < self.value:
            self.value = rtt
        if rtt <= self.value + slack:
            self.seen_at = now
            self._candidate = 0
        elif not self._candidate or rtt < self._candidate:
            self._candidate = rtt
        if self._candidate and now - self.seen_at > RTT_LIFETIME:
            self.value = self._candidate
            self.seen_at = now
            self._candidate = 0


class RateSample(NamedTuple):
    """Bytes per second: size bytes arrived over span us of the receiver's clock, sent within send_span us of ours."""

    rate: int
    size: int
    span: int
    send_span: int


class DeliveryRate:
    """How fast packets reach the receiver, whatever the way back does to the ACKs.

    The idea of draft-cheng-iccrg-delivery-rate-estimation, with the receiver's clock in place of the sender's.
    """

    __slots__ = ("_points", "_train_start")

    def __init__(self) -> None:
        self._train_start = (0, 0)  # bytes delivered before the first of the points, and when that was sent
        self._points: list[tuple[int, int, int]] = []  # (arrival, delivered, sent_at)

    def add(self, sample: AckSample, span: int, silence: int) -> RateSample | None:
        """The rate over about the newest `span` us, or None when nothing new arrived.

        A pause in sending of more than silence us starts a new train of packets. While all of it arrived at one tick of
        the receiver's clock (or the ACKs before were lost), the rate is a cautious guess.
        """
        points = self._points
        if sample.largest_acked < 0:
            if points and sample.acked_bytes:
                points[-1] = (points[-1][0], sample.delivered, points[-1][2])
            return None
        if sample.app_limited and sample.acked_bytes < LEAST_POINT:
            return None  # a line of chat that came alone
        point = (sample.arrival, sample.delivered, sample.largest_sent_at)
        if points and point[2] - points[-1][2] > silence:
            points.clear()
        if not points:
            self._train_start = (sample.delivered - sample.acked_bytes, sample.largest_sent_at)
        if points and point[0] <= points[-1][0]:
            points[-1] = (points[-1][0], point[1], point[2])
        elif len(points) > 1 and (point[0] - points[-2][0]) * POINTS_PER_SPAN < span:
            points[-1] = point
        else:
            points.append(point)
        oldest = point[0] - span
        while len(points) > MAX_POINTS or (len(points) > 2 and points[1][0] <= oldest):
            del points[0]
        first, last = points[0], points[-1]
        elapsed = last[0] - first[0]
        if not elapsed:
            size, send_span = last[1] - self._train_start[0], last[2] - self._train_start[1]
            rate = size * SECOND // max(BATCH_TIME, silence // 2, send_span)
            return RateSample(rate, size, 0, send_span) if size >= BATCH_SIZE else None
        size, send_span = last[1] - first[1], last[2] - first[2]
        # Nothing arrives faster than it is sent for long: what seems so is a receiver that was late, or that lies.
        rate = size * SECOND // max(elapsed, send_span, MINIMUM_SPAN)
        return RateSample(min(rate, MAX_PACING_RATE), size, elapsed, send_span)

    def steady_spans(self) -> tuple[int, int]:
        """Span of arrival and of sending [us], as if the longest pause between two ACKs had been like the others.

        A bottleneck spreads all packets of a train; a host that is late makes one long pause.
        """
        points = self._points
        size = points[-1][1] - points[0][1] if points else 0
        if len(points) < 3 or not size:
            return (points[-1][0] - points[0][0], points[-1][2] - points[0][2]) if points else (0, 0)
        before, after = max(pairwise(points), key=lambda pair: pair[1][0] - pair[0][0])
        rest = max(size - after[1] + before[1], 1)
        span = points[-1][0] - points[0][0] - after[0] + before[0]
        send_span = points[-1][2] - points[0][2] - after[2] + before[2]
        return span * size // rest, send_span * size // rest
