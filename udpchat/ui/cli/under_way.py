"""What a session has under way: lines that the server has not acknowledged, transfers; and what failed first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from udpchat.ui.cli.exits import ExitCode

LOOK: Final = 1.0  # seconds between two looks at whether all that is under way rests
MAX_PENDING: Final = 256  # lines that the server has not acknowledged yet


class UnderWay:
    """Tasks of one session. keeps_result: `result` is the exit code of the first that failed; else it stays OK."""

    def __init__(self, *, keeps_result: bool) -> None:
        self.result = ExitCode.OK
        self._keeps_result = keeps_result
        self._lines: set[asyncio.Task[None]] = set()
        self._transfers: set[asyncio.Task[None]] = set()

    @property
    def lines(self) -> int:
        """How many lines wait for their acknowledgement."""
        return len(self._lines)

    @property
    def transfers(self) -> int:
        """How many transfers run."""
        return len(self._transfers)

    async def send(self, line: Coroutine[Any, Any, ExitCode]) -> None:
        """Send a line without waiting for its acknowledgement, unless very many wait already."""
        while len(self._lines) >= MAX_PENDING:
            await asyncio.wait(self._lines, return_when=asyncio.FIRST_COMPLETED)
        self._start(line, self._lines)

    def begin(self, transfer: Coroutine[Any, Any, ExitCode]) -> None:
        """Let a transfer run beside everything else."""
        self._start(transfer, self._transfers)

    def note(self, code: ExitCode) -> None:
        """Remember what failed first."""
        if self._keeps_result and self.result is ExitCode.OK:
            self.result = code

    async def lines_sent(self) -> None:
        """Wait until every line is acknowledged or refused."""
        while self._lines:
            await asyncio.wait(self._lines)

    async def all_done(self, is_resting: Callable[[], bool] = lambda: False) -> None:
        """Wait until nothing is under way, or nothing but transfers that rest: those may wait for ever."""
        while tasks := self._lines | self._transfers:
            if not self._lines and is_resting():
                return
            await asyncio.wait(tasks, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)

    def give_up(self) -> None:
        """End everything that is under way."""
        for task in self._lines | self._transfers:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, ExitCode], group: set[asyncio.Task[None]]) -> None:
        async def follow() -> None:
            self.note(await work)

        task = asyncio.create_task(follow())
        group.add(task)
        task.add_done_callback(group.discard)
        task.add_done_callback(lambda _: work.close())  # one that is given up before it began still ends in order
