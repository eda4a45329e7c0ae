"""The index of a folder has a channel of its own, and no order with the offer."""

from __future__ import annotations

import pytest

from tests.world import World, client, seeds
from udpchat.config import MILLISECOND
from udpchat.files.events import Downloaded, TransferFailed, Uploaded
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec

LOSSY = LinkSpec(loss=0.25, delay=10 * MILLISECOND, jitter=3 * MILLISECOND)
ALBUM = {f"file{number}.txt": bytes([number]) * number for number in range(30)}


@pytest.mark.parametrize("seed", seeds(1))
def test_a_folder_arrives_also_when_its_members_overtake_the_offer(seed: int) -> None:
    world = World(seed, LOSSY, disk=DiskSpec(delay=2 * MILLISECOND))
    anna, bob = world.add_client("anna"), world.add_client("bob")
    world.join(anna, bob)
    anna.store.local["album"] = ALBUM
    world.do(lambda: client(anna).files.put("album"))
    world.run_until(lambda: bool(anna.told(Uploaded)))
    world.do(lambda: client(bob).files.get("album"))
    world.run_until(lambda: bool(bob.told(Downloaded) or bob.told(TransferFailed)))
    assert [event.members for event in bob.told(Downloaded)] == [len(ALBUM)]
