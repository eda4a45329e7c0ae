"""Files that were stored become messages of a room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chat.people import PASSWORD, core, make_account
from tests.chat.speaker import Speaker, burst, come, confirm, wait, world_of
from tests.world import World
from udpchat.chat.addressing import Place
from udpchat.chat.events import FileSaid
from udpchat.chat.messages import attachment_of
from udpchat.chat.ports import Attachment
from udpchat.config import LOBBY, Config
from udpchat.errors import StorageError
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import FileFlag, ReceiptState
from udpchat.wire.records import Finished, History, Receipt, Shared, Slowed

FILE = Attachment(bytes(range(16)), "plan.pdf", 1_234, bytes(16), "image/png", 640, 480, 3, FileFlag.FOLDER)
IN_LOBBY = Place(LOBBY)


def share(
    world: World, who: Speaker, seconds: float = 0.1, place: Place = IN_LOBBY, file: Attachment = FILE
) -> list[StorageError | None]:
    """Make a file of somebody's a message; what came of it."""
    chat, members = core(world).chat, core(world).desk.members
    session = members.find_nick(who.nick)
    assert session is not None
    results: list[StorageError | None] = []
    world.do(lambda: chat.share(session, place, file, results.append, sent_at=world.setting.wall + world.network.now))
    wait(world, seconds)
    return results


def test_a_shared_file_is_a_message_of_the_room_and_said_once() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    assert share(world, anna) == [None]
    assert share(world, anna) == [None]
    (shared,) = ben.told(Shared)
    assert (shared.room, shared.owner, shared.file_id, shared.file_name) == ("lobby", "anna", FILE.file_id, "plan.pdf")
    assert attachment_of(shared) == FILE
    assert [event.file for event in world.server.told(FileSaid)] == [FILE]


def for_(world: World, who: Speaker) -> Place:
    """A place where only they see it."""
    seat = core(world).chat.hall.find(who.connection_id)
    assert seat is not None
    return Place("", seat.person.person_id, seat.nick)


def test_a_private_file_is_a_message_for_two() -> None:
    world, (anna, ben, carl) = world_of("anna", "ben", "carl")
    assert share(world, anna, place=for_(world, ben)) == [None]
    (shared,) = ben.told(Shared)
    assert (shared.room, shared.owner, shared.to, shared.file_name) == ("", "anna", "ben", "plan.pdf")
    assert anna.told(Shared) == [shared]
    assert not carl.told(Shared)
    (told,) = world.server.told(FileSaid)
    assert (told.room, told.recipient, told.file.file_name) == ("", "ben", "(private)")


@pytest.mark.parametrize(("asker", "count"), [("anna", 1), ("ben", 1), ("carl", 0)])
def test_a_private_file_is_in_the_history_of_two(asker: str, count: int) -> None:
    world, people = world_of("anna", "ben", "carl")
    share(world, people[0], place=for_(world, people[1]))
    (who,) = (each for each in people if each.nick == asker)
    for words in ("", "plan"):
        *found, finished = who.ask(History(0, 0, 0, 0, 50, "", "", "", "", words))
        assert (finished, len(found)) == (Finished(count), count)
        assert [attachment_of(record) for record in found] == [FILE] * count


def test_a_private_file_is_confirmed_like_a_private_line() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    share(world, anna, place=for_(world, ben))
    confirm(ben)
    wait(world, 0.1)
    assert [(receipt.nick, receipt.state) for receipt in anna.told(Receipt)] == [("ben", ReceiptState.DELIVERED)]


def test_one_who_was_away_gets_a_private_file_on_return() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    place = for_(world, ben)
    ben.leave()
    share(world, anna, place=place)
    again = come(world, "ben", key=ben.key)
    wait(world, 0.5)
    assert [attachment_of(shared) for shared in again.told(Shared)] == [FILE]


def test_the_same_file_of_which_more_is_known_by_now_is_the_same_message() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    assert share(world, anna) == [None]
    assert share(world, anna, file=replace(FILE, media="text/plain")) == [None]
    assert len(ben.told(Shared)) == 1


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
