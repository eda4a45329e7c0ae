import os
import sys
from pathlib import Path

import pytest

from tests.net.kill_round import make_plan, play

ROUNDS = int(8 * float(os.environ.get("UDPCHAT_SEEDS", "1")))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


@pytest.mark.parametrize("seed", [(9 * number) % 44 + 44 * (number // 44) for number in range(ROUNDS)])
async def test_a_transfer_survives_the_death_of_either_end(seed: int, tmp_path: Path) -> None:
    outcome = await play(make_plan(seed), tmp_path)
    assert outcome.problems == [], f"{outcome.plan}"
