"""`python -m tests.benchmarks.history`: pages and searches in a history of a million messages, half of them Chinese.

The history is written through the store, as a server does it, then asked as a server asks it, on one thread: many
questions of a kind one after the other (warm), each on a connection that has read nothing yet (opened), and each after
the system was told to forget the file as well (disk: that is a figure of the disk, without a target). Times in ms, on
the clock and on the processor, which others may be using. Targets: a page in 20 ms, a search in 100 ms.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Final

from tests.benchmarks.history_corpus import Corpus
from tests.benchmarks.history_fill import History, fill, open_store, populate
from tests.benchmarks.history_queries import Kind, Questions
from tests.benchmarks.report import Row, add_json, machine, percentile, show
from udpchat.chat.ports import Admission, FindMessages, Page, Person, ReadMessages
from udpchat.config import MIB
from udpchat.errors import StorageError
from udpchat.protocol.ports import Store, StoreRequest, perform
from udpchat.store.chat_reader import ChatReader
from udpchat.store.chat_schema import CHAT_DATABASE
from udpchat.store.database import open_reader

MESSAGES: Final = 1_000_000
WARM: Final = 100  # questions of a kind
OPENED: Final = 20
DISK: Final = 10


@dataclass(slots=True)
class Times:
    """How long answers took, and how much of it on the processor [ms]; how many messages they had."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    found: list[int] = field(default_factory=list)

    def take(self, store: Store, request: StoreRequest) -> None:
        """Ask once."""
        began, busy = time.perf_counter(), time.process_time()
        answer = perform(store, request)
        self.cpu.append((time.process_time() - busy) * 1_000)
        self.wall.append((time.perf_counter() - began) * 1_000)
        self.found.append(len(messages_of(answer)))


def messages_of(answer: object) -> tuple[object, ...]:
    """The messages of an answer, or what else it tells; raises what it was refused with."""
    match answer:
        case Page(messages=found) | Admission(progress=found) | tuple(found):
            return found
        case Person() | None:
            return () if answer is None else (answer,)
        case StorageError():
            raise answer
    raise TypeError(f"{answer!r} is no answer")


def row_of(kind: Kind, warm: Times, opened: Times, disk: Times) -> Row:
    """The verdict: of the slowest answers the processor's time counts, since others use the machine as well."""
    is_fast = all(
        percentile(times.wall, 0.5) < kind.target and max(times.cpu) < kind.target
        for times in (warm, opened)
        if times.wall
    )
    return {
        "asked": kind.name,
        "target_ms": kind.target,
        "found": sum(warm.found) / len(warm.found),
        **{f"warm_{name}": value for name, value in _figures(warm).items()},
        **{f"opened_{name}": value for name, value in _figures(opened).items()},
        "disk_p50": percentile(disk.wall, 0.5) if disk.wall else None,
        "disk_max": max(disk.wall, default=None),
        "ok": is_fast and (sum(warm.found) > 0 or not kind.finds),
    }


def _figures(times: Times) -> Row:
    if not times.wall:
        return {}
    return {
        "p50": percentile(times.wall, 0.5),
        "p99": percentile(times.wall, 0.99),
        "max": max(times.wall),
        "cpu_max": max(times.cpu),
    }


def forget(path: Path) -> None:
    """Let the system drop what it keeps of a file in memory, as far as it can be told so."""
    if hasattr(os, "posix_fadvise"):
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


class Fresh:
    """Answers with a connection that has read nothing yet, as that of a server that was just started."""

    def __init__(self, path: Path) -> None:
        self._reader = ChatReader(open_reader(path))

    def submit(self, request: StoreRequest) -> object:
        """See `Store`."""
        match request:
            case FindMessages():
                return self._reader.find(request)
            case ReadMessages():
                return self._reader.read(request)
        raise TypeError(f"{request!r} reads no messages")

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(history: History, folder: Path, options: Namespace) -> list[Row]:
    """Ask everything."""
    path = folder / CHAT_DATABASE
    rows = []
    for kind in Questions(history).kinds():
        if options.only not in kind.name:
            continue
        warm, opened, disk = Times(), Times(), Times()
        random = Random(f"{options.seed} {kind.name}")
        for _ in range(options.warm):
            warm.take(history.store, kind.make(random))
        for _ in range(options.opened if kind.is_reading else 0):
            _take_fresh(opened, path, kind.make(random))
        for _ in range(options.disk if kind.is_reading else 0):
            forget(path)
            _take_fresh(disk, path, kind.make(random))
        rows.append(row_of(kind, warm, opened, disk))
    return rows


def _take_fresh(times: Times, path: Path, request: StoreRequest) -> None:
    store = Fresh(path)
    times.take(store, request)
    store.close()


def size_of(folder: Path) -> int:
    """Bytes of the database."""
    return sum(path.stat().st_size for path in folder.glob(f"{CHAT_DATABASE}*"))


def prepare(folder: Path, options: Namespace) -> tuple[History, Row]:
    """A history in a folder, made unless it is there, and what it took."""
    corpus = Corpus(options.seed)
    is_there = (folder / CHAT_DATABASE).exists()
    store = open_store(folder)
    history = History(store, corpus, populate(store, corpus), options.messages)
    facts: Row = {"messages": options.messages}
    if not is_there:
        busy = time.process_time()
        facts["fill_s"] = timed(lambda: fill(store, corpus, history.people, options.messages))
        facts["fill_cpu_s"] = time.process_time() - busy
    store.close()
    size = size_of(folder)
    facts |= {"mib": size / MIB, "bytes_per_message": round(size / options.messages)}
    forget(folder / CHAT_DATABASE)
    began = time.perf_counter()
    store = open_store(folder)
    facts["open_s"] = time.perf_counter() - began
    return replace(history, store=store), facts


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.history", description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--folder", type=Path, help="keep the history there, or use the one that is there")
    parser.add_argument("--warm", type=int, default=WARM, help="questions of each kind, one after the other")
    parser.add_argument("--opened", type=int, default=OPENED, help="the same, each on a connection of its own")
    parser.add_argument("--disk", type=int, default=DISK, help="the same, each after the system forgot the file")
    parser.add_argument("--only", default="", help="kinds of questions with this in their name")
    parser.add_argument("--seed", type=int, default=1)
    add_json(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before = machine()
        history, facts = prepare(folder, options)
        rows = measure(history, folder, options)
        history.store.close()
        show([facts], options, f"history, SQLite. Before: {before}; after: {machine()}")
        return show(rows, options, "questions")


if __name__ == "__main__":
    sys.exit(main())
