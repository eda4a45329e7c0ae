"""What a driver, a simulated network and a tap handle: a whole end, without its socket and its disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from udpchat.protocol.datagrams import Burst


class Core(Protocol):
    """The five methods of the core contract, and what storage and sockets have to say; see service.py, Host."""

    def receive_burst(self, burst: Burst, now: int) -> None: ...  # noqa: D102
    def handle_timeout(self, now: int) -> None: ...  # noqa: D102
    def next_event(self) -> Any: ...  # noqa: D102
    def datagrams_to_send(self, now: int) -> Iterator[Burst]: ...  # noqa: D102
    def next_timeout(self) -> int | None: ...  # noqa: D102
    def complete(self, request_id: int, result: Any, now: int) -> None: ...  # noqa: D102
    def on_too_large(self, burst: Burst) -> None: ...  # noqa: D102
    def check_invariants(self) -> None: ...  # noqa: D102
