"""Kills an end at 90 % of a file and looks at how it goes on: `python -m tests.benchmarks.resume --size 1000`.

Uploads and downloads of a file between `udpchat server` and a client process, through a `udpchat relay` of a limited
rate that may lose packets; when 90 % are there the client, the server or both get SIGKILL and are started again.
Targets: file bytes in DATA at most 1.02 / (1 - loss) times the file, over all runs and connections together, and 2 s
from being in again until half a second passes at 0.9 of the speed of before. What a server sent is not known when it
was killed: for downloads the file bytes are reckoned from the UDP payload that reached the client, 1,420 in 1,472, so
they are at most 1.02 times the file whatever the loss.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
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
FILE_BYTES: Final = 1420 / 1472  # of UDP payload, in full datagrams

Steps = list[dict[str, Any]]


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


@contextmanager
def relayed(server: int, options: Namespace) -> Iterator[int]:
    """A relay before a server; its port."""
    link = ["--rate", f"{options.rate:g}mbit", "--delay", "5ms", "--loss", f"{options.loss:g}%", "--queue", "200"]
    place = ["--host", LOCALHOST, "--listen", "0", "--to", f"{LOCALHOST}:{server}", "--json"]
    command = [sys.executable, "-m", "udpchat", "relay", *place, *link]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as relay:
        assert relay.stdout is not None
        yield json.loads(relay.stdout.readline())["port"]
        relay.terminate()
        relay.stdout.read()


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


def speed(steps: Steps) -> float:
    """Bytes a second over the last seconds of what was told."""
    last = steps[-1]
    first = next(step for step in steps if step["at"] >= last["at"] - 3.0)
    return float((last["done"] - first["done"]) / max(last["at"] - first["at"], 0.05))


def time_to_speed(steps: Steps, joined: float, wanted: float) -> float | None:
    """Seconds from being in until a window begins that has the wanted speed; None when none has."""
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
            with relayed(server.port, options) as port:
                return _kill_and_go_on(way, victim, server, port, file, options.loss / 100)
        finally:
            server.kill()


def _kill_and_go_on(way: str, victim: str, server: Server, port: int, file: Path, loss: float) -> Row:
    size, home = file.stat().st_size, file.parent / "home"
    before: Steps = []
    after: Steps = []
    has_died, joined = False, 0.0
    last: dict[str, Any] = {}
    for step in told(start_client(way, port, home, file, SHARE if victim != "server" else 0.0)):
        if victim == "server" and not has_died and step.get("done", 0) >= SHARE * size:
            server.kill()
            has_died = True
            server.start()
        joined = step["at"] if step.get("joined") else joined
        if "done" in step:
            (after if has_died and step["connection"] > 1 else before).append(step)
        last = step
    sent = [before[-1]["data"] if victim != "server" else 0]
    if victim != "server":
        if victim == "both":
            server.kill()
            server.start()
        for step in told(start_client(way, port, home, file)):
            joined = step["at"] if step.get("joined") else joined
            if "done" in step:
                after.append(step)
            last = step
    sent.append(last.get("data", 0))
    return _row(way, victim, size, (before, after), joined, sum(sent), loss, last)


def _row(
    way: str, victim: str, size: int, steps: tuple[Steps, Steps], joined: float, sent: int, loss: float, last: Any
) -> Row:
    before, after = steps
    old = speed(before)
    back = time_to_speed(after, joined, FULL * old)
    data = sent / size * (1.0 if way == "up" else FILE_BYTES)
    most = MOST_DATA / (1 - loss) if way == "up" else MOST_DATA
    return {
        "way": way,
        "killed": victim,
        "mb_per_s": old / MEGABYTE,
        "data": data,
        "resumed": last.get("resumed", 0) / size,
        "first_s": after[0]["at"] - joined if after else None,
        "back_s": back,
        "memory_mib": last.get("memory", 0) / MIB,
        OK: bool(last.get("finished")) and data <= most and back is not None and back <= BACK,
    }


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
    parser.add_argument("--rate", type=float, default=200.0, help="of the relay [Mbit/s]")
    parser.add_argument("--loss", type=float, default=0.0, help="of the relay [%%]")
    parser.add_argument("--folder", type=Path, help="where everything lies; the default is that of temporary files")
    add_json(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    before = machine()
    rows = [measure(way, victim, options) for way in ("up", "down") for victim in ("client", "server", "both")]
    link = f"{options.rate:g} Mbit/s, loss {options.loss:g} %"
    return show(rows, options, f"resume: {options.size:g} MB, {link}. Before: {before}; after: {machine()}")


if __name__ == "__main__":
    sys.exit(main())
