"""Transfers that are interrupted and gone on with: what is known of them meanwhile, and what who asks again changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.files.shop import act, connection, finish, open_shop, put, upload
from tests.world import End, client
from udpchat.config import KIB, MILLISECOND
from udpchat.errors import ErrorCode, UsageError
from udpchat.files.events import Downloaded, FileDelivered, FileList, Progress, TransferFailed
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import Priority

SLOW = LinkSpec(rate=250_000, delay=5 * MILLISECOND)
SIZE = 200 * KIB


def progress(end: End, request_id: int) -> Progress:
    found = client(end).files.progress_of(request_id)
    assert found is not None
    return found


def test_what_is_written_down_of_an_upload_that_lost_its_connection_is_what_had_arrived() -> None:
    world, (anna,) = open_shop("anna", link=SLOW)
    request_id = upload(world, anna, bytes(SIZE))
    world.network.run_for(300 * MILLISECOND)
    arrived = progress(anna, request_id).done
    assert 0 < arrived < SIZE
    connection(anna).abandon(ErrorCode.IDLE_TIMEOUT, "gone", remote=False)
    assert progress(anna, request_id).done == arrived
    world.do(lambda: None)
    world.network.run_for(100 * MILLISECOND)
    (written,) = client(anna).files.progress()
    assert (written.done, written.transfer.done) == (arrived, arrived)


def test_nothing_is_asked_on_a_new_connection_before_we_are_in_again() -> None:
    world, _ = open_shop("ben", link=SLOW)
    anna = world.add_client("anna", patience=None)
    world.join(anna)
    connection(anna).abandon(ErrorCode.IDLE_TIMEOUT, "gone", remote=False)
    world.do(lambda: None)
    core = client(anna)
    world.run_until(lambda: core.endpoint.find(core.chat.me.connection_id) is not None, 30)
    assert not core.chat.me.is_in
    for ask in (core.files.ask.list_files, core.chat.asking.users):
        with pytest.raises(UsageError, match="there is no connection"):
            ask()
    world.run_until(lambda: core.chat.me.is_in, 30)
    request_id = act(world, core.files.ask.list_files)
    world.run_until(lambda: any(told.request_id == request_id for told in anna.told(FileList)), 30)


def test_who_asks_again_changes_the_rate_and_the_priority_that_are_given_and_no_others() -> None:
    world, _ = open_shop("ben", link=SLOW)
    key = world.random.randbytes(32)
    anna = world.add_client("anna", identity=key)
    world.join(anna)
    anna.store.local["a.bin"] = bytes(SIZE)
    store = anna.store

    def paced(end: End, **given: Any) -> tuple[int, Priority]:
        """What the transfer has when a program asks for it with these, and ends."""
        request_id = act(world, lambda: client(end).files.put("a.bin", **given))
        world.network.run_for(100 * MILLISECOND)
        transfer = progress(end, request_id).transfer
        world.network.remove(end.address)
        end.disk.crash()
        return transfer.rate, transfer.priority

    def again() -> End:
        end = world.add_client("anna", identity=key, store=store)
        world.join(end)
        return end

    assert paced(anna, rate=20_000, priority=Priority.HIGH) == (20_000, Priority.HIGH)
    assert paced(again()) == (20_000, Priority.HIGH)
    assert paced(again(), rate=0) == (0, Priority.HIGH)
    assert paced(again(), rate=30_000, priority=Priority.NORMAL) == (30_000, Priority.NORMAL)


def test_a_download_that_was_paused_and_gone_on_with_is_no_failure_to_the_server() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=SLOW)
    put(world, anna, bytes(SIZE))
    request_id = act(world, lambda: client(ben).files.get("a.bin"))
    world.network.run_for(300 * MILLISECOND)
    number = progress(ben, request_id).transfer.number
    world.do(lambda: client(ben).files.wishes.pause(number))
    world.network.run_for(300 * MILLISECOND)
    world.do(lambda: client(ben).files.wishes.resume(number))
    done = finish(world, ben, request_id)
    assert isinstance(done, Downloaded)
    assert done.resumed > 0
    world.run_until(lambda: bool(world.server.told(FileDelivered)), 5)
    assert world.server.told(TransferFailed) == []
