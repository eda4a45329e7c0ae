"""`python -m tests.benchmarks.servers`: one client per thread, a pool of threads, and event loops, side by side.

The same small job over UDP and over TCP: a line comes in and goes out to its sender (echo), or to all who are there
(all, where only ten of them speak). Who speaks says a line, waits until it is heard, and says the next. The server has
a process of its own, the clients share another. Of the server: processor time, memory, threads, context switches. It
must end with no thread and no descriptor left over, and TCP must not lose a line. Linux only.
"""

from __future__ import annotations

import os
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from tests.benchmarks import servers_tcp, servers_udp
from tests.benchmarks.report import Row, add_json, machine, percentile, show
from tests.benchmarks.servers_load import Crowd, Talk

HOST = "127.0.0.1"
CLIENTS = (1, 10, 100, 500)
SECONDS = 2.0
WARM_UP = 0.2  # seconds of talk before the figures are taken
POOL = 8  # threads
SPEAKERS = 10  # of those who are there, when lines go to all
SPARE = 64  # descriptors that a process needs besides its clients
MIB = 1 << 20
LINES = 100_000  # that processor time is given for
SWITCHES = ("voluntary", "nonvoluntary")  # a thread that waits gives its processor up; one that does not loses it
ENDING = 10.0  # seconds that a server has to end


class Server(Protocol):
    """What the eight servers have in common: they serve from the moment they are made."""

    port: int

    def close(self) -> None:
        """End, and give everything back."""


SERVERS: dict[tuple[str, str], Callable[..., Server]] = {
    ("udp", "threads"): servers_udp.Threads,
    ("udp", "pool"): servers_udp.Pool,
    ("udp", "loop"): servers_udp.Loop,
    ("udp", "asyncio"): servers_udp.Asyncio,
    ("tcp", "threads"): servers_tcp.Threads,
    ("tcp", "pool"): servers_tcp.Pool,
    ("tcp", "loop"): servers_tcp.Loop,
    ("tcp", "asyncio"): servers_tcp.Asyncio,
}
TRANSPORTS = tuple(dict.fromkeys(transport for transport, _ in SERVERS))
WAYS = tuple(dict.fromkeys(way for _, way in SERVERS))
SAYS = {"echo": "their senders", "all": "all"}
JOBS = tuple(SAYS)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far: processor seconds, resident bytes, threads, context switches."""

    cpu: float
    resident: int
    threads: int
    switches: int

    @classmethod
    def of(cls, process: int) -> Usage:
        """Read it from /proc, where /proc/PID/status has the switches of the first thread only."""
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        tasks = [_status(path) for path in Path(f"/proc/{process}/task").glob("*/status")]
        return cls(
            cpu=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),  # utime and stime: proc(5)
            resident=int(_status(Path(f"/proc/{process}/status"))["VmRSS"].split()[0]) * 1_024,
            threads=len(tasks),
            switches=sum(
                int(each[f"{kind}_ctxt_switches"]) for each in tasks for kind in ("voluntary", "nonvoluntary")
            ),
        )


def _status(path: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in path.read_text().splitlines())


def make(transport: str, way: str, *, to_all: bool, pool: int) -> Server:
    """A running server on a free port."""
    more = {"size": pool} if way == "pool" else {}
    return SERVERS[transport, way](HOST, to_all=to_all, **more)


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def be_server(boss: Connection, transport: str, way: str, to_all: bool, pool: int) -> None:
    """Serve until the other process says so or is gone, then tell what was left behind."""
    before = threading.active_count(), descriptors()
    server = make(transport, way, to_all=to_all, pool=pool)
    boss.send(server.port)
    try:
        boss.recv()
    except (EOFError, KeyboardInterrupt):
        return
    finally:
        server.close()
    boss.send((threading.active_count() - before[0], descriptors() - before[1]))


class Host:
    """A server in a process of its own. left: threads and descriptors that it did not give back."""

    def __init__(self, process: int, port: int) -> None:
        self.process = process
        self.port = port
        self.left: tuple[int, int] = (0, 0)


@contextmanager
def hosted(transport: str, way: str, *, to_all: bool, pool: int) -> Iterator[Host]:
    """Start a server; at the end ask it to close and see what is left."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=be_server, args=(theirs, transport, way, to_all, pool))
    process.start()
    theirs.close()
    try:
        try:
            host = Host(process.pid or 0, ours.recv())
        except EOFError:
            raise RuntimeError(f"the {transport} server with {way} did not start") from None
        yield host
        ours.send(None)
        if not ours.poll(ENDING):
            raise RuntimeError(f"the {transport} server with {way} did not end within {ENDING:g} s")
        host.left = ours.recv()
        process.join(ENDING)
    finally:
        ours.close()
        process.kill()
        process.join()


def measure(options: Namespace, job: str, transport: str, way: str, clients: int) -> Row:
    """One server and so many clients."""
    copies, speakers = (clients, min(clients, SPEAKERS)) if job == "all" else (1, clients)
    with hosted(transport, way, to_all=job == "all", pool=options.pool) as host:
        crowd = Crowd(transport, (HOST, host.port), clients, options.pause)
        try:
            crowd.enter()
            crowd.talk(speakers, WARM_UP)
            before = Usage.of(host.process)
            talk = crowd.talk(speakers, options.seconds)
            after = Usage.of(host.process)
        finally:
            crowd.leave()
    lost, left = talk.said * copies - talk.heard, sum(host.left)
    row: Row = {"job": job, "transport": transport, "way": way, "clients": clients}
    row |= _figures(talk, before, after, options.seconds)
    return row | {"lost": lost, "left": left, "ok": not left and (transport == "udp" or not lost)}


def _figures(talk: Talk, before: Usage, after: Usage, seconds: float) -> Row:
    lines, cpu = max(len(talk.delays), 1), after.cpu - before.cpu
    return {
        "lines_per_s": round(lines / seconds),
        "p50_ms": percentile(talk.delays, 0.50) * 1_000,
        "p99_ms": percentile(talk.delays, 0.99) * 1_000,
        "cpu_s_per_100k": cpu / lines * LINES,
        "busy": cpu / seconds,
        "switches_per_line": (after.switches - before.switches) / lines,
        "resident_mib": after.resident / MIB,
        "threads": after.threads,
    }


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.servers", description=__doc__)
    parser.add_argument("--clients", type=_numbers, default=CLIENTS, metavar="N,N,...", help="how many at a time")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of talk for each row")
    parser.add_argument(
        "--job", action="append", choices=JOBS, help="one of them only; may be repeated, as those below"
    )
    parser.add_argument("--transport", action="append", choices=TRANSPORTS)
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--pool", type=int, default=POOL, metavar="K", help="threads of the pool")
    parser.add_argument("--pause", type=float, default=0.0, metavar="S", help="seconds that a speaker takes for a line")
    add_json(parser)
    options = parser.parse_args(arguments)
    if options.pool < 1 or options.seconds <= 0 or options.pause < 0:
        parser.error("a pool needs a thread, talk needs time, and no pause is shorter than none")
    return options


def _numbers(text: str) -> tuple[int, ...]:
    most = servers_udp.MOST_MEMBERS
    try:
        numbers = tuple(int(each) for each in text.split(","))
    except ValueError:
        numbers = (0,)
    if not all(0 < number <= most for number in numbers):
        raise ArgumentTypeError(f"{text!r} is no list of numbers from 1 to {most} with commas between them")
    return numbers


def allow_descriptors(clients: int) -> None:
    """Raise the limit for this process and the servers it starts, or end with a sentence."""
    import resource  # noqa: PLC0415 - Windows has none, and is to hear main's sentence

    wanted = clients + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        sys.exit(f"{clients} clients need {wanted} open files, and this system allows {hard}: take fewer (--clients)")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> int:
    """1 when a server left something over or lost a line that it must not lose, else 0."""
    options = parse(sys.argv[1:])
    if not sys.platform.startswith("linux"):
        sys.exit("this benchmark reads /proc and uses epoll: run it on Linux")
    allow_descriptors(max(options.clients))
    missed = 0
    for job in options.job or JOBS:
        before = machine()
        rows = [
            measure(options, job, transport, way, clients)
            for transport in options.transport or TRANSPORTS
            for clients in options.clients
            for way in options.way or WAYS
        ]
        missed |= show(rows, options, f"servers, lines to {SAYS[job]}. Before: {before}; after: {machine()}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
