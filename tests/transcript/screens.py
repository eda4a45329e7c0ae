"""Programs of udpchat on terminals of their own, and what a person sees there."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.transcript.cells import Cells

if sys.platform != "win32":
    import fcntl
    import struct
    import termios

LIMIT: Final = 20.0  # seconds that anything may take to show up
GLANCE: Final = 0.01  # seconds between two looks at how a terminal is set, which nothing tells of
COLUMNS: Final = 1_000  # so that no line is broken: what is shown is read as lines
PROGRESS: Final = re.compile(r"  \[\d+\] .* \d+% of ")  # a line now and then, when there is time for it
PROMPT: Final = re.compile(r"\S.*[>:)] $")


class TooLateError(Exception):
    """Something did not show up in time."""


def environment(home: Path, **variables: str) -> dict[str, str]:
    """That of a person with this home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UDPCHAT_", "XDG_"))}
    return {**kept, "HOME": str(home), "TERM": "xterm", "LC_ALL": "C.UTF-8", "COLUMNS": str(COLUMNS), **variables}


class Screen:
    """A program on a pseudo-terminal. name: who sits there."""

    def __init__(self, name: str, process: Process, master: int) -> None:
        self.name = name
        self.process = process
        self._master = master
        self._cells = Cells()
        self._told = 0  # rows that were told of
        self._typed = ""  # the row that was typed last
        self._typed_at = -1  # lines that were ended before that
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._changed = asyncio.Event()
        self._trouble: Exception | None = None
        self._is_open = True
        asyncio.get_running_loop().add_reader(master, self._read)

    @classmethod
    async def start(cls, name: str, *arguments: str, home: Path, **variables: str) -> Screen:
        """Start udpchat with these arguments, in that home."""
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "udpchat", *arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            env=environment(home, **variables),
        )
        os.close(slave)
        return cls(name, process, master)

    @property
    def prompt(self) -> str:
        """What waits for something to be typed."""
        return self._cells.current

    def news(self) -> list[str]:
        """The lines that were shown since `told`, but for the one that was typed, and how far transfers are."""
        lines = [line for line in self._cells.finished(self._told) if not PROGRESS.match(line)]
        return lines[1:] if lines[:1] == [self._typed] else lines

    def told(self) -> None:
        """All lines that were shown until now are known."""
        self._told = self._cells.row

    async def shows(self, words: str, count: int = 1) -> None:
        """Wait until so many new lines have these words."""
        await self._until(lambda: sum(words in line for line in self.news()) >= count, f"{words!r}")

    async def asks(self) -> str:
        """Wait until something can be typed; what stands before it."""
        cells = self._cells
        await self._until(lambda: cells.feeds > self._typed_at and bool(PROMPT.search(cells.current)), "a prompt")
        # The prompt may be there before the line is read: until then the terminal itself would show what is typed.
        async with asyncio.timeout(LIMIT):
            while termios.tcgetattr(self._master)[3] & termios.ECHO:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(GLANCE)
        return self.prompt

    def type(self, line: str, *, secret: bool = False) -> str:
        """Type a line and press Enter; what is then in the row of the prompt. secret: it is not shown."""
        self._typed = f"{self.prompt}{'' if secret else line}".rstrip()
        self._typed_at = self._cells.feeds
        os.write(self._master, f"{line}\n".encode())
        return self._typed

    async def ended(self) -> int:
        """Wait for the program to end; its exit code."""
        async with asyncio.timeout(LIMIT):
            code = await self.process.wait()
        await self._until(lambda: not self._is_open, "the end")
        return code

    async def close(self) -> None:
        """End the program, whatever it does."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        self._stop_reading()

    def sleep(self) -> None:
        """Stop the program where it is."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)

    async def _until(self, is_so: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(LIMIT):
                while not is_so():
                    if self._trouble is not None:
                        raise self._trouble
                    if not self._is_open:
                        raise TooLateError(f"{self.name} has ended without {what}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TooLateError(f"{self.name} does not show {what}") from None

    def _read(self) -> None:
        try:
            shown = os.read(self._master, 65_536)
        except OSError:  # nobody has the other end
            shown = b""
        if not shown:
            self._stop_reading()
        try:
            self._cells.feed(self._decoder.decode(shown))
        except ValueError as error:
            self._trouble = error
        self._changed.set()

    def _stop_reading(self) -> None:
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._master)
            with contextlib.suppress(OSError):
                os.close(self._master)
