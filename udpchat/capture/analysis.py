"""A capture, packet by packet, as connections: every vantage point (interface of the file) is analysed by itself.

A connection is named by its id, whatever addresses it uses. Datagrams that are not of this protocol, damaged ones and
those of other versions are counted by reason. Nothing here needs a key: what the ARQ works with is in the clear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from udpchat.capture.comments import read_comment
from udpchat.capture.flow import Flow, FlowObserver
from udpchat.capture.reader import Captured
from udpchat.capture.records import Conversation
from udpchat.capture.streams import Sent
from udpchat.errors import DecodeError
from udpchat.protocol.datagrams import Address
from udpchat.wire.codec import (
    TRAILER_SIZE,
    Ack,
    Data,
    Hello,
    Message,
    Packet,
    Reply,
    UnknownVersionError,
    checksum_fits,
    decode,
    decode_params,
)
from udpchat.wire.numbers import Flag, PacketType

MAX_CONNECTIONS: Final = 1_024  # of a vantage point
MAX_VANTAGES: Final = 64
MAX_ATTEMPTS: Final = 4_096  # handshakes of a vantage point
MAX_COOKIES: Final = 16  # different cookies of one handshake
MAX_ADDRESSES: Final = 64  # of one end that are remembered
COOKIE_SIZE: Final = 20  # bytes; a longer one is an address token

_HANDSHAKE: Final = frozenset({PacketType.HELLO, PacketType.COOKIE, PacketType.REPLY, PacketType.VERSION})
_SEALED: Final = int(Flag.SEALED)  # plain numbers: operators of IntFlag are slow
_FROM_SERVER: Final = int(Flag.FROM_SERVER)
_UNSTREAMED: Final = (0, 0, 0)  # stream, offset, length of packets that carry no bytes of a stream

Ends = tuple[Address, Address]  # client, server
Observe = Callable[["Vantage", "Connection", bool], FlowObserver | None]  # (where, which, from the server)


@dataclass(slots=True)
class Handshake:
    """One attempt of a client. hellos, cookies, replies, refusals: packets. first, replied: [us].

    repeated: HELLO packets that say nothing new. with_token: an address token saved the cookie trip. is_sealed: asked
    for by the client.
    """

    first: int
    is_sealed: bool
    hellos: int = 0
    repeated: int = 0
    cookies: int = 0
    replies: int = 0
    refusals: int = 0
    with_token: bool = False
    replied: int | None = None
    connection_id: bytes = b""
    _cookies_seen: set[bytes] = field(default_factory=set)

    def on_hello(self, hello: Hello) -> None:
        """The client asks, for the first time or again."""
        self.hellos += 1
        if hello.cookie in self._cookies_seen:
            self.repeated += 1
        elif len(self._cookies_seen) < MAX_COOKIES:
            self._cookies_seen.add(hello.cookie)
        self.with_token = self.with_token or len(hello.cookie) > COOKIE_SIZE


class Connection:
    """What one vantage point saw of a connection.

    client, server: addresses that were used, in order of first use. flows: by "from the server". resets: RESET packets.
    conversation: its records, when they are in the clear.
    """

    def __init__(self, connection_id: bytes, us: int) -> None:
        self.connection_id = connection_id
        self.first = us
        self.last = us
        self.clients: list[Address] = []
        self.servers: list[Address] = []
        self.flows: dict[bool, Flow] = {}
        self.resets = 0
        self.packets = 0
        self.is_sealed = False
        self.handshake: Handshake | None = None
        self.conversation = Conversation()

    def note(self, us: int, client: Address, server: Address) -> None:
        """A packet of it was seen."""
        self.packets += 1
        self.last = max(self.last, us)
        for known, address in ((self.clients, client), (self.servers, server)):
            if (not known or known[-1] != address) and address not in known and len(known) < MAX_ADDRESSES:
                known.append(address)


class Vantage:
    """Everything that was seen at one interface. outbound: packets seen leaving it and entering it."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.connections: dict[bytes, Connection] = {}
        self.attempts: dict[bytes, Handshake] = {}
        self.directions: dict[bool, Counter[bool]] = {False: Counter(), True: Counter()}  # from server: outbound
        self._answered: dict[Ends, Handshake] = {}  # the newest answered handshake between two addresses

    def handshake(self, attempt_id: bytes, us: int, *, is_sealed: bool) -> Handshake | None:
        """The handshake of an attempt; None when there are too many."""
        found = self.attempts.get(attempt_id)
        if found is None and len(self.attempts) < MAX_ATTEMPTS:
            found = self.attempts[attempt_id] = Handshake(us, is_sealed)
        return found

    def answered(self, handshake: Handshake, ends: Ends) -> None:
        """A handshake got its REPLY."""
        self._answered[ends] = handshake

    def connection(self, connection_id: bytes, us: int, ends: Ends) -> Connection | None:
        """The connection of an id; None when there are too many."""
        found = self.connections.get(connection_id)
        if found is None and len(self.connections) < MAX_CONNECTIONS:
            found = self.connections[connection_id] = Connection(connection_id, us)
            handshake = self._answered.get(ends)
            if handshake is not None and handshake.connection_id in (b"", connection_id):
                found.handshake = self._answered.pop(ends)
                found.handshake.connection_id = connection_id
        return found


class Analysis:
    """Feed it a capture in order, then call `finish` once. skipped: datagrams that were not analysed, by reason.

    observe: asked once for each direction of each connection at each vantage point who wants to be told of it.
    """

    def __init__(self, observe: Observe | None = None) -> None:
        self.vantages: dict[int, Vantage] = {}
        self.skipped: Counter[str] = Counter()
        self.datagrams = 0
        self._observe = observe

    def feed(self, captured: Captured) -> None:
        """Take in one datagram."""
        self.datagrams += 1
        packet = self._packet(captured.data)
        if packet is None:
            return
        vantage = self.vantages.get(captured.interface)
        if vantage is None:
            if len(self.vantages) >= MAX_VANTAGES:
                self.skipped["too-many-interfaces"] += 1
                return
            vantage = self.vantages[captured.interface] = Vantage(captured.interface, captured.interface_name)
        if packet.header.packet_type in _HANDSHAKE:
            self._on_handshake(captured, packet, vantage)
        else:
            self._on_packet(captured, packet, vantage)

    def finish(self) -> None:
        """The capture has ended. A lone packet without a handshake is taken for damage, not for a connection."""
        for vantage in self.vantages.values():
            for connection_id, connection in list(vantage.connections.items()):
                if connection.packets == 1 and connection.handshake is None:
                    del vantage.connections[connection_id]
                    self.skipped["lone-packet"] += 1

    def _packet(self, data: bytes) -> Packet | None:
        try:
            packet = decode(data)
        except UnknownVersionError:
            self.skipped["unknown-version"] += 1
            return None
        except DecodeError as error:
            self.skipped[error.reason] += 1
            return None
        has_checksum = not packet.header.flags & _SEALED or packet.header.packet_type in _HANDSHAKE
        if has_checksum and packet.header.packet_type is not PacketType.RESET and not checksum_fits(data):
            self.skipped["damaged"] += 1
            return None
        return packet

    def _on_handshake(self, captured: Captured, packet: Packet, vantage: Vantage) -> None:
        header, clear = packet.header, packet.clear
        is_sealed = bool(header.flags & _SEALED)
        handshake = vantage.handshake(header.connection_id, captured.us, is_sealed=is_sealed)
        if handshake is None:
            self.skipped["too-many-handshakes"] += 1
        elif isinstance(clear, Hello):
            handshake.on_hello(clear)
        elif isinstance(clear, Reply):
            handshake.replies += 1
            if handshake.replied is None:
                handshake.replied = captured.us
                if not is_sealed:
                    with suppress(DecodeError):
                        handshake.connection_id = decode_params(clear.noise).connection_id
                vantage.answered(handshake, (captured.destination, captured.source))
        elif header.packet_type is PacketType.COOKIE:
            handshake.cookies += 1
        else:
            handshake.refusals += 1

    def _on_packet(self, captured: Captured, packet: Packet, vantage: Vantage) -> None:
        header = packet.header
        from_server = bool(header.flags & _FROM_SERVER)
        ends = (captured.destination, captured.source) if from_server else (captured.source, captured.destination)
        connection = vantage.connection(header.connection_id, captured.us, ends)
        if connection is None:
            self.skipped["too-many-connections"] += 1
            return
        connection.note(captured.us, *ends)
        if header.packet_type is PacketType.RESET:
            connection.resets += 1
            return
        if captured.outbound is not None:
            vantage.directions[from_server][captured.outbound] += 1
        connection.is_sealed = connection.is_sealed or bool(header.flags & _SEALED)
        words = read_comment(captured.comment) if captured.comment else {}
        clear = packet.clear
        self._flow(vantage, connection, from_server, captured.us).on_packet(_sent(captured, packet), words)
        if isinstance(clear, Ack):
            self._flow(vantage, connection, not from_server, captured.us).on_ack(captured.us, clear, words)
        elif isinstance(clear, Message) and not header.flags & _SEALED:
            content = packet.sealed[:-TRAILER_SIZE]
            connection.conversation.feed(from_server, clear.channel, clear.offset, content)

    def _flow(self, vantage: Vantage, connection: Connection, from_server: bool, us: int) -> Flow:
        flow = connection.flows.get(from_server)
        if flow is None:
            observer = self._observe(vantage, connection, from_server) if self._observe is not None else None
            flow = connection.flows[from_server] = Flow(us, observer)
        return flow


def _sent(captured: Captured, packet: Packet) -> Sent:
    header, clear = packet.header, packet.clear
    stream, offset, length = _UNSTREAMED
    if isinstance(clear, Data):
        stream, offset, length = clear.transfer_id, clear.offset, len(packet.sealed) - TRAILER_SIZE
    elif isinstance(clear, Message):
        stream, offset, length = clear.channel, clear.offset, len(packet.sealed) - TRAILER_SIZE
    return Sent(header.packet_number, captured.us, header.packet_type, stream, offset, length, len(captured.data))
