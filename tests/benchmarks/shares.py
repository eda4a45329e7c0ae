"""`python -m tests.benchmarks.shares`: what each of four transfers has of a line, from one client and from four."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import product
from multiprocessing import get_context
from time import perf_counter

from tests.benchmarks.report import Row, add_json, show
from tests.sharers import FIRST, SERVER, Sharer, Sharing
from udpchat.config import MILLISECOND
from udpchat.sim.link import LinkSpec

TRANSFERS = 4
RATE = 100  # Mbit/s
RTTS = (20, 40)  # ms
LOSSES = (0.0, 0.01)
SETTLING = 5  # s after the last may have begun, which is one second after the first
LAST_BEGINS = 1  # s
SPAN = 5.0  # s of each window
STEP = 0.5  # s from one window to the next
LEAST, MOST = 0.20, 0.30  # of the line, of each transfer in every window


def measure(case: tuple[int, int, float, int, float]) -> Row:
    """One run. case: clients, RTT [ms], loss, seed, seconds."""
    clients, rtt, loss, seed, seconds = case
    spec = LinkSpec(rate=RATE * 125_000, delay=rtt * MILLISECOND // 2, loss=loss)
    sharing = Sharing(seed, spec, [Sharer(number % clients) for number in range(TRANSFERS)])
    sharing.run(seconds)
    start = LAST_BEGINS + SETTLING
    windows = list(sharing.windows(start, seconds, SPAN, STEP))
    least, most = min(map(min, windows)), max(map(max, windows))
    line = sharing.network.link(FIRST, SERVER)
    return {
        "clients": clients,
        "rtt_ms": rtt,
        "loss": loss,
        "seed": seed,
        "least": least,
        "most": most,
        "used": sharing.used(start, seconds),
        "queue_ms": line.queue_delay() / MILLISECOND,
        "drops": line.counters.queue_full,
        "ok": least >= LEAST and most <= MOST,
    }


def measure_all(options: Namespace) -> Iterator[Row]:
    """All cases, in their order."""
    seeds = range(1, options.seeds + 1)
    cases = [(*case, options.seconds) for case in product((1, TRANSFERS), RTTS, LOSSES, seeds)]
    with get_context("spawn").Pool(options.processes) as pool:
        yield from pool.imap(measure, cases)


def main() -> int:
    """1 when a target was missed, else 0."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.shares", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each row, seeds 1 to this")
    parser.add_argument("--seconds", type=float, default=25.0, help="virtual seconds of each run")
    parser.add_argument("--processes", type=int, default=2)
    add_json(parser)
    options = parser.parse_args()
    if options.seconds < LAST_BEGINS + SETTLING + SPAN:
        parser.error(f"a run takes at least {LAST_BEGINS + SETTLING + SPAN:g} s")
    started = perf_counter()
    rows = list(measure_all(options))
    return show(rows, options, f"shares of {TRANSFERS} transfers on {RATE} Mbit/s ({perf_counter() - started:.0f} s)")


if __name__ == "__main__":
    sys.exit(main())
