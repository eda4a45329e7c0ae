"""Whatever the network does: files arrive whole, lines arrive once and in order, and a seed tells all."""

from __future__ import annotations

import pytest

from tests.scenarios.runs import live
from tests.world import seeds
from udpchat.config import MILLISECOND, SECOND
from udpchat.sim.link import LinkSpec

RATE = 12_500_000
DELAY = 5 * MILLISECOND


def lossy(loss: float, burst: float = 1.0) -> LinkSpec:
    return LinkSpec(rate=RATE, delay=DELAY, loss=loss, burst=burst)


def faulty(**faults: float) -> LinkSpec:
    return LinkSpec(rate=RATE, delay=DELAY, **faults)  # type: ignore[arg-type]


FAULTS = {
    "loss 1 %": lossy(0.01),
    "loss 5 %": lossy(0.05),
    "loss 10 %": lossy(0.10),
    "loss 20 %": lossy(0.20),
    "loss 30 %": lossy(0.30),
    "bursts of 4, 5 %": lossy(0.05, 4),
    "bursts of 3, 10 %": lossy(0.10, 3),
    "bursts of 5, 20 %": lossy(0.20, 5),
    "jitter": LinkSpec(rate=RATE, delay=DELAY, jitter=15 * MILLISECOND),
    "long and jittery": LinkSpec(rate=RATE, delay=500 * MILLISECOND, jitter=150 * MILLISECOND, loss=0.02),
    "reordering 25 %": faulty(reorder=0.25),
    "duplication 10 %": faulty(duplicate=0.10),
    "duplication 100 %": faulty(duplicate=1.0),
    "corruption 2 %": faulty(corrupt=0.02),
    "corruption 30 %": faulty(corrupt=0.30),
    "slow": LinkSpec(rate=125_000, delay=20 * MILLISECOND, loss=0.02),
    "everything": LinkSpec(
        rate=RATE // 10, delay=DELAY, jitter=MILLISECOND, loss=0.05, duplicate=0.05, reorder=0.05, corrupt=0.05
    ),
    "black holes": LinkSpec(
        rate=RATE, delay=DELAY, blackouts=tuple((at * 5 * SECOND + 20 * MILLISECOND, 2 * SECOND) for at in range(60))
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_and_a_talk_survive_and_the_seed_repeats_the_run(name: str) -> None:
    link = FAULTS[name]
    for seed in seeds(6):
        day = live(seed, link)
        assert day.damaged - 2 <= day.rejected, "each damaged datagram is counted, but a HELLO of another version"
        if seed % 3 == 0:
            assert live(seed, link).trace == day.trace, f"seed {seed} gave another run the second time"
