"""What a connection is put together from; see assembly.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from udpchat.crypto.sealing import Protection
from udpchat.protocol.clock import Clock
from udpchat.protocol.events import ConnectionEvent
from udpchat.protocol.path import Path
from udpchat.protocol.receive import Receiver
from udpchat.protocol.transmit import Transmitter
from udpchat.protocol.writer import PacketWriter


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one connection.

    random_bytes: source of challenge nonces. scratch: 64 KiB for opened file bytes, may be shared between connections.
    """

    path: Path
    protection: Protection
    writer: PacketWriter
    transmitter: Transmitter
    receiver: Receiver
    clock: Clock
    events: deque[ConnectionEvent]
    random_bytes: Callable[[int], bytes]
    scratch: memoryview
