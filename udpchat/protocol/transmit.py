"""The sending half of a connection: which packet goes out next, and what happens when it is acknowledged or lost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from udpchat.arq.congestion import make_controller
from udpchat.arq.in_flight import Kind, SentRun
from udpchat.arq.mtu import PathMtu
from udpchat.arq.recovery import AckReport, Outcome, Recovery
from udpchat.arq.schemes import make_scheme
from udpchat.config import (
    BASE_DATAGRAM,
    CHANNEL_COUNT,
    INITIAL_RECEIVE_WINDOW,
    MAX_BURST,
    MAX_BURST_SEGMENTS,
)
from udpchat.protocol.copies import Copies
from udpchat.protocol.messages import OutgoingMessages
from udpchat.protocol.outgoing import OutgoingTransfers
from udpchat.protocol.path import Path
from udpchat.protocol.watch import Cause, Watcher
from udpchat.protocol.writer import DATA_OVERHEAD, MESSAGE_OVERHEAD, BlockSource, PacketWriter
from udpchat.wire.codec import Ping, Probe, encode_body
from udpchat.wire.numbers import PacketType

MESSAGE_RESERVE = 8  # datagrams by which control and chat may overdraw the congestion window
HEADER_AND_TRAILER = 40  # bytes

Sent = tuple[memoryview, int]  # datagrams one after another, bytes of each


class Transmitter:
    """Sends messages before file bytes, file bytes as the windows and the pacer allow, and repeats what is lost."""

    __slots__ = (
        "_pacing_deadline",
        "_writer",
        "copies",
        "messages",
        "mtu",
        "peer_window",
        "ping_due",
        "recovery",
        "transfers",
        "watcher",
    )

    def __init__(
        self,
        writer: PacketWriter,
        recovery: Recovery,
        mtu: PathMtu,
        messages: OutgoingMessages,
        transfers: OutgoingTransfers,
    ) -> None:
        self.recovery = recovery
        self.mtu = mtu
        self.messages = messages
        self.transfers = transfers
        recovery.set_packet_threshold(transfers.scheme.packet_threshold)
        self.peer_window = INITIAL_RECEIVE_WINDOW
        self.ping_due = False
        self.copies = Copies()
        self.watcher: Watcher | None = None
        self._writer = writer
        self._pacing_deadline: int | None = None

    # -- input ---------------------------------------------------------------------------------------------------------

    def on_ack(self, report: AckReport, window: int, now: int) -> Outcome:
        """An ACK came in: settle what it covers, queue again what it shows to be lost."""
        outcome = self.recovery.on_ack(report, now)
        self.peer_window = window
        for run in outcome.acked:
            self._on_acked(run)
        self._on_lost(outcome.lost)
        return outcome

    def on_lone_ack(self, run: SentRun, arrival: int, ack_delay: int, window: int, now: int) -> None:
        """The ACK of a packet that `Recovery.lone_message` gave came in: what `on_ack` does, for this one."""
        self.recovery.on_lone_ack(arrival, ack_delay, now)
        self.peer_window = window
        self.copies.settle(run)
        self._on_message_acked(run)

    @property
    def has_work(self) -> bool:
        """An ACK may have made room for something: `datagrams` is to be asked."""
        return self.messages.has_work or not self.transfers.is_idle

    def on_timeout(self, now: int) -> None:
        """Timers of loss recovery; a call that comes early does nothing."""
        self._on_lost(self.recovery.on_timeout(now).lost)

    def on_too_large(self, size: int) -> None:
        """The system refused a datagram of this size [bytes]."""
        self.mtu.on_too_large(size)
        self._follow_mtu()

    def on_moved(self) -> None:
        """The peer speaks from another address: what went to the old one is sent again, and holds no window."""
        lost = self.recovery.give_up_in_flight()
        if lost and self.watcher is not None:
            self.watcher.on_lost(lost)
        for run in lost:
            self.copies.settle(run)
            match run.kind:
                case Kind.DATA:
                    self.transfers.on_lost(run)
                case Kind.MESSAGE:
                    self.messages.channels[run.stream].on_lost(run.offset, run.length)
                case Kind.PROBE:
                    self.mtu.on_probe_lost(run.size)

    def tune(self, arq: str, congestion: str, window: int, now: int) -> None:
        """Send the files to come another way. A controller that is there already keeps what it has learned.

        arq, congestion: names. window: packets. UsageError when there is no such thing.
        """
        self.transfers.scheme = make_scheme(arq, window, congestion)
        self.recovery.set_packet_threshold(self.transfers.scheme.packet_threshold)
        if congestion != self.recovery.controller.name or congestion == "fixed":
            self.recovery.use(make_controller(congestion, self.mtu.datagram_size, now, window), now)

    def on_new_path(self, now: int) -> None:
        """The peer is on another host: nothing that was measured holds (RFC 9000 section 9.4)."""
        self.mtu = self.mtu.anew()
        self.recovery.on_new_path(now)
        self._follow_mtu()

    def next_timeout(self, path: Path) -> int | None:
        """The earliest of all that this half waits for; what the path does not let it send it does not wait for.

        Without the next search for a larger datagram, which is ten minutes away: see mtu.next_timeout.
        """
        earliest = self.recovery.next_timeout()
        if not path.is_validated and path.budget() < self.mtu.datagram_size:
            return earliest
        for deadline in (self.copies.next_timeout(), self._pacing_deadline):
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        return earliest

    def next_timeout_of_message(self) -> int | None:
        """The same right after `lone_message`: its probe timeout is longer than the time until its copy is due."""
        copy = self.copies.next_timeout()
        if copy is None:
            return self.recovery.next_timeout()
        loss = self.recovery.loss_deadline()
        return copy if loss is None else min(loss, copy)

    def _on_acked(self, run: SentRun) -> None:
        self.copies.settle(run)
        match run.kind:
            case Kind.DATA:
                self.transfers.on_acked(run)
                self.mtu.on_packet_acked(run.size)
            case Kind.MESSAGE:
                self._on_message_acked(run)
            case Kind.PROBE:
                self.mtu.on_probe_acked(run.size)
                self._follow_mtu()

    def _on_message_acked(self, run: SentRun) -> None:
        self.messages.channels[run.stream].on_acked(run.offset, run.length)
        self.mtu.on_packet_acked(run.size)

    def _on_lost(self, lost: list[SentRun]) -> None:
        if lost and self.watcher is not None:
            self.watcher.on_lost(lost)
        for run in lost:
            self.copies.settle(run)
            match run.kind:
                case Kind.DATA:
                    self.transfers.on_lost(run)
                    self.mtu.on_packets_lost(run.size, run.count)
                case Kind.MESSAGE:
                    self.messages.channels[run.stream].on_lost(run.offset, run.length)
                    self.mtu.on_packets_lost(run.size, run.count)
                case Kind.PROBE:
                    self.mtu.on_probe_lost(run.size)
        if lost:
            self._follow_mtu()

    def _follow_mtu(self) -> None:
        self.recovery.set_datagram_size(self.mtu.datagram_size)

    # -- output --------------------------------------------------------------------------------------------------------

    def datagrams(self, path: Path, now: int) -> Iterator[Sent]:
        """All that may be sent now, most urgent first, as long as the path's budget lasts."""
        self._pacing_deadline = None
        for packets in (
            self._probe_timeout_packets(now),
            *(self._messages(channel, now) for channel in range(CHANNEL_COUNT)),
            self._single_packets(path, now),
            self._data(path, now),
        ):
            while path.budget() >= self.mtu.datagram_size and (sent := next(packets, None)) is not None:
                yield sent

    def lone_message(self, now: int) -> memoryview | None:
        """The datagram of `datagrams`, when that is one: all that waits on channel 0, or the copy of its last packet.

        None in any other case. To be asked when the address of the peer is proved; what it sends, and the state
        afterwards, are those of `datagrams`.
        """
        recovery, messages, size = self.recovery, self.messages, self.mtu.datagram_size
        if (
            recovery.probes_due
            or self.ping_due
            or not self.transfers.is_idle
            or self.copies.has_tail
            or not self.mtu.is_resting(now)
            or recovery.window_left() + MESSAGE_RESERVE * size < size
        ):
            return None
        if (content := messages.next_whole(size - MESSAGE_OVERHEAD)) is not None:
            sent: Sent | None = self._message(0, *content, now, Cause.FIRST)
        elif messages.has_work or (copied := self.copies.take_message(now)) is None:
            return None
        else:
            sent = self._again(copied, now, Cause.COPY)
        if sent is None:
            return None
        self._pacing_deadline = None
        recovery.mark_app_limited()
        return sent[0]

    def _single_packets(self, path: Path, now: int) -> Iterator[Sent]:
        yield from self._copies(now)
        if self.ping_due:
            self.ping_due = False
            yield self._ping(now)
        if path.is_validated:  # a probe is larger than the budget that was looked at
            yield from self._mtu_probe(now)

    def _record(self, run: SentRun, now: int, cause: Cause = Cause.FIRST) -> None:
        self.recovery.on_sent(run, now)
        if cause is Cause.RETRANSMISSION:
            self.recovery.counters.repeated_packets += run.count
        elif cause is Cause.COPY:
            self.copies.sent += run.count
        if self.watcher is not None:
            self.watcher.on_sent(run, cause)

    def _probe_timeout_packets(self, now: int) -> Iterator[Sent]:
        """The peer is silent: send what it misses most, or a PING, although the window may be full."""
        recovery = self.recovery
        if not recovery.probes_due:
            return
        repeatable = (run for run in recovery.in_flight if run.kind in (Kind.DATA, Kind.MESSAGE) and not run.is_timed)
        chosen = list(islice(repeatable, recovery.probes_due))
        while recovery.probes_due > 0:
            recovery.probes_due -= 1
            run = chosen.pop(0) if chosen else None
            sent = self._again(run.part(run.first, run.first + 1), now, Cause.PROBE) if run is not None else None
            yield sent if sent is not None else self._ping(now)

    def _again(self, run: SentRun, now: int, cause: Cause) -> Sent | None:
        """One packet with content of another, under a new number, small enough for any path (RFC 8899 section 4.3)."""
        if run.kind is Kind.MESSAGE:
            content = self.messages.channels[run.stream].peek(
                run.offset, min(run.length, BASE_DATAGRAM - MESSAGE_OVERHEAD)
            )
            return self._message(run.stream, run.offset, content, now, cause) if content else None
        source = self.transfers.source(run.stream)
        if source is None:
            return None
        length = min(run.length, BASE_DATAGRAM - DATA_OVERHEAD)
        return self._burst(run.stream, source, run.offset, length, length, now, cause)

    def _messages(self, channel: int, now: int) -> Iterator[Sent]:
        messages, recovery, size = self.messages, self.recovery, self.mtu.datagram_size
        reserve = MESSAGE_RESERVE * size if channel == 0 else 0
        while recovery.window_left() + reserve >= size:
            fragment = messages.next_fragment(channel, size - MESSAGE_OVERHEAD)
            if fragment is None:
                return
            offset, content, again = fragment
            yield self._message(channel, offset, content, now, Cause.RETRANSMISSION if again else Cause.FIRST)

    def _message(self, channel: int, offset: int, data: bytes | memoryview, now: int, cause: Cause) -> Sent:
        number, view = self._writer.message(channel, offset, data)
        size = len(view)
        run = SentRun(number, 1, now, size, size, Kind.MESSAGE, channel, offset, len(data), len(data))
        self._record(run, now, cause)
        if cause in (Cause.PROBE, Cause.COPY):
            self.copies.on_followed()
        elif channel == 0:
            self.copies.on_message(run, now, self.recovery.rtt.smoothed_rtt)
        return view, size

    def _copies(self, now: int) -> Iterator[Sent]:
        """What nothing followed, once more: chat whatever the window says, file bytes where there is room."""
        for run in self.copies.take_due(now):
            if run.kind is Kind.MESSAGE:
                sent = self._again(run, now, Cause.COPY)
            elif self.recovery.window_left() < run.size or (source := self.transfers.source(run.stream)) is None:
                continue
            else:
                sent = self._burst(run.stream, source, run.offset, run.length, run.length, now, Cause.COPY)
            if sent is not None:
                yield sent

    def _ping(self, now: int) -> Sent:
        number, view = self._writer.packet(PacketType.PING, None, encode_body(Ping()))
        self._record(SentRun(number, 1, now, len(view), len(view), Kind.PING), now)
        return view, len(view)

    def _mtu_probe(self, now: int) -> Iterator[Sent]:
        if (size := self.mtu.next_probe(now)) is None:
            return
        number, view = self._writer.packet(PacketType.PROBE, None, encode_body(Probe(size - HEADER_AND_TRAILER)))
        self._record(SentRun(number, 1, now, size, size, Kind.PROBE), now)
        yield view, size

    def _data(self, path: Path, now: int) -> Iterator[Sent]:
        """File bytes, as many as congestion window, peer's window and pacer take."""
        recovery, transfers = self.recovery, self.transfers
        while transfers.has_work():
            stride = self.mtu.datagram_size
            in_flight = recovery.in_flight.bytes_in_flight
            window = min(recovery.window_left(), self.peer_window - in_flight)
            if window < stride and in_flight:
                return
            allowed = min(MAX_BURST, path.budget(), max(window, stride), max(0, recovery.pacer.budget(now)))
            if (room := transfers.scheme.room(recovery.in_flight)) == 0:
                break
            packets = min(MAX_BURST_SEGMENTS, allowed // stride, room)
            if packets == 0:
                self._pacing_deadline = recovery.pacer.next_send_time(stride, now)
                return
            chunk = stride - DATA_OVERHEAD
            run = transfers.next_run(chunk, packets, now)
            if run is None:
                self._pacing_deadline = transfers.next_timeout()
                break
            cause = Cause.RETRANSMISSION if run.again else Cause.FIRST
            sent = self._burst(run.transfer_id, run.source, run.offset, run.length, chunk, now, cause)
            if sent is None:
                continue
            transfers.on_sent(run.transfer_id)
            self.copies.on_followed()
            if recovery.counters.lost_packets and transfers.is_ending and (newest := recovery.in_flight.newest()):
                self.copies.on_tail(newest, now, recovery.rtt.smoothed_rtt)
            yield sent
        recovery.mark_app_limited()

    def _burst(
        self,
        transfer_id: int,
        source: BlockSource,
        offset: int,
        length: int,
        chunk: int,
        now: int,
        cause: Cause,
    ) -> Sent | None:
        burst = self._writer.data_burst(source, transfer_id, offset, length, chunk)
        if burst is None:
            self.transfers.on_source_failed(transfer_id, offset)
            return None
        first, count, view = burst
        self.recovery.counters.data_bytes += length
        stride = chunk + DATA_OVERHEAD
        last = len(view) - (count - 1) * stride
        self._record(
            SentRun(
                first,
                count,
                now,
                stride if count > 1 else last,
                last,
                Kind.DATA,
                transfer_id,
                offset,
                length,
                chunk,
                is_timed=self.transfers.scheme.is_timed and cause is not Cause.PROBE,
            ),
            now,
            cause,
        )
        return view, stride
