"""Credit follows the disk: a sender is never stuck, and never more than a credit ahead of what is durable."""

from __future__ import annotations

import pytest

from tests.chat.speaker import wait
from tests.files.holding import HeldDisk
from tests.files.shop import CLEAN, act, connection, finish, open_shop, put, upload
from tests.files.trader import Bytes, market, open_record
from tests.world import SERVER, client
from udpchat.chat.events import LineSaid
from udpchat.config import KIB, MIB, MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.files.events import Downloaded, Uploaded
from udpchat.files.ports import CreatePart, SyncPart, WritePart
from udpchat.protocol.ports import perform
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.records import Cancel, Credit

CREDIT = 2 * MIB
SMALL = Config(transfer_credit=CREDIT, sync_interval=CREDIT // 4)
FAST = LinkSpec(rate=125_000_000, delay=1 * MILLISECOND)


@pytest.mark.parametrize("disk", [DiskSpec(delay=0), DiskSpec(delay=600 * MILLISECOND)], ids=["quick", "slow"])
def test_a_file_larger_than_the_credit_goes_through_both_ways(disk: DiskSpec) -> None:
    world, (anna,) = open_shop("anna", link=FAST, disk=disk, config=SMALL)
    size = 2 * CREDIT + MIB // 3
    assert put(world, anna, bytes(size)).size == size
    event = finish(world, anna, act(world, lambda: client(anna).files.get("a.bin")))
    assert isinstance(event, Downloaded)


def test_a_hole_at_the_front_does_not_stall_the_transfer() -> None:
    world, (anna,) = open_shop("anna", link=FAST, disk=DiskSpec(delay=60 * MILLISECOND), config=SMALL)
    request_id = upload(world, anna, bytes(2 * CREDIT))
    world.network.run_for(70 * MILLISECOND)
    world.network.connect(anna.address, SERVER, LinkSpec(rate=125_000_000, delay=1_000, loss=0.9), FAST)
    world.network.run_for(50 * MILLISECOND)
    world.network.connect(anna.address, SERVER, FAST)
    assert isinstance(finish(world, anna, request_id, 60), Uploaded)


def test_a_slow_disk_stalls_its_transfer_and_nothing_else() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=LinkSpec(rate=12_500_000, delay=2 * MILLISECOND), config=SMALL)
    world.server.disk.spec = DiskSpec(delay=0, bytes_per_second=1 * MIB)
    request_id = upload(world, anna, bytes(4 * MIB))
    latencies = []
    ahead = 0
    began = world.network.now
    while world.network.now < began + 2 * SECOND:
        start, heard = world.network.now, len(anna.told(LineSaid))
        world.do(lambda: client(ben).chat.say("still quick?"))
        world.run_until(lambda heard=heard: len(anna.told(LineSaid)) > heard, 5)  # type: ignore[misc]
        latencies.append(world.network.now - start)
        acked = connection(anna).transmitter.recovery.counters.acked_bytes
        durable = (world.network.now - began) * MIB // SECOND
        ahead = max(ahead, acked - durable)
        world.network.run_for(40 * MILLISECOND)
    assert max(latencies) < 40 * MILLISECOND
    assert ahead <= CREDIT * 1.3
    event = finish(world, anna, request_id, 60)
    assert isinstance(event, Uploaded)


def test_nothing_waits_once_all_is_over() -> None:
    world, (anna,) = open_shop("anna", link=CLEAN)
    put(world, anna, bytes(100_000))
    world.network.run_for(2 * SECOND)
    found = connection(anna)
    assert found.transmitter.recovery.in_flight.bytes_in_flight == 0
    assert len(found.transmitter.transfers) == 0
    assert not client(anna).files.progress()


def test_what_is_durable_behind_a_hole_takes_no_credit_up_to_as_much_again() -> None:
    credit = 64 * KIB
    world, (anna,) = market("anna", config=Config(transfer_credit=credit, sync_interval=16 * KIB))
    request = anna.send(open_record(MIB))
    wait(world, 1)
    (opened,) = anna.answers(request)
    transfers, limits = anna.link.transmitter.transfers, [opened.limit]
    hole = ((0, 1_420),)  # these bytes are never sent
    world.do(lambda: transfers.start(opened.transfer_id, MIB, Bytes(bytes(MIB)), opened.limit, hole))
    for _ in range(5):
        wait(world, 1)
        limits.append(max((told.limit for told in anna.told(Credit)), default=0))
        world.do(lambda: transfers.raise_limit(opened.transfer_id, limits[-1]))
    assert credit < limits[1] < limits[2] == limits[-1] == 2 * credit


def test_what_is_durable_far_behind_a_hole_gives_no_credit() -> None:
    credit, half, sent = 64 * KIB, MIB // 2, 20 * KIB
    world, (anna,) = market("anna", config=Config(transfer_credit=credit, sync_interval=16 * KIB))
    disk = HeldDisk(world)
    first = anna.open(MIB)
    (part_id,) = {request.part_id for request in disk.asked if isinstance(request, CreatePart)}
    perform(world.server.store, WritePart(part_id, half, memoryview(bytes(half))))
    perform(world.server.store, SyncPart(1, part_id))
    anna.send(Cancel(first.transfer_id, ErrorCode.NO_ERROR, ""))
    wait(world, 1)
    opened = anna.open(MIB)
    assert (opened.present, opened.limit) == (((half, MIB),), credit)
    not_sent = ((0, 1_420), (sent, MIB))
    transfers = anna.link.transmitter.transfers
    world.do(lambda: transfers.start(opened.transfer_id, MIB, Bytes(bytes(MIB)), opened.limit, not_sent))
    wait(world, 1)
    limits = [told.limit for told in anna.told(Credit) if told.transfer_id == opened.transfer_id]
    assert credit < max(limits) <= credit + sent
