"""`python -m tests.benchmarks.flood`: strangers pour garbage over a real server on loopback while two people talk.

Of each kind: 10,000 datagrams as fast as they leave, then 10,000/s for 10 s. Counted: lines lost, their delay, bytes
that came back to the flooding sockets, and what the server process had resident before and after. Targets: nothing
lost, nothing back but one smaller cookie for each HELLO, memory within 5 MiB.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tests.benchmarks.garbage import KINDS, garbage
from tests.benchmarks.namespaces import running, scratch
from tests.benchmarks.report import Row, add_json, machine, percentile, show
from udpchat import connect
from udpchat.chat.events import LineSaid
from udpchat.config import HELLO_SIZE, MIB
from udpchat.net.client import Client

HOST = "127.0.0.1"
BURST = 10_000
RATE = 10_000  # datagrams per second
SECONDS = 10.0
SOCKETS = 32  # that the garbage comes from
LINES_PER_SECOND = 50
MOST_GROWTH = 5 * MIB
GRAIN = 0.001  # seconds between two pours
SETTLING = 2.0  # seconds before and after
LARGEST_RATE = 500  # of 65,507 bytes: 10,000/s would be 5 Gbit/s of loopback and measure only that


class Talk:
    """One says numbered lines, the other hears them."""

    def __init__(self, speaker: Client, listener: Client) -> None:
        self.delays: list[float] = []
        self.said = 0
        self._said_at: dict[str, float] = {}
        self._speaker = speaker
        self._listener = listener

    async def speak(self) -> None:
        """Say lines until cancelled."""
        answers: set[asyncio.Task[object]] = set()
        while True:
            text = f"line {self.said}"
            self._said_at[text] = time.perf_counter()
            self.said += 1
            answers.add(asyncio.create_task(self._speaker.say(text)))
            answers = {each for each in answers if not each.done()}
            await asyncio.sleep(1 / LINES_PER_SECOND)

    async def listen(self) -> None:
        """Take the lines that arrive, until cancelled."""
        async for event in self._listener.events():
            if isinstance(event, LineSaid) and event.text in self._said_at:
                self.delays.append(time.perf_counter() - self._said_at[event.text])


class Strangers:
    """Sockets that send garbage and count what comes back."""

    def __init__(self, port: int) -> None:
        self.sent = 0
        self.sent_bytes = 0
        self._sockets = [self._open(port) for _ in range(SOCKETS)]

    @staticmethod
    def _open(port: int) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.connect((HOST, port))
        return opened

    def pour(self, datagrams: list[bytes]) -> None:
        """Send them all."""
        for data in datagrams:
            with suppress(BlockingIOError, ConnectionRefusedError):
                self._sockets[self.sent % SOCKETS].send(data)
            self.sent += 1
            self.sent_bytes += len(data)

    def came_back(self) -> tuple[int, int, int]:
        """Datagrams, bytes, and size of the largest that were answered."""
        sizes: list[int] = []
        for each in self._sockets:
            with suppress(BlockingIOError, ConnectionRefusedError):
                while True:
                    sizes.append(len(each.recv(MIB)))
        return len(sizes), sum(sizes), max(sizes, default=0)

    def close(self) -> None:
        """Give the sockets back."""
        for each in self._sockets:
            each.close()


def resident(process: subprocess.Popen[str]) -> int:
    """Bytes that a process has in memory now."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Attack:
    """What strangers sent, and what came back to them: datagrams, bytes, bytes of the largest."""

    sent: int
    sent_bytes: int
    back: int
    back_bytes: int
    largest_back: int


def attack(kind: str, port: int, connection_id: bytes, seconds: float) -> Attack:
    """Pour; runs in a process of its own, so that it is only the server's processor time that it takes."""
    random, strangers = Random(kind), Strangers(port)
    rate = LARGEST_RATE if kind == "largest" else RATE
    burst = BURST * rate // RATE
    answers: list[tuple[int, int, int]] = []

    def pour_until(due: int) -> None:
        strangers.pour([garbage(kind, number, random, connection_id) for number in range(strangers.sent, due)])
        answers.append(strangers.came_back())

    pour_until(burst)
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        pour_until(burst + int(elapsed * rate))
        time.sleep(GRAIN)
    time.sleep(SETTLING)
    answers.append(strangers.came_back())
    strangers.close()
    return Attack(
        strangers.sent,
        strangers.sent_bytes,
        sum(each[0] for each in answers),
        sum(each[1] for each in answers),
        max(each[2] for each in answers),
    )


async def one(kind: str, port: int, folder: Path, server: subprocess.Popen[str], seconds: float) -> Row:
    """One kind of garbage."""
    anna = await connect(HOST, port, nick="anna", home=folder / "anna", folder=folder)
    ben = await connect(HOST, port, nick="ben", home=folder / "ben", folder=folder)
    talk = Talk(anna, ben)
    tasks = [asyncio.create_task(work) for work in (talk.listen(), talk.speak())]
    await asyncio.sleep(SETTLING)
    quiet, before = percentile(talk.delays, 0.99), resident(server)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(pool, attack, kind, port, _id_of(anna), seconds)
    tasks[1].cancel()
    await asyncio.sleep(SETTLING)
    after = resident(server)
    tasks[0].cancel()
    await anna.close()
    await ben.close()
    return _row(kind, talk, found, after - before, quiet)


def _id_of(client: Client) -> bytes:
    """The id of a connection, which anybody on the same network can see in the clear."""
    core = vars(client)["_core"]
    return bytes(core.endpoint.connection.connection_id)


def _row(kind: str, talk: Talk, found: Attack, growth: int, quiet: float) -> Row:
    lost = talk.said - len(talk.delays)
    is_silent = found.back == 0 or (kind == "hello" and found.back <= found.sent and found.largest_back < HELLO_SIZE)
    return {
        "kind": kind,
        "datagrams": found.sent,
        "mb": found.sent_bytes / 1e6,
        "answers": found.back,
        "bytes_back": found.back_bytes,
        "largest_back": found.largest_back,
        "lines": talk.said,
        "lines_lost": lost,
        "quiet_p99_ms": quiet * 1_000,
        "p50_ms": percentile(talk.delays, 0.50) * 1_000,
        "p99_ms": percentile(talk.delays, 0.99) * 1_000,
        "growth_mib": growth / MIB,
        "ok": not lost and is_silent and growth <= MOST_GROWTH,
    }


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.flood", description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--port", type=int, default=27_372)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    add_json(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    rows = []
    before = machine()
    for kind in options.kinds:
        with scratch(0) as (folder, _):
            module = [sys.executable, "-m", "tests.benchmarks.our_peer", "serve", HOST, str(options.port)]
            with running([*module, str(folder / "data")]) as server:
                rows.append(asyncio.run(one(kind, options.port, folder, server, options.seconds)))
    return show(rows, options, f"flood. Before: {before}; after: {machine()}")


if __name__ == "__main__":
    sys.exit(main())
