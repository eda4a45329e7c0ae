"""Putting a connection together from its parts, the same way at both ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from udpchat.arq.congestion import make_controller
from udpchat.arq.flow import ReceiveWindow, WindowBudget
from udpchat.arq.mtu import PathMtu
from udpchat.arq.numbers import PacketNumbers
from udpchat.arq.recovery import Recovery
from udpchat.arq.schemes import make_scheme
from udpchat.config import BASE_DATAGRAM, INITIAL_RECEIVE_WINDOW, MAX_BURST, MAX_DATAGRAM_IPV6, Config
from udpchat.crypto.keylog import Direction, format_line
from udpchat.crypto.sealing import OnKey, PlainProtection, Protection, SealedProtection
from udpchat.protocol.clock import Clock
from udpchat.protocol.connection import Connection, State
from udpchat.protocol.copies import Crowd
from udpchat.protocol.datagrams import Address
from udpchat.protocol.events import ConnectionEvent
from udpchat.protocol.messages import OutgoingMessages
from udpchat.protocol.outgoing import OutgoingTransfers
from udpchat.protocol.parts import Parts
from udpchat.protocol.path import Path
from udpchat.protocol.receive import Receiver
from udpchat.protocol.transmit import Transmitter
from udpchat.protocol.watch import Watch
from udpchat.protocol.writer import PacketWriter
from udpchat.wire.numbers import Flag


@dataclass(slots=True)
class Workshop:
    """What all connections of one socket share.

    random_bytes: the source of all randomness. send_buffer, plain, scratch: 64 KiB each, lent to whoever is at work,
    for datagrams that leave, for what is to be sealed into them, for what was opened. crowd: how many they are.
    keylog: takes a line for each key; None when nobody may read along. events: what the services are to be told.
    watch: makes a watcher for each new connection; None when nobody looks on.
    """

    config: Config
    random_bytes: Callable[[int], bytes]
    budget: WindowBudget
    keylog: Callable[[str], None] | None = None
    watch: Watch | None = None
    events: deque[ConnectionEvent] = field(default_factory=deque)
    send_buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(MAX_BURST)))
    plain: memoryview = field(default_factory=lambda: memoryview(bytearray(MAX_BURST)))
    scratch: memoryview = field(default_factory=lambda: memoryview(bytearray(MAX_BURST)))
    crowd: Crowd = field(default_factory=Crowd)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a handshake has settled. secrets: (client's, server's) traffic secrets, None in plaintext mode.

    max_datagram: the smaller of what both ends take [bytes]. rtt: of the handshake [us], 0 when not measured.
    reset_token: what a RESET of this connection carries, empty at the server.
    """

    connection_id: bytes
    address: Address
    secrets: tuple[bytes, bytes] | None
    max_datagram: int
    rtt: int = 0
    reset_token: bytes = b""


def make_connection(shop: Workshop, agreement: Agreement, now: int, *, is_client: bool) -> Connection:
    """A connection that is ready to send, at either end."""
    config = shop.config
    protection = _protection(shop, agreement, is_client=is_client)
    numbers = PacketNumbers(shop.random_bytes)
    flags = (0 if is_client else Flag.FROM_SERVER) | (Flag.SEALED if agreement.secrets else 0)
    writer = PacketWriter(agreement.connection_id, flags, protection, numbers, shop.send_buffer, shop.plain)
    controller = make_controller(config.congestion, BASE_DATAGRAM, now, config.window)
    recovery = Recovery(controller, numbers, BASE_DATAGRAM, now)
    if agreement.rtt:
        recovery.rtt.add_sample(agreement.rtt, 0)
    is_ipv6 = ":" in agreement.address[0]
    ceiling = min(agreement.max_datagram, MAX_DATAGRAM_IPV6) if is_ipv6 else agreement.max_datagram
    messages = OutgoingMessages(config.max_send_queue, config.max_lists)
    scheme = make_scheme(config.arq, config.window, config.congestion)
    transfers = OutgoingTransfers(agreement.connection_id, shop.events, numbers, config.max_transfers, scheme)
    transmitter = Transmitter(writer, recovery, PathMtu(BASE_DATAGRAM, ceiling), messages, transfers)
    transmitter.copies.crowd = shop.crowd
    window = ReceiveWindow(INITIAL_RECEIVE_WINDOW, config.receive_window, shop.budget)
    receiver = Receiver(agreement.connection_id, shop.events, window, config.max_transfers)
    if agreement.rtt:
        receiver.on_rtt(recovery.rtt.smoothed_rtt, recovery.rtt.min_rtt)
    path = Path(agreement.address, is_validated=True, may_move=not is_client and agreement.secrets is not None)
    parts = Parts(
        path=path,
        protection=protection,
        writer=writer,
        transmitter=transmitter,
        receiver=receiver,
        clock=Clock(config, now, is_client=is_client),
        events=shop.events,
        random_bytes=shop.random_bytes,
        scratch=shop.scratch,
    )
    connection = Connection(agreement.connection_id, parts, State.OPEN if is_client else State.HALF_OPEN)
    if shop.watch is not None:
        transmitter.watcher = shop.watch(connection)
    return connection


def _protection(shop: Workshop, agreement: Agreement, *, is_client: bool) -> Protection:
    if agreement.secrets is None:
        return PlainProtection()
    client, server = agreement.secrets
    on_key = None if shop.keylog is None else _key_logger(shop.keylog, agreement.connection_id)
    if is_client:
        return SealedProtection(client, server, on_key=on_key, sends_as="client")
    return SealedProtection(server, client, on_key=on_key, sends_as="server")


def _key_logger(keylog: Callable[[str], None], connection_id: bytes) -> OnKey:
    def on_key(direction: Direction, epoch: int, key: bytes, iv: bytes) -> None:
        keylog(format_line(connection_id, direction, epoch, key, iv))

    return on_key
