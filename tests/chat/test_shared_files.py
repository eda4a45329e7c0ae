"""Files that were stored become messages of a room."""

from __future__ import annotations

import pytest

from tests.chat.people import PASSWORD, make_account
from tests.chat.speaker import Speaker, burst, come, wait, world_of
from tests.world import World
from udpchat.chat.events import FileSaid
from udpchat.chat.ports import Attachment
from udpchat.config import Config
from udpchat.errors import StorageError
from udpchat.net.hosts import ServerCore
from udpchat.sim.disk import DiskSpec
from udpchat.wire.records import Shared, Slowed

FILE = Attachment(bytes(range(16)), "plan.pdf", 1_234, bytes(16))


def share(world: World, who: Speaker, seconds: float = 0.1) -> list[StorageError | None]:
    """Make a file of somebody's a message; what came of it."""
    core = world.server.core
    assert isinstance(core, ServerCore)
    session = core.desk.members.find_nick(who.nick)
    assert session is not None
    results: list[StorageError | None] = []
    world.do(lambda: core.chat.share(session, "", FILE, results.append, sent_at=world.setting.wall + world.network.now))
    wait(world, seconds)
    return results


def test_a_shared_file_is_a_message_of_the_room_and_said_once() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    assert share(world, anna) == [None]
    assert share(world, anna) == [None]
    (shared,) = ben.told(Shared)
    assert (shared.room, shared.owner, shared.file_id, shared.file_name) == ("lobby", "anna", FILE.file_id, "plan.pdf")
    assert (shared.size, shared.md5) == (FILE.size, FILE.md5)
    assert [event.file for event in world.server.told(FileSaid)] == [FILE]


def test_a_file_that_a_guest_shared_is_not_shared_again_when_the_account_asks_again() -> None:
    world, (anna,) = world_of("anna")
    make_account(world, "walter")
    guest = come(world, "guest")
    assert share(world, guest) == [None]
    (account,) = guest.log_in("walter", PASSWORD)
    guest.leave()
    assert share(world, come(world, "walter", key=guest.key, ticket=account.ticket)) == [None]
    assert [shared.owner for shared in anna.told(Shared)] == ["guest"]


@pytest.mark.parametrize(("files", "at_once"), [(0, 3), (1, 2), (2, 1), (9, 0)])
def test_a_file_counts_as_a_line_that_could_not_wait(files: int, at_once: int) -> None:
    world, (anna, ben) = world_of("anna", "ben", config=Config(message_rate=1, message_burst=3))
    world.server.disk.spec = DiskSpec(delay=0)
    for _ in range(files):
        share(world, anna, seconds=0.01)
    burst(anna, 3)
    wait(world, 0.1)
    assert ben.texts == [f"anna {number}" for number in range(at_once)]
    assert bool(anna.told(Slowed)) == (at_once < 3)


def test_a_file_that_cannot_become_a_message_tells_who_shares_it() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    (result,) = share(world, anna)
    assert isinstance(result, StorageError)
    assert not ben.messages
