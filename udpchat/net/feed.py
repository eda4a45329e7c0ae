"""Events on their way from the core to whoever reads them, in order, with a bound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

Event = TypeVar("Event")

MAX_WAITING = 65_536  # events kept while nobody reads; then the oldest go


class Feed(Generic[Event]):
    """A queue with one reader, which gets everything, however slow it is, until it is closed."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self._is_closed = False
        self._failure: Exception | None = None
        self._has_reader = False
        self._changed = asyncio.Event()

    def put(self, event: Event) -> None:
        """Add an event."""
        if not self._has_reader and len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
        self._waiting.append(event)
        self._changed.set()

    def close(self) -> None:
        """No more events come; those that wait can still be read."""
        self._is_closed = True
        self._changed.set()

    def fail(self, error: Exception) -> bool:
        """No more events come, and the reader gets the error after those that wait; False when nobody reads."""
        self._failure = error
        self.close()
        return self._has_reader

    async def read(self) -> AsyncIterator[Event]:
        """Every event, until the feed is closed."""
        self._has_reader = True
        try:
            while True:
                while self._waiting:
                    yield self._waiting.popleft()
                if self._failure is not None:
                    raise self._failure
                if self._is_closed:
                    return
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._has_reader = False
