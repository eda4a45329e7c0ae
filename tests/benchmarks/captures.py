"""`python -m tests.benchmarks.captures [--size MB] [--turns N]`: what a capture costs, and how fast one is read.

Server and client in one process on loopback, a file in tmpfs uploaded with and without captures at both ends, in turn.
The cost is the difference in processor time over the datagrams recorded. Targets: at most 20 us for each, and 200,000
datagrams/s read.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.benchmarks.namespaces import scratch
from tests.benchmarks.report import OK, Row, add_json, machine, show
from udpchat.capture.pcapng import read_capture
from udpchat.capture.rotation import CaptureTarget
from udpchat.config import Config
from udpchat.net.joining import connect
from udpchat.net.loop import run
from udpchat.net.server import serve

HOST = "127.0.0.1"
MOST_MICROSECONDS = 20.0
LEAST_READ = 200_000
NO_ROTATION = 2**40  # bytes


@contextmanager
def processor_time(into: list[float]) -> Iterator[None]:
    """Append the seconds of processor time that the block takes."""
    before = time.process_time()
    yield
    into.append(time.process_time() - before)


async def upload(
    folder: Path, file: Path, config: Config, captures: tuple[CaptureTarget | None, ...], took: list[float]
) -> None:
    """One upload to a fresh server."""
    server = await serve(HOST, 0, data=folder / "data", config=config, capture=captures[0])
    home = folder / "home"
    client = await connect(
        HOST, server.address[1], nick="anna", home=home, folder=folder, config=config, capture=captures[1]
    )
    with processor_time(took):
        await client.put(file)
    await client.close()
    await server.close()


def measure(folder: Path, file: Path, options: Namespace, name: str, config: Config) -> Row:
    """Uploads with and without captures, then one of the captures read."""
    with_taps: list[float] = []
    without: list[float] = []
    reading: list[float] = []
    targets = tuple(CaptureTarget(folder / f"{end}.pcapng", NO_ROTATION) for end in ("server", "client"))
    for turn in range(options.turns):
        place = folder / f"{name} {turn}"
        place.mkdir()
        for captures, took in ((targets, with_taps), ((None, None), without)):
            run(upload(place, file, config, captures, took))
    counts = []
    for target in targets:
        with processor_time(reading):
            counts.append(sum(1 for _ in read_capture(target.path)))
    cost = (median(with_taps) - median(without)) / sum(counts) * 1e6
    read = sum(counts) / sum(reading)
    return {
        "session": name,
        "datagrams": sum(counts),
        "CPU s without": median(without),
        "CPU s with": median(with_taps),
        "us per datagram": cost,
        "read per s": round(read),
        OK: cost <= MOST_MICROSECONDS and read >= LEAST_READ,
    }


def main() -> int:
    """Run what the command line asks for; the exit code."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=100, help="of the file, in MB")
    parser.add_argument("--turns", type=int, default=3)
    add_json(parser)
    options = parser.parse_args()
    sessions = {"sealed": Config(), "plaintext": Config(plaintext=True), "sealed, portable": Config(portable=True)}
    with scratch(options.size * 10**6) as (folder, file):
        rows = [measure(folder, file, options, name, config) for name, config in sessions.items()]
    return show(rows, options, machine())


if __name__ == "__main__":
    raise SystemExit(main())
