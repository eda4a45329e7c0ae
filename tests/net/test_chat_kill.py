import sys
from pathlib import Path

import pytest

from tests.net.chat_round import ChatRound

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


async def test_nothing_is_lost_doubled_or_out_of_order_when_either_end_is_killed(tmp_path: Path) -> None:
    outcome = await ChatRound(1, tmp_path, rate=100, seconds=5, interval=(0.5, 1.5)).play()
    assert outcome.problems == []
    assert outcome.acknowledged > 0
    assert outcome.kills.total() > 0
