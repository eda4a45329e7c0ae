"""Transfers that there was no room for: they are tried again, a few at a time, each less and less often."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from typing import Final

from udpchat.config import PARALLEL_TRANSFERS, SECOND
from udpchat.files.local_ports import Direction
from udpchat.files.tasks import Task
from udpchat.protocol.service import AT_ONCE

TRY_AGAIN: Final = 3 * SECOND  # before the first try, and between two rounds of tries
LONGEST: Final = 60 * SECOND  # before a later try: each may read through a large folder once more
NEVER: Final = 2**63


@dataclass(slots=True)
class _Refused:
    """turn: how many rounds there had been. due_at: when to try again [us], NEVER until it is known what time it is."""

    task: Task
    turn: int
    due_at: int = NEVER

    @property
    def order(self) -> tuple[int, tuple[int, int, int]]:
        """Who was tried longest ago goes first: what is refused for good holds nobody back."""
        return self.turn, self.task.rank


class TurnedAway:
    """Who was told TOO_MANY_TRANSFERS, until it is tried again on this connection."""

    def __init__(self) -> None:
        self._refused: dict[bytes, _Refused] = {}  # by part id
        self._times: dict[bytes, int] = {}  # how often each was refused in a row, by part id
        self._fresh: list[_Refused] = []  # which have no time yet, or may have an earlier one
        self._turn = 0
        self._round_at = AT_ONCE  # not before
        self._next_at = NEVER  # nobody is due before

    def add(self, task: Task) -> bool:
        """There is no room for it now; whether that is news to its user."""
        is_news = task.part_id not in self._times
        self._times[task.part_id] = self._times.get(task.part_id, 0) + 1
        refused = self._refused[task.part_id] = _Refused(task, self._turn)
        self._fresh.append(refused)
        return is_news

    def forget(self, part_id: bytes) -> None:
        """It goes on, rests or is over, whatever was said."""
        self._refused.pop(part_id, None)
        self._times.pop(part_id, None)

    def hasten(self, done: Task) -> None:
        """One of ours is done, so there may be room for another: none waits longer than at first."""
        for part_id, refused in self._refused.items():
            if refused.task.is_upload is done.is_upload and self._times[part_id] > 1:
                self._times[part_id] = 1
                self._fresh.append(refused)

    def on_lost(self) -> None:
        """The connection is over: on the next one all are tried anew."""
        self._refused.clear()
        self._fresh.clear()
        self._times = dict.fromkeys(self._times, 0)
        self._round_at, self._next_at = AT_ONCE, NEVER

    def next_timeout(self) -> int | None:
        """When to try again; 0 is as soon as it is known what time it is."""
        if self._fresh:
            return AT_ONCE
        return None if self._next_at == NEVER else max(self._next_at, self._round_at)

    def due(self, now: int) -> list[Task]:
        """Those to be tried now: each way at most as many as run at once."""
        for refused in self._fresh:
            times = self._times.get(refused.task.part_id, 1)
            refused.due_at = min(refused.due_at, now + _delay(times))
            self._next_at = min(self._next_at, refused.due_at)
        self._fresh.clear()
        if now < max(self._next_at, self._round_at):
            return []
        found = self._take(now)
        self._turn += 1
        self._round_at = now + TRY_AGAIN
        self._next_at = min((refused.due_at for refused in self._refused.values()), default=NEVER)
        return found

    def _take(self, now: int) -> list[Task]:
        found: list[Task] = []
        for direction in Direction:
            due = (
                refused
                for refused in self._refused.values()
                if refused.task.transfer.direction is direction and refused.due_at <= now
            )
            found += [refused.task for refused in nsmallest(PARALLEL_TRANSFERS, due, key=lambda each: each.order)]
        for task in found:
            del self._refused[task.part_id]
        return found


def _delay(times: int) -> int:
    """Before the next try of what was refused so often in a row: 3, 6, 12 and so on up to 60 seconds."""
    return min(TRY_AGAIN << min(times - 1, 8), LONGEST)
