"""Packets that were sent and are neither acknowledged nor lost, one entry for each burst."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain


class Kind(IntEnum):
    """What a sent packet carried, as far as its loss matters."""

    DATA = 1  # bytes of a transfer
    MESSAGE = 2  # bytes of a channel
    PROBE = 3  # of the path MTU: its loss is never congestion
    PING = 4  # anything that need not be repeated


@dataclass(slots=True)
class SentRun:
    """Packets sent at one instant with consecutive numbers and one kind of content.

    first, count: packet numbers. size: bytes of each datagram but the last, last_size of that.
    stream: transfer id (DATA) or channel (MESSAGE). offset, length: its bytes, chunk in each packet but the last.
    app_limited: there was nothing more to send. is_timed: one packet that only its own timer finds lost.
    """

    first: int
    count: int
    sent_at: int
    size: int
    last_size: int
    kind: Kind
    stream: int = 0
    offset: int = 0
    length: int = 0
    chunk: int = 0
    app_limited: bool = False
    is_timed: bool = False

    @property
    def stop(self) -> int:
        """One past the last packet number."""
        return self.first + self.count

    @property
    def total_size(self) -> int:
        """Bytes of all its datagrams."""
        return self.size * (self.count - 1) + self.last_size

    def part(self, start: int, stop: int) -> SentRun:
        """The packets numbered start to stop - 1, all of which must be inside."""
        if start <= self.first and stop >= self.stop:
            return self
        skipped, is_tail = start - self.first, stop == self.stop
        at = skipped * self.chunk
        return SentRun(
            start,
            stop - start,
            self.sent_at,
            self.size,
            self.last_size if is_tail else self.size,
            self.kind,
            self.stream,
            self.offset + at,
            self.length - at if is_tail else (stop - start) * self.chunk,
            self.chunk,
            self.app_limited,
            self.is_timed,
        )


class InFlight:
    """Sent runs in the order of their packet numbers; splits a run that is acknowledged in part.

    timed: the packet that only its own timer finds lost; it has no place in the order, and the next one displaces it.
    """

    __slots__ = ("_firsts", "_runs", "bytes_in_flight", "data_stop", "timed", "waits")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._runs: list[SentRun] = []
        self.bytes_in_flight = 0  # of datagrams; path MTU probes do not count
        self.data_stop = 0  # one past the newest packet with file bytes
        self.timed: SentRun | None = None
        self.waits = 0  # how often in a row the timer of the timed packet has ended

    def __bool__(self) -> bool:
        return bool(self._runs) or self.timed is not None

    def __len__(self) -> int:
        return len(self._runs) + (self.timed is not None)

    def __iter__(self) -> Iterator[SentRun]:
        return iter(self._runs) if self.timed is None else chain([self.timed], self._runs)

    def add(self, run: SentRun) -> None:
        """Append a run; its numbers are above all others, but for those of a timed packet."""
        if run.is_timed:
            self.take_timed()
            self.timed = run
            self.bytes_in_flight += run.total_size
            return
        self._firsts.append(run.first)
        self._runs.append(run)
        if run.kind is not Kind.PROBE:
            self.bytes_in_flight += run.total_size

    def take(self, start: int, stop: int) -> list[SentRun]:
        """Remove and return the packets numbered start to stop - 1 that are here."""
        if self.timed is not None and start <= self.timed.first < stop:
            return [*self.take_timed(), *self.take(start, stop)]
        firsts, runs = self._firsts, self._runs
        if not firsts or stop <= firsts[0]:
            return []
        low = max(0, bisect_right(firsts, start) - 1)
        if runs[low].stop <= start:
            low += 1
        high = bisect_right(firsts, stop - 1, low)
        if low >= high:
            return []
        taken = runs[low:high]
        kept: list[SentRun] = []
        if taken[0].first < start:
            kept.append(taken[0].part(taken[0].first, start))
            taken[0] = taken[0].part(start, taken[0].stop)
        if taken[-1].stop > stop:
            kept.append(taken[-1].part(stop, taken[-1].stop))
            taken[-1] = taken[-1].part(taken[-1].first, stop)
        runs[low:high] = kept
        firsts[low:high] = [run.first for run in kept]
        self.bytes_in_flight -= sum(run.total_size for run in taken if run.kind is not Kind.PROBE)
        return taken

    def take_oldest(self) -> SentRun:
        """Remove and return the run with the lowest packet numbers; there is one, and it is no path MTU probe."""
        del self._firsts[0]
        run = self._runs.pop(0)
        self.bytes_in_flight -= run.total_size
        return run

    def take_all(self) -> list[SentRun]:
        """Remove and return everything."""
        timed = self.take_timed()
        return timed + self.take(0, self._runs[-1].stop) if self._runs else timed

    def take_timed(self) -> list[SentRun]:
        """Remove and return the timed packet."""
        if self.timed is None:
            return []
        timed, self.timed = self.timed, None
        self.bytes_in_flight -= timed.total_size
        return [timed]

    def oldest(self) -> SentRun | None:
        """The run with the lowest packet numbers, without the timed one."""
        return self._runs[0] if self._runs else None

    def newest(self) -> SentRun | None:
        """The run with the highest packet numbers, without the timed one."""
        return self._runs[-1] if self._runs else None
