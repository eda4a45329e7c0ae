"""One file over one simulated link: the two main links, start-up, the grid, odd links, the other controllers."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from multiprocessing import get_context

from tests.benchmarks.meter import MEGABIT, Transfer, bandwidth_delay_product, link, min_rtt, upload
from tests.benchmarks.report import Row
from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.sim.link import LinkSpec

LINKS = ((100.0, 40.0, 0.01, 0.95), (50.0, 100.0, 0.03, 0.92))  # Mbit/s, ms, loss, least share of the limit
LINK_FILE = 50_000_000
MAX_UDP = 1.06  # UDP bytes for each byte that must be sent, 1/(1-p) of the file

START_LINKS = ((10, 40), (20, 40), (50, 20), (50, 100), (100, 10), (100, 40), (20, 200), (100, 200))
START_ROUNDS = 6
FULL_ROUND = 4  # the round trip that must be full
FULL_SHARE = 0.98

GRID_RATES = (2, 20, 100)
GRID_RTTS = (2, 40, 200)
GRID_LOSSES = (0.0, 0.01, 0.05)
GRID_QUEUES = (0.5, 1.0, 4.0)
GRID_FILE = 30  # bandwidth-delay products
GRID_LEAST_FILE = 2_000_000
GRID_RATIO = 0.80
GRID_QUEUE = 0.5  # of min RTT


def links(options: Namespace) -> Iterator[Row]:
    """50 MB over the two main links."""
    for mbit, rtt, loss, target in LINKS:
        for seed in range(1, options.seeds + 1):
            done = upload(link(mbit, rtt, loss), int(LINK_FILE * options.scale), seed)
            most = MAX_UDP / (1 - loss)
            yield {
                "link": f"{mbit:g} Mbit/s {rtt:g} ms {loss:.0%}",
                "seed": seed,
                "goodput_mbps": done.goodput / MEGABIT,
                "ratio": done.ratio,
                "target": target,
                "udp_per_byte": done.udp_ratio,
                "udp_most": most,
                "repeated": done.repeated,
                "queue_drops": done.queue_drops,
                "queue_ms": done.queue_median / MILLISECOND,
                "ok": done.ratio >= target and done.udp_ratio <= most,
            }


def startup(options: Namespace) -> Iterator[Row]:
    """The share of the link that is used in each round trip after the first DATA."""
    for mbit, rtt in START_LINKS:
        spec = link(mbit, rtt)
        if spec.queue < 32:
            continue
        for seed in range(1, options.seeds + 1):
            done = upload(spec, max(2 * GRID_LEAST_FILE, 12 * bandwidth_delay_product(spec)), seed)
            shares = _shares(done, spec)
            yield {
                "link": f"{mbit} Mbit/s {rtt} ms",
                "seed": seed,
                "bdp_packets": spec.queue,
                **{f"rtt_{number}": share for number, share in enumerate(shares, 1)},
                "queue_drops": done.queue_drops,
                "repeated": done.repeated,
                "ratio": done.ratio,
                "ok": shares[FULL_ROUND - 1] >= FULL_SHARE and not done.queue_drops,
            }


def _shares(done: Transfer, spec: LinkSpec) -> list[float]:
    """Wire bytes that arrived in each of the first round trips, as a share of what the line can carry in one."""
    arrivals, rtt = done.meter.arrivals[done.sender], min_rtt(spec)
    # The line is free when the first packet begins on it, one packet time before it has arrived.
    origin = arrivals[0][0] - arrivals[0][2] * SECOND // spec.rate
    counts = [0] * START_ROUNDS
    for at, _, size in arrivals:
        number = (at - origin - 1) // rtt
        if number >= START_ROUNDS:
            break
        counts[number] += size
    return [count * SECOND / (spec.rate * rtt) for count in counts]


def grid(options: Namespace) -> Iterator[Row]:
    """Rate x RTT x loss x queue, told nothing."""
    cells = [
        cell
        for cell in product(GRID_RATES, GRID_RTTS, GRID_LOSSES, GRID_QUEUES)
        if _wanted(options.only, dict(zip(("rate", "rtt", "loss", "queue"), cell, strict=True)))
    ]
    cells.sort(key=lambda cell: -cell[0] * cell[1])  # the long ones first, so that both processes end together
    jobs = [(cell, seed, options.scale) for cell in cells for seed in range(1, options.seeds + 1)]
    with get_context("spawn").Pool(options.processes) as pool:
        rows: list[Row] = []
        for row in pool.imap_unordered(_cell, jobs, chunksize=1):
            rows.append(row)
            print(f"\r{len(rows)} of {len(jobs)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    yield from sorted(rows, key=lambda row: float(row["ratio"] or 0))


def _wanted(only: list[str], cell: dict[str, float]) -> bool:
    return all(float(value) == cell[name] for name, _, value in (each.partition("=") for each in only))


def _cell(job: tuple[tuple[int, int, float, float], int, float]) -> Row:
    (mbit, rtt, loss, queue), seed, scale = job
    spec = link(mbit, rtt, loss, queue)
    size = int(max(GRID_LEAST_FILE, GRID_FILE * bandwidth_delay_product(spec)) * scale)
    row: Row = {"rate": mbit, "rtt": rtt, "loss": loss, "queue": queue, "seed": seed, "file_mb": size / 1e6}
    try:
        done = upload(spec, size, seed)
    except AssertionError as error:
        return row | {"ratio": 0.0, "error": str(error)[:200], "ok": False}
    standing = done.queue_median / done.min_rtt
    missed = [
        *(["ratio"] if done.ratio < GRID_RATIO else []),
        *(["queue"] if standing > GRID_QUEUE else []),
        *(["repeated"] if done.repeated and not loss else []),
    ]
    return row | {
        "ratio": done.ratio,
        "queue_per_rtt": standing,
        "queue_ms": done.queue_median / MILLISECOND,
        "repeated": done.repeated,
        "queue_drops": done.queue_drops,
        "missed": " ".join(missed),
        "ok": not missed,
    }


SHAPES: dict[str, Callable[[], LinkSpec]] = {
    "10 % in bursts of 4": lambda: link(20, 40, 0.10, burst=4.0),
    "jitter 20 ms": lambda: link(20, 40, 0.01, jitter=20 * MILLISECOND),
    "jitter 100 ms": lambda: link(20, 40, 0.01, jitter=100 * MILLISECOND),
    "reordering 2 %": lambda: link(20, 40, reorder=0.02),
    "reordering 25 %": lambda: link(20, 40, 0.01, reorder=0.25),
    "rate 20, 5, 40 Mbit/s": lambda: link(
        20, 40, rate_changes=((5 * SECOND, 5 * MEGABIT), (15 * SECOND, 40 * MEGABIT))
    ),
}
SHAPE_FILE = 30_000_000


def shapes(options: Namespace) -> Iterator[Row]:
    """Links that are not steady: the file arrives, and this is what it took."""
    for name, make in SHAPES.items():
        for seed in range(1, options.seeds + 1):
            spec = make()
            done = upload(spec, int(SHAPE_FILE * options.scale), seed)
            could = _mean_rate(spec, done.size / done.goodput)
            yield {
                "link": name,
                "seed": seed,
                "goodput_mbps": done.goodput / MEGABIT,
                "ratio": done.ratio * spec.rate / could,
                "repeated": done.repeated,
                "queue_drops": done.queue_drops,
                "queue_ms": done.queue_median / MILLISECOND,
                "state": done.state,
            }


def _mean_rate(spec: LinkSpec, seconds: float) -> float:
    """Of a line whose rate changed, over the time of the transfer."""
    steps = [(0.0, spec.rate), *((at / SECOND, rate) for at, rate in spec.rate_changes), (seconds, 0)]
    pairs = pairwise(steps)
    total = sum(rate * max(0.0, min(stop, seconds) - begin) for (begin, rate), (stop, _) in pairs)
    return total / seconds


def controllers(options: Namespace) -> Iterator[Row]:
    """NewReno and CUBIC without loss and with a little; `linkem` measures the kernel's on the same link."""
    for name, loss in product(("newreno", "cubic", "bbr"), (0.0, 0.001)):
        for seed in range(1, options.seeds + 1):
            done = upload(link(100, 40, loss), int(LINK_FILE * options.scale), seed, Config(congestion=name))
            yield {
                "controller": name,
                "loss": loss,
                "seed": seed,
                "goodput_mbps": done.goodput / MEGABIT,
                "ratio": done.ratio,
                "repeated": done.repeated,
                "queue_drops": done.queue_drops,
                "queue_ms": done.queue_median / MILLISECOND,
            }
