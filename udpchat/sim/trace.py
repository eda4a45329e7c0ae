"""What is watched while a simulation runs: a running hash of all that was sent, taps, and the rules that must hold."""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum
from hashlib import blake2b
from typing import Final

from udpchat.protocol.datagrams import Address

_HEAD: Final = struct.Struct(">QI")


class Happening(Enum):
    """What a tap is told about a datagram."""

    SENT = "sent"
    DROPPED = "dropped"  # by the link, or there was nobody at the destination
    DELIVERED = "delivered"


Tap = Callable[[Happening, int, Address, Address, bytes], None]


class SimulationError(AssertionError):
    """A rule of the simulation was broken; the message carries the seed and the time that reproduce it."""


class Trace:
    """A running BLAKE2b over time, source, destination and bytes of every datagram sent, and the taps."""

    __slots__ = ("_hash", "_names", "taps")

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self._names: dict[tuple[Address, Address], bytes] = {}
        self.taps: list[Tap] = []

    def sent(self, now: int, source: Address, destination: Address, data: bytes) -> None:
        """Take in one datagram as it leaves its sender."""
        name = self._names.get((source, destination))
        if name is None:
            name = self._names[source, destination] = f"{source}>{destination}".encode()
        self._hash.update(_HEAD.pack(now, len(data)) + name)
        self._hash.update(data)
        if self.taps:
            self.tell(Happening.SENT, now, source, destination, data)

    def tell(self, happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        """Pass one happening on to the taps."""
        for tap in self.taps:
            tap(happening, now, source, destination, data)

    def hexdigest(self) -> str:
        """The hash so far; equal for two runs that sent the same datagrams at the same times."""
        return self._hash.hexdigest()
