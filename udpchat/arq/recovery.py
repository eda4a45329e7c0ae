"""Loss recovery of one path: what was sent, what arrived, what must be sent again, and when to ask (RFC 9002).

A packet is lost when one sent `packet_threshold` later was acknowledged, or one sent 9/8 of a round trip later. When
nothing comes back at all a probe timeout sends a packet that the peer must answer; that alone is no loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from udpchat.arq.congestion.base import AckSample, CongestionController
from udpchat.arq.in_flight import InFlight, Kind, SentRun
from udpchat.arq.numbers import PacketNumbers
from udpchat.arq.pacing import Pacer
from udpchat.arq.reordering import Reordering
from udpchat.arq.rtt import RttEstimator
from udpchat.config import (
    GRANULARITY,
    INITIAL_RTT,
    MAX_ACK_DELAY,
    MAX_PROBE_INTERVAL,
    TIME_THRESHOLD,
)
from udpchat.errors import ErrorCode, ProtocolViolationError

PERSISTENT_CONGESTION = 3  # probe timeouts that a stretch without a survivor must span (RFC 9002 section 7.6)
MAX_BACKOFF = 10  # doublings of the probe timeout
STEADY_TIMEOUTS = 4  # of stop-and-wait in a row, with the constant timer of the textbooks, before it is backed off
WRAP = 2**32  # of the receiver's clock in ACK


@dataclass(slots=True)
class Counters:
    """What happened on this connection since it began, in packets and bytes of datagrams."""

    sent_packets: int = 0
    sent_bytes: int = 0
    data_bytes: int = 0  # of files, in DATA, every sending of them
    acked_bytes: int = 0
    lost_packets: int = 0
    repeated_packets: int = 0  # sent again because their content was lost
    spurious_losses: int = 0
    probe_timeouts: int = 0
    received_acks: int = 0


@dataclass(frozen=True, slots=True)
class AckReport:
    """An ACK as the peer sent it; times in its own clock [us]."""

    largest: int
    arrival: int
    ack_delay: int
    received: int
    ranges: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Outcome:
    """What an ACK or a timeout brought: the runs newly acknowledged and newly lost."""

    acked: list[SentRun] = field(default_factory=list)
    lost: list[SentRun] = field(default_factory=list)


class Recovery:
    """Packets in flight and the estimators that watch them.

    After `on_timeout` the attribute `probes_due` says how many packets must be sent although the window is full.
    """

    __slots__ = (
        "_backoff",
        "_clock",
        "_largest_acked",
        "_limited_until",
        "_reordering",
        "controller",
        "counters",
        "in_flight",
        "numbers",
        "pacer",
        "probes_due",
        "rtt",
    )

    def __init__(self, controller: CongestionController, numbers: PacketNumbers, datagram_size: int, now: int) -> None:
        self.controller = controller
        self.numbers = numbers
        self.rtt = RttEstimator(INITIAL_RTT)
        self.pacer = Pacer(datagram_size, now)
        self.in_flight = InFlight()
        self.counters = Counters()
        self.probes_due = 0
        self._reordering = Reordering()
        self._largest_acked = -1
        self._backoff = 0
        self._clock = (0, 0)  # receiver's clock: (as sent, unwrapped)
        self._limited_until = -1  # packets up to this one went out when there was nothing more to send

    @property
    def packet_threshold(self) -> int:
        """Packets sent later whose arrival makes an earlier one lost."""
        return self._reordering.threshold

    def set_packet_threshold(self, packets: int) -> None:
        """Begin again with this threshold; it widens with the reordering that is seen."""
        self._reordering.threshold = packets

    # -- sending -------------------------------------------------------------------------------------------------------

    def on_sent(self, run: SentRun, now: int) -> None:
        """Remember packets that must be acknowledged."""
        size = run.last_size if run.count == 1 else run.total_size
        run.app_limited = self._largest_acked < self._limited_until
        self.counters.sent_packets += run.count
        self.counters.sent_bytes += size
        if run.kind is Kind.DATA:
            self.in_flight.data_stop = run.stop
        if run.kind is not Kind.PROBE:
            self.controller.on_sent(size, self.in_flight.bytes_in_flight, now)
            self.pacer.set_rate(self.controller.pacing_rate, now)
            self.pacer.on_sent(size, now)
        self.in_flight.add(run)

    def mark_app_limited(self) -> None:
        """There is nothing more to send: until what is out now is acknowledged, the rate seen is not the path's."""
        self._limited_until = self.numbers.next_number - 1

    def window_left(self) -> int:
        """Bytes of datagrams that the congestion window still takes; may be negative."""
        return self.controller.congestion_window - self.in_flight.bytes_in_flight

    # -- receiving -----------------------------------------------------------------------------------------------------

    def on_ack(self, ack: AckReport, now: int) -> Outcome:
        """Take in an ACK. ProtocolViolationError when it covers a number that was never sent."""
        self._check(ack)
        counters, prior = self.counters, self.in_flight.bytes_in_flight
        counters.received_acks += 1
        acked: list[SentRun] = []
        for start, stop in ack.ranges:
            acked += self.in_flight.take(start, stop)
            if late := self._reordering.take_late(start, stop, self._largest_acked):
                self._on_late(late, now)
                acked += late
        if not acked:
            return Outcome()
        newest = max(acked, key=lambda run: run.first)
        latest_rtt = self._sample_rtt(ack, newest, now)
        self._largest_acked = max(self._largest_acked, newest.stop - 1)
        self._backoff = self.in_flight.waits = 0
        self.probes_due = 0
        lost = self._find_lost(now)
        acked_bytes = sum(run.total_size for run in acked if run.kind is not Kind.PROBE)
        counters.acked_bytes += acked_bytes
        counted_lost = [run for run in lost if run.kind is not Kind.PROBE]
        sample = AckSample(
            now=now,
            acked_bytes=acked_bytes,
            lost_bytes=sum(run.total_size for run in counted_lost),
            lost_packets=sum(run.count for run in counted_lost),
            bytes_in_flight=self.in_flight.bytes_in_flight,
            prior_in_flight=prior,
            latest_rtt=latest_rtt,
            smoothed_rtt=self.rtt.smoothed_rtt,
            min_rtt=self.rtt.min_rtt,
            largest_acked=newest.stop - 1,
            largest_sent_at=newest.sent_at,
            app_limited=newest.app_limited,
            next_packet_number=self.numbers.next_number,
            delivered=counters.acked_bytes,
            received=ack.received,
            arrival=self._unwrap(ack.arrival),
            largest_lost_sent_at=counted_lost[-1].sent_at if counted_lost else -1,
            ack_delay=min(ack.ack_delay, MAX_ACK_DELAY),
        )
        self.controller.on_ack(sample)
        if self._is_persistent(counted_lost):
            self.controller.on_loss(0, counted_lost[-1].sent_at, now, persistent=True)
        self.pacer.set_rate(self.controller.pacing_rate, now)
        return Outcome(acked, lost)

    def lone_message(self, start: int, stop: int) -> SentRun | None:
        """The packet that an ACK of the numbers from start up to stop settles alone, when it is one of a few messages.

        That is: the oldest in flight and the largest acknowledged, so that nothing is found lost; nothing that was
        declared lost is among them; no file bytes are in flight, and less than half of the window is used, so that the
        ACK tells an RTT and nothing about the rate. None otherwise: then it takes `on_ack`.
        """
        in_flight = self.in_flight
        run = in_flight.oldest()
        if (
            run is None
            or run.first != stop - 1
            or run.first < start
            or run.kind is not Kind.MESSAGE
            or run.count != 1
            or run.first < self.in_flight.data_stop
            or run.first <= self._largest_acked
            or in_flight.timed is not None
            or 2 * in_flight.bytes_in_flight >= self.controller.congestion_window
            or self.numbers.skipped_in(start, stop)
            or not self._reordering.none_from(start)
        ):
            return None
        return run

    def on_lone_ack(self, arrival: int, ack_delay: int, now: int) -> None:
        """Take in the ACK of the packet that `lone_message` gave, as `on_ack` would; no rate is learned from it."""
        run, counters = self.in_flight.take_oldest(), self.counters
        counters.received_acks += 1
        counters.acked_bytes += run.last_size
        latest_rtt = max(1, now - run.sent_at)
        self.rtt.add_sample(latest_rtt, min(ack_delay, MAX_ACK_DELAY))
        self._largest_acked = run.first
        self._backoff = self.in_flight.waits = 0
        self.probes_due = 0
        self._unwrap(arrival)
        self.controller.on_message_ack(run.sent_at, latest_rtt, self.rtt.smoothed_rtt, now)
        self.pacer.set_rate(self.controller.pacing_rate, now)

    def _check(self, ack: AckReport) -> None:
        if ack.largest >= self.numbers.next_number:
            raise ProtocolViolationError(ErrorCode.ACK_OF_UNSENT_PACKET, f"ACK of packet {ack.largest}, never sent")
        for start, stop in ack.ranges:
            if self.numbers.skipped_in(start, stop):
                raise ProtocolViolationError(ErrorCode.ACK_OF_UNSENT_PACKET, "ACK of a packet number that was skipped")

    def _on_late(self, late: list[SentRun], now: int) -> None:
        """Packets declared lost arrived after all."""
        for run in late:
            if run.kind is not Kind.PROBE:
                self.counters.spurious_losses += run.count
                self.counters.lost_packets -= run.count
                self.controller.on_spurious_loss(run.total_size, run.sent_at, now)

    def _sample_rtt(self, ack: AckReport, newest: SentRun, now: int) -> int:
        """RFC 9002 section 5.1: only when the largest number is newly acknowledged."""
        if newest.stop - 1 != ack.largest or newest.stop - 1 <= self._largest_acked:
            return 0
        latest_rtt = max(1, now - newest.sent_at)
        self.rtt.add_sample(latest_rtt, min(ack.ack_delay, MAX_ACK_DELAY))
        return latest_rtt

    def _unwrap(self, arrival: int) -> int:
        """The receiver's 32-bit clock as one that never wraps; ACKs that overtake each other may step back."""
        last, whole = self._clock
        step = (arrival - last) % WRAP
        whole += step if step < WRAP // 2 else step - WRAP
        self._clock = (arrival, whole)
        return whole

    # -- loss ----------------------------------------------------------------------------------------------------------

    def loss_delay(self) -> int:
        """How much older than an acknowledged packet a lost one is (RFC 9002 section 6.1.2) [us]."""
        numerator, denominator = TIME_THRESHOLD
        return max(max(self.rtt.latest_rtt, self.rtt.smoothed_rtt) * numerator // denominator, GRANULARITY)

    def _find_lost(self, now: int) -> list[SentRun]:
        by_number = self._largest_acked - self._reordering.threshold + 1
        by_time = now - self.loss_delay()
        lost: list[SentRun] = []
        while (run := self.in_flight.oldest()) is not None and run.first < self._largest_acked:
            stop = self._largest_acked if run.sent_at <= by_time else by_number
            if stop <= run.first:
                break
            lost += self.in_flight.take(run.first, min(run.stop, stop))
            if stop < run.stop:
                break
        self._remember_lost(lost)
        return lost

    def _remember_lost(self, lost: list[SentRun]) -> None:
        self._reordering.remember(lost)
        self.counters.lost_packets += sum(run.count for run in lost if run.kind is not Kind.PROBE)

    def _is_persistent(self, lost: list[SentRun]) -> bool:
        """Nothing that was sent for a long time arrived (RFC 9002 section 7.6)."""
        if len(lost) < 2 or not self.rtt.has_sample:
            return False
        unbroken = all(run.stop == following.first for run, following in pairwise(lost))
        span = lost[-1].sent_at - lost[0].sent_at
        return unbroken and span > PERSISTENT_CONGESTION * self.rtt.probe_timeout(MAX_ACK_DELAY)

    def loss_deadline(self) -> int | None:
        """When the oldest packet is lost, if one that was sent later is acknowledged and no more of them are."""
        oldest = self.in_flight.oldest()
        if oldest is None or oldest.first >= self._largest_acked:
            return None
        return oldest.sent_at + self.loss_delay()

    def probe_timeout(self) -> int:
        """Silence after which the peer is asked, backed off (RFC 9002 section 6.2.1) [us]."""
        return _backed_off(self.rtt.probe_timeout(MAX_ACK_DELAY), min(self._backoff, MAX_BACKOFF))

    def wait_timeout(self) -> int:
        """Silence after which a packet of stop-and-wait is lost [us].

        RFC 6298 section 2 without its least second; ACKs of single packets are not held back, so no ack delay is added.
        Every packet has a number of its own, so every ACK is a sample, and the timer follows a path that grows longer
        without back-off: only one that is dead is asked less and less.
        """
        doublings = min(max(0, self.in_flight.waits - STEADY_TIMEOUTS), MAX_BACKOFF)
        return _backed_off(self.rtt.probe_timeout(0), doublings)

    def next_timeout(self) -> int | None:
        """When `on_timeout` is to be called."""
        if not self.in_flight:
            return None
        deadline = self._next_shared_timeout()
        if (timed := self.in_flight.timed) is None:
            return deadline
        own = timed.sent_at + self.wait_timeout()
        return own if deadline is None else min(own, deadline)

    def _next_shared_timeout(self) -> int | None:
        """The timer of all packets that have none of their own."""
        if (deadline := self.loss_deadline()) is not None:
            return deadline
        newest = self.in_flight.newest()
        if newest is None or self.probes_due:
            return None
        return newest.sent_at + self.probe_timeout()

    def on_timeout(self, now: int) -> Outcome:
        """Declare late packets lost, or ask for probes; a call that comes early does nothing."""
        timed = self.in_flight.timed
        if timed is not None and now >= timed.sent_at + self.wait_timeout():
            self.in_flight.waits += 1
            lost = self.in_flight.take_timed()
            self._remember_lost(lost)
            self._on_timer_loss(lost, now)
            return Outcome(lost=lost)
        if (deadline := self.loss_deadline()) is not None:
            if now < deadline:
                return Outcome()
            lost = self._find_lost(now)
            self._on_timer_loss(lost, now)
            return Outcome(lost=lost)
        newest = self.in_flight.newest()
        if newest is not None and not self.probes_due and now >= newest.sent_at + self.probe_timeout():
            self.probes_due = 1 if self._backoff else 2
            self._backoff += 1
            self.counters.probe_timeouts += 1
        return Outcome()

    def _on_timer_loss(self, lost: list[SentRun], now: int) -> None:
        counted = [run for run in lost if run.kind is not Kind.PROBE]
        if counted:
            size, sent_at = sum(run.total_size for run in counted), counted[-1].sent_at
            self.controller.on_loss(size, sent_at, now, persistent=False)
            self.pacer.set_rate(self.controller.pacing_rate, now)

    def give_up_in_flight(self) -> list[SentRun]:
        """All that is in flight went to an address that is no longer the peer's; that says nothing about the rate."""
        lost = self.in_flight.take_all()
        self._backoff = self.in_flight.waits = self.probes_due = 0
        self._remember_lost(lost)
        return lost

    def use(self, controller: CongestionController, now: int) -> None:
        """Let another controller decide from now on; what is in flight stays counted."""
        self.controller = controller
        self.pacer.set_rate(controller.pacing_rate, now)

    def set_datagram_size(self, size: int) -> None:
        """Full datagrams have size bytes from now on."""
        self.controller.set_datagram_size(size)
        self.pacer.set_datagram_size(size)

    def on_new_path(self, now: int) -> None:
        """Forget what was learned about the old path (RFC 9000 section 9.4)."""
        self.rtt = RttEstimator(self.rtt.smoothed_rtt)
        self.controller.on_new_path(now)
        self.pacer.set_rate(self.controller.pacing_rate, now)


def _backed_off(timeout: int, doublings: int) -> int:
    """Doubled so often, but only up to MAX_PROBE_INTERVAL; a path that is slower than that is not hurried."""
    return max(timeout, min(timeout << doublings, MAX_PROBE_INTERVAL))
