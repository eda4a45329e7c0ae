"""The processes of the demo: started as a user would start them, read by their JSON, told what to do on stdin."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import udpchat
from udpchat.config import SECOND
from udpchat.ui.cli.exits import CommandError, ExitCode

Object: TypeAlias = dict[str, Any]
OnLine: TypeAlias = Callable[[str, str, int], None]  # sender, text, now

STALLED: Final = 60 * SECOND  # without any news a process is given up
LINE_LIMIT: Final = 2**20  # bytes of one JSON object
KEPT_ERRORS: Final = 20  # last lines of stderr, for people
ENDING: Final = 10  # seconds that a process has for its goodbye


def clock() -> int:
    """Monotonic time of this machine [us], the same in all its processes."""
    return time.monotonic_ns() // 1_000


class Child:
    """One process. name: for people. errors: the last lines of its stderr. progress: of its newest transfer.

    on_line: called with every chat line that it prints, as soon as it is printed.
    """

    def __init__(self, name: str, process: Process, on_line: OnLine | None = None) -> None:
        self.name = name
        self.errors: deque[str] = deque(maxlen=KEPT_ERRORS)
        self.progress: tuple[int, int] = (0, 0)  # bytes done, size
        self._process = process
        self._on_line = on_line
        self._objects: deque[Object] = deque(maxlen=1_000)  # not asked for yet
        self._changed = asyncio.Event()
        self._moved_at = clock()
        self._tasks = [asyncio.create_task(self._read_objects()), asyncio.create_task(self._read_errors())]

    @classmethod
    async def start(cls, name: str, *arguments: str, on_line: OnLine | None = None) -> Child:
        """Start `udpchat` with these arguments."""
        home = str(Path(udpchat.__file__).parent.parent)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "udpchat", *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=LINE_LIMIT,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends its processes in order
        )
        return cls(name, process, on_line)

    async def write(self, line: str) -> None:
        """Type a line. CommandError when nobody reads it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._ended() from error

    async def expect(self, event: str) -> Object:
        """The next JSON object of that name. CommandError when the process fails, ends, or has no news for long."""
        while True:
            for found in self._objects:
                if found["event"] == event:
                    self._objects.remove(found)
                    return found
                if found["event"] == "error":
                    raise CommandError(ExitCode.FAILED, f"{self.name}: {found['text']}")
            await self._wait()

    async def expect_words(self, words: str) -> str:
        """The first line on stderr with these words."""
        while True:
            found = next((line for line in self.errors if words in line), None)
            if found is not None:
                return found
            await self._wait()

    async def leave(self) -> int:
        """End its input, upon which a client leaves; the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await self.ended()

    async def stop(self) -> None:
        """Ask the process to end, as SIGTERM does, and wait until it has; by force when it takes long."""
        if self._process.returncode is None:
            self._process.terminate()
        await self.ended()

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        try:
            async with asyncio.timeout(ENDING):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        await asyncio.gather(*self._tasks)
        return code

    def find(self, event: str) -> Object | None:
        """A JSON object of that name that came already."""
        return next((found for found in self._objects if found["event"] == event), None)

    async def _wait(self) -> None:
        """For news."""
        if all(task.done() for task in self._tasks):
            await self._process.wait()
            raise self._ended()
        self._changed.clear()
        try:
            async with asyncio.timeout(1):
                await self._changed.wait()
        except TimeoutError:
            if clock() - self._moved_at > STALLED:
                text = f"{self.name} has made no progress for {STALLED // SECOND} s"
                raise CommandError(ExitCode.FAILED, text) from None

    def _ended(self) -> CommandError:
        last = self.errors[-1] if self.errors else "it said nothing"
        return CommandError(ExitCode.FAILED, f"{self.name} ended with exit code {self._process.returncode}: {last}")

    async def _read_objects(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            now = clock()
            received: Object = json.loads(line)
            match received["event"]:
                case "line":
                    if self._on_line is not None:
                        self._on_line(received["sender"], received["text"], now)
                case "progress":
                    done = received["done"], received["size"]
                    if done != self.progress:
                        self.progress, self._moved_at = done, now
                case _:
                    self._objects.append(received)
                    self._moved_at = now
                    self._changed.set()
        self._changed.set()

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self.errors.append(line.decode("utf-8", "replace").rstrip())
            self._changed.set()
        self._changed.set()
