"""A search among eight nodes, and a file from three of them at once: `python -m tests.benchmarks.peers`.

Seven `udpchat peer` processes in a ring with chords, and this one, which asks. Three have the file, each behind a
`udpchat relay` of a limited rate. Targets: a search answered in 100 ms; 0.9 of what a file can have of the three lines
together, from the question to the stored file; and 2 s for a holder that gets SIGKILL in the middle, beyond what the
bytes take that are then left for two lines.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, Final

from tests.benchmarks.report import OK, Row, add_json, limit, machine, middle, show
from udpchat.files.events import Progress
from udpchat.net.peer.api import Peer, start_peer
from udpchat.net.peer.search import Found
from udpchat.peers.settings import NeighbourConfig, PeerConfig

LOCALHOST: Final = "127.0.0.1"
FILE: Final = "big.bin"
MEGABYTE: Final = 1_000_000
NODES: Final = 7
NEIGHBOURS: Final = ((1,), (2,), (3,), (4,), (5,), (6, 2), (0, 3))  # whom each of them dials
HOLDERS: Final = (0, 3, 5)
SEARCHES: Final = 20
MOST_SEARCH: Final = 0.1  # seconds
LEAST_SHARE: Final = 0.9  # of the sum of the lines
MOST_LOST: Final = 2.0  # seconds
KILL_AT: Final = 0.4  # of the file


class Node:
    """A node as a process. port: 0 until it runs."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.port = 0
        self.share = folder / name
        self.share.mkdir()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, neighbours: Sequence[int]) -> None:
        """Start it, and wait until it has read what it shares."""
        text = f'[node]\nname = "{self.name}"\nhost = "{LOCALHOST}"\nport = {self.port}\nshare = "{self.name}"\n'
        text += "".join(f'[[neighbour]]\naddress = "{LOCALHOST}:{port}"\n' for port in neighbours)
        config = self._folder / f"{self.name}.toml"
        config.write_text(text)
        home = self._folder / f"{self.name} home"
        command = ["-m", "udpchat", "peer", "--config", str(config), "--home", str(home), "--json"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, *command], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if json.loads(line)["event"] == "share_scanned":
                return
        raise RuntimeError(f"{self.name} has not started")

    def kill(self) -> None:
        """SIGKILL; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()


@contextmanager
def relayed(port: int, options: Namespace) -> Iterator[int]:
    """A relay before a node; its port."""
    link = ["--rate", f"{options.rate:g}mbit", "--delay", f"{options.delay:g}ms", "--queue", "400"]
    place = ["--host", LOCALHOST, "--listen", "0", "--to", f"{LOCALHOST}:{port}", "--json"]
    command = [sys.executable, "-m", "udpchat", "relay", *place, *link]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as relay:
        assert relay.stdout is not None
        yield json.loads(relay.stdout.readline())["port"]
        relay.terminate()
        relay.stdout.read()


@contextmanager
def network(folder: Path, options: Namespace) -> Iterator[list[Node]]:
    """The nodes, running, three of them with the file."""
    data = Random(1).randbytes(options.size * MEGABYTE)
    nodes = [Node(folder, f"node{number}") for number in range(NODES)]
    ports = free_ports(NODES)
    with ExitStack() as opened:
        for number, node in enumerate(nodes):
            node.port = ports[number]
            if number in HOLDERS:
                (node.share / FILE).write_bytes(data)
            opened.callback(node.kill)
            node.start([ports[each] for each in NEIGHBOURS[number]])
        yield nodes


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has."""
    with ExitStack() as opened:
        found = []
        for _ in range(count):
            probe = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            probe.bind((LOCALHOST, 0))
            found.append(int(probe.getsockname()[1]))
    return found


async def search(peer: Peer) -> Row:
    """How long it takes until the first node has answered."""
    times = []
    for _ in range(SEARCHES):
        started = perf_counter()
        async for _found in peer.search(FILE, wait=1.0):
            times.append(perf_counter() - started)
            break
        await asyncio.sleep(0.2)
    return {
        "case": "search",
        "nodes": NODES + 1,
        "answered": len(times),
        "median_ms": middle(times) * 1_000,
        "most_ms": max(times, default=0.0) * 1_000,
        OK: len(times) == SEARCHES and max(times) <= MOST_SEARCH,
    }


async def holders(peer: Peer, relays: dict[int, int]) -> list[Found]:
    """Who has the file, each behind its relay."""
    (found,) = await peer.holders(FILE)
    return [replace(each, port=relays[each.port]) for each in found]


async def fetch(peer: Peer, found: list[Found], folder: Path, dying: Node | None = None) -> tuple[float, float, Any]:
    """Fetch the file: seconds, bytes that were there when the holder died, and what came of it."""
    await asyncio.to_thread(folder.mkdir)
    done = 0.0

    def progress(seen: Progress) -> None:
        nonlocal done
        if dying is not None and not done and seen.done >= KILL_AT * seen.size:
            done = perf_counter()
            dying.kill()

    started = perf_counter()
    fetched = await peer.get(found, folder, progress)
    return perf_counter() - started, (done - started if done else 0.0), fetched


def whole_row(seconds: float, fetched: Any, options: Namespace) -> Row:
    """How much of the three lines was used."""
    rate = options.size * MEGABYTE * 8 / seconds / 1e6
    most = len(HOLDERS) * limit(options.rate, 0)
    return {
        "case": "three holders",
        "seconds": seconds,
        "mbit_s": rate,
        "of_wire": rate / (len(HOLDERS) * options.rate),
        "share": rate / most,
        "from": "/".join(f"{each.size / MEGABYTE:.0f}" for each in fetched.gave),
        OK: rate >= LEAST_SHARE * most,
    }


def killed_row(seconds: float, before: float, whole: float, fetched: Any) -> Row:
    """What the death of a holder cost: the rest would have taken half as long again without it."""
    left = (whole - before) * len(HOLDERS) / (len(HOLDERS) - 1)
    lost = seconds - before - left
    return {
        "case": "one killed",
        "seconds": seconds,
        "killed_at": before,
        "lost_s": lost,
        "failed": len(fetched.failed),
        OK: len(fetched.failed) == 1 and lost <= MOST_LOST,
    }


async def measure(folder: Path, nodes: list[Node], relays: dict[int, int], options: Namespace) -> list[Row]:
    """All rows."""
    neighbours = tuple(NeighbourConfig(LOCALHOST, nodes[number].port, "", "") for number in (1, 4))
    config = PeerConfig(name="asker", host=LOCALHOST, port=0, neighbours=neighbours)
    async with await start_peer(config, folder / "asker") as peer:
        await peer.linked(10)
        await asyncio.sleep(1)
        rows = [await search(peer)]
        found = await holders(peer, relays)
        whole, _, fetched = await fetch(peer, found, folder / "first")
        rows.append(whole_row(whole, fetched, options))
        seconds, before, fetched = await fetch(peer, found, folder / "second", nodes[HOLDERS[1]])
        rows.append(killed_row(seconds, before, whole, fetched))
    return rows


def main() -> int:
    """The command."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=100, help="MB of the file")
    parser.add_argument("--rate", type=float, default=25.0, help="Mbit/s of each line")
    parser.add_argument("--delay", type=float, default=5.0, help="ms of each line, one way")
    add_json(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        nodes = opened.enter_context(network(folder, options))
        relays = {nodes[number].port: opened.enter_context(relayed(nodes[number].port, options)) for number in HOLDERS}
        rows = asyncio.run(measure(folder, nodes, relays, options))
    return show(rows, options, machine())


if __name__ == "__main__":
    sys.exit(main())
