"""Room on the server's disk that an upload keeps, and for how long."""

from __future__ import annotations

from tests.chat.speaker import CLEAN, wait
from tests.files.trader import come, open_record
from tests.world import World
from udpchat.config import EXPIRY_INTERVAL, ROOM_LIFETIME, SECOND
from udpchat.errors import ErrorCode
from udpchat.files.events import FileRemoved
from udpchat.sim.disk import DelayedStore, DiskSpec
from udpchat.store.memory import MemoryStore
from udpchat.wire.records import Opened


def test_an_upload_whose_sender_is_gone_for_an_hour_keeps_no_room_for_what_has_not_come() -> None:
    world = World(1, CLEAN)
    small = MemoryStore(
        clock=lambda: world.setting.wall + world.network.now, random_bytes=world.random.randbytes, capacity=10_000
    )
    world.server.disk = DelayedStore(small, world.network, DiskSpec(), "small")
    anna = come(world, "anna")
    assert isinstance(anna.open(10_000), Opened)
    anna.vanish()
    wait(world, 120)
    ben = come(world, "ben")
    assert ben.codes(open_record(9_000, upload_id=b"b" * 16)) == [ErrorCode.NO_SPACE]
    wait(world, (ROOM_LIFETIME + 2 * EXPIRY_INTERVAL) / SECOND)
    assert isinstance(ben.open(9_000, upload_id=b"b" * 16), Opened)
    assert not world.server.told(FileRemoved)
