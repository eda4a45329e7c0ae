"""Kills server and clients under chat: `python -m tests.benchmarks.chat_kills --seconds 120 --seed 1`.

Three client processes say 100 lines a second together, a fifth of them private, while every 2 to 10 seconds the server
or a client gets SIGKILL and is started again. Then every acknowledged line must be in the history once, and everybody
must have heard everything that was meant for them once and in order. The exit code is 0 when that is so.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.net.chat_round import ChatRound


def main() -> int:
    """Play the round that the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="of talk under fire")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=100.0, help="lines a second of all together")
    parser.add_argument("--least", type=float, default=2.0, help="seconds between two kills, at least")
    parser.add_argument("--most", type=float, default=10.0, help="and at most")
    parser.add_argument("--folder", type=Path, help="where the data lies; the default is that of temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        round_ = ChatRound(
            options.seed,
            Path(folder),
            rate=options.rate,
            seconds=options.seconds,
            interval=(options.least, options.most),
        )
        outcome = asyncio.run(round_.play())
    kills = ", ".join(f"{victim} {count}" for victim, count in sorted(outcome.kills.items()))
    print(f"seed {outcome.seed}: {outcome.kills.total()} kills ({kills}), {outcome.acknowledged} lines acknowledged")
    for problem in outcome.problems:
        print(f"  {problem}")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
