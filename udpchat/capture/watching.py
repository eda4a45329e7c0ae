"""What a tap knows of one connection: why the packet that leaves now was sent, and what was lost meanwhile."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from udpchat.arq.in_flight import Kind, SentRun
from udpchat.capture.comments import MAX_RANGES, list_words, sent_words
from udpchat.protocol.transmit import Transmitter
from udpchat.protocol.watch import Cause

MAX_REMEMBERED: Final = 8_192  # lost packets whose content was not sent again yet
MAX_RECENT: Final = 1_024  # runs that were sent last
MAX_NUMBER: Final = 2**63  # above every packet number and offset

Content = tuple[Kind, int]  # what kind, and which transfer or channel


class LostContent:
    """Which packet carried what was lost, until it is sent again."""

    def __init__(self) -> None:
        self._lost: dict[Content, list[tuple[int, int, int]]] = {}  # (offset, end, packet number), ascending
        self._count = 0

    def add(self, run: SentRun) -> None:
        """Remember packets that were declared lost; when there are too many all earlier ones are forgotten."""
        if self._count >= MAX_REMEMBERED:
            self._lost.clear()
            self._count = 0
        entries = self._lost.setdefault((run.kind, run.stream), [])
        for number in range(run.first, run.stop):
            start = run.offset + (number - run.first) * run.chunk
            insort(entries, (start, min(start + run.chunk, run.offset + run.length), number))
        self._count += run.count

    def take(self, content: Content, start: int, stop: int) -> int | None:
        """The packet that carried the byte at start, now that bytes up to stop are sent again."""
        entries = self._lost.get(content, [])
        at = bisect_right(entries, (start, MAX_NUMBER, MAX_NUMBER)) - 1
        if at < 0 or entries[at][1] <= start:
            return None
        _, end, number = entries[at]
        if stop >= end:
            del entries[at]
            self._count -= 1
            if not entries:
                del self._lost[content]
        return number


class ConnectionWatcher:
    """A Watcher (protocol/watch.py) that turns what it is told into comments."""

    def __init__(self, transmitter: Transmitter) -> None:
        self._transmitter = transmitter
        self._leaving: tuple[SentRun, Cause] | None = None
        self._content = LostContent()
        self._recent: deque[SentRun] = deque(maxlen=MAX_RECENT)
        self._lost: list[tuple[int, int]] = []  # half-open ranges that no comment tells yet
        self._refused: list[tuple[int, int]] = []

    def on_sent(self, run: SentRun, cause: Cause) -> None:
        """Packets are about to leave: `comments` follows."""
        self._leaving = run, cause
        self._recent.append(run)

    def on_lost(self, runs: Sequence[SentRun]) -> None:
        """Packets were declared lost."""
        for run in runs:
            if self._lost and self._lost[-1][1] == run.first:
                self._lost[-1] = self._lost[-1][0], run.stop
            else:
                self._lost.append((run.first, run.stop))
            if run.kind in (Kind.DATA, Kind.MESSAGE):
                self._content.add(run)

    def on_refused(self, first: int, count: int) -> None:
        """The system did not take packets."""
        self._refused.append((first, first + count))

    def comments(self, first: int, count: int) -> list[str]:
        """The comments of packets that leave now, by their numbers; empty ones for those that need no ACK."""
        told = [""] * count
        if self._leaving is not None and self._leaving[0].first == first:
            told = self._words(*self._leaving)
        self._leaving = None
        news = (self.take_lost(), self._take("refused", self._refused))
        told[0] = " ".join(filter(None, (told[0], *news)))
        return told

    def take_lost(self) -> str:
        """The words for what was lost since this was asked; empty when nothing was."""
        return self._take("lost", self._lost)

    @staticmethod
    def _take(name: str, ranges: list[tuple[int, int]]) -> str:
        if not ranges:
            return ""
        taken = ranges[:MAX_RANGES]
        del ranges[:MAX_RANGES]
        return list_words(name, taken)

    def _words(self, run: SentRun, cause: Cause) -> list[str]:
        transmitter, recovery = self._transmitter, self._transmitter.recovery
        controller, rtt = recovery.controller, recovery.rtt
        window, state, peer_window = controller.congestion_window, controller.state, transmitter.peer_window
        srtt = rtt.smoothed_rtt if rtt.has_sample else 0
        in_flight = recovery.in_flight.bytes_in_flight - run.total_size
        told = []
        for place in range(run.count):
            in_flight += run.size if place < run.count - 1 else run.last_size
            again = None if cause is Cause.FIRST else self._repeated(run, cause, place)
            told.append(sent_words(cause, window, in_flight, srtt, peer_window, state, again))
        return told

    def _repeated(self, run: SentRun, cause: Cause, place: int) -> int | None:
        """The packet whose content one of a run repeats: one that was lost, or one that is in flight.

        Go-Back-N also repeats what was acknowledged: that is looked for among what was sent last.
        """
        start = run.offset + place * run.chunk
        if cause is Cause.RETRANSMISSION:
            stop = min(start + run.chunk, run.offset + run.length)
            lost = self._content.take((run.kind, run.stream), start, stop)
            return _carrier(reversed(self._recent), run, start) if lost is None else lost
        return _carrier(self._transmitter.recovery.in_flight, run, start)


def _carrier(runs: Iterable[SentRun], run: SentRun, start: int) -> int | None:
    """The packet in the first of the runs that was sent before this one and carries its byte at start."""
    for earlier in runs:
        is_same = earlier.kind is run.kind and earlier.stream == run.stream and earlier.first < run.first
        if is_same and earlier.offset <= start < earlier.offset + earlier.length:
            return earlier.first + (start - earlier.offset) // earlier.chunk
    return None
