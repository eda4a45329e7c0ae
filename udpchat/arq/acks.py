"""The receiving half of the ARQ: which packet numbers arrived, when an ACK is due and what it carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from udpchat.arq.ranges import RangeSet
from udpchat.config import INITIAL_RECEIVE_WINDOW, MAX_ACK_DELAY, MAX_ACK_RANGES, MAX_KEPT_RANGES, MILLISECOND
from udpchat.errors import UsageError

SILENCE: Final = 100 * MILLISECOND  # without ack-eliciting packets; after it the peer needs quick ACKs again
EAGER_AT_START: Final = 64  # ack-eliciting packets that start a connection: its start-up is timed by their ACKs
EAGER_AFTER_SILENCE: Final = 32  # the same when the peer resumes
EAGER_EVERY: Final = 4  # ack-eliciting packets for one ACK meanwhile
MAX_REPORTS: Final = 10  # ACKs that carry a run which does not change any more
MAX_REPEATS: Final = 60  # silences after which such runs are reported again: one probe a second for the idle time


@dataclass(frozen=True, slots=True)
class AckContent:
    """What an ACK tells the peer, apart from the window.

    largest: largest packet number received; arrival: our clock when it arrived [us]; ack_delay: time since then [us].
    received: packets received so far on this connection. ranges: runs (start, stop) of packet numbers, newest first.
    """

    largest: int
    arrival: int
    ack_delay: int
    received: int
    ranges: tuple[tuple[int, int], ...]


class AckSchedule:
    """When an ACK is due (RFC 9000 section 13.2).

    At once: after a gap or reordering, after a silence, once `byte_limit` bytes wait for an ACK, and every fourth
    packet at the start, after a silence and where a file begins. Otherwise `interval` after the last ACK. Never without
    an ack-eliciting packet, unless requested.
    """

    __slots__ = (
        "_bytes",
        "_data",
        "_eager",
        "_heard",
        "_packets",
        "_requested",
        "_sent",
        "_urgent",
        "byte_limit",
        "interval",
    )

    def __init__(self) -> None:
        self.interval = MAX_ACK_DELAY
        self.byte_limit = INITIAL_RECEIVE_WINDOW // 4
        self._packets = 0  # ack-eliciting, since the last ACK
        self._bytes = 0  # of those packets
        self._eager = EAGER_AT_START
        self._heard = -SILENCE - 1  # when the last ack-eliciting packet came; the first one ends a silence
        self._data = -SILENCE - 1  # when the last file data came
        self._sent = 0  # when the last ACK went out
        self._urgent = False
        self._requested = False

    def on_arrival(self, count: int, size: int, now: int) -> bool:
        """Take in count ack-eliciting packets of size bytes in all; True when they ended a silence."""
        resumed = now - self._heard > SILENCE
        self._heard = now
        if resumed:
            self._resume()
        if self._eager:
            eager = min(count, self._eager)
            self._eager -= eager
            if self._packets + eager >= EAGER_EVERY:
                self._urgent = True
        self._packets += count
        self._bytes += size
        if self._bytes >= self.byte_limit:
            self._urgent = True
        return resumed

    def on_file_data(self, now: int) -> None:
        """File data comes; after a pause of it the peer times its start-up, whatever chat there is."""
        if now - self._data > SILENCE:
            self._resume()
        self._data = now

    def _resume(self) -> None:
        self._urgent = True
        self._eager = max(self._eager, EAGER_AFTER_SILENCE)

    def expedite(self) -> None:
        """Let the next ack-eliciting packet, or one that waits already, be acknowledged at once."""
        self._urgent = True

    def request(self) -> None:
        """Make an ACK due at once, whatever has arrived."""
        self._requested = True

    def on_ack_sent(self, now: int) -> None:
        """Start anew after an ACK."""
        self._packets = self._bytes = 0
        self._urgent = self._requested = False
        self._sent = now

    def next_timeout(self) -> int | None:
        """When an ACK is due [us], in the past when that is at once; None when there is nothing to acknowledge."""
        if self._requested or (self._urgent and self._packets):
            return max(self._heard, self._sent)
        if self._packets:
            return max(self._heard, self._sent + self.interval)
        return None


class AckTracker:
    """Packet numbers received: replay protection, and the content of ACKs.

    At most `kept` runs are remembered; the floor rises over the oldest run when there are more, and what is below the
    floor counts as received. An ACK carries at most `max_ranges` runs: the newest one always, each other one until it
    was in `MAX_REPORTS` ACKs without a change, and again after a silence, in case the peer missed all of them.
    """

    __slots__ = (
        "_arrival",
        "_floor",
        "_kept",
        "_max_ranges",
        "_ranges",
        "_received",
        "_repeats",
        "_reports",
        "_schedule",
    )

    def __init__(self, max_ranges: int = MAX_ACK_RANGES, kept: int = MAX_KEPT_RANGES) -> None:
        if max_ranges < 1 or kept < 1:
            raise UsageError("an ACK needs room for at least one run")
        self._max_ranges = max_ranges
        self._kept = kept
        self._ranges = RangeSet()
        self._floor = 0
        self._received = 0
        self._arrival = 0
        self._reports: dict[int, int] = {}  # start of a run, never the newest -> ACKs that carried it; no entry: enough
        self._repeats = MAX_REPEATS
        self._schedule = AckSchedule()

    # -- what arrived --------------------------------------------------------------------------------------------------

    @property
    def largest(self) -> int:
        """Largest packet number received, -1 when there is none."""
        return self._ranges.last - 1

    @property
    def received(self) -> int:
        """Packets received so far."""
        return self._received

    def is_new(self, packet_number: int) -> bool:
        """Whether the packet was not received before, as far as that is remembered; asked before authentication."""
        if packet_number >= self._ranges.last:
            return True
        return packet_number >= self._floor and packet_number not in self._ranges

    def all_new(self, first: int, count: int) -> bool:
        """Whether none of count packets that begin with number first was received before."""
        if first >= self._ranges.last:
            return True
        return first >= self._floor and next(self._ranges.overlap(first, first + count), None) is None

    def on_received(self, first: int, count: int, now: int, *, ack_eliciting: bool, size: int) -> None:
        """Take in count authentic new packets that begin with number first; size: bytes of all of them together."""
        if count < 1:
            raise UsageError("a burst has at least one packet")
        if ack_eliciting and self._schedule.on_arrival(count, size, now):
            self._repeat_reports()
        ranges = self._ranges
        newest = ranges.last
        if first >= newest:
            if first > newest and ranges:
                self._watch(ranges.run_at(newest - 1)[0])
                self._schedule.expedite()
            ranges.add(first, first + count)
            self._arrival = now
            if len(ranges) > self._kept:
                self._raise_floor()
        else:
            # One by one: what is popped on the way must not depend on how the packets were delivered.
            for packet_number in range(first, first + count):
                self._insert(packet_number)
            self._schedule.expedite()
        self._received += count

    def _insert(self, packet_number: int) -> None:
        if not self.is_new(packet_number):
            raise UsageError(f"packet {packet_number} was received before")
        ranges = self._ranges
        ranges.add(packet_number, packet_number + 1)
        start, stop = ranges.run_at(packet_number)
        self._reports.pop(packet_number + 1, None)  # that run begins earlier now
        if stop == ranges.last:
            self._reports.pop(start, None)
        else:
            self._watch(start)
        if len(ranges) > self._kept:
            self._raise_floor()

    def _watch(self, start: int) -> None:
        self._reports[start] = 0
        self._repeats = MAX_REPEATS

    def _raise_floor(self) -> None:
        start, self._floor = self._ranges.pop_first()
        self._reports.pop(start, None)

    def _repeat_reports(self) -> None:
        if self._repeats and len(self._ranges) > 1:
            self._repeats -= 1
            older = self._ranges.descending()
            next(older)
            self._reports = {start: 0 for start, _ in older}

    # -- when and what to acknowledge ----------------------------------------------------------------------------------

    def set_interval(self, interval: int) -> None:
        """Hold back an ACK for at most so long after the last one [us]; 0: acknowledge after every drain."""
        self._schedule.interval = interval

    def set_byte_limit(self, byte_limit: int) -> None:
        """Acknowledge at least once per so many received bytes."""
        self._schedule.byte_limit = byte_limit

    def request(self) -> None:
        """Make an ACK due at once, for what it carries beside the ranges; nothing as long as nothing arrived."""
        if self._ranges:
            self._schedule.request()

    def on_file_data(self, now: int) -> None:
        """What `on_received` is to be told of next is file data."""
        self._schedule.on_file_data(now)

    def ack_due(self, now: int) -> bool:
        """Whether an ACK is to be sent now."""
        deadline = self._schedule.next_timeout()
        return deadline is not None and deadline <= now

    def next_timeout(self) -> int | None:
        """When an ACK is due [us]; None when there is nothing to acknowledge."""
        return self._schedule.next_timeout()

    def take(self, now: int) -> AckContent | None:
        """What an ACK sent now tells, due or not; None as long as nothing arrived."""
        ranges = self._ranges
        if not ranges:
            return None
        self._schedule.on_ack_sent(now)
        runs = [ranges.run_at(ranges.last - 1)]
        if self._reports:
            self._report_older(runs)
        return AckContent(ranges.last - 1, self._arrival, now - self._arrival, self._received, tuple(runs))

    def _report_older(self, runs: list[tuple[int, int]]) -> None:
        reports = self._reports
        for start in sorted(reports, reverse=True)[: self._max_ranges - 1]:
            runs.append(self._ranges.run_at(start))
            reports[start] += 1
            if reports[start] == MAX_REPORTS:
                del reports[start]
