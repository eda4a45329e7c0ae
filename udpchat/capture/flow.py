"""One direction of a connection as one vantage point saw it: what was sent, acknowledged, lost, repeated, in flight.

Packet numbers are never reused, so whatever arrives with a known number is the same datagram once more. A packet counts
as lost when the sender said so (comments of our tap). Without such comments: when a packet so many numbers above it was
acknowledged as show a loss (three, more once the path has reordered), or when any above it was and its file bytes were
sent again (RFC 9002 section 6.1). Whatever is acknowledged later was not lost after all. Path MTU probes are not in
flight, and their loss means nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

from udpchat.arq.ranges import RangeSet
from udpchat.capture.streams import MAX_REPEATS, MAX_RUNS, Outstanding, Sent, Stream, StreamKey
from udpchat.config import PACKET_THRESHOLD, SECOND
from udpchat.wire.codec import Ack
from udpchat.wire.numbers import PacketType

MAX_STREAMS: Final = 4_096  # of a direction
MAX_JUMP: Final = 2**20  # packet numbers; one farther ahead is taken for damage unless the next one follows it
MAX_AHEAD: Final = 4_096  # packets that an ACK may know and a capture may have missed

MAX_ROUND_TRIP: Final = 600 * SECOND  # no connection lives through a longer silence
MAX_THRESHOLD: Final = 64  # packets; docs/protocol.md section 7.5

_AWAITED: Final = frozenset({PacketType.DATA, PacketType.MSG, PacketType.PING, PacketType.PROBE})
_STREAMS: Final = frozenset({PacketType.DATA, PacketType.MSG})


class FlowObserver(Protocol):
    """Told what happens in a direction, in the order of the capture."""

    def on_sent(self, sent: Sent, in_flight: int, words: dict[str, str]) -> None:
        """A packet was sent. in_flight: [bytes] with it. words: of its comment."""
        ...

    def on_acked(self, us: int, sent: Sent, in_flight: int) -> None:
        """A packet was newly acknowledged."""
        ...

    def on_lost(self, us: int, sent: Sent, in_flight: int) -> None:
        """A packet is lost, as far as is known at this time."""
        ...

    def on_round_trip(self, us: int, round_trip: int) -> None:
        """A round trip was measured by an ACK."""
        ...


class Numbers:
    """Packet numbers that were seen. highest: -1 before the first."""

    __slots__ = ("_floor", "_seen", "_suspect", "highest")

    def __init__(self) -> None:
        self._seen = RangeSet()
        self._floor = 0  # what is below it counts as seen
        self._suspect = -MAX_JUMP  # a number that was too far ahead
        self.highest = -1

    def add(self, number: int) -> str:
        """Take a number in: "new", "late" (below the highest), "again", or "implausible"."""
        if self.highest >= 0 and number > self.highest + MAX_JUMP:
            is_alone = not 0 <= number - self._suspect <= MAX_JUMP
            self._suspect = number
            if is_alone:
                return "implausible"
        is_late = number < self.highest
        if number < self._floor or not self._seen.add(number, number + 1):
            return "again"
        if len(self._seen) > MAX_RUNS:
            self._floor = self._seen.pop_first()[1]
        self.highest = max(self.highest, number)
        return "late" if is_late else "new"


class LossRule:
    """From which ACK on a packet is lost. largest_acked: -1 before the first ACK.

    examined: packets below this number are acknowledged or lost. is_declared: comments of the sender tell what is lost,
    so that nothing is concluded.
    """

    __slots__ = ("_threshold", "examined", "is_declared", "largest_acked")

    def __init__(self) -> None:
        self.largest_acked = -1
        self.examined = 0
        self.is_declared = False
        self._threshold = PACKET_THRESHOLD

    def advance(self, largest: int) -> tuple[int, int]:
        """The packets (start, stop) that are lost now that this number was acknowledged, if they have no ACK."""
        self.largest_acked = max(self.largest_acked, largest)
        start = self.examined
        self.examined = max(self.largest_acked - self._threshold + 1, start)
        return start, self.examined

    def on_late(self, number: int) -> None:
        """A packet that was taken for lost was acknowledged: the path reorders so far (RFC 8985 section 7.2)."""
        self._threshold = min(max(self._threshold, self.largest_acked - number + 1), MAX_THRESHOLD)


class Flow:
    """One direction of a connection.

    types: packets by type, repeated datagrams included. bytes: of all its datagrams. first, last: [us] of its packets.
    round_trips of all its streams are theirs. observer: told what happens, when there is one.
    """

    def __init__(self, first: int, observer: FlowObserver | None = None) -> None:
        self.first = first
        self.last = first
        self.types: Counter[PacketType] = Counter()
        self.troubles: Counter[str] = Counter()  # duplicates, out-of-order, implausible numbers, too many streams
        self.bytes = 0
        self.in_flight = 0
        self.streams: dict[StreamKey, Stream] = {}
        self.numbers = Numbers()
        self._observer = observer
        self._outstanding = Outstanding()
        self._rule = LossRule()

    # -- packets of this direction -------------------------------------------------------------------------------------

    def on_packet(self, sent: Sent, words: dict[str, str]) -> None:
        """A packet of any type left. words: of its comment."""
        self.last = max(self.last, sent.us)
        self.types[sent.kind] += 1
        self.bytes += sent.size
        self._on_declared(sent.us, words)
        order = self.numbers.add(sent.number)
        stream = self._stream(sent) if sent.kind in _STREAMS and order != "implausible" else None
        if order == "new":
            pass
        elif order == "implausible":
            self.troubles["implausible"] += 1
            return
        elif order == "late":
            self.troubles["out_of_order"] += 1
            if stream is not None:
                stream.counts.out_of_order += 1
        else:
            self.troubles["duplicates"] += 1
            if stream is not None:
                stream.counts.duplicates += 1
            return
        if sent.kind in _AWAITED:
            self._on_new(sent, stream, words, is_late=order == "late")

    def _on_new(self, sent: Sent, stream: Stream | None, words: dict[str, str], *, is_late: bool) -> None:
        """A packet that awaits its ACK from now on."""
        sent.is_dropped = "dropped" in words
        if stream is not None and sent.length:
            self._on_content(sent, stream, words, is_late=is_late)
        forgotten = self._outstanding.add(sent)
        if forgotten is not None and not forgotten.is_lost:
            self.in_flight -= forgotten.weight
        self.in_flight += sent.weight
        if sent.number < self._rule.examined and not self._rule.is_declared:
            self._lose(sent.us, sent)  # a straggler of a capture in the middle of the path
        if stream is not None:
            counts = stream.counts
            counts.packets += 1
            counts.bytes += sent.length
            counts.dropped += sent.is_dropped
            counts.in_flight = max(counts.in_flight, self.in_flight)
            stream.last = max(stream.last, sent.us)
        if self._observer is not None:
            self._observer.on_sent(sent, self.in_flight, words)

    def _on_content(self, sent: Sent, stream: Stream, words: dict[str, str], *, is_late: bool) -> None:
        stop = sent.offset + sent.length
        is_below = sent.offset < stream.sent.last  # first sends ascend: if this is the first one, another was not seen
        is_known = stream.add_sent(sent.offset, stop)
        if is_late:  # what was overtaken on the path was sent before what overtook it
            overlapping = self._outstanding.overlapping(stream.key, sent.offset, stop)
            sent.repeated_by = [each for each in overlapping if each.number > sent.number][:MAX_REPEATS]
            for repeat in sent.repeated_by:
                if not repeat.is_repeat:
                    stream.counts.retransmitted += 1
                    _make_repeat(stream, repeat)
            return
        if not (is_known or is_below):
            return
        is_copy = words.get("sent") == "copy"
        if is_copy:
            stream.counts.copies += 1
        else:
            stream.counts.retransmitted += 1
        _make_repeat(stream, sent)
        if not is_copy:
            _prove(stream, sent, sent.offset, sent.offset)
        for earlier in self._outstanding.overlapping(stream.key, sent.offset, stop):
            self._on_repeated(earlier, sent, is_copy=is_copy)

    def _on_repeated(self, earlier: Sent, sent: Sent, *, is_copy: bool) -> None:
        if not is_copy:
            earlier.repeated_by = [*earlier.repeated_by[-MAX_REPEATS + 1 :], sent]
        # A probe timeout repeats what is not lost, and so does chat that nothing follows.
        if not self._rule.is_declared and sent.kind is PacketType.DATA and self._rule.largest_acked > earlier.number:
            self._lose(sent.us, earlier)

    def _stream(self, sent: Sent) -> Stream | None:
        key = (sent.kind, sent.stream)
        stream = self.streams.get(key)
        if stream is None:
            if len(self.streams) >= MAX_STREAMS:
                self.troubles["too_many_streams"] += 1
                return None
            stream = self.streams[key] = Stream(key, sent.us, sent.us)
        return stream

    # -- ACKs of the other direction -----------------------------------------------------------------------------------

    def on_ack(self, us: int, ack: Ack, words: dict[str, str]) -> None:
        """The other end acknowledges what it received. words: of the comment of its packet."""
        self._on_declared(us, words)
        if ack.largest > self.numbers.highest + MAX_AHEAD:
            self.troubles["acks_of_unseen"] += 1
            return
        newest = self._outstanding.get(ack.largest)
        touched = set()
        for start, stop in ack.ranges:
            for sent in self._outstanding.take(start, stop):
                if (stream := self._on_acked(us, sent)) is not None:
                    touched.add(stream.key)
        for key in touched:
            self.streams[key].counts.acks += 1
        if newest is not None:
            self._measure(us, newest, ack.ack_delay)
        start, stop = self._rule.advance(ack.largest)
        if not self._rule.is_declared:
            for sent in self._outstanding.flying(start, stop):
                self._lose(us, sent)

    def _on_acked(self, us: int, sent: Sent) -> Stream | None:
        stream = self.streams.get((sent.kind, sent.stream)) if sent.length else None
        if not sent.is_lost:
            self.in_flight -= sent.weight
        elif stream is not None:
            stream.counts.lost -= 1
            self._rule.on_late(sent.number)
        if stream is not None:
            stream.add_acked(sent.offset, sent.offset + sent.length)
            stream.done = us
            for repeat in sent.repeated_by:
                _prove(stream, repeat, sent.offset, sent.offset + sent.length)
        if self._observer is not None:
            self._observer.on_acked(us, sent, self.in_flight)
        return stream

    def _measure(self, us: int, newest: Sent, ack_delay: int) -> None:
        """RFC 9002 section 5.1: a sample only when the largest number is newly acknowledged."""
        round_trip = us - newest.us
        if not 0 <= round_trip <= MAX_ROUND_TRIP:
            return  # the capture's clock was set
        round_trip -= min(ack_delay, round_trip)
        if (stream := self.streams.get((newest.kind, newest.stream))) is not None:
            stream.add_round_trip(round_trip)
        if self._observer is not None:
            self._observer.on_round_trip(us, round_trip)

    # -- losses --------------------------------------------------------------------------------------------------------

    def _on_declared(self, us: int, words: dict[str, str]) -> None:
        if "sent" in words:
            self._rule.is_declared = True
        for start, stop in read_list(words.get("lost", "")):
            self._rule.is_declared = True
            for sent in self._outstanding.flying(start, stop):
                self._lose(us, sent)

    def _lose(self, us: int, sent: Sent) -> None:
        if sent.is_lost:
            return
        self._outstanding.lose(sent)
        self.in_flight -= sent.weight
        if sent.length and (stream := self.streams.get((sent.kind, sent.stream))) is not None:
            stream.counts.lost += 1
        if self._observer is not None:
            self._observer.on_lost(us, sent, self.in_flight)


def _make_repeat(stream: Stream, sent: Sent) -> None:
    """A packet turns out to carry what an earlier one carried."""
    stop = sent.offset + sent.length
    sent.is_repeat = True
    sent.unproved = RangeSet(stream.acked.missing(sent.offset, stop))


def _prove(stream: Stream, repeat: Sent, start: int, stop: int) -> None:
    """An earlier packet with these bytes has arrived; when that holds for all of a repeat it was spurious."""
    if repeat.unproved is None or repeat.is_spurious:
        return
    repeat.unproved.remove(start, stop)
    if not repeat.unproved:
        repeat.is_spurious = True
        stream.counts.spurious += 1


def read_list(text: str) -> list[tuple[int, int]]:
    """The packet numbers of a comment such as "812-815,820", as half-open ranges; what is no number is left out."""
    ranges = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal() and len(part) <= 40:
            ranges.append((int(first), int(last or first) + 1))
    return ranges
