"""`python -m tests.benchmarks.veth`: one large file over a clean veth pair, beside TCP with MD5. Needs root.

Everything runs in turn, as often as --turns says; medians are shown. Both ends are on this machine, files in tmpfs, MD5
of both ends included. Targets: plaintext 350 MB/s, sealed 250, portable path 100; less than 120 MB in either process.

Before each run as much memory as it will need is touched and given back: in a virtual machine the first write to a page
that the guest has not had lately waits for the host, 180 us instead of 7 for what one burst brings, for TCP's file as
for ours. --cold leaves that out.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tests.benchmarks.linkem import PORT, tcp
from tests.benchmarks.namespaces import RECEIVER, Pair, require_root, result, running, scratch, veth
from tests.benchmarks.report import Row, add_json, machine, middle, show

MEGABYTE = 1_000_000
SIZE = 500 * MEGABYTE
MOST_MEMORY = 120 * MEGABYTE
PATIENCE = 300.0  # seconds for a transfer

WAYS: dict[str, tuple[tuple[str, ...], int]] = {  # options, least MB/s
    "plaintext": (("--plaintext",), 350),
    "sealed": ((), 250),
    "sealed, portable": (("--portable",), 100),
    "plaintext, portable": (("--plaintext", "--portable"), 100),
}


def ours(pair: Pair, folder: Path, file: Path, options: tuple[str, ...]) -> dict[str, float]:
    """One upload: goodput, peak memory of both processes, seconds of the whole command."""
    module = (sys.executable, "-m", "tests.benchmarks.our_peer")
    server = pair.command(pair.receiver, *module, "serve", RECEIVER, str(PORT), str(folder / "data"), *options)
    client = pair.command(pair.sender, *module, "put", RECEIVER, str(PORT), str(file), *options)
    with running(server) as process:
        done = result(client, PATIENCE)
        assert process.stdout is not None
        done["server_memory"] = json.loads(process.stdout.readline())["memory"]
    return done


def touch_memory(size: int, folder: Path) -> None:
    """Let the host hand out the memory that a copy of the file will take."""
    block = bytes(MEGABYTE)
    path = folder / "touched"
    with path.open("wb", buffering=0) as out:
        for _ in range(size // MEGABYTE):
            out.write(block)
    path.unlink()


def measure(options: Namespace) -> list[Row]:
    """All ways in turn."""
    size = int(options.size * MEGABYTE)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (*WAYS, "tcp cubic + md5")}
    extra = ("--select",) if options.select else ()
    for _ in range(options.turns):
        for name, done in found.items():
            with scratch(size) as (folder, file), veth() as pair:
                if not options.cold:
                    touch_memory(size, folder)
                done.append(
                    ours(pair, folder, file, (*WAYS[name][0], *extra)) if name in WAYS else tcp(pair, folder, file)
                )
    beside = middle(each["goodput"] for each in found["tcp cubic + md5"])
    return [_row(name, done, beside) for name, done in found.items()]


def _row(name: str, done: list[dict[str, float]], beside: float) -> Row:
    goodputs = [each["goodput"] for each in done]
    row: Row = {
        "peer": name,
        "runs": len(done),
        "mb_per_s": middle(goodputs) / MEGABYTE,
        "slowest": min(goodputs) / MEGABYTE,
        "fastest": max(goodputs) / MEGABYTE,
        "to_tcp": middle(goodputs) / beside,
        "whole_s": middle(each["seconds"] for each in done),
    }
    if name not in WAYS:
        return row
    client = max(each["memory"] for each in done)
    server = max(each["server_memory"] for each in done)
    least = WAYS[name][1]
    return row | {
        "target": least,
        "client_mb": client / MEGABYTE,
        "server_mb": server / MEGABYTE,
        "lost": sum(each.get("lost_packets", 0) for each in done),
        "ok": middle(goodputs) >= least * MEGABYTE and max(client, server) < MOST_MEMORY,
    }


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.veth", description=__doc__)
    parser.add_argument("--size", type=float, default=SIZE / MEGABYTE, help="of the file [MB]")
    parser.add_argument("--select", action="store_true", help="select instead of epoll, whose timers are 1 ms coarse")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="do not touch the memory beforehand")
    add_json(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    require_root()
    before = machine()
    rows = measure(options)
    return show(rows, options, f"veth: {options.size:g} MB. Before: {before}; after: {machine()}")


if __name__ == "__main__":
    sys.exit(main())
