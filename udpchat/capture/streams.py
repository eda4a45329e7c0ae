"""What one direction of a connection carried, stream by stream: a stream is a transfer (DATA) or a channel (MSG).

Words: a packet is a repeat when it carries bytes that an earlier packet of its stream carried; it is spurious when all
its bytes were in earlier packets that were acknowledged, before or after. Sizes are bytes, times microseconds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from udpchat.arq.ranges import RangeSet
from udpchat.wire.numbers import PacketType

MAX_RUNS: Final = 65_536  # separate runs of a stream; what comes in more of them is not told apart from new bytes
MAX_OUTSTANDING: Final = 65_536  # packets of a direction that nobody acknowledged: four of the largest windows
MAX_OVERLAP: Final = 64  # packets with the same bytes that are looked at
MAX_REPEATS: Final = 16  # of one packet that are remembered
MAX_SAMPLES: Final = 2_000_000  # round-trip times that are kept of a stream

StreamKey = tuple[PacketType, int]  # DATA and a transfer id, or MSG and a channel


@dataclass(slots=True, eq=False)
class Sent:
    """A packet that asks for an ACK and has none yet.

    offset, length: its bytes of the stream, none for PING and its like. size: of the datagram. us: when it was seen.
    repeated_by: later packets with some of the same bytes, MAX_REPEATS at most.
    unproved: of a repeat, the bytes of which no earlier packet is known to have arrived.
    """

    number: int
    us: int
    kind: PacketType
    stream: int
    offset: int
    length: int
    size: int
    is_repeat: bool = False
    is_spurious: bool = False
    is_lost: bool = False
    is_dropped: bool = False
    repeated_by: list[Sent] = field(default_factory=list)
    unproved: RangeSet | None = None

    @property
    def weight(self) -> int:
        """Bytes in flight that it is: path MTU probes are none."""
        return 0 if self.kind is PacketType.PROBE else self.size


@dataclass(slots=True)
class StreamCounts:
    """Packets and bytes of a stream in one direction.

    bytes: of content, repeats included. retransmitted: packets that are repeats. copies: repeats of what was not lost,
    as a precaution (known from comments), counted apart. lost: declared or proved lost and not acknowledged later.
    dropped: the link is known to have dropped them (comments). acks: ACKs that newly acknowledged some of it.
    in_flight: most bytes of the direction that were in flight when a packet of this stream was sent.
    """

    packets: int = 0
    bytes: int = 0
    retransmitted: int = 0
    copies: int = 0
    lost: int = 0
    dropped: int = 0
    spurious: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    acks: int = 0
    in_flight: int = 0


@dataclass(slots=True, eq=False)
class Stream:
    """A transfer or a channel in one direction. round_trips: without what the receiver held the ACK back.

    first, last: when its first and last packet was seen. done: when the last of its bytes was newly acknowledged.
    sent, acked: bytes by offset.
    """

    key: StreamKey
    first: int
    last: int
    done: int | None = None
    counts: StreamCounts = field(default_factory=StreamCounts)
    sent: RangeSet = field(default_factory=RangeSet)
    acked: RangeSet = field(default_factory=RangeSet)
    round_trips: array[int] = field(default_factory=lambda: array("q"))

    def add_sent(self, start: int, stop: int) -> bool:
        """Take in bytes that were sent; whether some of them had been sent before."""
        if len(self.sent) >= MAX_RUNS:
            return False
        return self.sent.add(start, stop) < stop - start

    def add_acked(self, start: int, stop: int) -> None:
        """Take in bytes that were acknowledged."""
        if len(self.acked) < MAX_RUNS:
            self.acked.add(start, stop)

    def add_round_trip(self, sample: int) -> None:
        """Take in one measurement."""
        if len(self.round_trips) < MAX_SAMPLES:
            self.round_trips.append(sample)


class Outstanding:
    """Packets without an ACK, found by number and by content; when there are too many the oldest are forgotten."""

    __slots__ = ("_contents", "_flying", "_numbers", "_packets")

    def __init__(self) -> None:
        self._packets: dict[int, Sent] = {}
        self._numbers: list[int] = []  # ascending
        self._flying: list[int] = []  # those of them that are not lost
        self._contents: dict[StreamKey, list[tuple[int, int]]] = {}  # (offset, number), ascending

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Sent]:
        return iter(self._packets.values())

    def add(self, sent: Sent) -> Sent | None:
        """Keep a packet; the one that is forgotten for it."""
        forgotten = self._take(0, 1)[0] if len(self._numbers) >= MAX_OUTSTANDING else None
        self._packets[sent.number] = sent
        insort(self._numbers, sent.number)
        insort(self._flying, sent.number)
        if sent.length:
            insort(self._contents.setdefault((sent.kind, sent.stream), []), (sent.offset, sent.number))
        return forgotten

    def get(self, number: int) -> Sent | None:
        """The packet of this number."""
        return self._packets.get(number)

    def take(self, start: int, stop: int) -> list[Sent]:
        """The packets numbered start to stop - 1, which are kept no longer; ascending."""
        low = bisect_left(self._numbers, start)
        if low == len(self._numbers) or self._numbers[low] >= stop:
            return []
        return self._take(low, bisect_left(self._numbers, stop, low))

    def lose(self, sent: Sent) -> None:
        """A packet that is kept is lost now."""
        sent.is_lost = True
        del self._flying[bisect_left(self._flying, sent.number)]

    def flying(self, start: int, stop: int) -> list[Sent]:
        """The packets numbered start to stop - 1 that are not lost."""
        low = bisect_left(self._flying, start)
        return [self._packets[number] for number in self._flying[low : bisect_left(self._flying, stop, low)]]

    def overlapping(self, key: StreamKey, start: int, stop: int) -> list[Sent]:
        """Packets with bytes of a stream from start up to stop: MAX_OVERLAP of them, none that begin long before."""
        entries = self._contents.get(key, [])
        at = bisect_right(entries, (start, -1))
        found = []
        if at and (before := self._packets[entries[at - 1][1]]).offset + before.length > start:
            found.append(before)
        end = min(bisect_left(entries, (stop, -1), at), at + MAX_OVERLAP)
        found += [self._packets[number] for _, number in entries[at:end]]
        return found

    def _take(self, low: int, high: int) -> list[Sent]:
        taken = [self._packets.pop(number) for number in self._numbers[low:high]]
        del self._numbers[low:high]
        for sent in taken:
            if not sent.is_lost:
                del self._flying[bisect_left(self._flying, sent.number)]
            if sent.length:
                key = (sent.kind, sent.stream)
                entries = self._contents[key]
                del entries[bisect_left(entries, (sent.offset, sent.number))]
                if not entries:
                    del self._contents[key]
        return taken
