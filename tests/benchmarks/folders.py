"""Ten thousand small files beside one file of their size: `python -m tests.benchmarks.folders [--folder DIR]`.

One folder of 10,000 files of 4 kB and one file of 41 MB go to a server and come back, through `udpchat relay` with
100 Mbit/s and a round trip of 20 ms, each by a process of its own. A time is that of the transfer: from the first byte
to the answer that all is durable, both MD5s compared. Targets: the folder at least half as fast as the file, both
processes below 150 MB of memory. DIR decides on which disk both ends keep everything.
"""

from __future__ import annotations

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
from tests.benchmarks.resume import LOCALHOST, MEGABYTE, Server, make_file, start_client, told
from tests.net.goods import fingerprint
from udpchat.config import KIB

MEMBER: Final = 4 * KIB  # bytes of a small file
PER_FOLDER: Final = 250  # files in each folder of the tree
LEAST: Final = 0.5  # of the speed of one file
MOST_MEMORY: Final = 150 * MEGABYTE


@contextmanager
def relayed(port: int, rate: str, delay: str) -> Iterator[int]:
    """The port of a relay to a server on this machine."""
    link = ("--rate", rate, "--delay", delay)
    ends = ("--host", LOCALHOST, "--listen", "0", "--to", f"{LOCALHOST}:{port}")
    command = [sys.executable, "-m", "udpchat", "relay", *ends, *link]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        try:
            _, listening, *_ = process.stderr.readline().split()  # "relaying :PORT -> ..."
            yield int(listening.rpartition(":")[2])
        finally:
            process.kill()


def make_tree(path: Path, count: int) -> None:
    """So many small files, in folders."""
    random = Random(2)
    for number in range(count):
        place = path / f"folder {number // PER_FOLDER:03d}"
        if number % PER_FOLDER == 0:
            place.mkdir(parents=True)
        (place / f"{number:06d}.txt").write_bytes(random.randbytes(MEMBER))


def move(way: str, port: int, home: Path, path: Path) -> dict[str, Any]:
    """What a client process told last: a transfer and what it took."""
    *_, last = told(start_client(way, port, home, path))
    return last


def memory_of(pid: int) -> int:
    """Most that was ever resident [bytes]."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1_024


def measure(options: Namespace) -> Iterator[Row]:
    """One file up and down, then the folder up and down."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make_tree(folder / "many", options.files)
        make_file(folder / "one", options.files * MEMBER)
        server = Server(folder / "data")
        server.start()
        try:
            with relayed(server.port, options.rate, options.delay) as port:
                speeds: dict[tuple[str, str], float] = {}
                for what in ("one", "many"):
                    for way in ("up", "down"):
                        done = move(way, port, folder / f"home {way}", folder / what)
                        speeds[what, way] = done["size"] / done["took"]
                        yield _row(what, way, done, speeds, server.pid)
                        if way == "down" and fingerprint(folder / what) != fingerprint(Path(done["path"])):
                            sys.exit(f"folders: {what} came back damaged")
        finally:
            server.kill()


def _row(what: str, way: str, done: dict[str, Any], speeds: dict[tuple[str, str], float], server: int) -> Row:
    ratio = speeds[what, way] / speeds["one", way]
    client, serving = done["memory"], memory_of(server)
    return {
        "what": what,
        "way": way,
        "seconds": done["took"],
        "mb_per_s": speeds[what, way] / MEGABYTE,
        "to_one_file": ratio,
        "client_mb": client / MEGABYTE,
        "server_mb": serving / MEGABYTE,
        OK: ratio >= LEAST and max(client, serving) < MOST_MEMORY,
    }


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.folders", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rate", default="100mbit")
    parser.add_argument("--delay", default="10ms", help="of one direction")
    parser.add_argument("--folder", type=Path, help="where everything lies; the default is that of temporary files")
    add_json(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    before = machine()
    rows = list(measure(options))
    return show(rows, options, f"folders: {options.files} files. Before: {before}; after: {machine()}")


if __name__ == "__main__":
    sys.exit(main())
