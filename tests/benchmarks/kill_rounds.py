"""Kills either end of a transfer at every named point: `python -m tests.benchmarks.kill_rounds --rounds 200 --seed 1`.

Prints a line for each round that fails, with its seed, and a summary by victim and point. The exit code is 0 when
every round ends with one whole, listed file. Figure: docs/testing.md.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.net.kill_round import Outcome, make_plan, play


async def _rounds(first: int, count: int, jobs: int, folder: Path | None) -> list[Outcome]:
    places = asyncio.Semaphore(jobs)

    async def one(seed: int) -> Outcome:
        async with places:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                outcome = await play(make_plan(seed), Path(place))
        if outcome.problems:
            print(f"seed {seed}: {'; '.join(outcome.problems)} ({outcome.plan})", flush=True)
        return outcome

    return await asyncio.gather(*(one(seed) for seed in range(first, first + count)))


def _case(outcome: Outcome) -> tuple[str, str, str]:
    plan = outcome.plan
    return "upload" if plan.is_upload else "download", plan.victim, ", ".join(plan.points)


def main() -> int:
    """Run the rounds that the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the others follow")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at a time")
    parser.add_argument("--folder", type=Path, help="where the data lies; the default is that of temporary files")
    options = parser.parse_args()
    started = time.monotonic()
    outcomes = asyncio.run(_rounds(options.seed, options.rounds, options.jobs, options.folder))
    seconds = time.monotonic() - started
    tried = Counter(_case(outcome) for outcome in outcomes)
    killed = Counter(_case(outcome) for outcome in outcomes if outcome.was_killed)
    for case in sorted(tried):
        way, victim, point = case
        print(f"{way:8} {victim:7} {point:19} {killed[case]:4} killed of {tried[case]}")
    failed = [outcome.plan.seed for outcome in outcomes if outcome.problems]
    print(f"{len(outcomes)} rounds, {sum(killed.values())} kills, {len(failed)} failed, {seconds:.0f} s")
    if failed:
        print("failing seeds:", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
