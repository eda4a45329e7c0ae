"""An end of the core contract and what a simulated network knows about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from udpchat.config import MAX_BURST
from udpchat.protocol.datagrams import Address, Burst
from udpchat.sim.faults import MAX_APPENDED
from udpchat.sim.link import Link
from udpchat.sim.stalls import Absence


class End(Protocol):
    """The five methods of everything that owns time (docs/architecture.md, core contract)."""

    def receive_burst(self, burst: Burst, now: int) -> None:
        """Take in datagrams; the data is valid until the next call."""

    def handle_timeout(self, now: int) -> None:
        """React to the passing of `next_timeout()`."""

    def next_event(self) -> object | None:
        """Return what the application is to be told next."""

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        """Yield bursts, each valid until the next."""

    def next_timeout(self) -> int | None:
        """Return the absolute deadline [us]."""


NOT_SPINNING: Final = (-1, 0)

OnEvent = Callable[[Any, Any, int], None]  # (end, event, now); typed loosely so that a callback may name its own end


class Station:
    """An end with its place in the network."""

    __slots__ = (
        "absence",
        "address",
        "buffer",
        "check",
        "deadline",
        "end",
        "limit",
        "name",
        "on_event",
        "routes",
        "scheduled",
        "spinning",
    )

    def __init__(self, end: End, address: Address, on_event: OnEvent | None, limit: int, *, checked: bool) -> None:
        self.end = end
        self.address = address
        self.name = f"{address[0]}:{address[1]}"  # of the first address: the seeds of links survive a rebinding
        self.on_event = on_event
        self.limit = limit
        self.check: Callable[[], None] | None = getattr(end, "check_invariants", None) if checked else None
        # Delivered bytes pass through one buffer, as they do in a driver: a view kept too long shows as garbage.
        self.buffer = memoryview(bytearray(MAX_BURST + MAX_APPENDED))
        self.deadline: int | None = None  # of the end, as it was after its last step
        self.scheduled: int | None = None  # when it is looked at next
        self.spinning = NOT_SPINNING  # when it was last timed out, and how often at that time
        self.routes: dict[Address, Link] = {}
        self.absence: Absence | None = None  # times in which the host does not run
