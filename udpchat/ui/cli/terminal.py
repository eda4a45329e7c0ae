"""Where a command reads lines and shows them: a person's terminal, or pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import shutil
import sys
import threading
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from udpchat.ui.cli.completion import Completer, install
from udpchat.ui.cli.keyboard import CLEAR, read_secret, read_typed, restore_modes, terminal_modes, typed_so_far
from udpchat.ui.cli.narrator import Narrator, wants_colours
from udpchat.ui.cli.objects import event_line
from udpchat.ui.cli.sentences import Event

Answer: TypeAlias = "asyncio.Future[str | None]"
Read: TypeAlias = Callable[[str], str | None]  # prompt -> line
ReadTyped: TypeAlias = Callable[[str, threading.Lock], str | None]

MAX_INPUT: Final = 65_536  # bytes of a line that is read from a pipe; longer ones are cut there
_LINE_ABOVE: Final = "\x1b[A"


class Terminal:
    """Output of one command, and its input.

    as_json: stdout carries JSON objects only; what people should know goes to stderr. has_prompt: lines are typed all
    the time, so none is rewritten.
    is_interactive: a person types here. shows_status: a line that is rewritten makes sense. narrator: tells the events.
    """

    def __init__(self, *, as_json: bool, has_prompt: bool = True) -> None:
        self.as_json = as_json
        self.is_interactive = not as_json and _is_terminal(sys.stdin) and _is_terminal(sys.stdout)
        self.shows_status = not as_json and not (has_prompt and self.is_interactive) and _is_terminal(sys.stderr)
        self.narrator = Narrator(has_colours=not as_json and _is_terminal(sys.stdout) and wants_colours())
        self._prompt: str | None = None  # while a line is being typed
        self._is_secret = False  # that line
        self._has_news = False  # something was shown since a line was typed
        self._screen = threading.Lock()  # whose turn it is to write: the loop's, or that of the reader's prompt
        self._status = ""
        self._reader: _Reader | None = None
        self._pipe: _PipedLines | None = None
        self._modes = terminal_modes() if self.is_interactive else None

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
        self._write(event_line(event) if self.as_json else self.narrator.line(event))

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
            print(f"{CLEAR}{text[:width]}", end="", file=sys.stderr, flush=True)
            self._status = text

    async def next_line(self, prompt: str = "") -> str | None:
        """The next line of stdin without its end; None when there are no more. The loop goes on meanwhile."""
        return await self._read(prompt, read_typed)

    async def next_secret(self, prompt: str) -> str | None:
        """The next line that a person types, without showing it. Only where `is_interactive`."""
        self._is_secret = True
        try:
            return await self._read(prompt, read_secret)
        finally:
            self._is_secret = False

    def complete_with(self, completer: Completer) -> None:
        """What the Tab key offers, from now on."""
        if self.is_interactive:
            install(completer)

    def take_back(self, prompt: str, line: str) -> None:
        """Remove a line that was typed, because it will come back with its time."""
        if self.is_interactive and not self._has_news:
            rows = max(_width(prompt + line) - 1, 0) // shutil.get_terminal_size().columns + 1
            sys.stdout.write(f"{_LINE_ABOVE}{CLEAR}" * rows)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was found; a second call does nothing."""
        with contextlib.suppress(OSError):
            self.status("")
            if self._prompt is not None:
                sys.stdout.write(CLEAR)
                sys.stdout.flush()
        self._prompt = None
        if self._modes is not None:
            restore_modes(self._modes)
            self._modes = None

    def _typed(self, read: ReadTyped, prompt: str) -> str | None:
        """In the thread of the reader: read, and say at once that the prompt is answered, before the loop knows."""
        line = read(prompt, self._screen)
        self._prompt, self._has_news = None, False
        return line

    def _write(self, text: str) -> None:
        self.status("")
        with self._screen:
            if self._prompt is None:
                self._has_news = True
                sys.stdout.write(f"{text}\n")
            else:
                sys.stdout.write(f"{CLEAR}{text}\n{self._prompt}{'' if self._is_secret else typed_so_far()}")
            sys.stdout.flush()

    async def _read(self, prompt: str, read: ReadTyped) -> str | None:
        if self._reader is None:
            self._pipe = None if self.is_interactive else _PipedLines()
            self._reader = _Reader()
        self._prompt = prompt if self.is_interactive else None
        typed = partial(self._typed, read) if self._pipe is None else self._pipe.read
        line = await self._reader.next_line(prompt, typed)
        self._prompt = None  # a reader that was given up has left its prompt on the screen
        return line


class _Reader:
    """Reads lines in a thread, one when one is asked for, so that a pipe is not emptied ahead of what is done."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[str, Read, asyncio.AbstractEventLoop, Answer]] = queue.SimpleQueue()
        # A daemon: nothing can wake a thread that waits for a person, and the program must be able to end.
        threading.Thread(target=self._run, name="udpchat-input", daemon=True).start()

    async def next_line(self, prompt: str, read: Read) -> str | None:
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        self._asked.put((prompt, read, loop, answer))
        return await answer

    def _run(self) -> None:
        while True:
            prompt, read, loop, answer = self._asked.get()
            line = read(prompt)
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


def _width(text: str) -> int:
    """Columns of a terminal; wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _is_terminal(stream: Any) -> bool:
    try:
        return stream is not None and bool(stream.isatty())
    except ValueError:  # closed
        return False
