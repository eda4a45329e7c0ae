"""Real processes of udpchat, by pipes and by pseudo-terminals."""

import asyncio
import codecs
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import termios

LIMIT = 60  # seconds; what is tested takes one or two
RUNNING: list[Process] = []  # what was started; what a failed test has left behind is ended by conftest.py


async def start(*arguments: str, **variables: str) -> Process:
    """Start udpchat. variables: of its environment, beside ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UDPCHAT_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "udpchat", *arguments), stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**kept, **variables}
    )
    RUNNING.append(process)
    return process


async def finish(process: Process, typed: str = "") -> tuple[int, str, str]:
    """Type lines, close stdin, wait: exit code, stdout, stderr."""
    async with asyncio.timeout(LIMIT):
        output, errors = await process.communicate(typed.encode())
    return process.returncode or 0, output.decode(), errors.decode()


async def do(*arguments: str, typed: str = "", **variables: str) -> tuple[int, str, str]:
    return await finish(await start(*arguments, **variables), typed)


async def type_line(process: Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    await process.stdin.drain()


async def next_object(process: Process, event: str) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        while line := await process.stdout.readline():
            found: dict[str, Any] = json.loads(line)
            if found["event"] == event:
                return found
    assert process.stderr is not None
    raise AssertionError(f"no {event}: {(await process.stderr.read()).decode()}")


def objects(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


class Running:
    """A server with its address, and the home of its clients."""

    def __init__(self, process: Process, listening: dict[str, Any], folder: Path) -> None:
        self.process = process
        self.listening = listening
        self.folder = folder
        self.place = f"127.0.0.1:{listening['port']}"

    def home(self, name: str = "home") -> tuple[str, str]:
        return "--home", str(self.folder / name)

    async def stop(self) -> tuple[int, str, str]:
        self.process.terminate()
        return await finish(self.process)


async def join(server: Running, nick: str, *options: str, home: str = "", **variables: str) -> Process:
    process = await start(
        "client", server.place, "--name", nick, "--json", *server.home(home or nick), *options, **variables
    )
    await next_object(process, "joined")
    return process


async def serve(folder: Path, *options: str, port: int = 0) -> Running:
    places = ("--host", "127.0.0.1", "--port", str(port), "--data", str(folder / "data"))
    process = await start("server", "--json", *places, *options)
    return Running(process, await next_object(process, "listening"), folder)


async def leave(*clients: Process) -> list[dict[str, Any]]:
    """End the input of clients: what each printed since it was read last, in one list."""
    ended = await asyncio.gather(*(finish(client) for client in clients))
    assert [code for code, _, _ in ended] == [0] * len(ended), ended
    return [found for _, output, _ in ended for found in objects(output)]


class Screen:
    """A pseudo-terminal with a command on it: what a person would see, as raw text."""

    def __init__(self, process: Process, master: int) -> None:
        self.process = process
        self.seen = ""
        self.all = ""  # everything, also what `until` has passed
        self._master = master
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @classmethod
    async def start(cls, *arguments: str, **variables: str) -> "Screen":
        master, slave = os.openpty()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("UDPCHAT_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "udpchat", *arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**kept, "TERM": "xterm", **variables},
        )
        RUNNING.append(process)
        os.close(slave)
        os.set_blocking(master, False)
        return cls(process, master)

    async def until(self, text: str) -> str:
        """Read on until the text is on the screen; what was shown until then."""
        async with asyncio.timeout(LIMIT):
            while text not in self.seen:
                shown = self._decoder.decode(await self._read())
                self.seen += shown
                self.all += shown
        shown, _, self.seen = self.seen.partition(text)
        return shown

    async def _read(self) -> bytes:
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._master, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._master)
        return os.read(self._master, 4_096)

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def echoes(self) -> bool:
        """Whether what is typed is shown by the terminal itself."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    async def end(self) -> int:
        async with asyncio.timeout(LIMIT):
            code = await self.process.wait()
        os.close(self._master)
        return code
