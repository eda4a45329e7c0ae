"""Windowed maximum and minimum, and the delivery rate by the receiver's clock."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from udpchat.arq.congestion.base import MAX_PACING_RATE, AckSample
from udpchat.config import MILLISECOND, SECOND

POINTS_PER_SPAN: Final = 64  # kept by one DeliveryRate; ACKs closer together are merged
MAX_POINTS: Final = 2 * POINTS_PER_SPAN
MINIMUM_SPAN: Final = 1 * MILLISECOND  # a shorter span measures the scheduler: it counts as this long
SILENCE: Final = 2 * MILLISECOND  # a pause in sending of a span and this starts a new train
BATCH_TIME: Final = 2 * MILLISECOND  # packets that arrive at one tick of a coarse clock took at most so long
BATCH_SIZE: Final = 4_800  # bytes: four datagrams; fewer say nothing


class WindowedMax:
    """Largest value of the newest `length` ticks; ticks are any number that does not fall."""

    __slots__ = ("_length", "_values")

    def __init__(self, length: int) -> None:
        self._length = length
        self._values: deque[tuple[int, int]] = deque()  # (tick, value), values falling

    def add(self, tick: int, value: int) -> None:
        """Take in one value."""
        values = self._values
        while values and values[-1][1] <= value:
            values.pop()
        values.append((tick, value))
        while values[0][0] <= tick - self._length:
            values.popleft()

    def reset(self, tick: int, value: int) -> None:
        """Forget all but this value."""
        self._values.clear()
        self._values.append((tick, value))

    @property
    def value(self) -> int:
        """The maximum; 0 when nothing was added."""
        return self._values[0][1] if self._values else 0


class RateSample(NamedTuple):
    """Bytes per second that arrived over `span` us of the receiver's clock; sent within `send_span` us of ours."""

    rate: int
    span: int
    send_span: int


class DeliveryRate:
    """How fast packets reach the receiver, whatever the way back does to the ACKs.

    The idea of draft-cheng-iccrg-delivery-rate-estimation, with the receiver's clock in place of the sender's.
    """

    __slots__ = ("_points", "_train_start")

    def __init__(self) -> None:
        self._train_start = 0  # bytes delivered before the first of the points
        self._points: deque[tuple[int, int, int]] = deque()  # (arrival, delivered, sent_at)

    def add(self, sample: AckSample, span: int) -> RateSample | None:
        """The rate over about the newest `span` us, or None when nothing new arrived.

        While all arrived at one tick of the receiver's clock, the rate is what must at least be true."""
        points = self._points
        if sample.largest_acked < 0:
            if points and sample.acked_bytes:
                points[-1] = (points[-1][0], sample.delivered, points[-1][2])
            return None
        point = (sample.arrival, sample.delivered, sample.largest_sent_at)
        if points and point[2] - points[-1][2] > span + SILENCE:
            points.clear()
        if not points:
            self._train_start = sample.delivered - sample.acked_bytes
        if points and point[0] <= points[-1][0]:
            points[-1] = (points[-1][0], point[1], point[2])
        elif len(points) > 1 and (point[0] - points[-2][0]) * POINTS_PER_SPAN < span:
            points[-1] = point
        else:
            points.append(point)
        oldest = point[0] - span
        while len(points) > MAX_POINTS or (len(points) > 2 and points[1][0] <= oldest):
            points.popleft()
        first, last = points[0], points[-1]
        elapsed = last[0] - first[0]
        if not elapsed:
            size = last[1] - self._train_start
            return RateSample(size * SECOND // BATCH_TIME, 0, 0) if size >= BATCH_SIZE else None
        rate = (last[1] - first[1]) * SECOND // max(elapsed, MINIMUM_SPAN)
        return RateSample(min(rate, MAX_PACING_RATE), elapsed, last[2] - first[2])
