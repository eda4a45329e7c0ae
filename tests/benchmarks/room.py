"""`python -m tests.benchmarks.room`: 500 people in one room, udpchat beside ngircd, the same load on both.

A few of them take turns to say lines of 60 bytes, all hear them; lines a second grow from step to step until a server
needs a second for a line. The server has one processor, the people share another: one process, a socket for each. Each
line must reach everybody once and in one order, or the command fails. Target: 40 lines/s (20,000 deliveries/s) with p99
at most 100 ms. Linux with two processors; needs ngircd.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time, sleep

from tests.benchmarks.namespaces import scratch
from tests.benchmarks.report import OK, Row, add_json, machine, percentile, show
from tests.benchmarks.room_crowd import Crowd
from tests.benchmarks.room_irc import IrcMember, check, ngircd, require_ngircd
from tests.benchmarks.room_member import Member
from tests.benchmarks.room_order import Order, RoomError
from tests.benchmarks.servers import Usage, allow_descriptors
from udpchat.config import MILLISECOND, SECOND
from udpchat.protocol.datagrams import Address

HOST = "127.0.0.1"
SERVERS = ("udpchat", "ngircd")
SERVER_PROCESSOR, PEOPLE_PROCESSOR = 0, 1
SESSIONS = 500
SPEAKERS = 40  # enough for none to reach a limit of either server: 100 lines/s each
ORDINARY = 10  # members of udpchat that take no short cut
RATES = (10, 20, 30, 40, 50, 60, 80, 100, 120, 160, 200, 240, 320, 400)
SECONDS = 20.0
WARM_UP = 2.0
REST = SECOND // 2  # between two steps
TARGET_RATE = 40  # lines a second, to 500
TARGET_P99 = 100.0  # ms
HOPELESS_P99 = 1_000.0  # ms, after which no step follows
FULL = 0.95  # share of a processor above which it is the limit
STARTING = 15.0  # seconds
MIB = 1 << 20


@contextmanager
def udpchat(folder: Path, host: str, sessions: int) -> Iterator[tuple[int, Address]]:
    """The server as users start it; its process and address."""
    said = folder / "said"
    options = (
        "--host",
        host,
        "--port",
        "0",
        "--data",
        str(folder / "data"),
        "--max-users",
        str(sessions + 8),
        "--json",
    )
    with said.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "udpchat", "server", *options], stdout=out, stderr=out)
        try:
            end = monotonic() + STARTING
            while b"\n" not in (begun := said.read_bytes()):
                if process.poll() is not None or monotonic() > end:
                    raise RoomError(f"udpchat server did not start: {begun.decode(errors='replace')[-500:]}")
                sleep(0.05)
            yield process.pid, (host, json.loads(begun.splitlines()[0])["port"])
        finally:
            process.terminate()
            process.wait()


def require_processors() -> None:
    """RoomError where the server and the people cannot have a processor each."""
    if not {SERVER_PROCESSOR, PEOPLE_PROCESSOR} <= os.sched_getaffinity(0):
        raise RoomError("this benchmark needs two processors, one for the server and one for the people")


@contextmanager
def on_processor(number: int) -> Iterator[None]:
    """What is started meanwhile stays on that processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Room:
    """A server that runs, and the people in it. check: raises RoomError when they have not heard the same."""

    name: str
    process: int
    order: Order
    crowd: Crowd
    check: Callable[[], None]


@contextmanager
def room(name: str, folder: Path, sessions: int, ordinary: int) -> Iterator[Room]:
    """Start a server and let people in."""
    with ExitStack() as stack:
        order = Order()
        with on_processor(SERVER_PROCESSOR):
            server = udpchat(folder, HOST, sessions) if name == "udpchat" else ngircd(folder, HOST)
            process, address = stack.enter_context(server)
        if name == "udpchat":
            lean = sessions - ordinary
            people = [Member(address, each, order, os.urandom, is_lean=each < lean) for each in range(sessions)]
            found = Room(name, process, order, Crowd(people, order), lambda: None)
        else:
            members = [IrcMember(address, each, order) for each in range(sessions)]
            found = Room(name, process, order, Crowd(members, order), lambda: check(members, order))
        stack.callback(found.crowd.leave)
        found.crowd.enter()
        yield found


def peak_memory(process: int) -> int:
    """Most that a process has ever had in memory [bytes]."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1_024


def waiting_time(process: int) -> float:
    """Seconds in which the first thread of a process could have run but others had its processor (schedstat)."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9


def step(found: Room, rate: float, options: Namespace) -> Row:
    """So many lines a second for a while, and until all have heard all."""
    crowd, order = found.crowd, found.order
    crowd.talk(options.speakers, rate, min(WARM_UP, options.seconds))
    crowd.catch_up()
    order.forget_delays()
    before, reads = _times(found), crowd.reads
    said, took = crowd.talk(options.speakers, rate, options.seconds)
    server, people, waited = (after - former for after, former in zip(_times(found), before, strict=True))
    heard = len(order.delays) + len(order.full_delays)
    crowd.catch_up()
    found.check()
    deliveries = len(order.delays) + len(order.full_delays)
    row: Row = {"server": found.name, "asked": rate, "lines_per_s": said / took * SECOND}
    row |= {"deliveries_per_s": round(heard / took * SECOND)} | _delays(order)
    row |= {
        "busy": server / took * SECOND,
        "waited": waited / took * SECOND,
        "us_per_delivery": server / heard * SECOND if heard else None,
        "reads_per_delivery": (crowd.reads - reads) / deliveries,
        "peak_mib": peak_memory(found.process) / MIB,
        "people_busy": people / took * SECOND,
    }
    crowd.rest(REST)
    return row | {"held": "yes" if is_held(row) else "no", OK: meets_target(row, options.sessions)}


def _times(found: Room) -> tuple[float, float, float]:
    """Seconds so far: of processor time of the server, of the people, and that the server waited for its processor."""
    return Usage.of(found.process).cpu, process_time(), waiting_time(found.process)


def _delays(order: Order) -> Row:
    every = [*order.delays, *order.full_delays]
    return {
        "p50_ms": percentile(every, 0.50) / MILLISECOND,
        "p99_ms": percentile(every, 0.99) / MILLISECOND,
        "max_ms": max(every, default=0) / MILLISECOND,
        "ordinary_p99_ms": percentile(order.full_delays, 0.99) / MILLISECOND if order.full_delays else None,
    }


def is_held(row: Row) -> bool:
    """The server keeps up with this load: lines as fast as asked, and p99 within the target."""
    p99, said, asked = (float(row[name] or 0) for name in ("p99_ms", "lines_per_s", "asked"))
    return p99 <= TARGET_P99 and said >= FULL * asked


def meets_target(row: Row, sessions: int) -> bool | None:
    """Of the row that the target is about; None for all others."""
    if row["server"] != "udpchat" or row["asked"] != TARGET_RATE or sessions != SESSIONS:
        return None
    return is_held(row)


def is_last(row: Row) -> bool:
    """More load would show nothing: the server is far behind, or the people are the limit."""
    return float(row["p99_ms"] or 0) > HOPELESS_P99 or float(row["people_busy"] or 0) > FULL


def saturation(name: str, rows: list[Row]) -> str:
    """A sentence about the highest load that a server has held."""
    held = [row for row in rows if row["server"] == name and row["held"] == "yes"]
    if not held:
        return f"{name} held none of these loads"
    best = max(held, key=lambda row: float(row["asked"] or 0))
    words = f"{name} held {best['asked']} lines/s, {best['deliveries_per_s']} deliveries/s, busy {best['busy']:.2f}"
    limited = any(float(row["people_busy"] or 0) > FULL for row in rows if row["server"] == name)
    return words + ("; beyond, the people were the limit, not the server" if limited else "")


def measure(name: str, options: Namespace) -> list[Row]:
    """All steps of one server."""
    rows: list[Row] = []
    with scratch(0) as (folder, _), room(name, folder, options.sessions, options.ordinary) as found:
        gc.collect()
        gc.freeze()  # a collection among so many clients would stop them all for a while
        gc.disable()
        try:
            for rate in options.rates:
                rows.append(step(found, rate, options))
                if is_last(rows[-1]):
                    break
        finally:
            gc.enable()
            gc.unfreeze()
    return rows


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.room", description=__doc__)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="people in the room")
    parser.add_argument("--speakers", type=int, default=SPEAKERS, help="of them, who take turns")
    parser.add_argument("--ordinary", type=int, default=ORDINARY, help="of them, who are whole clients of udpchat")
    parser.add_argument("--rates", type=_rates, default=RATES, metavar="R,R,...", help="lines a second, step by step")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each step")
    parser.add_argument("--only", choices=SERVERS, help="one server, not both")
    add_json(parser)
    options = parser.parse_args(arguments)
    if not 0 < options.speakers < options.sessions or not 0 <= options.ordinary <= options.sessions:
        parser.error("speakers and ordinary clients are some of the people, and somebody must only listen")
    if options.seconds <= 0:
        parser.error("talk needs time")
    return options


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(each) for each in text.split(","))
    except ValueError:
        rates = (0.0,)
    if not all(0 < rate <= SECOND for rate in rates):
        raise ArgumentTypeError(f"{text!r} is no list of lines a second with commas between them")
    return rates


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    names = (options.only,) if options.only else SERVERS
    rows: list[Row] = []
    before = machine()
    try:
        require_processors()
        if "ngircd" in names:
            require_ngircd()
        allow_descriptors(options.sessions)
        for name in names:
            with on_processor(PEOPLE_PROCESSOR):
                rows += measure(name, options)
    except RoomError as error:
        show(rows, options)
        sys.exit(f"room: {error}")
    title = f"{options.sessions} in one room, {options.speakers} speak. Before: {before}; after: {machine()}"
    result = show(rows, options, title)
    if not options.json:
        print("\n".join(saturation(name, rows) for name in names))
    return result


if __name__ == "__main__":
    sys.exit(main())
