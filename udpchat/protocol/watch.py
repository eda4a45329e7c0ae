"""Who looks on while a connection sends: for captures with comments, and for lessons. Nothing is changed by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from udpchat.arq.in_flight import SentRun

if TYPE_CHECKING:
    from udpchat.protocol.connection import Connection


class Cause(Enum):
    """Why packets were sent."""

    FIRST = "first"  # content that was not sent before
    RETRANSMISSION = "retransmission"  # content of a packet that was declared lost
    PROBE = "probe"  # the probe timeout ended: content of a packet that may be lost (RFC 9002 section 6.2.4)
    COPY = "copy"  # a packet that nothing followed, once more


class Watcher(Protocol):
    """Told of what one connection sends and loses, in the order in which it happens."""

    def on_sent(self, run: SentRun, cause: Cause) -> None:
        """Packets that must be acknowledged are about to leave."""
        ...

    def on_lost(self, runs: Sequence[SentRun]) -> None:
        """Packets were declared lost."""
        ...


Watch: TypeAlias = "Callable[[Connection], Watcher]"  # called for each new connection
