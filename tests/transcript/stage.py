"""A stage for a session of several people: what is typed, and what everybody then sees, as a transcript.

A step waits until the expected words have shown up. Whatever shows up and is waited for by no step is an error: it
would be at another place of the transcript next time.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import time
import unicodedata
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.transcript.screens import LIMIT, Screen, TooLateError, environment
from tests.transcript.standins import NOON, stand_in

SERVER: Final = "server"
ALL: Final = "*"
NOBODY: Final[Mapping[str, str]] = {}
NODE: Final = ("are shared", "* the configuration", "* the key of", " is a neighbour now")  # as one follows the other
T = TypeVar("T")

Sees = Mapping[str, str | tuple[str, ...]]  # names, or ALL -> words that show up there, in new lines


class StageError(Exception):
    """A session did not go as it should; the text shows the screens."""


@dataclass(slots=True)
class Scene:
    """A section of the transcript. lines: who, and what is on the screen there."""

    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def text(self) -> str:
        """As the page shows it."""
        width = max(len(who) for who, _ in self.lines)
        return "".join(f"{f'{who:<{width}} | {line}'.rstrip()}\n" if who else f"{line}\n" for who, line in self.lines)


class Stage:
    """The people, the server, and what has been seen. folder: for everything that they write."""

    def __init__(self, folder: Path) -> None:
        self.scenes: list[Scene] = []
        self.port = 0
        self.places: dict[str, str] = {}  # as the transcript has them -> where they are this time
        self._folder = folder
        self._screens: dict[str, Screen] = {}
        self._begun: dict[str, Process] = {}  # commands that run
        self._relay: Screen | None = None
        self._through = 0  # the port that clients know
        # An hour of the day at which no session ends tomorrow.
        self._zone = {"TZ": f"NOON{time.gmtime().tm_hour - 12}"}

    def home(self, name: str) -> Path:
        """The home of a person; also where that person's programs run."""
        home = self._folder / name
        home.mkdir(exist_ok=True)
        return home

    def write(self, name: str, file_name: str, text: str) -> None:
        """Give a person a file."""
        self.write_bytes(name, file_name, text.encode())

    def write_bytes(self, name: str, file_name: str, content: bytes) -> None:
        """Give a person a file with this content."""
        path = self.home(name) / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    # -- who is on it --------------------------------------------------------------------------------------------------

    async def serve(self, *options: str, port: int = 0, shown: bool = False) -> None:
        """Start the server."""
        with_port = (*("server", "--host", "127.0.0.1", "--port", str(port)), *options)
        if shown:
            self._add(SERVER, _command("server", *options))
        screen = await Screen.start(SERVER, *with_port, home=self.home(SERVER), **self._zone)
        self._screens[SERVER] = screen
        await self._wait(screen.asks())
        address = next(line for line in screen.news() if "udpchat client" in line)
        self.port = self._through = int(address.rpartition(":")[2])
        self._collect() if shown else screen.told()

    async def relay(self, *options: str) -> None:
        """Put a bad network between the server and the clients that come."""
        with_places = ("relay", "--host", "127.0.0.1", "--listen", "0", "--to", f"127.0.0.1:{self.port}", *options)
        self._relay = await Screen.start("relay", *with_places, home=self.home("relay"), **self._zone)
        await self._wait(self._relay.shows("127.0.0.1:"))
        self._through = int(self._relay.news()[0].split("127.0.0.1:")[1].split()[0].rstrip(";,."))

    @property
    def place(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self._through}"

    async def start(self, name: str, *arguments: str, sees: Sees) -> None:
        """Start somebody's program, whatever it is, as a step of the transcript. It tells things in any order."""
        self._add(name, _command(*arguments))
        self._screens[name] = await Screen.start(name, *arguments, home=self.home(name), **self._zone)
        await self.see(sees, in_any_order=True)

    async def open(self, name: str, *options: str, nick: str = "", **variables: str) -> Screen:
        """Start somebody's client; nobody waits for it yet."""
        arguments = ("client", self.place, "--name", nick or name, *options)
        screen = await Screen.start(name, *arguments, home=self.home(name), **self._zone, **variables)
        self._screens[name] = screen
        return screen

    async def join(self, name: str, *options: str, sees: Sees, nick: str = "", queues: bool = False) -> None:
        """Start somebody's client, as a step of the transcript. queues: it does not get in yet."""
        self._add(name, _command("client", "127.0.0.1", "--name", nick or name, *options))
        await self.open(name, *options, nick=nick)
        await self.see(sees, idle=not queues)

    async def add_account(self, name: str, password: str, *options: str) -> None:
        """There is an account before the transcript begins."""
        self.scenes.append(Scene("before"))
        await self.run(SERVER, "user", "add", name, *options, UDPCHAT_PASSWORD=password)
        self.scenes.pop()

    async def gather(self, *names: str, options: Mapping[str, tuple[str, ...]] | None = None, **variables: str) -> None:
        """All of these join, in this order, before the transcript begins."""
        for name in names:
            screen = await self.open(name, *(options or {}).get(name, ()), **variables)
            await self._wait(screen.asks())
        for number, name in enumerate(names):
            for later in names[number + 1 :]:
                await self._wait(self._screens[name].shows(f"{later} joined"))
            await self._wait(self._screens[SERVER].shows(f"{name} joined"))
        for screen in self._screens.values():
            screen.told()

    async def stored(self, file_name: str, present: int) -> None:
        """Wait until so many bytes of a file are on the server's disk, as a list of files tells; nobody sees that."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            for line in (await self._listed()).splitlines():
                entry = json.loads(line)
                if entry["file_name"] == file_name and entry["present"] >= present:
                    return
        raise self._error(f"{file_name} does not come")

    async def _listed(self) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "udpchat", "ls", f"127.0.0.1:{self.port}", "--json"),
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment(self.home("observer")),
        )
        output, _ = await process.communicate()
        return output.decode()

    async def kill(self, name: str) -> None:
        """End a program at once, as when the power fails."""
        screen = self._screens.pop(name)
        await screen.close()

    def sleep(self, name: str) -> None:
        """Somebody's machine sleeps until that person types again."""
        self._screens[name].sleep()

    async def close(self) -> None:
        """Everybody leaves."""
        screens = [*self._screens.values(), *([self._relay] if self._relay else [])]
        for process in self._begun.values():
            process.kill()
            await process.communicate()
        await asyncio.gather(*(screen.close() for screen in screens))

    # -- what happens --------------------------------------------------------------------------------------------------

    def scene(self, name: str) -> None:
        """A section of the transcript begins."""
        self.scenes.append(Scene(name))

    def note(self, text: str) -> None:
        """Say in the transcript what no screen shows."""
        self._add("", f"-- {text}")

    def tell(self, text: str) -> None:
        """A line of another program than ours."""
        self._add("", text)

    async def step(
        self,
        name: str,
        typed: str,
        sees: Sees = NOBODY,
        *,
        secret: bool = False,
        ends: str = "",
        in_any_order: bool = False,
    ) -> None:
        """Somebody types a line, awake or not until then.

        secret: it is not shown. ends: whose program is over then. in_any_order: what comes of it comes by several ways.
        """
        screen = self._screens[name]
        await self._wait(screen.asks())
        self._expect_nothing()
        self._add(name, screen.type(typed, secret=secret))
        screen.wake()
        code = await self._wait(self._screens[ends].ended()) if ends else 0
        await self.see(sees, also=name, in_any_order=in_any_order)
        if ends:
            await self.kill(ends)
        if code:
            self._add(ends, f"(exit code {code})")

    async def ask_until(self, name: str, typed: str, *words: str) -> None:
        """Somebody asks for something again until the answer has all these words; the transcript has the last time."""
        screen = self._screens[name]
        is_there = False
        deadline = time.monotonic() + LIMIT
        while not is_there:
            if time.monotonic() > deadline:
                raise self._error(f"{name} never sees {words!r}")
            self._expect_nothing()
            await self._wait(screen.asks())
            shown = screen.type(typed)
            await self._wait(screen.asks())
            is_there = all(any(each in line for line in screen.news()) for each in words)
            if is_there:
                self._add(name, shown)
                self._collect()
            screen.told()

    async def see(self, sees: Sees, *, also: str = "", idle: bool = True, in_any_order: bool = False) -> None:
        """Wait until everybody sees what they should, and write it down.

        also: who may see something, too. idle: all of them can type again.
        """
        awaited = {also} if also else set()
        for names, words in sees.items():
            for name in self._screens if names == ALL else names.split():
                awaited.add(name)
                for each in (words,) if isinstance(words, str) else words:
                    await self._wait(self._screens[name].shows(each))
        for name in awaited:
            if idle and self._screens[name].process.returncode is None:
                await self._wait(self._screens[name].asks())
        self._collect(awaited, in_any_order=in_any_order)

    async def run(
        self, name: str, *arguments: str, typed: str = "", in_any_order: bool = False, **variables: str
    ) -> None:
        """Somebody runs a command that does one thing, as a step of the transcript; `{}` in it is the server.

        in_any_order: what happens meanwhile is told by several ways.
        """
        process = await self._launch(name, arguments, variables)
        await self._finish(name, process, typed, in_any_order=in_any_order)

    async def begin(self, name: str, *arguments: str, **variables: str) -> None:
        """The same, but what the command does goes on while others do something; `end` waits for it."""
        self._begun[name] = await self._launch(name, arguments, variables)

    async def end(self, name: str) -> None:
        """Wait for the end of a command that somebody has begun, and write down what it has shown."""
        await self._finish(name, self._begun.pop(name), "", in_any_order=False)

    async def _launch(self, name: str, arguments: tuple[str, ...], variables: dict[str, str]) -> Process:
        self._add(name, _command(*(each.replace("{}", "127.0.0.1") for each in arguments)))
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "udpchat", *(each.replace("{}", self.place) for each in arguments)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=self.home(name),
            env=environment(self.home(name), **self._zone, **variables),
        )

    async def _finish(self, name: str, process: Process, typed: str, *, in_any_order: bool) -> None:
        try:
            async with asyncio.timeout(LIMIT):
                output, _ = await process.communicate(typed.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            raise self._error(f"the command of {name} does not end") from None
        lines = [self._stand_in(line) for line in output.decode().splitlines()]
        if in_any_order:
            lines.sort(key=lambda line: line if line.startswith(NOON) else "")
        for line in lines:
            self._add(name, line)
        if process.returncode:
            self._add(name, f"(exit code {process.returncode})")

    async def ask(self, name: str, *arguments: str, answers: tuple[tuple[str, str], ...]) -> None:
        """Somebody runs a command that asks for passwords: questions and answers, which are not shown."""
        screen = await Screen.start(name, *arguments, home=self.home(name), **self._zone)
        try:
            self._add(name, _command(*arguments))
            for question, answer in answers:
                prompt = await self._wait(screen.asks())
                if question not in prompt:
                    raise self._error(f"{name} is asked {prompt!r}, not {question!r}")
                screen.told()
                self._add(name, screen.type(answer, secret=True))
            code = await self._wait(screen.ended())
            for line in screen.news():
                self._add(name, line)
            if code:
                self._add(name, f"(exit code {code})")
        finally:
            await screen.close()

    # -- the transcript ------------------------------------------------------------------------------------------------

    def _collect(self, awaited: set[str] | None = None, *, in_any_order: bool = False) -> None:
        """Write down what is new on the screens: once for all who see the same."""
        seen: dict[tuple[str, ...], list[str]] = {}
        for name, screen in self._ordered().items():
            lines = screen.news()
            if lines and awaited is not None and name not in awaited:
                raise self._error(f"no step waits for what {name} sees")
            screen.told()
            if lines:
                shown = [self._stand_in(line) for line in lines]
                seen.setdefault(
                    tuple(sorted(shown, key=_rank if self.places else None) if in_any_order else shown), []
                ).append(name)
        for found, names in seen.items():
            who = "everybody" if len(names) == len(self._screens) > 1 else ", ".join(names)
            for line in found:
                self._add(who, line)

    def _ordered(self) -> dict[str, Screen]:
        return dict(sorted(self._screens.items(), key=lambda item: (item[0] == SERVER, item[0])))

    def _expect_nothing(self) -> None:
        for name, screen in self._screens.items():
            if screen.news():
                raise self._error(f"no step waits for what {name} sees")

    def _add(self, who: str, text: str) -> None:
        self.scenes[-1].lines.append((who, self._stand_in(text)))

    def _stand_in(self, line: str) -> str:
        for shown, place in self.places.items():
            line = line.replace(place, shown).replace(place.replace(":", " port "), shown.replace(":", " port "))
        return stand_in(line, self._folder)

    async def _wait(self, waiting: Coroutine[Any, Any, T]) -> T:
        try:
            return await waiting
        except (TooLateError, TimeoutError) as error:
            raise self._error(str(error)) from None

    def _error(self, what: str) -> StageError:
        shown = [f"{what}; new on the screens:"]
        for name, screen in self._screens.items():
            shown += [f"  {name}: {line}" for line in [*screen.news(), screen.prompt]]
        return StageError("\n".join([*shown, "the transcript so far:", self.scenes[-1].text() if self.scenes else ""]))


def _rank(line: str) -> tuple[int, str]:
    """Where a line of a node stands when it comes by several ways: what was found, what was said, what happened."""
    if line.startswith("["):
        return 0, line
    if not line.startswith(NOON):
        return 1, ""
    return next((2 + kind for kind, words in enumerate(NODE) if words in line), 2), line


def _command(*words: str) -> str:
    return " ".join(["$ udpchat", *(_quoted(word) for word in words)])


def _quoted(word: str) -> str:
    """As it is typed at a shell; with $'...' when there is in it what a person cannot see."""
    if not any(_is_hidden(each) for each in word):
        return shlex.quote(word)
    written = "".join(_escaped(each) if _is_hidden(each) else each for each in word.replace("\\", "\\\\"))
    return f"$'{written}'"


def _is_hidden(character: str) -> bool:
    return not character.isprintable() or unicodedata.category(character) == "Mn"


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
