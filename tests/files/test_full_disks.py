"""Whose disk is full is said at both ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.files.shop import act, finish, open_shop, put, upload
from tests.files.trader import market, open_record
from tests.world import client
from udpchat.config import KIB, MILLISECOND
from udpchat.errors import ErrorCode
from udpchat.files.events import Phase, TransferFailed
from udpchat.sim.link import LinkSpec

SLOW = LinkSpec(rate=250_000, delay=5 * MILLISECOND)
HUGE = 2**52


def test_who_is_at_the_server_hears_of_an_upload_that_its_disk_has_no_room_for() -> None:
    world, (anna,) = market("anna")
    assert anna.codes(replace(open_record(10), size=HUGE)) == [ErrorCode.NO_SPACE]
    (failed,) = world.server.told(TransferFailed)
    assert (failed.nick, failed.file_name, failed.code) == ("anna", "a.bin", ErrorCode.NO_SPACE)


def test_an_upload_that_rests_because_of_a_disk_has_its_number_in_what_is_told() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    request_id = upload(world, anna, bytes(200 * KIB))
    world.network.run_for(300 * MILLISECOND)
    world.server.disk.spec = replace(world.server.disk.spec, error=1.0)
    failed = finish(world, anna, request_id)
    assert isinstance(failed, TransferFailed)
    assert failed.text.startswith("the server says: ")
    (resting,) = client(anna).files.progress()
    assert (resting.phase, resting.transfer.number) == (Phase.PAUSED, failed.number)


@pytest.mark.parametrize("name", ["nowhere.bin", "a.bin"])
def test_what_is_over_has_no_number(name: str) -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    put(world, anna, bytes(10))
    request_id = act(world, lambda: client(anna).files.get(name))
    if name == "a.bin":
        world.run_until(lambda: client(anna).files.progress_of(request_id) is not None)
        world.do(lambda: client(anna).files.wishes.cancel(client(anna).files.progress()[0].transfer.number))
    failed = finish(world, anna, request_id)
    assert isinstance(failed, TransferFailed)
    assert failed.number == 0
