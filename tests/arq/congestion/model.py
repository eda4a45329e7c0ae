"""A small packet-level model of senders, one bottleneck and receivers, in virtual time.

It stands in for the connection: loss detection by packet and time threshold and probe timeout, ACKs as the receiver's
policy sends them, a drop-tail bottleneck each way. Times are integer microseconds, sizes bytes of UDP payload.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.arq.congestion.link import Link, Path
from udpchat.arq.congestion import AckSample, CongestionController, make_controller
from udpchat.arq.pacing import Pacer
from udpchat.sim.stalls import Stalls

OVERHEAD = 52  # our header, clear part and trailer around each chunk
ACK_SIZE = 110


@dataclass(slots=True)
class Sent:
    size: int
    sent_at: int
    chunk: int  # file bytes in it
    app_limited: bool


@dataclass
class Receiver:
    """What arrived and when an ACK is due."""

    interval: int = 0
    log: list[int] = field(default_factory=list)  # packet numbers in order of arrival
    largest: int = -1
    arrival: int = 0
    next_expected: int = 0
    unacked: int = 0
    total: int = 0
    early: int = 64
    last_ack: int = -1_000_000
    last_seen: int = 0
    due: int | None = None

    def receive(self, number: int, now: int) -> None:
        if now - self.last_seen > 100_000:
            self.early = max(self.early, 32)
        self.last_seen = now
        self.log.append(number)
        self.unacked += 1
        self.total += 1
        at_once = number != self.next_expected
        if number > self.largest:
            self.largest, self.arrival = number, now
        self.next_expected = max(self.next_expected, number + 1)
        if self.early:
            self.early -= 1
            at_once = at_once or self.total == 1 or self.total % 4 == 1
        due = now if at_once else max(now, self.last_ack + self.interval)
        self.due = due if self.due is None else min(self.due, due)


class Flow:
    """One sender with a file, and its receiver."""

    def __init__(self, model: Model, control: CongestionController, size: int, start: int, path: Path) -> None:
        self.model, self.control, self.path = model, control, path
        self.size, self.start = size, start
        self.now = start
        self.datagram = 1_200
        self.pacer = Pacer(self.datagram, start)
        self.receiver = Receiver()
        self.unsent = size
        self.lost_chunks: list[int] = []
        self.in_flight: dict[int, Sent] = {}
        self.bytes_in_flight = 0
        self.next_number = 0
        self.largest_acked = -1
        self.log_position = 0
        self.delivered = 0
        self.acked_file = 0
        self.srtt = self.rttvar = self.min_rtt = self.latest = 0
        self.threshold = 3
        self.forgotten: dict[int, Sent] = {}
        self.pto_count = 0
        self.last_eliciting = start
        self.handshake = 2  # small exchanges before the file
        self.began: int | None = None
        self.finished: int | None = None
        self.retransmitted = 0
        self.sent_bytes = 0
        self.rtt_rounds = 0
        self.wake_at: int | None = None
        self.trace: Callable[[Flow], None] | None = None
        self.progress: list[tuple[int, int]] = []

    # -- sending

    def pump(self, now: int) -> None:
        self.now = now
        control, pacer = self.control, self.pacer
        if self.handshake:
            if not self.in_flight:
                self._send(150, 0, now, app_limited=True)
            self._arm(now)
            return
        if self.began is None:
            self.began = now
        pacer.set_rate(control.pacing_rate, now)
        while self.unsent or self.lost_chunks:
            chunk = self.lost_chunks[-1] if self.lost_chunks else min(self.unsent, self.datagram - OVERHEAD)
            size = chunk + OVERHEAD
            if self.bytes_in_flight + size > control.congestion_window or pacer.budget(now) < size:
                break
            if self.lost_chunks:
                self.lost_chunks.pop()
                self.retransmitted += 1
            else:
                self.unsent -= chunk
            self._send(size, chunk, now, app_limited=False)
        self._arm(now)

    def _send(self, size: int, chunk: int, now: int, *, app_limited: bool) -> None:
        app_limited = app_limited or not (self.unsent or self.lost_chunks)
        number = self.next_number
        self.next_number += 1
        self.control.on_sent(size, self.bytes_in_flight, now)
        self.pacer.on_sent(size, now)
        self.in_flight[number] = Sent(size, now, chunk, app_limited)
        self.bytes_in_flight += size
        self.sent_bytes += size
        self.last_eliciting = now
        self.model.deliver(self, number, size, now)

    def _arm(self, now: int) -> None:
        times = []
        if self.in_flight:
            times.append(self._loss_or_probe_time())
        if (self.unsent or self.lost_chunks) and not self.handshake:
            size = (self.lost_chunks[-1] if self.lost_chunks else min(self.unsent, self.datagram - OVERHEAD)) + OVERHEAD
            if self.bytes_in_flight + size <= self.control.congestion_window:
                at = self.pacer.next_send_time(size, now)
                if at is not None:
                    if self.path.grain:
                        at = -(-at // self.path.grain) * self.path.grain
                    times.append(at)
        if not times:
            self.wake_at = None
            return
        at = max(min(times), now + 1)
        if self.wake_at is None or at < self.wake_at or self.wake_at <= now:
            self.wake_at = at
            self.model.push(at, self._wake, self.model.sender)

    def _wake(self, now: int) -> None:
        if self.wake_at is None or now < self.wake_at or self.finished is not None:
            return
        self.wake_at = None
        if self.in_flight and now >= self._loss_or_probe_time():
            lost = self._find_lost(now)
            if lost:
                newest = max(packet.sent_at for packet in lost)
                self.control.on_loss(sum(p.size for p in lost), newest, now, persistent=False)
            else:
                self.pto_count += 1
                self._probe(now)
        self.pump(now)

    def _probe(self, now: int) -> None:
        number = next(iter(self.in_flight))
        packet = self.in_flight[number]
        if packet.chunk:
            self.lost_chunks.append(packet.chunk)
            self.forgotten[number] = packet
            del self.in_flight[number]
            self.bytes_in_flight -= packet.size
            chunk = self.lost_chunks.pop()
            self.retransmitted += 1
            self._send(chunk + OVERHEAD, chunk, now, app_limited=True)
        else:
            self._send(150, 0, now, app_limited=True)

    def _loss_or_probe_time(self) -> int:
        number, packet = next(iter(self.in_flight.items()))
        if number < self.largest_acked:
            return packet.sent_at + max(self.srtt, self.latest) * 9 // 8 + 1
        pto = (self.srtt + max(4 * self.rttvar, 1_000) + 25_000) if self.srtt else 200_000
        return self.last_eliciting + (pto << min(self.pto_count, 5))

    # -- ACKs

    def on_ack(self, position: int, held: int, arrival: int, now: int) -> None:  # noqa: PLR0915
        if self.finished is not None:
            return
        new = self.receiver.log[self.log_position : position]
        self.log_position = max(self.log_position, position)
        prior = self.bytes_in_flight
        acked = acked_file = 0
        newest = -1
        newest_packet: Sent | None = None
        for number in new:
            packet = self.in_flight.pop(number, None)
            if packet is None:
                packet = self.forgotten.pop(number, None)
                if packet is not None:
                    self._on_late(number, packet, now)
                continue
            acked += packet.size
            acked_file += packet.chunk
            if number > newest:
                newest, newest_packet = number, packet
        self.bytes_in_flight -= acked
        self.delivered += acked
        self.acked_file += acked_file
        if self.handshake and acked:
            self.handshake -= 1
        rtt = 0
        if newest > self.largest_acked and newest_packet is not None:
            rtt = now - newest_packet.sent_at
            self._on_rtt(rtt)
        self.largest_acked = max(self.largest_acked, newest)
        if acked:
            self.pto_count = 0
        lost = self._find_lost(now)
        sample = AckSample(
            now=now, acked_bytes=acked, lost_bytes=sum(p.size for p in lost), lost_packets=len(lost),
            bytes_in_flight=self.bytes_in_flight, prior_in_flight=prior, latest_rtt=rtt, smoothed_rtt=self.srtt,
            min_rtt=self.min_rtt, largest_acked=newest, largest_sent_at=newest_packet.sent_at if newest_packet else 0,
            app_limited=newest_packet.app_limited if newest_packet else False, next_packet_number=self.next_number,
            delivered=self.delivered, received=position, arrival=arrival,
            largest_lost_sent_at=max((p.sent_at for p in lost), default=-1), ack_delay=held,
        )  # fmt: skip
        self.control.on_ack(sample)
        self.rtt_rounds += 1
        if self.trace is not None:
            self.now = now
            self.trace(self)
        if self.began is not None and self.datagram == 1_200 and now - self.began > 3 * self.min_rtt:
            self.datagram = 1_472
            self.control.set_datagram_size(1_472)
            self.pacer.set_datagram_size(1_472)
        self.progress.append((now, self.acked_file))
        if self.acked_file >= self.size:
            self.finished = now
            return
        self.pump(now)

    def _on_late(self, number: int, packet: Sent, now: int) -> None:
        if packet.chunk and packet.chunk in self.lost_chunks:
            self.lost_chunks.remove(packet.chunk)
            self.acked_file += packet.chunk
        self.threshold = min(128, max(self.threshold, self.largest_acked - number + 1))
        self.control.on_spurious_loss(packet.size, packet.sent_at, now)

    def _on_rtt(self, rtt: int) -> None:
        self.latest = rtt
        if not self.srtt:
            self.srtt, self.rttvar, self.min_rtt = rtt, rtt // 2, rtt
        else:
            self.min_rtt = min(self.min_rtt, rtt)
            self.rttvar += (abs(self.srtt - rtt) - self.rttvar) // 4
            self.srtt += (rtt - self.srtt) // 8
        self.receiver.interval = 0 if self.min_rtt < 2_000 else min(25_000, self.min_rtt // 8)

    def _find_lost(self, now: int) -> list[Sent]:
        lost = []
        sent_before = now - max(self.srtt, self.latest) * 9 // 8
        for number, packet in self.in_flight.items():
            if number >= self.largest_acked:
                break
            if number > self.largest_acked - self.threshold and packet.sent_at > sent_before:
                break
            lost.append((number, packet))
        for number, packet in lost:
            del self.in_flight[number]
            self.forgotten[number] = packet
            self.bytes_in_flight -= packet.size
            if packet.chunk:
                self.lost_chunks.append(packet.chunk)
        return [packet for _, packet in lost]


class Model:
    """Flows over one bottleneck; `run` until all are done or the time is up."""

    def __init__(self, path: Path, seed: int = 1) -> None:
        self.path = path
        self.now = 0
        self.forward = Link(path, seed)
        self.backward = Link(path, seed + 1)
        self.sender = Stalls(path.stalls, f"sender {seed}")
        self.receiver = Stalls(path.stalls, f"receiver {seed}")
        self.flows: list[Flow] = []
        self._heap: list[tuple[int, int, Callable[[int], None], Stalls]] = []
        self._count = 0

    def add(self, size: int, name: str = "bbr", start: int = 0) -> Flow:
        flow = Flow(self, make_controller(name, 1_200, start), size, start, self.path)
        self.flows.append(flow)
        self.push(start, flow.pump, self.sender)
        return flow

    def push(self, at: int, call: Callable[[int], None], host: Stalls) -> None:
        """Call at that time, or when the host runs again."""
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, call, host))

    def deliver(self, flow: Flow, number: int, size: int, now: int) -> None:
        at = self.forward.send(size, now)
        if at is None:
            return
        if self.path.tick:
            at = -(-at // self.path.tick) * self.path.tick

        def arrive(now: int) -> None:
            receiver = flow.receiver
            receiver.receive(number, now)
            if receiver.due is not None:
                if receiver.due <= now and not self.path.tick:
                    self._acknowledge(flow, now)
                else:
                    self.push(max(receiver.due, now), lambda now: self._acknowledge(flow, now), self.receiver)

        self.push(at, arrive, self.receiver)

    def _acknowledge(self, flow: Flow, now: int) -> None:
        receiver = flow.receiver
        if receiver.due is None or now < receiver.due:
            return
        receiver.due = None
        receiver.unacked = 0
        receiver.last_ack = now
        at = self.backward.send(ACK_SIZE, now)
        if at is None:
            return
        position, held, arrival = len(receiver.log), now - receiver.arrival, receiver.arrival + 12_345
        self.push(at, lambda now: flow.on_ack(position, held, arrival, now), self.sender)

    def run(self, until: int = 1 << 60) -> None:
        heap = self._heap
        while heap and heap[0][0] <= until:
            now, _, call, host = heapq.heappop(heap)
            self.now = now
            if (end := host.release(now)) > now:
                self.push(end, call, host)
                continue
            call(now)
            if all(flow.finished is not None for flow in self.flows):
                return
        self.now = max(self.now, until)


def ratio(flow: Flow) -> float:
    """File bytes per second over the limit of the path, first DATA to last ACK."""
    assert flow.began is not None
    assert flow.finished is not None, "the transfer did not end"
    return flow.size / ((flow.finished - flow.began) / 1e6) / flow.path.limit
