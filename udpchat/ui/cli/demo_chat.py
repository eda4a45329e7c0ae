"""The chat of the demo: numbered lines both ways at a steady pace, and what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from udpchat.config import SECOND
from udpchat.ui.cli.demo_process import clock

PACE: Final = 50  # lines a second
LEAST: Final = 300  # lines
LAST_WAIT: Final = 30 * SECOND  # without an arrival after which the missing lines are lost


class Conversation:
    """One direction: what one writes and the other prints.

    sent, arrived: when each line was written and first printed [us]; order: the numbers as they were printed.
    """

    __slots__ = ("_heard_at", "arrived", "order", "sent", "writer")

    def __init__(self, writer: str) -> None:
        self.writer = writer
        self.sent: list[int] = []
        self.arrived: dict[int, int] = {}
        self.order: list[int] = []
        self._heard_at = clock()

    async def write(self, write: Callable[[str], Awaitable[None]], finished: asyncio.Event) -> None:
        """Write lines until finished is set, and at least so many."""
        start = clock()
        while not finished.is_set() or len(self.sent) < LEAST:
            due = start + len(self.sent) * SECOND // PACE
            await asyncio.sleep(max(due - clock(), 0) / SECOND)
            self.sent.append(clock())
            await write(f"line {len(self.sent)} of {self.writer}")

    def on_line(self, sender: str, text: str, now: int) -> None:
        """The other end printed a line."""
        words = text.split()
        if sender == self.writer and len(words) == 4 and words[1].isdecimal():
            number = int(words[1])
            self.order.append(number)
            self.arrived.setdefault(number, now)
            self._heard_at = now

    async def all_arrived(self) -> None:
        """Wait until every line was printed, or none came for long."""
        self._heard_at = clock()
        while len(self.arrived) < len(self.sent) and clock() - self._heard_at < LAST_WAIT:  # noqa: ASYNC110 - or none
            await asyncio.sleep(0.02)

    def faults(self) -> list[str]:
        """What went wrong, in words."""
        lost = len(self.sent) - len(self.arrived)
        doubled = len(self.order) - len(set(self.order))
        reordered = sum(second < first for first, second in zip(self.order, self.order[1:], strict=False))
        counts = {"lost": lost, "doubled": doubled, "out of order": reordered}
        return [f"{count} lines of {self.writer} {what}" for what, count in counts.items() if count]

    def delays(self) -> list[int]:
        """From line written to line printed [us]."""
        return [at - self.sent[number - 1] for number, at in self.arrived.items() if 0 < number <= len(self.sent)]
