"""How far a file is: seen by the server, said by people, told to its owner; and who may remove it."""

from __future__ import annotations

import pytest

from tests.chat.people import PASSWORD, core, make_account
from tests.chat.speaker import CLEAN, wait
from tests.files.trader import ID, Trader, come, fetch_record, market
from tests.world import World
from udpchat.config import EXPIRY_INTERVAL, MIB, PART_LIFETIME, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.files.events import FileMarked, FileRemoved, TransferFailed
from udpchat.files.stored_ports import OPERATOR, ListFiles
from udpchat.protocol.ports import perform
from udpchat.sim.disk import DelayedStore, DiskSpec
from udpchat.store.memory import MemoryStore
from udpchat.store.quotas import Limits
from udpchat.wire.numbers import FileState, JoinFlag
from udpchat.wire.records import (
    Cancel,
    Credit,
    DeleteFile,
    Done,
    Finished,
    ListStates,
    Login,
    Mark,
    Offer,
    Private,
    Received,
)
from udpchat.wire.records import State as StateRecord


def states(who: Trader) -> list[tuple[str, FileState]]:
    """What its files' owner was told."""
    return [(record.nick, FileState(record.state)) for record in who.told(StateRecord)]


def listed(who: Trader, file_id: bytes) -> list[tuple[str, FileState]]:
    """How far a file is with everybody, as the list has it."""
    *found, finished = who.ask(ListStates(file_id))
    assert finished == Finished(len(found))
    return [(record.nick, FileState(record.state)) for record in found]


def counts(who: Trader) -> tuple[int, int, int]:
    (file,) = who.files()
    return file.delivered, file.verified, file.opened


# -- states ------------------------------------------------------------------------------------------------------------


def test_a_file_is_delivered_then_verified_then_opened_and_its_owner_hears_each() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x" * 10_000).file_id
    offer = ben.fetch("a.bin")
    ben.take(offer)
    assert (states(anna), counts(anna)) == ([("ben", FileState.DELIVERED)], (1, 0, 0))
    ben.ask(Received(offer.transfer_id, offer.md5))
    assert counts(ben) == (1, 1, 0)
    assert ben.ask(Mark(file_id, FileState.OPENED)) == [Done()]
    assert counts(anna) == (1, 1, 1)
    steps = [FileState.DELIVERED, FileState.VERIFIED, FileState.OPENED]
    assert states(anna) == [("ben", step) for step in steps]
    assert listed(anna, file_id) == listed(ben, file_id) == [("ben", FileState.OPENED)]
    assert [event.state for event in world.server.told(FileMarked)] == steps
    assert not ben.told(StateRecord)


def test_a_state_never_goes_back_and_is_told_once() -> None:
    _, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x" * 10_000).file_id
    assert ben.ask(Mark(file_id, FileState.OPENED)) == [Done()]
    ben.download("a.bin")
    assert ben.ask(Mark(file_id, FileState.OPENED)) == [Done()]
    assert states(anna) == [("ben", FileState.OPENED)]


def test_what_the_owner_does_with_a_file_is_no_state_of_it() -> None:
    _, (anna,) = market("anna")
    file_id = anna.upload(b"x").file_id
    anna.download("a.bin")
    assert anna.ask(Mark(file_id, FileState.OPENED)) == [Done()]
    assert (listed(anna, file_id), counts(anna)) == ([], (0, 0, 0))


def test_every_session_of_the_owner_hears_how_far_a_file_is() -> None:
    world, (anna, ben) = market("anna", "ben")
    visitor = come(world, "anna", key=anna.key, flags=JoinFlag.VISITOR)
    anna.upload(b"x")
    ben.download("a.bin")
    assert [state for _, state in states(anna)][-1] == [state for _, state in states(visitor)][-1] == FileState.VERIFIED


def test_a_member_fetched_alone_marks_nothing() -> None:
    _, (anna, ben) = market("anna", "ben")
    file_id = anna.upload_folder({"a": b"one", "b": b"three"}).file_id
    assert ben.download("folder", number=1) == b"three"
    assert listed(anna, file_id) == []
    ben.download("folder")
    assert listed(anna, file_id) == [("ben", FileState.VERIFIED)]


@pytest.mark.parametrize("state", [FileState.RECEIVING, FileState.STORED, FileState.DELIVERED, FileState.VERIFIED, 99])
def test_nobody_says_what_only_the_server_sees(state: int) -> None:
    _, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x").file_id
    assert ben.codes(Mark(file_id, state)) == [ErrorCode.NOT_ALLOWED]
    assert listed(anna, file_id) == []


def test_what_is_not_complete_cannot_be_opened() -> None:
    _, (anna, ben) = market("anna", "ben")
    anna.open(10_000)
    assert ben.codes(Mark(ID, FileState.OPENED), Mark(ID, FileState.DECLINED)) == [ErrorCode.INCOMPLETE] * 2


def test_a_private_file_shows_how_far_it_is_with_its_recipient() -> None:
    _, (anna, ben) = market("anna", "ben")
    anna.upload(b"x", to="ben")
    assert anna.files()[0].state == FileState.STORED
    ben.download("a.bin")
    assert anna.files()[0].state == FileState.VERIFIED


# -- declined ----------------------------------------------------------------------------------------------------------


def test_a_private_file_that_is_declined_is_gone_and_its_owner_knows() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x", to="ben").file_id
    assert ben.ask(Mark(file_id, FileState.DECLINED)) == [Done()]
    assert states(anna) == [("ben", FileState.DECLINED)]
    assert anna.files() == ben.files() == []
    assert ben.codes(fetch_record("", file_id)) == [ErrorCode.UNKNOWN_FILE]
    assert [event.nick for event in world.server.told(FileRemoved)] == ["ben"]


@pytest.mark.parametrize("room", ["", "lobby"])
def test_an_owner_who_is_away_finds_later_that_a_file_was_declined(room: str) -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x", room=room, to="" if room else "ben").file_id
    anna.leave()
    for _ in range(2):
        ben.ask(Mark(file_id, FileState.DECLINED))
    other = come(world, "annabel")
    anna = come(world, "anna", key=anna.key)
    wait(world, 1)
    assert [(line.sender, line.text) for line in anna.told(Private)] == [("ben", '(does not want "a.bin")')]
    assert other.told(Private) == []


def test_an_owner_who_is_here_is_told_of_a_refusal_and_finds_no_line() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x", to="ben").file_id
    ben.ask(Mark(file_id, FileState.DECLINED))
    wait(world, 1)
    assert states(anna) == [("ben", FileState.DECLINED)]
    assert anna.told(Private) == []


def test_an_upload_that_is_declined_ends_before_all_of_it_has_come() -> None:
    world, (anna, ben) = market("anna", "ben")
    opened = anna.open(MIB, to="ben")
    anna.send_bytes(opened, bytes(MIB), 0.02)
    assert ben.ask(Mark(ID, FileState.DECLINED)) == [Done()]
    assert anna.cancelled(opened.transfer_id) == [ErrorCode.DECLINED]
    assert states(anna) == [("ben", FileState.DECLINED)]
    assert anna.files() == []
    assert [event.code for event in world.server.told(TransferFailed)] == [ErrorCode.DECLINED]


def test_a_file_of_a_room_that_is_declined_stays_and_may_be_fetched_all_the_same() -> None:
    _, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x").file_id
    assert ben.ask(Mark(file_id, FileState.DECLINED)) == [Done()]
    assert listed(anna, file_id) == [("ben", FileState.DECLINED)]
    ben.download("a.bin")
    assert listed(anna, file_id) == [("ben", FileState.VERIFIED)]


# -- deleted -----------------------------------------------------------------------------------------------------------


def test_the_owner_deletes_a_file_and_nobody_else_does() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x").file_id
    assert ben.delete(file_id) == ErrorCode.NOT_ALLOWED
    assert anna.delete(file_id) == 0
    assert anna.delete(file_id) == ErrorCode.UNKNOWN_FILE
    assert ben.files() == []
    assert [(event.nick, event.entry.file_id) for event in world.server.told(FileRemoved)] == [("anna", file_id)]


def test_the_recipient_of_a_private_file_does_not_own_it() -> None:
    _, (anna, ben) = market("anna", "ben")
    assert ben.delete(anna.upload(b"x", to="ben").file_id) == ErrorCode.NOT_ALLOWED


def test_an_administrator_deletes_files_of_others() -> None:
    world, (anna,) = market("anna")
    make_account(world, "walter", is_admin=True)
    file_id = anna.upload(b"x").file_id
    admin = come(world, "guest")
    admin.ask(Login("walter", PASSWORD), SECOND)
    assert admin.delete(file_id) == 0
    assert anna.files() == []


def test_downloads_of_a_deleted_file_end() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(bytes(2 * MIB)).file_id
    offer = ben.fetch("a.bin")
    assert isinstance(offer, Offer)
    ben.expect(offer)
    ben.send(Credit(offer.transfer_id, offer.size))
    world.network.run_for(20_000)
    assert anna.delete(file_id) == 0
    assert ben.cancelled(offer.transfer_id) == [ErrorCode.UNKNOWN_FILE]


def test_an_upload_that_is_deleted_ends_and_can_be_begun_anew() -> None:
    world, (anna,) = market("anna")
    opened = anna.open(MIB)
    anna.send_bytes(opened, bytes(MIB), 0.02)
    assert anna.delete(ID) == 0
    assert anna.cancelled(opened.transfer_id) == [ErrorCode.CANCELLED]
    anna.link.transmitter.transfers.stop(opened.transfer_id)
    wait(world, 0.5)
    assert anna.files() == []
    assert anna.open(MIB).present == ()


def test_the_server_itself_deletes_any_file() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload(b"x", to="ben").file_id
    results: list[object] = []
    world.do(lambda: core(world).files.delete(file_id, results.append))
    wait(world, 0.1)
    assert len(results) == 1
    assert anna.files() == ben.files() == []


# -- expired -----------------------------------------------------------------------------------------------------------


def test_files_expire_and_their_lifetime_is_shown() -> None:
    lifetime = 3 * EXPIRY_INTERVAL
    world = World(1, CLEAN, Config(file_lifetime=lifetime))
    store = MemoryStore(
        clock=lambda: world.setting.wall + world.network.now,
        random_bytes=world.random.randbytes,
        limits=Limits(file_lifetime=lifetime),
    )
    world.server.disk = DelayedStore(store, world.network, DiskSpec(), "other")
    anna = come(world, "anna")
    anna.upload(b"x", "first")
    (file,) = anna.files()
    assert file.expires_at == file.stored_at + lifetime
    wait(world, 2 * EXPIRY_INTERVAL / SECOND)
    anna.upload(b"x", "second")
    wait(world, 2 * EXPIRY_INTERVAL / SECOND)
    assert anna.names() == ["second"]
    assert [(event.nick, event.entry.file_name) for event in world.server.told(FileRemoved)] == [("", "first")]


def test_an_upload_that_nobody_goes_on_with_is_removed_some_day() -> None:
    world, (anna,) = market("anna")
    server = world.server
    anna.open(10_000)
    anna.vanish()
    wait(world, 120)
    assert not server.told(FileRemoved)
    world.run_until(lambda: bool(server.told(FileRemoved)), 2 * PART_LIFETIME / SECOND)
    assert world.network.now >= PART_LIFETIME
    assert server.core.files.next_timeout() is None


def test_an_upload_that_an_earlier_run_left_behind_is_removed_while_the_server_runs() -> None:
    world, (anna,) = market("anna")
    anna.open(10_000)
    wait(world, 1)
    world.server = world.start_server(world.crash_server())
    world.run_until(lambda: bool(world.server.told(FileRemoved)), 2 * PART_LIFETIME / SECOND)
    assert perform(world.server.store, ListFiles(0, OPERATOR)) == ()


def test_the_downloads_of_a_file_that_expires_end() -> None:
    lifetime = 3 * EXPIRY_INTERVAL
    world = World(1, CLEAN, Config(file_lifetime=lifetime))
    store = MemoryStore(
        clock=lambda: world.setting.wall + world.network.now,
        random_bytes=world.random.randbytes,
        limits=Limits(file_lifetime=lifetime),
    )
    world.server.disk = DelayedStore(store, world.network, DiskSpec(), "other")
    anna = come(world, "anna")
    anna.upload(b"x")
    offer = anna.fetch("a.bin")
    wait(world, (lifetime + 2 * EXPIRY_INTERVAL) / SECOND)
    (cancel,) = anna.told(Cancel)
    assert (cancel.transfer_id, cancel.code) == (offer.transfer_id, ErrorCode.UNKNOWN_FILE)
    assert "for longer" in cancel.text


def test_a_cancel_of_nothing_and_a_delete_of_nothing_do_no_harm() -> None:
    _, (anna,) = market("anna")
    assert anna.ask(Cancel(77, ErrorCode.CANCELLED, "")) == []
    assert anna.codes(DeleteFile(bytes(16)), DeleteFile(b"\xff" * 16)) == [ErrorCode.UNKNOWN_FILE] * 2
