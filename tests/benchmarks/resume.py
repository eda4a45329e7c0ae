"""Kills an end at 90 % of a file and looks at how it goes on: `python -m tests.benchmarks.resume --size 1000`.

Uploads and downloads of a file over loopback, between `udpchat server` and a client process; when 90 % are there the
client, the server or both get SIGKILL and are started again. Targets: file bytes in DATA at most 1.02 times the file
over all runs together, and 2 s from joining again until half a second passes at 0.9 of the speed of before.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.benchmarks.report import OK, Row, add_json, machine, show
from udpchat.config import MIB

MEGABYTE: Final = 1_000_000
SHARE: Final = 0.9  # of the file, when somebody dies
MOST_DATA: Final = 1.02  # times the file
BACK: Final = 2.0  # seconds until the old speed is reached
FULL: Final = 0.9  # of the speed of before
WINDOW: Final = 0.5  # seconds over which a speed is taken
LOCALHOST: Final = "127.0.0.1"


class Server:
    """A `udpchat server` that can be killed and started again on its port."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of its process."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it listens."""
        options = ["--host", LOCALHOST, "--port", str(self.port), "--data", str(self._data), "--json"]
        command = [sys.executable, "-m", "udpchat", "server", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self._process.stdout is not None
        self.port = json.loads(self._process.stdout.readline())["port"]

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()


def start_client(way: str, port: int, home: Path, file: Path, share: float = 0.0) -> subprocess.Popen[bytes]:
    """A client process that moves the file."""
    arguments = [way, str(port), str(home), str(file), *([str(share)] if share else [])]
    return subprocess.Popen([sys.executable, "-m", "tests.benchmarks.resume_peer", *arguments], stdout=subprocess.PIPE)


def told(client: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """What a client prints, until it ends."""
    assert client.stdout is not None
    with client.stdout as lines:
        for line in lines:
            yield json.loads(line)
    client.wait()


def speed(steps: list[dict[str, Any]]) -> float:
    """Bytes a second over the last second of what was told."""
    last = steps[-1]
    first = next(step for step in steps if step["at"] >= last["at"] - 1.0)
    return float((last["done"] - first["done"]) / max(last["at"] - first["at"], 0.05))


def time_to_speed(steps: list[dict[str, Any]], joined: float, wanted: float) -> float | None:
    """Seconds from joining until a window begins that has the wanted speed; None when none has."""
    for first in steps:
        for last in steps:
            if last["at"] - first["at"] >= WINDOW:
                if (last["done"] - first["done"]) / (last["at"] - first["at"]) >= wanted:
                    return float(first["at"] - joined)
                break
    return None


def measure(way: str, victim: str, options: Namespace) -> Row:
    """One kill."""
    size = int(options.size * MEGABYTE)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        file = folder / "file.bin"
        make_file(file, size)
        server = Server(folder / "data")
        server.start()
        try:
            if way == "down":
                list(told(start_client("up", server.port, folder / "other", file)))
            with guarded(server):
                return _kill_and_go_on(way, victim, server, folder, file)
        finally:
            server.kill()


def _kill_and_go_on(way: str, victim: str, server: Server, folder: Path, file: Path) -> Row:
    home = folder / "home"
    client = start_client(way, server.port, home, file, SHARE if victim != "server" else 0.0)
    before: list[dict[str, Any]] = []
    after: list[dict[str, Any]] = []
    joined = died = 0.0
    last: dict[str, Any] = {}
    size = file.stat().st_size
    for step in told(client):
        if "done" in step:
            (after if died else before).append(step)
        if victim == "server" and not died and step.get("done", 0) >= SHARE * size:
            server.kill()
            died = time.monotonic()
            server.start()
            joined = time.monotonic()
        last = step
    if victim != "server":
        if victim == "both":
            server.kill()
            server.start()
        for step in told(start_client(way, server.port, home, file)):
            joined = step["at"] if step.get("joined") else joined
            if "done" in step:
                after.append(step)
            last = step
    return _row(way, victim, size, before, after, joined, last)


def _row(
    way: str,
    victim: str,
    size: int,
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    joined: float,
    last: Any,
) -> Row:
    old = speed(before)
    back = time_to_speed(after, joined, FULL * old)
    tail = size * (1 - SHARE) / max(old, 1.0)
    is_whole = bool(last.get("finished"))
    sent = (before[-1]["data"] + last.get("data_bytes", 0)) / size if way == "up" and victim != "server" else None
    if way == "up" and victim == "server":
        sent = last.get("data_bytes", 0) / size
    resumed = last.get("resumed", 0) / size
    return {
        "way": way,
        "killed": victim,
        "mb_per_s": old / MEGABYTE,
        "data": sent,
        "resumed": resumed,
        "back_s": back,
        "first_s": after[0]["at"] - joined if after else None,
        "memory_mib": last.get("memory", 0) / MIB,
        OK: is_whole and (sent is None or sent <= MOST_DATA) and (back is None or back <= BACK) and tail >= 0,
    }


@contextmanager
def guarded(server: Server) -> Iterator[None]:
    """Leave no server behind."""
    try:
        yield
    finally:
        server.kill()


def make_file(path: Path, size: int) -> None:
    """A file of random bytes."""
    random = Random(1)
    with path.open("wb") as out:
        left = size
        while left:
            left -= out.write(random.randbytes(min(left, MIB)))


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.resume", description=__doc__)
    parser.add_argument("--size", type=float, default=1_000.0, help="of the file [MB]")
    parser.add_argument("--folder", type=Path, help="where everything lies; the default is that of temporary files")
    add_json(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    before = machine()
    rows = [measure(way, victim, options) for way in ("up", "down") for victim in ("client", "server", "both")]
    return show(rows, options, f"resume: {options.size:g} MB. Before: {before}; after: {machine()}")


if __name__ == "__main__":
    sys.exit(main())
