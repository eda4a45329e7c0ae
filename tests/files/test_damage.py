"""A stored file that is damaged on the server's disk: nobody is told that it is theirs to mend."""

from __future__ import annotations

import pytest

from tests.chat.speaker import wait
from tests.files.holding import HeldDisk
from tests.files.shop import act, finish, listing, open_shop, put
from tests.files.trader import Trader, fetch_record, market
from tests.world import World, client
from udpchat.config import BLOCK_SIZE, MIB
from udpchat.errors import ErrorCode
from udpchat.files.events import FileRemoved, TransferFailed
from udpchat.files.members import WHOLE
from udpchat.files.ports import CreatePart, DigestSource, HashBlocks
from udpchat.files.stored_ports import MarkFile, SetAside
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import FileState
from udpchat.wire.records import Blocks, Cancel, Credit, Missing, Received, WantBlocks

SIZE = 20 * MIB + 500  # more blocks than are hashed in one go


def damaged(offset: int, size: int = SIZE) -> tuple[World, Trader, Trader, bytes]:
    """Ben is offered a file of Anna's of which a byte is wrong; its id."""
    world, (anna, ben) = market("anna", "ben")
    committed = anna.upload(world.random.randbytes(size), seconds=3)
    world.server.store.damage(committed.file_id, offset)
    return world, anna, ben, committed.file_id


@pytest.mark.parametrize("offset", [0, 5 * BLOCK_SIZE, SIZE - 1])
def test_who_asks_for_its_blocks_hears_who_can_help_and_it_is_on_no_list(offset: int) -> None:
    world, anna, ben, file_id = damaged(offset)
    offer = ben.fetch("a.bin")
    ben.ask(WantBlocks(offer.transfer_id))
    wait(world, 1)
    (cancel,) = ben.told(Cancel)
    assert (cancel.transfer_id, cancel.code) == (offer.transfer_id, ErrorCode.DIGEST_MISMATCH)
    assert "the server's copy" in cancel.text
    assert "anna has to send it again" in cancel.text
    hashes = sum(len(record.hashes) for record in ben.told(Blocks)) // 32
    assert hashes < SIZE // BLOCK_SIZE, "with all of them it would think that nothing is wrong"
    assert anna.files() == ben.files() == []
    assert ben.codes(fetch_record("", file_id)) == [ErrorCode.UNKNOWN_FILE]
    (removed,) = world.server.told(FileRemoved)
    assert (removed.entry.file_id, removed.nick, "quarantine" in removed.text) == (file_id, "", True)


def test_all_who_are_fetching_it_are_told() -> None:
    world, (anna, ben, carl) = market("anna", "ben", "carl")
    committed = anna.upload(bytes(100))
    world.server.store.damage(committed.file_id, 5)
    offers = [trader.fetch("a.bin") for trader in (ben, carl)]
    ben.ask(WantBlocks(offers[0].transfer_id))
    for trader, offer in zip((ben, carl), offers, strict=True):
        assert trader.cancelled(offer.transfer_id) == [ErrorCode.DIGEST_MISMATCH]
    assert len(world.server.told(FileRemoved)) == 1


def test_a_damaged_member_is_found_too_and_a_whole_one_is_not_blamed() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload_folder({"a": b"1" * 100, "b": b"2" * 100}).file_id
    world.server.store.damage(file_id, 150)
    whole, broken = (ben.fetch("", file_id, number) for number in (0, 1))
    ben.ask(WantBlocks(whole.transfer_id))
    assert [record.transfer_id for record in ben.told(Blocks)] == [whole.transfer_id]
    assert ben.cancelled(whole.transfer_id) == []
    ben.ask(WantBlocks(broken.transfer_id))
    assert ben.cancelled(broken.transfer_id) == [ErrorCode.DIGEST_MISMATCH]
    assert ben.files() == []


def test_blocks_and_md5_of_a_member_come_from_one_reading_in_slices() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload_folder({"a": b"1" * SIZE}).file_id
    offer, disk = ben.fetch("", file_id, 0), HeldDisk(world)
    ben.ask(WantBlocks(offer.transfer_id))
    wait(world, 1)
    assert disk.kinds_asked(HashBlocks, DigestSource) == [HashBlocks, HashBlocks, DigestSource]
    assert sum(len(record.hashes) for record in ben.told(Blocks)) == 21 * 32
    assert ben.cancelled(offer.transfer_id) == []


def test_of_a_download_that_was_given_up_no_more_than_a_slice_is_read() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload_folder({"a": b"1" * SIZE}).file_id
    disk = HeldDisk(world, HashBlocks, DigestSource)
    for _ in range(3):
        offer = ben.fetch("", file_id, 0)
        ben.ask(WantBlocks(offer.transfer_id))
        ben.send(Cancel(offer.transfer_id, ErrorCode.NO_ERROR, ""))
        wait(world, 0.3)
    disk.release()
    wait(world, 1)
    assert disk.kinds_asked(HashBlocks, DigestSource) == [HashBlocks] * 3
    assert ben.told(Blocks) == []


@pytest.mark.parametrize("number", [WHOLE, 1])
def test_one_that_was_cut_short_is_set_aside_when_somebody_wants_it(number: int) -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload_folder({"a": b"1" * 100, "b": b"2" * 100}).file_id
    running = ben.fetch("", file_id, 0)
    world.server.store.cut(file_id, 150)
    refused = ben.fetch("", file_id, number)
    assert (refused.code, "anna has to send it again" in refused.text) == (ErrorCode.DIGEST_MISMATCH, True)
    assert ben.cancelled(running.transfer_id) == [ErrorCode.DIGEST_MISMATCH]
    assert ben.files() == []
    (removed,) = world.server.told(FileRemoved)
    assert "quarantine" in removed.text


def test_a_damaged_folder_is_found() -> None:
    world, (anna, ben) = market("anna", "ben")
    file_id = anna.upload_folder({"a": b"1" * 100, "b": b"2" * 100}).file_id
    offer = ben.fetch("", file_id)
    ben.ask(WantBlocks(offer.transfer_id))
    assert ben.cancelled(offer.transfer_id) == []
    world.server.store.damage(file_id, 150)
    ben.ask(WantBlocks(offer.transfer_id))
    assert ben.cancelled(offer.transfer_id) == [ErrorCode.DIGEST_MISMATCH]


def test_of_a_private_one_the_server_is_not_told_the_name() -> None:
    world, (anna, ben) = market("anna", "ben")
    committed = anna.upload(bytes(100), "secret.txt", to="ben")
    world.server.store.damage(committed.file_id, 5)
    ben.ask(WantBlocks(ben.fetch("secret.txt").transfer_id))
    told = [*world.server.told(FileRemoved), *world.server.told(TransferFailed)]
    assert len(told) == 2
    assert not [event for event in told if "secret" in repr(event)]


def test_our_client_says_who_has_to_send_it_again_and_keeps_nothing() -> None:
    world, (anna, ben) = open_shop("anna", "ben")
    uploaded = put(world, anna, world.random.randbytes(3 * MIB))
    world.server.store.damage(uploaded.file_id, 2 * MIB)
    failed = finish(world, ben, act(world, lambda: client(ben).files.get("a.bin")))
    assert isinstance(failed, TransferFailed)
    assert (failed.code, "anna has to send it again" in failed.text) == (ErrorCode.DIGEST_MISMATCH, True)
    assert client(ben).files.progress() == []
    assert listing(world, ben) == ()
    put(world, anna, b"once more")
    assert [entry.file_name for entry in listing(world, ben)] == ["a.bin"]


def test_one_that_cannot_be_set_aside_is_told_to_the_server() -> None:
    world, _, ben, _ = damaged(5, 100)
    disk = HeldDisk(world, SetAside)
    offer = ben.fetch("a.bin")
    ben.ask(WantBlocks(offer.transfer_id))
    assert ben.cancelled(offer.transfer_id) == [ErrorCode.DIGEST_MISMATCH]
    world.server.disk = disk.disk
    disk.disk.spec = DiskSpec(error=1.0)
    disk.release()
    wait(world, 0.5)
    assert not world.server.told(FileRemoved)
    assert "delete it" in world.server.told(TransferFailed)[-1].text


def test_that_every_byte_has_arrived_is_written_down_once_however_often_bytes_are_asked_for_again() -> None:
    world, (anna, ben) = market("anna", "ben")
    anna.upload(bytes(10_000))
    disk = HeldDisk(world, CreatePart)
    offer = ben.fetch("a.bin")
    ben.expect(offer)
    ben.send(Credit(offer.transfer_id, offer.size))
    wait(world, 1)
    for _ in range(3):
        ben.send(Missing(offer.transfer_id, ((0, 5_000),)))
        transfer = ben.link.receiver.find(offer.transfer_id)
        assert transfer is not None
        transfer.reopen(((0, 5_000),))
        wait(world, 1)
    ben.ask(Received(offer.transfer_id, offer.md5))
    marks = [request.state for request in disk.asked if isinstance(request, MarkFile)]
    assert marks == [FileState.DELIVERED, FileState.VERIFIED]
