"""Uploads: whole and compared, or refused with a reason; repeated as often as one likes."""

from __future__ import annotations

import hashlib

import pytest

from tests.files.shop import Asker, act, connection, finish, is_done, listing, open_shop, put, upload
from tests.world import SERVER, client
from udpchat.chat.events import FileSaid
from udpchat.config import KIB, MAX_FILE_NAME, MAX_FILE_SIZE, MIB, MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.files.events import FileShared, TransferFailed, UploadBegan, Uploaded
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.store.memory import MemoryStore
from udpchat.wire.records import Cancel, Commit, Open

ID = b"upload id of 16b"
CHUNK = 1_420


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 1_148, 64 * CHUNK, 100_001])
@pytest.mark.parametrize("plaintext", [False, True])
def test_files_of_any_size_arrive_whole(size: int, plaintext: bool) -> None:
    world, (anna, ben) = open_shop("anna", "ben", config=Config(plaintext=plaintext))
    data = world.random.randbytes(size)
    event = put(world, anna, data)
    assert event.md5_sent == event.md5_stored == hashlib.md5(data, usedforsecurity=False).digest()
    (entry,) = listing(world, ben)
    assert (entry.file_name, entry.size, entry.md5, entry.owner_nick) == ("a.bin", size, event.md5_stored, "anna")


def test_everybody_is_told_of_a_new_file() -> None:
    world, (anna, ben) = open_shop("anna", "ben")
    put(world, anna, b"x" * 5_000)
    world.run_until(lambda: bool(ben.told(FileSaid)), 1)
    assert ben.told(FileSaid)[0].file.file_name == "a.bin"
    assert [type(event) for event in world.server.events[-3:]] == [UploadBegan, FileShared, FileSaid]


def test_a_file_for_a_room_is_told_to_its_members_alone() -> None:
    world, (anna, ben, carl) = open_shop("anna", "ben", "carl")
    act(world, lambda: client(anna).chat.asking.create_room("cellar", ""))
    world.network.run_for(SECOND)
    act(world, lambda: client(ben).chat.asking.enter_room("cellar"))
    world.network.run_for(SECOND)
    anna.store.local["a.bin"] = b"x" * 5_000
    act(world, lambda: client(anna).files.put("a.bin", room="cellar"))
    world.run_until(lambda: bool(ben.told(FileSaid)), 5)
    world.network.run_for(SECOND)
    assert [event.room for event in ben.told(FileSaid)] == ["cellar"]
    assert not carl.told(FileSaid)
    assert Asker(world, carl).send(Open(ID, 10, "b.bin", "cellar")) == [ErrorCode.NOT_IN_ROOM]
    assert Asker(world, carl).send(Open(ID, 10, "b.bin", "nowhere")) == [ErrorCode.NOT_IN_ROOM]


def test_a_name_that_is_taken_gets_a_number() -> None:
    world, (anna, ben) = open_shop("anna", "ben")
    names = [put(world, end, b"x", "a.bin").file_name for end in (anna, ben, anna)]
    assert len(set(names)) == 3
    assert names[0] == "a.bin"


def test_a_file_that_is_not_there_fails_with_its_path() -> None:
    world, (anna,) = open_shop("anna")
    request_id = act(world, lambda: client(anna).files.put("nowhere/x.bin"))
    event = finish(world, anna, request_id)
    assert isinstance(event, TransferFailed)
    assert "nowhere/x.bin" in event.text
    assert event.code == ErrorCode.UNKNOWN_FILE


@pytest.mark.parametrize(
    ("name", "size", "code"),
    [
        ("", 10, ErrorCode.NAME_NOT_ALLOWED),
        ("  ", 10, ErrorCode.NAME_NOT_ALLOWED),
        ("x" * (MAX_FILE_NAME + 1), 10, ErrorCode.NAME_NOT_ALLOWED),
        ("é" * (MAX_FILE_NAME // 2 + 1), 10, ErrorCode.NAME_NOT_ALLOWED),
        ("big", MAX_FILE_SIZE, ErrorCode.NO_SPACE),
    ],
)
def test_an_open_that_cannot_be_is_refused(name: str, size: int, code: ErrorCode) -> None:
    world, (anna,) = open_shop("anna")
    assert Asker(world, anna).send(Open(ID, size, name)) == [code]
    assert put(world, anna, b"afterwards all is well").size == 22


def test_a_repeated_open_gets_the_same_answer_and_another_size_is_refused() -> None:
    world, (anna,) = open_shop("anna")
    asker = Asker(world, anna)
    assert asker.send(Open(ID, 10_000, "a.bin")) == []
    assert asker.send(Open(ID, 10_000, "a.bin")) == []
    assert asker.send(Open(ID, 10_001, "a.bin")) == [ErrorCode.SOURCE_CHANGED]
    assert len(world.server.told(UploadBegan)) == 1


def test_a_commit_that_is_early_waits_and_one_that_is_unknown_or_after_a_cancel_is_refused() -> None:
    world, (anna,) = open_shop("anna")
    asker = Asker(world, anna)
    assert asker.send(Commit(ID, bytes(16))) == [ErrorCode.UNKNOWN_TRANSFER]
    asker.send(Open(ID, 10_000, "a.bin"))
    assert asker.send(Commit(ID, bytes(16))) == []
    asker.send(Cancel(1, ErrorCode.CANCELLED, "never mind"))
    assert asker.send(Commit(ID, bytes(16))) == [ErrorCode.UNKNOWN_TRANSFER]
    assert listing(world, anna) == ()


def test_a_commit_with_another_md5_stores_nothing() -> None:
    world, (anna,) = open_shop("anna")
    asker = Asker(world, anna)
    asker.send(Open(ID, 0, "a.bin"))
    assert asker.send(Commit(ID, bytes(16))) == [ErrorCode.DIGEST_MISMATCH]
    assert asker.send(Commit(ID, bytes(16))) == [ErrorCode.UNKNOWN_TRANSFER]
    assert listing(world, anna) == ()
    assert [event.code for event in world.server.told(TransferFailed)] == [ErrorCode.DIGEST_MISMATCH]


def test_a_commit_sent_twice_stores_one_file() -> None:
    world, (anna,) = open_shop("anna", disk=DiskSpec(delay=50 * MILLISECOND))
    empty = hashlib.md5(b"", usedforsecurity=False).digest()
    asker = Asker(world, anna)
    asker.send(Open(ID, 0, "a.bin"))
    world.do(lambda: connection(anna).send_record(Commit(ID, empty), 7))
    asker.send(Commit(ID, empty))
    world.network.run_for(SECOND)
    assert len(listing(world, anna)) == 1


def test_an_upload_that_was_stored_before_is_answered_at_once() -> None:
    world, (anna,) = open_shop("anna")
    data = world.random.randbytes(50_000)
    first = finish(world, anna, upload(world, anna, data, upload_id=ID))
    sent = connection(anna).transmitter.recovery.counters.sent_bytes
    second = finish(world, anna, upload(world, anna, data, upload_id=ID))
    assert isinstance(first, Uploaded)
    assert isinstance(second, Uploaded)
    assert first.file_id == second.file_id
    assert connection(anna).transmitter.recovery.counters.sent_bytes - sent < 2_000
    assert len(listing(world, anna)) == 1


@pytest.mark.parametrize("uploads", [15, 16, 17])
def test_uploads_at_once_are_capped(uploads: int) -> None:
    world, (anna,) = open_shop("anna")
    asker = Asker(world, anna)
    refused = [asker.send(Open(bytes(15) + bytes([number]), 10, f"{number}")) for number in range(uploads)]
    assert refused == [[]] * min(uploads, 16) + [[ErrorCode.TOO_MANY_TRANSFERS]] * (uploads - 16)


def test_a_cancelled_upload_ends_at_both_ends() -> None:
    world, (anna,) = open_shop("anna", link=LinkSpec(rate=1_000_000, delay=5_000))
    request_id = upload(world, anna, bytes(2 * MIB))
    world.network.run_for(500 * MILLISECOND)
    world.do(lambda: client(anna).files.cancel(request_id))
    event = finish(world, anna, request_id)
    assert isinstance(event, TransferFailed)
    assert event.code == ErrorCode.CANCELLED
    world.network.run_for(SECOND)
    assert [failed.code for failed in world.server.told(TransferFailed)] == [ErrorCode.CANCELLED]
    quiet = world.network.link(anna.address, SERVER).counters.received_bytes
    world.network.run_for(5 * SECOND)
    assert world.network.link(anna.address, SERVER).counters.received_bytes == quiet
    assert put(world, anna, b"again").size == 5


def test_an_upload_that_is_cancelled_before_its_file_is_open_never_starts() -> None:
    world, (anna,) = open_shop("anna", disk=DiskSpec(delay=100 * MILLISECOND))
    request_id = upload(world, anna, b"x")
    world.do(lambda: client(anna).files.cancel(request_id))
    event = finish(world, anna, request_id)
    world.network.run_for(SECOND)
    assert isinstance(event, TransferFailed)
    assert not world.server.told(UploadBegan)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("crash", [False, True], ids=["client comes back", "server restarts"])
def test_an_upload_goes_on_where_the_connection_was_lost(share: float, crash: bool) -> None:
    world, (anna,) = open_shop("anna", link=LinkSpec(rate=5_000_000, delay=5_000))
    data, key = world.random.randbytes(5 * MIB), world.random.randbytes(32)
    anna = world.add_client("bea", identity=key)
    world.join(anna)
    request_id = upload(world, anna, data, upload_id=ID)
    wanted = int(share * len(data))
    world.run_until(lambda: connection(anna).transmitter.recovery.counters.acked_bytes >= wanted, 30)
    ended = is_done(anna, request_id)
    if crash:
        store = world.server.store
        world.network.remove(SERVER)
        store.crash()
        world.server = world.start_server()
        world.server.store = store
        world.server.disk = type(world.server.disk)(store, world.network, DiskSpec(delay=0), "again")
    else:
        world.network.remove(anna.address)
    again = world.add_client("bea", identity=key)
    world.join(again)
    event = finish(world, again, upload(world, again, data, upload_id=ID))
    assert isinstance(event, Uploaded), event
    assert event.md5_sent == event.md5_stored or ended
    sent = connection(again).transmitter.recovery.counters.sent_bytes
    assert sent <= (1 - share) * len(data) * 1.06 + (4.5 * MIB if crash else 0.6 * MIB)
    assert len(listing(world, again)) == 1


@pytest.mark.parametrize("error", [0.05, 0.2, 1.0])
def test_a_failing_disk_gives_a_clear_end_and_never_a_false_success(error: float) -> None:
    for seed in range(6):
        world, (anna,) = open_shop("anna", seed=seed)
        world.server.disk.spec = DiskSpec(delay=1_000, error=error)
        data = world.random.randbytes(100 * KIB)
        event = finish(world, anna, upload(world, anna, data))
        world.server.disk.spec = DiskSpec(delay=0)
        stored = [entry.md5 for entry in listing(world, anna)]
        if isinstance(event, Uploaded):
            assert stored == [hashlib.md5(data, usedforsecurity=False).digest()]
        else:
            assert isinstance(event, TransferFailed)
            assert event.code == ErrorCode.STORAGE_FAILED
        assert put(world, anna, b"afterwards all is well", "b.bin").size == 22


def test_a_full_disk_is_refused_before_a_byte_is_sent() -> None:
    world, (anna,) = open_shop("anna")
    small = MemoryStore(clock=lambda: 0, random_bytes=world.random.randbytes, capacity=10_000)
    world.server.disk = type(world.server.disk)(small, world.network, DiskSpec(), "small")
    event = finish(world, anna, upload(world, anna, bytes(20_000)))
    assert isinstance(event, TransferFailed)
    assert event.code == ErrorCode.NO_SPACE
    assert put(world, anna, bytes(9_000)).size == 9_000
