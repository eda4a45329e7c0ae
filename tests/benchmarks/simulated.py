"""`python -m tests.benchmarks.simulated NAME...`: figures in virtual time, the same on every machine."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from time import perf_counter

from tests.benchmarks import sim_links, sim_paths, sim_people
from tests.benchmarks.report import Row, add_json, show

Benchmark = Callable[[Namespace], Iterator[Row]]

BENCHMARKS: dict[str, Benchmark] = {
    "links": sim_links.links,
    "startup": sim_links.startup,
    "grid": sim_links.grid,
    "shapes": sim_links.shapes,
    "controllers": sim_links.controllers,
    "fairness": sim_people.fairness,
    "chat": sim_people.chat,
    "disk": sim_people.disk,
    "joins": sim_paths.joins,
    "mtu": sim_paths.mtu,
    "rebind": sim_paths.rebind,
    "flood": sim_paths.flood,
}


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.simulated", description=__doc__)
    parser.add_argument("names", nargs="+", choices=(*BENCHMARKS, "all"), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--seeds", type=int, default=1, help="runs of each row, seeds 1 to this")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the size of files, for a quick look")
    parser.add_argument("--processes", type=int, default=2, help="of the grid")
    parser.add_argument(
        "--only", action="append", default=[], metavar="rate=20", help="grid: cells of this rate, rtt, loss or queue"
    )
    add_json(parser)
    return parser.parse_args(arguments)


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    missed = 0
    for name in BENCHMARKS if "all" in options.names else options.names:
        benchmark = BENCHMARKS[name]
        started = perf_counter()
        rows = list(benchmark(options))
        missed |= show(rows, options, f"{name}: {benchmark.__doc__} ({perf_counter() - started:.0f} s)")
    return missed


if __name__ == "__main__":
    sys.exit(main())
