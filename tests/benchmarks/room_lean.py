"""A short cut through the client's core, for benchmarks with hundreds of clients in one process.

A datagram that brings the next bytes of the chat channel is opened, counted and acknowledged by shorter code, but on
the same state and by the same rules: the keys, the packet numbers received, the channel, and the schedule that says
when an ACK is due. All else (handshake, sending, timers, packets that are late or damaged) goes the ordinary way.
"""

from __future__ import annotations

from struct import Struct

from tests.benchmarks.room_order import Order
from udpchat.errors import AuthenticationError
from udpchat.protocol.connection import Connection, State
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.receive import Receiver
from udpchat.wire.codec import Message
from udpchat.wire.hot import HEADER_SIZE, MAGIC, MSG, MSG_CLEAR_SIZE, TRAILER_SIZE, VERSION, pack_ack
from udpchat.wire.numbers import Flag, RecordType
from udpchat.wire.records import RECORD_HEADER_SIZE, Line, decode_record

HEAD = Struct(">IHH8sQBQ")  # magic, version and type as one | flags | length | id | packet number | channel | offset
RECORD_HEAD = Struct(">IBI")  # length | type | request id
CLEAR = HEADER_SIZE + MSG_CLEAR_SIZE
KIND = MAGIC << 16 | VERSION << 8 | MSG
FLAGS = int(Flag.FROM_SERVER | Flag.SEALED)  # of a MSG under the first key
ACK_FLAGS = int(Flag.SEALED)


class Ear:
    """What one member has heard. newest: sequence of the last line. now: when the datagram came that is being read.

    others: (request id, type, body) of the records that are neither lines nor presence.
    """

    def __init__(self, order: Order) -> None:
        self.heard = 0
        self.newest = 0
        self.now = 0
        self.others: list[tuple[int, int, bytes]] = []
        self._order = order
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """The next bytes of the chat channel. RoomError when a line in them is not the one that is due."""
        if self._rest:
            data = self._rest + data
        at, size, places = 0, len(data), self._order.places
        while at < size:
            if self.heard < len(places) and (raw := places[self.heard].raw) and data.startswith(raw, at):
                self._on_line(places[self.heard].sequence, places[self.heard].said_at)
                at += len(raw)
                continue
            if size - at < RECORD_HEADER_SIZE:
                break
            length, kind, request_id = RECORD_HEAD.unpack_from(data, at)
            end = at + RECORD_HEADER_SIZE + length
            if end > size:
                break
            self._on_record(kind, request_id, data[at:end])
            at = end
        self._rest = data[at:]

    def _on_line(self, sequence: int, said_at: int) -> None:
        self._order.delays.append(self.now - said_at)
        self.heard += 1
        self.newest = sequence

    def _on_record(self, kind: int, request_id: int, raw: bytes) -> None:
        body = raw[RECORD_HEADER_SIZE:]
        if kind == RecordType.LINE:
            line = decode_record(kind, body)
            assert isinstance(line, Line)
            self._on_line(line.sequence, self._order.check(self.heard, line.text, line.sequence, raw).said_at)
        elif kind != RecordType.PRESENCE:
            self.others.append((request_id, kind, body))


class LeanReceiver(Receiver):
    """A receiver whose chat channel goes to an ear."""

    ear: Ear

    @classmethod
    def of(cls, receiver: Receiver, ear: Ear) -> LeanReceiver:
        """The same receiver, with an ear; before its first record."""
        lean = cls.__new__(cls)
        _take_over(lean, receiver)
        lean.ear = ear
        return lean

    def on_message(self, message: Message, fragment: memoryview) -> bool:
        """As the ordinary one does, which also takes the channel of long answers."""
        return (
            self.on_fragment(message.offset, fragment)
            if message.channel == 0
            else super().on_message(message, fragment)
        )

    def on_fragment(self, offset: int, fragment: memoryview) -> bool:
        """Bytes of the chat channel; False when they must not be acknowledged."""
        ready = self._channels[0].receive(offset, fragment)
        if ready is None:
            self.drops["channel-full"] += 1
            return False
        if ready:
            self.ear.feed(ready)
            for request_id, kind, body in self.ear.others:
                self._events.append(RecordReceived(self._connection_id, 0, request_id, decode_record(kind, body)))
            self.ear.others.clear()
        return True


class LeanConnection(Connection):
    """A connection with a short way for the next packet of the chat channel, and for the ACK that answers it."""

    receiver: LeanReceiver

    @classmethod
    def of(cls, connection: Connection, ear: Ear) -> LeanConnection:
        """The same connection, before its first record."""
        lean = cls.__new__(cls)
        _take_over(lean, connection)
        lean.receiver = LeanReceiver.of(connection.receiver, ear)
        return lean

    @property
    def has_news(self) -> bool:
        """Something came for the services."""
        return bool(self._events)

    def take(self, datagram: memoryview, now: int) -> bool:
        """Act on a datagram as `receive_datagram` does; False when it is one for the ordinary way."""
        size, receiver = len(datagram), self.receiver
        if size <= CLEAR + TRAILER_SIZE or self.state is not State.OPEN:
            return False
        kind, flags, length, connection_id, number, channel, offset = HEAD.unpack_from(datagram)
        if (
            kind != KIND
            or flags != FLAGS
            or length != size - HEADER_SIZE - TRAILER_SIZE
            or connection_id != self.connection_id
            or number <= receiver.acks.largest
            or channel != 0
        ):
            return False
        out = self._scratch[: size - CLEAR - TRAILER_SIZE]
        try:
            self._protection.open_into(number, 0, datagram[CLEAR:], datagram[:CLEAR], out)
        except AuthenticationError:
            return False
        receiver.ear.now = now
        if receiver.on_fragment(offset, out):
            self._on_authentic(number, 1, size, self.path.address, None, now)
        return True

    def answer(self, now: int) -> memoryview | None:
        """The ACK that is due now, as a datagram that is valid until the next one is received."""
        if (ack := self.receiver.take_ack(now)) is None:
            return None
        number = self._writer.numbers.next_burst(1)
        fixed = (ack.largest, ack.arrival, ack.ack_delay, ack.received, ack.window)
        head = pack_ack(ACK_FLAGS, self.connection_id, number, *fixed, ack.ranges)
        view = self._scratch[: len(head) + TRAILER_SIZE]
        view[: len(head)] = head
        self._protection.seal_into(number, b"", head, view[len(head) :])
        self.path.on_sent(len(view))
        self._clock.on_sent(now)
        return view


def _take_over(lean: object, ordinary: object) -> None:
    """Give one object the state of another, whose class is its base."""
    for name in (*getattr(type(ordinary), "__slots__", ()), *getattr(ordinary, "__dict__", ())):
        setattr(lean, name, getattr(ordinary, name))
