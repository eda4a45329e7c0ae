"""What is stored becomes a message, also when the server dies between the two and the sender does not come back."""

from __future__ import annotations

import pytest

from tests.chat.speaker import wait
from tests.files.holding import HeldDisk
from tests.files.trader import ID, Trader, come, market, md5_of
from tests.store.shelf import put
from tests.world import World
from udpchat.chat.ports import AddMessage
from udpchat.files.stored_ports import FindUnannounced, NoteAnnounced
from udpchat.wire.records import Commit, Shared

DATA = b"the plan" * 100


def restarted(world: World) -> None:
    world.server = world.start_server(world.crash_server())


def stored_and_not_announced(to: str) -> tuple[World, Trader, Trader]:
    world, (anna, ben) = market("anna", "ben")
    anna.send_bytes(anna.open(len(DATA), "plan.txt", to=to), DATA)
    held = HeldDisk(world, AddMessage)
    anna.send(Commit(ID, md5_of(DATA)))
    world.run_until(lambda: len(held) == 1)
    world.network.remove(anna.address)
    restarted(world)
    return world, anna, ben


@pytest.mark.parametrize("to", ["", "ben"])
def test_a_file_whose_server_died_before_it_was_a_message_is_announced_at_the_next_start(to: str) -> None:
    world, _, ben = stored_and_not_announced(to)
    again = come(world, "ben2", key=ben.key)
    wait(world, 1)
    (shared,) = again.told(Shared)
    assert (shared.file_name, shared.owner, shared.to) == ("plan.txt", "anna", to)
    assert again.download("", shared.file_id) == DATA


def test_its_sender_who_comes_back_is_answered_and_it_is_said_once() -> None:
    world, anna, ben = stored_and_not_announced("")
    again, ben = come(world, "anna", key=anna.key), come(world, "ben2", key=ben.key)
    wait(world, 1)
    assert again.open(len(DATA), "plan.txt").md5 == md5_of(DATA)
    wait(world, 1)
    assert len(ben.told(Shared)) == 1


def test_what_was_announced_is_not_asked_about_at_the_next_start() -> None:
    world, (anna,) = market("anna")
    anna.upload(DATA)
    wait(world, 2)
    restarted(world)
    disk = HeldDisk(world)
    come(world, "ben")
    wait(world, 1)
    assert disk.kinds_asked(FindUnannounced, AddMessage, NoteAnnounced) == [FindUnannounced]


def test_many_files_are_written_down_together() -> None:
    world, (anna,) = market("anna")
    disk = HeldDisk(world)
    for number in range(20):
        anna.upload(b"", f"{number}", seconds=0)
    wait(world, 3)
    noted = [request for request in disk.asked if isinstance(request, NoteAnnounced)]
    assert sum(len(request.file_ids) for request in noted) == 20
    assert len(noted) < 10


def test_files_of_a_store_nobody_announced_are_announced_by_whoever_opens_it() -> None:
    world, (anna,) = market("anna")
    entry = put(world.server.store, b"left behind", name="left.txt")
    restarted(world)
    anna = come(world, "carl")
    wait(world, 1)
    assert [file.file_id for file in anna.files()] == [entry.file_id]
