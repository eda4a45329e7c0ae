"""Where a command reads lines and shows them: a person's terminal, or pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from udpchat.ui.cli.objects import event_line
from udpchat.ui.cli.render import Event, describe

if sys.platform != "win32":
    import readline
    import termios

Answer: TypeAlias = "asyncio.Future[str | None]"

MAX_INPUT: Final = 65_536  # bytes of a line that is read from a pipe; longer ones are cut there
_CLEAR: Final = "\r\x1b[K"
_LINE_ABOVE: Final = "\x1b[A"


class Terminal:
    """Output of one command, and its input.

    as_json: stdout carries JSON objects only; what people should know goes to stderr.
    is_interactive: a person types here. shows_status: a line that is rewritten makes sense.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.is_interactive = not as_json and _is_terminal(sys.stdin) and _is_terminal(sys.stdout)
        self.shows_status = not as_json and not self.is_interactive and _is_terminal(sys.stderr)
        self._prompt: str | None = None  # while a line is being typed
        self._status = ""
        self._reader: _Reader | None = None
        self._modes = _terminal_modes() if self.is_interactive else None

    def show(self, text: str) -> None:
        """A line for people; nothing with --json."""
        if not self.as_json:
            self._write(text)

    def emit(self, line: str) -> None:
        """A JSON object; nothing without --json."""
        if self.as_json:
            self._write(line)

    def event(self, event: Event) -> None:
        """Something happened: a sentence or an object."""
        self._write(event_line(event) if self.as_json else describe(event))

    def log(self, text: str) -> None:
        """A line on stderr, for people beside whatever stdout carries."""
        if self.is_interactive:
            self._write(text)
        else:
            self.status("")
            print(text, file=sys.stderr, flush=True)

    def status(self, text: str) -> None:
        """A line that the next one replaces; empty takes it away. Only where `shows_status`."""
        if self.shows_status and (text or self._status):
            width = shutil.get_terminal_size().columns - 1
            print(f"{_CLEAR}{text[:width]}", end="", file=sys.stderr, flush=True)
            self._status = text

    async def next_line(self, prompt: str = "") -> str | None:
        """The next line of stdin without its end; None when there are no more. The loop goes on meanwhile."""
        if self._reader is None:
            self._reader = _Reader(_read_typed if self.is_interactive else _PipedLines().read)
        self._prompt = prompt if self.is_interactive else None
        line = await self._reader.next_line(prompt)
        self._prompt = None  # a reader that was given up has left its prompt on the screen
        return line

    def take_back(self, prompt: str, line: str) -> None:
        """Remove a line that was typed, because it will come back with its time."""
        if self.is_interactive:
            rows = max(len(prompt + line) - 1, 0) // shutil.get_terminal_size().columns + 1
            sys.stdout.write(f"{_LINE_ABOVE}{_CLEAR}" * rows)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was found; a second call does nothing."""
        with contextlib.suppress(OSError):
            self.status("")
            if self._prompt is not None:
                sys.stdout.write(_CLEAR)
                sys.stdout.flush()
        self._prompt = None
        if self._modes is not None:
            _restore_modes(self._modes)
            self._modes = None

    def _write(self, text: str) -> None:
        self.status("")
        if self._prompt is None:
            sys.stdout.write(f"{text}\n")
        else:
            sys.stdout.write(f"{_CLEAR}{text}\n{self._prompt}{_typed_so_far()}")
        sys.stdout.flush()


class _Reader:
    """Reads lines in a thread, one when one is asked for, so that a pipe is not emptied ahead of what is done."""

    def __init__(self, read: Callable[[str], str | None]) -> None:
        self._read = read
        self._asked: queue.SimpleQueue[tuple[str, asyncio.AbstractEventLoop, Answer]] = queue.SimpleQueue()
        # A daemon: nothing can wake a thread that waits for a person, and the program must be able to end.
        threading.Thread(target=self._run, name="udpchat-input", daemon=True).start()

    async def next_line(self, prompt: str) -> str | None:
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        self._asked.put((prompt, loop, answer))
        return await answer

    def _run(self) -> None:
        while True:
            prompt, loop, answer = self._asked.get()
            line = self._read(prompt)
            try:
                loop.call_soon_threadsafe(_answer, answer, line)
            except RuntimeError:  # the loop has ended
                return


class _PipedLines:
    """Lines of stdin by system calls: a buffered reader would hold a lock when the program ends."""

    def __init__(self) -> None:
        self._buffer = b""
        self._is_ended = False

    def read(self, prompt: str) -> str | None:  # noqa: ARG002 - nobody is there to be prompted
        while b"\n" not in self._buffer and not self._is_ended and len(self._buffer) < MAX_INPUT:
            try:
                received = os.read(0, MAX_INPUT)
            except OSError:
                received = b""
            self._is_ended = not received
            self._buffer += received
        if not self._buffer:
            return None
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            line, rest = line[:MAX_INPUT], line[MAX_INPUT:]
        self._buffer = rest
        return line.decode("utf-8", "replace").rstrip("\r")


def _answer(answer: Answer, line: str | None) -> None:
    if not answer.done():
        answer.set_result(line)


def _read_typed(prompt: str) -> str | None:
    try:
        return input(prompt)
    except (EOFError, OSError, UnicodeDecodeError):
        return None


def _typed_so_far() -> str:
    return readline.get_line_buffer() if sys.platform != "win32" else ""


def _is_terminal(stream: Any) -> bool:
    try:
        return stream is not None and bool(stream.isatty())
    except ValueError:  # closed
        return False


def _terminal_modes() -> list[Any] | None:
    return termios.tcgetattr(0) if sys.platform != "win32" else None


def _restore_modes(modes: list[Any]) -> None:
    if sys.platform != "win32":
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
