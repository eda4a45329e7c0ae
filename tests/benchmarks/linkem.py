"""`python -m tests.benchmarks.linkem [NAME...]`: beside kernel TCP on an emulated link, in real time. Needs root.

transfers: one file over the two main links, ours, then TCP BBR, then TCP CUBIC, in turn; target: at least TCP BBR.
sharing: one TCP CUBIC flow beside ours on 10 Mbit/s; target: 25 to 75 % for ours. controllers: our NewReno and CUBIC
beside the kernel's, without loss and with 0.1 %; target: within 20 %.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.namespaces import (
    EMULATOR_HELP,
    RECEIVER,
    Pair,
    build,
    emulated,
    require_root,
    result,
    running,
    scratch,
)
from tests.benchmarks.report import Row, add_json, limit, machine, middle, show

PORT = 27_272
MEGABIT = 125_000
LINKS = ((100.0, 40.0, 0.01), (50.0, 100.0, 0.03))  # Mbit/s, ms, loss each way
FILE = 50_000_000
PATIENCE = 240.0  # seconds for any transfer
COLLAPSED_FILE = 5_000_000  # a loss-based sender on a lossy link gets a smaller file

SHARED_RATE, SHARED_RTT, SHARED_TIME = 10.0, 40.0, 40.0
SHARED_QUEUE = (0.5, 1.0, 4.0)  # bandwidth-delay products; the link counts what is on its way as well
SHARE = (0.25, 0.75)

CONTROLLERS = (("newreno", "reno"), ("cubic", "cubic"))
WITHIN = (0.8, 1.2)

Run = Callable[..., dict[str, float]]  # (pair, folder, file)


def transfers(options: Namespace, emulator: Path) -> Iterator[Row]:
    """Our transfer beside TCP BBR and TCP CUBIC."""
    for mbit, rtt, loss in LINKS:
        runs: dict[str, tuple[Run, int]] = {
            "udpchat": (ours, FILE),
            "tcp bbr": (lambda pair, folder, file: tcp(pair, folder, file, "bbr"), FILE),
            "tcp cubic": (lambda pair, folder, file: tcp(pair, folder, file, "cubic"), COLLAPSED_FILE),
        }
        found: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(options.turns):
            for name, (run, size) in runs.items():
                with scratch(int(size * options.scale)) as (folder, file):
                    with emulated(emulator, mbit, rtt, loss, turn + 1) as pair:
                        done = run(pair, folder, file)
                    found[name].append(done["goodput"])
        best = middle(found["tcp bbr"])
        for name, goodputs in found.items():
            row: Row = {
                "link": f"{mbit:g} Mbit/s {rtt:g} ms {loss:.0%}",
                "peer": name,
                "runs": len(goodputs),
                "goodput_mbps": middle(goodputs) / MEGABIT,
                "ratio": middle(goodputs) / limit(mbit * MEGABIT, loss),
                "to_tcp_bbr": middle(goodputs) / best,
            }
            if name == "udpchat":
                row["ok"] = middle(goodputs) >= best
            yield row


def sharing(options: Namespace, emulator: Path) -> Iterator[Row]:
    """One TCP CUBIC flow and one of ours at once."""
    product = SHARED_RATE * MEGABIT * SHARED_RTT / 1_000 / 1_514
    for queue in SHARED_QUEUE:
        for turn in range(options.turns):
            packets = round(product + max(10, queue * product))
            with (
                scratch(20_000_000) as (folder, file),
                emulated(emulator, SHARED_RATE, SHARED_RTT, 0, turn + 1, packets) as pair,
            ):
                mine, theirs = _both(pair, folder, file, SHARED_TIME * options.scale)
            share = mine / (mine + theirs)
            yield {
                "queue_bdp": queue,
                "turn": turn + 1,
                "ours_mbps": mine / MEGABIT,
                "tcp_cubic_mbps": theirs / MEGABIT,
                "our_share": share,
                "ok": SHARE[0] <= share <= SHARE[1],
            }


def _both(pair: Pair, folder: Path, file: Path, seconds: float) -> tuple[float, float]:
    """Bytes per second of ours and of the kernel's, side by side."""
    receiver = _module(pair.receiver, "tcp_peer", "recv", RECEIVER, PORT + 1, folder / "tcp.bin", "--cc", "cubic")
    server = _module(pair.receiver, "our_peer", "serve", RECEIVER, PORT, folder / "data")
    sender = _module(
        pair.sender, "tcp_peer", "send", RECEIVER, PORT + 1, file, "--cc", "cubic", "--seconds", seconds + 3
    )
    with running(receiver), running(server):
        with subprocess.Popen(sender, stdout=subprocess.PIPE, text=True) as other:
            time.sleep(1.0)
            client = _module(pair.sender, "our_peer", "put", RECEIVER, PORT, file, "--seconds", seconds)
            before, began = _sent(pair), time.perf_counter()
            mine = result(client, PATIENCE)
            total = (_sent(pair) - before) / (time.perf_counter() - began)
            other.kill()
        # What TCP got in the same time: all that crossed the line less what was ours.
        ours_on_wire = (mine["sent_bytes"] + 42 * mine["sent_packets"]) / mine["seconds"]
    return ours_on_wire, max(total - ours_on_wire, 1.0)


def _sent(pair: Pair) -> int:
    path = f"/sys/class/net/{pair.interface}/statistics/tx_bytes"
    done = subprocess.run(pair.command(pair.sender, "cat", path), check=True, capture_output=True)
    return int(done.stdout)


def controllers(options: Namespace, emulator: Path) -> Iterator[Row]:
    """Our NewReno and CUBIC beside the kernel's."""
    for loss in (0.0, 0.001):
        for mine, kernels in CONTROLLERS:
            goodputs: tuple[list[float], list[float]] = ([], [])
            for turn in range(options.turns):
                for place, run in enumerate((ours, tcp)):
                    name = kernels if place else mine
                    with (
                        scratch(int(FILE * options.scale)) as (folder, file),
                        emulated(emulator, 100, 40, loss, turn + 1, queue=660) as pair,
                    ):
                        goodputs[place].append(run(pair, folder, file, cc=name)["goodput"])
            ratio = middle(goodputs[0]) / middle(goodputs[1])
            yield {
                "controller": mine,
                "loss": loss,
                "runs": options.turns,
                "ours_mbps": middle(goodputs[0]) / MEGABIT,
                "kernel_mbps": middle(goodputs[1]) / MEGABIT,
                "ratio": ratio,
                "ok": WITHIN[0] <= ratio <= WITHIN[1],
            }


def ours(pair: Pair, folder: Path, file: Path, cc: str = "bbr") -> dict[str, float]:
    """One upload of ours."""
    with running(_module(pair.receiver, "our_peer", "serve", RECEIVER, PORT, folder / "data", "--cc", cc)):
        return result(_module(pair.sender, "our_peer", "put", RECEIVER, PORT, file, "--cc", cc), PATIENCE)


def tcp(pair: Pair, folder: Path, file: Path, cc: str = "cubic") -> dict[str, float]:
    """One transfer by the kernel, hashed at both ends; the time of its handshake counts."""
    receiver = _module(pair.receiver, "tcp_peer", "recv", RECEIVER, PORT, folder / "tcp.bin", "--cc", cc, "--md5")
    with running(receiver):
        done = result(_module(pair.sender, "tcp_peer", "send", RECEIVER, PORT, file, "--cc", cc, "--md5"), PATIENCE)
    return done | {"goodput": done["bytes"] / done["seconds"]}


def _module(namespace: str, name: str, *arguments: object) -> list[str]:
    line = [sys.executable, "-m", f"tests.benchmarks.{name}", *map(str, arguments)]
    return ["ip", "netns", "exec", namespace, *line]


BENCHMARKS = {"transfers": transfers, "sharing": sharing, "controllers": controllers}


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.linkem", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--linkem", default=os.environ.get("UDPCHAT_LINKEM"), help="C source of the link emulator")
    parser.add_argument("--turns", type=int, default=3, help="runs of each; the median is shown")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the size of files")
    add_json(parser)
    options = parser.parse_args(arguments)
    if not options.linkem:
        parser.error(EMULATOR_HELP)
    return options


def main() -> int:
    """1 when a target was missed, else 0."""
    options = parse(sys.argv[1:])
    require_root()
    missed = 0
    with TemporaryDirectory(prefix="udpchat-bench-") as folder:
        emulator = build(options.linkem, Path(folder))
        for name in options.names:
            benchmark = BENCHMARKS[name]
            before = machine()
            rows = list(benchmark(options, emulator))
            missed |= show(rows, options, f"{name}: {benchmark.__doc__} Before: {before}; after: {machine()}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
