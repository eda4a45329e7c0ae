"""Transfers that there was no room for: they are tried again, a few at a time."""

from __future__ import annotations

from heapq import nsmallest
from typing import Final

from udpchat.config import PARALLEL_TRANSFERS, SECOND
from udpchat.files.tasks import Task
from udpchat.protocol.service import AT_ONCE

TRY_AGAIN: Final = 3 * SECOND  # between two tries: then at most as many as run at once are tried


class TurnedAway:
    """Who was told TOO_MANY_TRANSFERS, until it is tried again on this connection."""

    def __init__(self) -> None:
        self._tasks: dict[bytes, Task] = {}  # by part id
        self._told: set[bytes] = set()
        self._try_at: int | None = None

    def add(self, task: Task) -> bool:
        """There is no room for it now; whether that is news to its user."""
        is_news = task.part_id not in self._told
        self._told.add(task.part_id)
        self._tasks[task.part_id] = task
        self._try_at = AT_ONCE if self._try_at is None else self._try_at
        return is_news

    def forget(self, part_id: bytes) -> None:
        """It goes on, rests or is over, whatever was said."""
        self._tasks.pop(part_id, None)
        self._told.discard(part_id)

    def on_lost(self) -> None:
        """The connection is over: on the next one all are tried anew."""
        self._tasks.clear()
        self._try_at = None

    def next_timeout(self) -> int | None:
        """When to try again; 0 is as soon as it is known what time it is."""
        return self._try_at

    def due(self, now: int) -> list[Task]:
        """Those to be tried now."""
        if self._try_at is None or now < self._try_at:
            return []
        found: list[Task] = []
        if self._try_at != AT_ONCE:
            found = nsmallest(PARALLEL_TRANSFERS, self._tasks.values(), key=lambda task: task.rank)
            for task in found:
                del self._tasks[task.part_id]
        self._try_at = now + TRY_AGAIN if self._tasks else None
        return found
