"""Kills server and clients under files: `python -m tests.benchmarks.files_soak --seconds 1200 --seed 1`.

Three client processes send files and folders to all and to one another and fetch what the others sent, four at once
each, through a relay that loses packets; every 3 to 15 seconds the server, a client or both get SIGKILL and are
started again. Then nobody is killed any more, what is under way must finish, and everything is looked at: each
acknowledged file is listed once with its MD5 and comes back byte for byte, each fetched file is what was sent and is
known as verified, nothing incomplete is shown or left behind. The exit code is 0 when that is so.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.net.soak_round import Outcome, SoakRound
from udpchat.config import MIB


def report(outcome: Outcome) -> None:
    """Say what came of it."""
    kills = ", ".join(f"{victim} {count}" for victim, count in sorted(outcome.kills.items()))
    print(f"seed {outcome.seed}: {outcome.kills.total()} kills ({kills})")
    size = outcome.fetched_bytes / MIB
    print(f"{outcome.sent} files and folders sent, {outcome.fetched} fetched ({size:.0f} MiB)")
    for problem in outcome.problems:
        print(f"  {problem}")


def main() -> int:
    """Play the round that the command line asks for; 1 when something was lost or damaged."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="of trade under fire")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--goods", type=int, default=0, help="files and folders of each client; 0: enough for the time")
    parser.add_argument("--loss", type=float, default=0.02, help="share of packets that the relay loses")
    parser.add_argument("--least", type=float, default=3.0, help="seconds between two kills, at least")
    parser.add_argument("--most", type=float, default=15.0, help="and at most")
    parser.add_argument("--folder", type=Path, help="where the data lies; the default is that of temporary files")
    options = parser.parse_args(sys.argv[1:])
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        goods = options.goods or max(20, int(options.seconds))
        interval = (options.least, options.most)
        round_ = SoakRound(
            options.seed, Path(folder), goods=goods, seconds=options.seconds, interval=interval, loss=options.loss
        )
        outcome = asyncio.run(round_.play())
    report(outcome)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
