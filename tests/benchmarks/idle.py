"""`python -m tests.benchmarks.idle`: 5,000 people who are there and say nothing, and then one line to all of them.

The server has one processor, the people share another: one process, a socket for each, keep-alives as clients send
them. Of the server: memory for each session, processor time while all are silent, and how long it takes until the line
has reached everybody, which is checked. Targets: less than 20 kB a session, less than 10 % of a processor, 2 s. Linux
with two processors.
"""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from dataclasses import dataclass

from tests.benchmarks.namespaces import scratch
from tests.benchmarks.report import OK, Row, add_json, machine, show
from tests.benchmarks.room import (
    HOST,
    MIB,
    PEOPLE_PROCESSOR,
    SERVER_PROCESSOR,
    on_processor,
    peak_memory,
    require_processors,
    udpchat,
    waiting_time,
)
from tests.benchmarks.room_crowd import Crowd
from tests.benchmarks.room_member import Member
from tests.benchmarks.room_order import Order, RoomError, clock
from tests.benchmarks.servers import Usage, allow_descriptors
from udpchat.config import MILLISECOND, SECOND

SESSIONS = 5_000
SECONDS = 300.0
SETTLING = 10.0  # seconds, in which the last to come are told to all
TARGET_MEMORY = 20.0  # kB (1,000 bytes) a session
TARGET_BUSY = 0.10  # of a processor
TARGET_HEARD = 2_000.0  # ms


@dataclass(frozen=True, slots=True)
class Look:
    """At a process: resident bytes, processor seconds, seconds without its processor; datagrams that the people got."""

    resident: int
    cpu: float
    waited: float
    reads: int
    at: int

    @classmethod
    def at_process(cls, process: int, reads: int) -> Look:
        """Look now."""
        usage = Usage.of(process)
        return cls(usage.resident, usage.cpu, waiting_time(process), reads, clock())


def measure(options: Namespace) -> Row:
    """Start a server, let people in, let them be silent, let one say something."""
    with scratch(0) as (folder, _), ExitStack() as stack:
        with on_processor(SERVER_PROCESSOR):
            process, address = stack.enter_context(udpchat(folder, HOST, options.sessions))
        order = Order()
        people = [Member(address, each, order, os.urandom, is_lean=True) for each in range(options.sessions)]
        crowd = Crowd(people, order)
        stack.callback(crowd.leave)
        empty = Look.at_process(process, 0)
        crowd.enter()
        joined = clock()
        gc.collect()
        gc.freeze()  # a collection among so many clients would stop them all for a while
        crowd.rest(int(options.settling * SECOND))
        full = Look.at_process(process, crowd.reads)
        crowd.rest(int(options.seconds * SECOND))
        idle = Look.at_process(process, crowd.reads)
        people[0].say()
        crowd.catch_up()
        row: Row = {"sessions": options.sessions, "joining_s": (joined - empty.at) / SECOND}
        return row | _figures(empty, full, idle, options.sessions) | _line(order, peak_memory(process))


def _figures(empty: Look, full: Look, idle: Look, sessions: int) -> Row:
    seconds = (idle.at - full.at) / SECOND
    return {
        "joining_cpu_s": full.cpu - empty.cpu,
        "empty_mib": empty.resident / MIB,
        "joined_mib": full.resident / MIB,
        "idle_mib": idle.resident / MIB,
        "kb_per_session": (idle.resident - empty.resident) / sessions / 1_000,
        "busy": (idle.cpu - full.cpu) / seconds,
        "waited": (idle.waited - full.waited) / seconds,
        "reads_per_s": (idle.reads - full.reads) / seconds,
    }


def _line(order: Order, peak: int) -> Row:
    return {"heard": len(order.delays), "heard_ms": max(order.delays) / MILLISECOND, "peak_mib": peak / MIB}


def meets_targets(row: Row) -> bool:
    """All three."""
    memory, busy, heard = (float(row[name] or 0) for name in ("kb_per_session", "busy", "heard_ms"))
    return memory < TARGET_MEMORY and busy < TARGET_BUSY and heard <= TARGET_HEARD and row["heard"] == row["sessions"]


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.idle", description=__doc__)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="people who are there")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of silence")
    parser.add_argument("--settling", type=float, default=SETTLING, help="seconds before that, to hear who has come")
    add_json(parser)
    options = parser.parse_args(arguments)
    if options.sessions < 1 or min(options.seconds, options.settling) <= 0:
        parser.error("silence needs time, and somebody to keep it")
    return options


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    before = machine()
    try:
        require_processors()
        allow_descriptors(options.sessions)
        with on_processor(PEOPLE_PROCESSOR):
            row = measure(options)
    except RoomError as error:
        sys.exit(f"idle: {error}")
    row[OK] = meets_targets(row)
    return show([row], options, f"{options.sessions} idle sessions. Before: {before}; after: {machine()}")


if __name__ == "__main__":
    sys.exit(main())
