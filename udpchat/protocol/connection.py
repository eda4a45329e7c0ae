"""One peer: packets in, events out; verbs in, datagrams out. The same class serves both ends."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from udpchat.arq.recovery import AckReport
from udpchat.config import MILLISECOND
from udpchat.errors import AuthenticationError, DecodeError, ErrorCode, ProtocolViolationError
from udpchat.protocol.brief import lone_message, take_lone_ack
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.events import AddressChanged, ConnectionClosed
from udpchat.protocol.parts import Parts
from udpchat.protocol.writer import DATA_CLEAR_SIZE, DATA_OVERHEAD, KEY_PHASE, BlockSource
from udpchat.wire.codec import (
    Ack,
    Challenge,
    Close,
    Data,
    LoneAck,
    Message,
    Packet,
    Response,
    decode,
    decode_body,
    encode_body,
)
from udpchat.wire.hot import DataRun, unpack_data_run
from udpchat.wire.numbers import PacketType
from udpchat.wire.packets import TRAILER_SIZE
from udpchat.wire.records import Record, encode_record

MAX_REASON = 500  # bytes of the reason in CLOSE
LEAST_PATIENCE = 10 * MILLISECOND  # of a client that awaits bytes
CHALLENGE_SIZE = 64  # bytes of the datagram


class State(Enum):
    """Life of a connection."""

    HALF_OPEN = auto()  # the server has replied, the client has not yet spoken under the new keys
    OPEN = auto()
    CLOSING = auto()  # CLOSE was sent; stragglers are answered with it again
    DRAINING = auto()  # CLOSE was received; it is confirmed once
    CLOSED = auto()


class Connection:
    """A connection by its id. Verbs take effect at the next `datagrams_to_send`; docs/architecture.md, "Contract"."""

    def __init__(self, connection_id: bytes, parts: Parts, state: State) -> None:
        self.connection_id = connection_id
        self.state = state
        self.path = parts.path
        self.transmitter = parts.transmitter
        self.receiver = parts.receiver
        self._protection = parts.protection
        self._writer = parts.writer
        self._clock = parts.clock
        self._events = parts.events
        self._parts = parts
        self._scratch = parts.scratch
        self._close: Close | None = None

    # -- verbs ---------------------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """Where the peer is now."""
        return self.path.address

    @property
    def is_alive(self) -> bool:
        """Records may be sent."""
        return self.state in (State.HALF_OPEN, State.OPEN)

    def send_record(self, record: Record, request_id: int = 0, channel: int = 0) -> None:
        """Send a record; ignored when the connection is over."""
        self.send_encoded(encode_record(record, request_id), channel)

    def send_encoded(self, encoded: bytes, channel: int = 0) -> None:
        """Send a record that is encoded already, as when many connections get the same one."""
        if not self.is_alive:
            return
        try:
            self.transmitter.messages.write(channel, encoded)
        except ProtocolViolationError as error:
            self.close(error.code, error.text)

    def send_list(self, records: Iterator[bytes]) -> bool:
        """Send many encoded records on the channel of long answers, as it empties; False when too many lists wait."""
        return not self.is_alive or self.transmitter.messages.add_list(records)

    def send_transfer(
        self, transfer_id: int, size: int, source: BlockSource, limit: int, present: tuple[tuple[int, int], ...] = ()
    ) -> None:
        """Start sending a file; RefusedError when too many are under way."""
        self.transmitter.transfers.start(transfer_id, size, source, limit, present)

    def close(self, code: ErrorCode, reason: str) -> None:
        """End the connection and tell the peer; the services are told as well."""
        if self.is_alive:
            self._close = Close(code, reason.encode()[:MAX_REASON].decode(errors="ignore"))
            self._end(State.CLOSING, code, reason, remote=False)

    def abandon(self, code: ErrorCode, reason: str, *, remote: bool) -> None:
        """End the connection without a word to the peer, who knows or cannot hear."""
        if self.state not in (State.DRAINING, State.CLOSED):
            was_open, self.state = self.state is State.OPEN, State.CLOSED
            if was_open:
                self._events.append(ConnectionClosed(self.connection_id, code, reason, remote))

    def release(self) -> None:
        """Give back what is shared with other connections; nothing is done with this one afterwards."""
        self.receiver.window.shrink()

    def _end(self, state: State, code: int, reason: str, *, remote: bool) -> None:
        self.state = state
        self._clock.close_due = True
        self._events.append(ConnectionClosed(self.connection_id, code, reason, remote))

    # -- input ---------------------------------------------------------------------------------------------------------

    def receive_datagram(self, datagram: memoryview, address: Address, now: int, at: int = 0) -> None:
        """A datagram that carries this connection's id. What it brings is told by events; a bad one is a counted drop.

        at: its place in its burst, so that the file bytes of one do not overwrite those of another before the drain.
        """
        if self.state in (State.DRAINING, State.CLOSED):
            return
        try:
            packet = decode(datagram)
            body = self._open(packet, address, self._scratch[at:])
        except (DecodeError, AuthenticationError) as error:
            self.receiver.drops[error.reason if isinstance(error, DecodeError) else "not-authentic"] += 1
            return
        if body is None:
            return
        if self.state is State.CLOSING:
            if packet.header.packet_type is PacketType.CLOSE:
                self.state = State.CLOSED  # both ends have said it
            self._clock.close_due = True
            return
        try:
            if self._dispatch(packet, body, address, now):
                self._on_authentic(packet.header.packet_number, 1, len(datagram), address, packet, now)
        except DecodeError as error:
            self.close(ErrorCode.MALFORMED_RECORD, f"a packet that cannot be read: {error.reason}")
        except ProtocolViolationError as error:
            self.close(error.code, error.text)

    def receive_lone_ack(self, ack: LoneAck, datagram: memoryview, address: Address, now: int) -> bool:
        """Most ACKs of a room, by a shorter way than `receive_datagram`, see brief.py; False: not this one."""
        taken = self.state is State.OPEN and take_lone_ack(self._parts, ack, datagram, address, now)
        if taken:
            self._follow_keys(now)
        return taken

    @property
    def has_work(self) -> bool:
        """After `receive_lone_ack`: there may be something to send, or a far deadline may have come nearer."""
        return self.transmitter.has_work or self._protection.holds_previous

    def _open(self, packet: Packet, address: Address, scratch: memoryview) -> memoryview | None:
        """The unsealed body; None after a counted drop."""
        header, drops = packet.header, self.receiver.drops
        if header.connection_id != self.connection_id:
            drops["other-connection"] += 1
        elif not self._writer.is_from_peer(header.flags):
            drops["wrong-direction"] += 1
        elif header.packet_type < PacketType.DATA:
            drops["unexpected"] += 1  # the handshake is over; these are never sealed
        elif not self.path.may_move and address != self.path.address:
            drops["wrong-address"] += 1
        elif not self.receiver.acks.is_new(header.packet_number):
            drops["duplicate"] += 1
        else:
            out = scratch[: len(packet.sealed) - TRAILER_SIZE]
            phase = 1 if header.flags & KEY_PHASE else 0
            self._protection.open_into(header.packet_number, phase, packet.sealed, packet.associated, out)
            return out
        return None

    def _dispatch(self, packet: Packet, body: memoryview, address: Address, now: int) -> bool:
        """Act on an authentic packet; False when it must not count as received."""
        match packet.clear:
            case Data() as data:
                self.receiver.on_data(data, body, now)
            case Message() as message:
                return self.receiver.on_message(message, body)
            case Ack() as ack:
                self._on_ack(ack, now)
            case _:
                self._on_plain(packet.header.packet_type, body, address)
        return True

    def _on_ack(self, ack: Ack, now: int) -> None:
        rtt = self.transmitter.recovery.rtt
        report = AckReport(ack.largest, ack.arrival, ack.ack_delay, ack.received, ack.ranges)
        self.transmitter.on_ack(report, ack.window, now)
        if rtt.has_sample:
            self.receiver.on_rtt(rtt.smoothed_rtt, rtt.min_rtt)

    def _on_plain(self, packet_type: PacketType, body: memoryview, address: Address) -> None:
        match decode_body(packet_type, body):
            case Challenge(nonce):
                self.path.response_due = nonce
            case Response(nonce) if self.path.on_response(nonce, address):
                self._events.append(AddressChanged(self.connection_id, self.path.address))
            case Close(code, reason):
                self._close = Close(ErrorCode.NO_ERROR, "")
                self._end(State.DRAINING, code, reason, remote=True)

    def receive_run(self, burst: Burst, now: int) -> bool:
        """A burst of DATA packets that run on, opened together; False when it must be taken apart."""
        run = unpack_data_run(burst.data, len(burst.data), burst.segment_size)
        if run is None or self.state is not State.OPEN or not self._accepts(run, burst.address):
            return False
        length = (run.count - 1) * run.chunk_size + run.last_chunk_size
        out = self._scratch[:length]
        phase, last = 1 if run.flags & KEY_PHASE else 0, run.last_chunk_size + DATA_OVERHEAD
        opened = self._protection.open_burst(
            run.first_packet_number, phase, run.count, burst.data, burst.segment_size, last, DATA_CLEAR_SIZE, out
        )
        if opened != run.count or not self.receiver.may_take(run.transfer_id, run.first_offset + length):
            return False
        try:
            self.receiver.on_data(Data(run.transfer_id, run.first_offset), out, now, run.count)
        except ProtocolViolationError as error:
            self.close(error.code, error.text)
            return True
        self._on_authentic(run.first_packet_number, run.count, len(burst.data), burst.address, None, now)
        return True

    def _accepts(self, run: DataRun, address: Address) -> bool:
        return (
            run.connection_id == self.connection_id
            and self._writer.is_from_peer(run.flags)
            and (self.path.may_move or address == self.path.address)
            and self.receiver.acks.all_new(run.first_packet_number, run.count)
        )

    def _on_authentic(
        self, first: int, count: int, size: int, address: Address, packet: Packet | None, now: int
    ) -> None:
        """State that any authentic packet changes: what to acknowledge, the idle timer, the peer's address."""
        eliciting = packet is None or packet.header.packet_type not in (PacketType.ACK, PacketType.CLOSE)
        acks = self.receiver.acks
        is_newest = first > acks.largest
        acks.on_received(first, count, now, ack_eliciting=eliciting, size=size)
        self._clock.on_heard(now, eliciting=eliciting)
        if self._is_half_open:
            self.state = State.OPEN
        self._follow_keys(now)
        if address != self.path.address and is_newest:
            self._move(address, now)
        if address == self.path.address:
            self.path.on_received(size)

    def _follow_keys(self, now: int) -> None:
        """The peer may have sealed with its next key."""
        if self._protection.holds_previous:
            self._clock.keys.keep_stale(now, self.transmitter.recovery.probe_timeout())
            if self._protection.send_key_behind:
                self._rekey(now)

    def _move(self, address: Address, now: int) -> None:
        self.transmitter.on_moved()
        if self.path.move(address, self._parts.random_bytes(8), now, self.transmitter.recovery.probe_timeout()):
            self.transmitter.on_new_path(now)

    # -- time ----------------------------------------------------------------------------------------------------------

    def handle_timeout(self, now: int) -> None:
        """Act on every deadline that has passed."""
        clock = self._clock
        if self.state is State.CLOSING and clock.is_closed(now):
            self.state = State.CLOSED
        if not self.is_alive:
            return
        if clock.is_dead(now, half_open=self._is_half_open):
            self.abandon(ErrorCode.IDLE_TIMEOUT, "nothing was heard from the other end", remote=False)
            return
        self.path.on_timeout(now)
        self.transmitter.on_timeout(now)
        self.transmitter.ping_due = self.transmitter.ping_due or clock.take_ping(now, self._patience)
        if clock.keys.is_due(now):
            self._rekey(now)
        if clock.keys.take_stale(now):
            self._protection.forget_previous()

    def next_timeout(self) -> int | None:
        """When `handle_timeout` or `datagrams_to_send` has something to do."""
        near, far = self.next_near_timeout(), self.next_far_timeout()
        return near if far is None else far if near is None else min(near, far)

    def next_near_timeout(self) -> int | None:
        """The earliest of those deadlines that come and go with packets: loss, copies, ACKs, challenges, closing."""
        if not self.is_alive:
            return self._clock.next_closing_timeout() if self.state is State.CLOSING else None
        earliest, path = self.transmitter.next_timeout(self.path), self.path
        ack = None if not path.is_validated and self._is_held_back else self.receiver.acks.next_timeout()
        for deadline in (path.deadline, ack):
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        return earliest

    def next_far_timeout(self) -> int | None:
        """The earliest of the others: silence, an old key, another search for the largest datagram."""
        if not self.is_alive:
            return None
        earliest = self._clock.next_timeout(self._patience, half_open=self._is_half_open)
        search = self.transmitter.mtu.next_timeout() if self.path.is_validated else None
        return earliest if search is None else min(earliest, search)

    @property
    def _patience(self) -> int | None:
        """How long silence is normal while file bytes are awaited [us]; None when none are."""
        if not self.receiver.is_expecting:
            return None
        return max(LEAST_PATIENCE, self.transmitter.recovery.rtt.smoothed_rtt // 2)

    @property
    def _is_half_open(self) -> bool:
        return self.state is State.HALF_OPEN

    @property
    def _is_held_back(self) -> bool:
        """The peer's address is not proved, and it has been sent all that it may be sent."""
        return self.path.budget() < self.transmitter.mtu.datagram_size

    def _rekey(self, now: int) -> None:
        """Seal with the next key, when the peer has followed the last change."""
        self._clock.keys.on_rekeyed(now)
        if self._protection.may_update:
            self._protection.update_send_key()

    # -- output --------------------------------------------------------------------------------------------------------

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """All that may go out now; each burst is valid until the next is asked for."""
        if self.state in (State.CLOSING, State.DRAINING):
            yield from self._closing_packets(now)
        if self.state is not State.OPEN:
            return  # half open: whoever brought the cookie may have gone, so REPLY is all it gets
        for view, size in self._packets(now):
            self.path.on_sent(len(view))
            self._clock.on_sent(now)
            yield Burst(self.path.address, view, size)
        if self._clock.keys.is_due(now, self._protection.packets_sealed):
            self._rekey(now)

    def lone_message(self, now: int) -> Burst | None:
        """What `datagrams_to_send` gives when that is one packet of chat, by a shorter way, see brief.py; else None."""
        burst = lone_message(self._parts, now) if self.state is State.OPEN else None
        if burst is not None and self._clock.keys.is_due(now, self._protection.packets_sealed):
            self._rekey(now)
        return burst

    def _packets(self, now: int) -> Iterator[tuple[memoryview, int]]:
        yield from self._path_packets()
        if not self._is_held_back and (ack := self.receiver.take_ack(now)) is not None:
            _, view = self._writer.packet(PacketType.ACK, ack, b"")
            yield view, len(view)
        yield from self.transmitter.datagrams(self.path, now)

    def _path_packets(self) -> Iterator[tuple[memoryview, int]]:
        path = self.path
        if path.response_due is not None:
            nonce, path.response_due = path.response_due, None
            _, view = self._writer.packet(PacketType.RESPONSE, None, encode_body(Response(nonce)))
            yield view, len(view)
        if path.challenge_due and path.nonce is not None:
            path.challenge_due = False
            if path.budget() >= CHALLENGE_SIZE:
                _, view = self._writer.packet(PacketType.CHALLENGE, None, encode_body(Challenge(path.nonce)))
                yield view, len(view)

    def _closing_packets(self, now: int) -> Iterator[Burst]:
        if self._close is not None and self._clock.close_due:
            self._clock.on_close_sent(now, self.transmitter.recovery.probe_timeout())
            _, view = self._writer.packet(PacketType.CLOSE, None, encode_body(self._close))
            if self.state is State.DRAINING:
                self.state = State.CLOSED
            yield Burst(self.path.address, view, len(view))
