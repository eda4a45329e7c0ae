"""What is drawn of a transfer: everything that happened to it, over the time of its sender's vantage point [us]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from udpchat.arq.ranges import RangeSet
from udpchat.capture.analysis import Connection, Vantage
from udpchat.capture.flow import FlowObserver
from udpchat.capture.statistics import TransferReport, analyse, chosen_vantages, sender_view
from udpchat.capture.streams import MAX_RUNS, Sent
from udpchat.capture.tolerant import Readable
from udpchat.errors import CaptureError, UsageError
from udpchat.wire.numbers import PacketType

MAX_POINTS: Final = 50_000  # of one kind; of more than these every second is left out, again and again

T = TypeVar("T")


class Thinned(Generic[T]):
    """A list that never has more than MAX_POINTS items: evenly chosen ones. total: of all that were added."""

    __slots__ = ("_every", "items", "total")

    def __init__(self) -> None:
        self.items: list[T] = []
        self.total = 0
        self._every = 1

    def add(self, item: T) -> None:
        """Take in an item, which may be left out."""
        if self.total % self._every == 0:
            self.items.append(item)
            if len(self.items) >= MAX_POINTS:
                del self.items[1::2]
                self._every *= 2
        self.total += 1

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


@dataclass(slots=True, eq=False)
class Series:
    """One transfer. firsts, repeats: packets.

    lost: those that were declared lost or dropped by the link, and never acknowledged. cumulative: (us, offset below
    which everything is acknowledged). selective: (us, start, stop) acknowledged above it. in_flight, windows: (us,
    bytes). round_trips, smoothed: (us, us).
    """

    firsts: Thinned[Sent] = field(default_factory=Thinned)
    repeats: Thinned[Sent] = field(default_factory=Thinned)
    lost: list[Sent] = field(default_factory=list)
    cumulative: Thinned[tuple[int, int]] = field(default_factory=Thinned)
    selective: Thinned[tuple[int, int, int]] = field(default_factory=Thinned)
    in_flight: Thinned[tuple[int, int]] = field(default_factory=Thinned)
    windows: Thinned[tuple[int, int]] = field(default_factory=Thinned)
    round_trips: Thinned[tuple[int, int]] = field(default_factory=Thinned)
    smoothed: Thinned[tuple[int, int]] = field(default_factory=Thinned)


class SeriesObserver:
    """A FlowObserver that notes one transfer, and the state of its sender between its first and its last packet.

    last: when there was the last of it; what comes later is not noted.
    """

    def __init__(self, transfer_id: int, last: int) -> None:
        self.series = Series()
        self._transfer_id = transfer_id
        self._last = last
        self._is_on = False  # the transfer has begun
        self._lost: dict[int, Sent] = {}
        self._acked = RangeSet()
        self._base = 0  # lowest offset that was sent
        self._batch: list[Sent] = []  # acknowledged by the ACK of this moment
        self._batch_us = 0

    def on_sent(self, sent: Sent, in_flight: int, words: dict[str, str]) -> None:
        """See FlowObserver."""
        series = self.series
        if self._is_ours(sent):
            self._base = min(self._base, sent.offset) if self._is_on else sent.offset
            self._is_on = True
            (series.repeats if sent.is_repeat else series.firsts).add(sent)
            if sent.is_dropped:
                self._keep_lost(sent)
        self._note(sent.us, in_flight)
        if self._is_on and sent.us <= self._last:
            if (window := _number(words, "cwnd")) is not None:
                series.windows.add((sent.us, window))
            if (smoothed := _number(words, "srtt")) is not None:
                series.smoothed.add((sent.us, smoothed))

    def on_acked(self, us: int, sent: Sent, in_flight: int) -> None:
        """See FlowObserver."""
        self._note(us, in_flight)
        if self._is_ours(sent):
            if us != self._batch_us:
                self._end_batch()
            self._batch_us = us
            self._batch.append(sent)
            self._lost.pop(sent.number, None)

    def on_lost(self, us: int, sent: Sent, in_flight: int) -> None:
        """See FlowObserver."""
        self._note(us, in_flight)
        if self._is_ours(sent):
            self._keep_lost(sent)

    def on_round_trip(self, us: int, round_trip: int) -> None:
        """See FlowObserver."""
        if self._is_on and us <= self._last:
            self.series.round_trips.add((us, round_trip))

    def finish(self) -> Series:
        """The capture has ended."""
        self._end_batch()
        self.series.lost = sorted(self._lost.values(), key=lambda sent: sent.number)
        return self.series

    def _is_ours(self, sent: Sent) -> bool:
        return sent.kind is PacketType.DATA and sent.stream == self._transfer_id and sent.length > 0

    def _keep_lost(self, sent: Sent) -> None:
        if len(self._lost) < MAX_POINTS:
            self._lost[sent.number] = sent

    def _note(self, us: int, in_flight: int) -> None:
        if self._is_on and us <= self._last:
            self.series.in_flight.add((us, in_flight))

    def _end_batch(self) -> None:
        """An ACK is whole: what it acknowledged in order moves the cumulative line, the rest stands above it."""
        if not self._batch:
            return
        fresh = RangeSet()
        for sent in self._batch:
            if len(self._acked) < MAX_RUNS:
                self._acked.add(sent.offset, sent.offset + sent.length)
            fresh.add(sent.offset, sent.offset + sent.length)
        self._batch.clear()
        edge = next(iter(self._acked.missing(self._base, self._acked.last + 1)))[0]
        self.series.cumulative.add((self._batch_us, edge))
        for start, stop in fresh.overlap(edge, fresh.last):
            self.series.selective.add((self._batch_us, start, stop))


def choose(transfers: list[TransferReport], number: int | None) -> TransferReport:
    """The transfer of a number, or the one with the most bytes. CaptureError; UsageError when there is no such one."""
    if not transfers:
        raise CaptureError("no file was transferred in this capture; there is nothing to draw")
    if number is None:
        return max(transfers, key=lambda transfer: (transfer.figures.unique, -transfer.number))
    if not 1 <= number <= len(transfers):
        raise UsageError(f"there is no transfer {number}; this capture has 1 to {len(transfers)}: see capture stats")
    return transfers[number - 1]


def read_series(readable: Readable, transfer: TransferReport, interface: str | None = None) -> Series:
    """Read the capture once more and note all that happened to a transfer of its report. CaptureError."""
    figures = transfer.figures
    last = figures.first + max(figures.duration, 1)
    observers: dict[int, SeriesObserver] = {}

    def observe(vantage: Vantage, connection: Connection, from_server: bool) -> FlowObserver | None:
        if connection.connection_id != transfer.connection_id or from_server is not figures.from_server:
            return None
        return observers.setdefault(vantage.number, SeriesObserver(figures.stream, last))

    analysis = analyse(readable, observe)
    view = sender_view(transfer.connection_id, chosen_vantages(analysis, interface), from_server=figures.from_server)
    if view is None:
        raise CaptureError(f"{readable.capture.path} changed while it was read; try again")
    return observers[view.vantage.number].finish()


def _number(words: dict[str, str], key: str) -> int | None:
    text = words.get(key, "")
    return int(text) if text.isdecimal() and len(text) < 16 else None
