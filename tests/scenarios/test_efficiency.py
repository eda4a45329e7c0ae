"""How much is sent for what arrives: nothing twice without loss, little more than the loss asks for with it."""

from __future__ import annotations

import pytest

from tests.scenarios.runs import CONTROLLERS, live
from tests.world import seeds
from udpchat.config import MILLISECOND
from udpchat.lab.experiment import Experiment
from udpchat.lab.run import run_experiment
from udpchat.sim.link import LinkSpec

SIZE = 400_000
ALLOWANCE = 12 * 1_420 / SIZE  # a dozen chunks for the tail, whatever the loss


@pytest.mark.parametrize("rate", [250_000, 12_500_000])
def test_nothing_is_sent_twice_when_nothing_is_lost(rate: int) -> None:
    queue = 2 * SIZE // 1_514  # so large that no controller fills it: what is dropped there is no fault of the line
    for seed in seeds(6):  # each controller, sealed and in plaintext
        day = live(seed, LinkSpec(rate=rate, delay=5 * MILLISECOND, queue=queue), 100_000)
        assert day.lost == 0
        assert day.overhead == 1.0


# At 30 % the others are at their smallest window, where each lost ACK brings a probe: test_faults has them get through.
@pytest.mark.parametrize(
    ("controller", "loss"),
    [("bbr", 0.3), *[(name, loss) for name in CONTROLLERS for loss in (0.01, 0.05, 0.1, 0.2)]],
)
def test_data_sent_stays_near_what_the_loss_asks_for(controller: str, loss: float) -> None:
    link = LinkSpec(rate=12_500_000, delay=5 * MILLISECOND, loss=loss)
    day = live(CONTROLLERS.index(controller), link, SIZE)
    assert day.overhead <= 1.15 / (1 - loss) + ALLOWANCE


@pytest.mark.parametrize("fault", ["duplicate", "jitter"])
def test_faults_that_lose_nothing_cost_little(fault: str) -> None:
    faults = {"duplicate": 1.0} if fault == "duplicate" else {"jitter": 20 * MILLISECOND}
    for seed in seeds(3):
        day = live(seed, LinkSpec(rate=12_500_000, delay=5 * MILLISECOND, queue=500, **faults), 200_000)
        assert day.overhead <= 1.02 + ALLOWANCE


@pytest.mark.parametrize("lines", [10, 50, 100, 200])
def test_chat_does_not_slow_the_start_of_a_file(lines: int) -> None:
    link, size = LinkSpec(rate=12_500_000, delay=20 * MILLISECOND), 4_000_000
    alone, beside = (run_experiment(Experiment(link=link, size=size, chat=chat)).duration for chat in (0, lines))
    assert alone is not None
    assert beside is not None
    assert beside < 1.05 * alone
