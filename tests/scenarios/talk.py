"""The links and disks under the scenarios of chat."""

from __future__ import annotations

from typing import Final

from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec

CONFIG: Final = Config(idle_timeout=4 * SECOND, keep_alive=SECOND)  # so that a loss is noticed soon
DISK: Final = DiskSpec(delay=8 * MILLISECOND)
DEAD: Final = LinkSpec(delay=1, loss=1.0)

LINKS: Final = {
    "clean": LinkSpec(rate=12_500_000, delay=5 * MILLISECOND),
    "loss 5 %": LinkSpec(rate=12_500_000, delay=5 * MILLISECOND, loss=0.05),
    "loss 20 %": LinkSpec(rate=12_500_000, delay=5 * MILLISECOND, loss=0.20),
    "reordering and duplicates": LinkSpec(
        rate=12_500_000, delay=5 * MILLISECOND, jitter=3 * MILLISECOND, reorder=0.25, duplicate=0.2
    ),
}
