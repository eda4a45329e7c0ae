"""`python -m tests.benchmarks.udp_beside_tcp`: one file over the same emulated link, ours and the kernel's TCP in turn.

The same link with more and more loss, each way: goodput of every peer, with MD5 at both ends. Beside those of TCP that
take a loss for a full queue stands what the square-root law allows them. `--picture FILE` draws it (needs matplotlib).
Needs root and a link emulator (`--linkem`). Target: ours is the fastest wherever packets are lost.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.linkem import MEGABIT, ours, tcp
from tests.benchmarks.namespaces import EMULATOR_HELP, build, emulated, require_root, scratch
from tests.benchmarks.report import Row, add_json, limit, machine, middle, show

RATE, RTT = 50.0, 40.0  # Mbit/s, ms
LOSSES = (0.0, 0.01, 0.05, 0.1)
SIZE = 20_000_000  # bytes
OURS = "udpchat"
TCP = ("cubic", "bbr")  # the usual one, and the one that does not mind a loss; not every kernel has it
LOSS_BASED = ("cubic", "reno")
SEGMENT = 1_448  # bytes of a file in a full TCP packet
LONGEST = 20.0  # seconds that a loss-based sender gets, by the law
LEAST = 200_000  # bytes of any file
CONTROLLERS = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


def square_root_law(rate: float, rtt: float, loss: float) -> float:
    """Most that a sender gets that halves its window for each loss: bytes per second, at most rate.

    rate: bytes per second. rtt: seconds. loss: share. Mathis, Semke, Mahdavi and Ott 1997, equation 3. It knows no
    timeouts, which rule above some 5 %: the truth is lower there.
    """
    return min(rate, SEGMENT / rtt * sqrt(3 / (2 * loss))) if loss else rate


def measure(options: Namespace, emulator: Path) -> Iterator[Row]:
    """Every peer in turn at every loss."""
    for loss in options.losses:
        goodputs = {peer: _runs(options, emulator, peer, loss) for peer in options.peers}
        best = max((middle(each) for peer, each in goodputs.items() if peer != OURS), default=0.0)
        for peer, found in goodputs.items():
            row = _row(options, peer, loss, found)
            if peer == OURS and best:
                row["to_best_tcp"] = middle(found) / best
                row["ok"] = not loss or middle(found) >= best
            yield row


def _runs(options: Namespace, emulator: Path, peer: str, loss: float) -> list[float]:
    """Goodputs in bytes per second, one of each turn."""
    found = []
    for turn in range(options.turns):
        with (
            scratch(size_of(options, peer, loss)) as (folder, file),
            emulated(emulator, options.rate, options.rtt, loss, turn + 1) as pair,
        ):
            done = ours(pair, folder, file) if peer == OURS else tcp(pair, folder, file, peer)
        found.append(done["goodput"])
    return found


def size_of(options: Namespace, peer: str, loss: float) -> int:
    """Bytes of the file: less for a loss-based sender on a lossy link, or one row would take many minutes."""
    size = int(options.size * 1_000_000)
    if peer not in LOSS_BASED:
        return size
    return min(size, max(LEAST, int(LONGEST * square_root_law(options.rate * MEGABIT, options.rtt / 1_000, loss))))


def _row(options: Namespace, peer: str, loss: float, goodputs: list[float]) -> Row:
    rate = options.rate * MEGABIT
    row: Row = {
        "loss": f"{loss:.1%}",
        "peer": peer if peer == OURS else f"tcp {peer}",
        "runs": len(goodputs),
        "file_mb": size_of(options, peer, loss) / 1_000_000,
        "mbps": middle(goodputs) / MEGABIT,
        "slowest": min(goodputs) / MEGABIT,
        "fastest": max(goodputs) / MEGABIT,
        "ratio": middle(goodputs) / limit(rate, loss),
    }
    if peer in LOSS_BASED and loss:
        row["law_mbps"] = square_root_law(rate, options.rtt / 1_000, loss) / MEGABIT
    return row


def draw(rows: list[Row], options: Namespace) -> None:
    """A picture of goodput over loss, logarithmic upwards: the peers are a hundredfold apart."""
    figure = import_module("matplotlib.figure").Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    losses = sorted(options.losses)
    for peer in dict.fromkeys(row["peer"] for row in rows):
        points = sorted((float(str(row["loss"]).rstrip("%")), row["mbps"]) for row in rows if row["peer"] == peer)
        axes.plot([point[0] for point in points], [point[1] for point in points], "o-", label=str(peer))
    rate = options.rate * MEGABIT
    axes.plot([100 * loss for loss in losses], [limit(rate, loss) / MEGABIT for loss in losses], "k:", label="limit")
    lossy = [max(losses) * place / 100 for place in range(2, 101)]
    law = [square_root_law(rate, options.rtt / 1_000, loss) / MEGABIT for loss in lossy]
    axes.plot([100 * loss for loss in lossy], law, color="grey", linestyle="--", label="square-root law")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="packets lost, each way [%]", ylabel="goodput [Mbit/s]")
    axes.set_title(f"One file over {options.rate:g} Mbit/s, {options.rtt:g} ms")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(options.picture, dpi=150)


def parse(arguments: list[str]) -> Namespace:
    """The options of the command."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.udp_beside_tcp", description=__doc__)
    parser.add_argument("--linkem", default=os.environ.get("UDPCHAT_LINKEM"), help="C source of the link emulator")
    parser.add_argument("--rate", type=float, default=RATE, metavar="MBIT")
    parser.add_argument("--rtt", type=float, default=RTT, metavar="MS")
    parser.add_argument("--losses", type=_shares, default=LOSSES, metavar="PERCENT,...", help="each way")
    parser.add_argument("--size", type=float, default=SIZE / 1_000_000, metavar="MB", help="of the file")
    parser.add_argument("--turns", type=int, default=3, help="runs of each; the median is shown")
    parser.add_argument(
        "--tcp", action="append", metavar="NAME", help="controller of the kernel, instead of all it has"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw goodput over loss: .png or .svg")
    add_json(parser)
    options = parser.parse_args(arguments)
    if not options.linkem:
        parser.error(EMULATOR_HELP)
    available = CONTROLLERS.read_text().split() if CONTROLLERS.exists() else []
    if missing := set(options.tcp or ()) - set(available):
        parser.error(f"this kernel has no {' and no '.join(sorted(missing))}: it has {', '.join(available)}")
    options.peers = (OURS, *(options.tcp or [name for name in TCP if name in available]))
    return options


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(each) / 100 for each in text.split(","))
    except ValueError:
        shares = (-1.0,)
    if not all(0 <= share < 1 for share in shares):
        raise ArgumentTypeError(f"{text!r} is no list of percentages from 0 to below 100 with commas between them")
    return shares


def can_draw() -> bool:
    """Whether the library for pictures is there: to be known before an hour of measuring, not after."""
    return find_spec("matplotlib") is not None


def main() -> int:
    """1 when the target was missed, else 0."""
    options = parse(sys.argv[1:])
    require_root()
    if options.picture and not can_draw():
        sys.exit("a picture needs matplotlib: install it (the extra `plot`), or leave --picture out")
    before = machine()
    with TemporaryDirectory(prefix="udpchat-bench-") as folder:
        rows = list(measure(options, build(options.linkem, Path(folder))))
    if options.picture:
        draw(rows, options)
    title = f"udp_beside_tcp: {options.rate:g} Mbit/s, {options.rtt:g} ms. Before: {before}; after: {machine()}"
    return show(rows, options, title)


if __name__ == "__main__":
    sys.exit(main())
