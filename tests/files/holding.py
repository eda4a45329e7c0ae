"""A disk that holds back what it is told to, so that other things happen first."""

from __future__ import annotations

from typing import Any

from tests.world import World
from udpchat.protocol.ports import StoreRequest
from udpchat.sim.disk import Complete


class HeldDisk:
    """The disk of a server, from now on.

    asked: all requests, in order; kinds: the classes that it holds back. disk: the one behind it.
    """

    def __init__(self, world: World, *kinds: type[StoreRequest]) -> None:
        self.asked: list[StoreRequest] = []
        self.disk: Any = world.server.disk
        self._kinds = kinds
        self._held: list[tuple[StoreRequest, Complete]] = []
        world.server.disk = self  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._held)

    def submit(self, request: StoreRequest, complete: Complete) -> None:
        self.asked.append(request)
        if isinstance(request, self._kinds):
            self._held.append((request, complete))
        else:
            self.disk.submit(request, complete)

    def release(self) -> None:
        """Perform what was held back, and hold nothing more."""
        self._kinds, held, self._held = (), self._held, []
        for request, complete in held:
            self.disk.submit(request, complete)

    def crash(self) -> None:
        self.disk.crash()

    def kinds_asked(self, *kinds: type[StoreRequest]) -> list[type[StoreRequest]]:
        """The classes of those requests that are one of these, in order."""
        return [type(request) for request in self.asked if isinstance(request, kinds)]
