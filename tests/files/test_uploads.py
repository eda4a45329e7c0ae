"""Uploads: whole and compared, or refused with a reason; repeated as often as one likes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chat.people import PASSWORD, make_account
from tests.chat.speaker import CLEAN, wait
from tests.files.holding import HeldDisk
from tests.files.shop import finish, listing, open_shop, put, upload
from tests.files.trader import ID, OTHER_ID, Bytes, Trader, come, market, md5_of, open_record
from tests.world import World
from udpchat.chat.ports import FindPerson
from udpchat.config import KIB, MAX_FILE_NAME, MAX_FILE_SIZE, MIB, MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.files.events import FileShared, TransferFailed, UploadBegan, Uploaded
from udpchat.sim.disk import DelayedStore, DiskSpec
from udpchat.store.memory import MemoryStore
from udpchat.store.quotas import Limits
from udpchat.wire.numbers import FileFlag, FileState, JoinFlag
from udpchat.wire.records import Cancel, Commit, Committed, Credit, LeaveRoom, Login, Opened, Record, Refused, Shared

CHUNK = 1_420


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 1_148, 64 * CHUNK, 100_001])
@pytest.mark.parametrize("plaintext", [False, True])
def test_files_of_any_size_arrive_whole(size: int, plaintext: bool) -> None:
    world, (anna, ben) = open_shop("anna", "ben", config=Config(plaintext=plaintext))
    data = world.random.randbytes(size)
    event = put(world, anna, data)
    assert event.md5_sent == event.md5_stored == md5_of(data)
    (entry,) = listing(world, ben)
    assert (entry.file_name, entry.size, entry.md5, entry.owner_nick) == ("a.bin", size, event.md5_stored, "anna")


def test_a_file_is_told_to_the_members_of_its_room_alone() -> None:
    world, (anna, ben) = market("anna", "ben")
    anna.upload(b"x" * 5_000)
    wait(world, 0.1)
    (shared,) = ben.told(Shared)
    assert (shared.room, shared.owner, shared.file_name, shared.to) == ("lobby", "anna", "a.bin", "")
    assert {UploadBegan, FileShared} <= {type(event) for event in world.server.events}


@pytest.mark.parametrize("room", ["cellar", "nowhere"])
def test_nobody_uploads_to_a_room_that_is_not_theirs_or_not_there(room: str) -> None:
    world, (anna, ben) = market("anna", "ben")
    anna.enter("cellar")
    assert ben.codes(open_record(10, room=room)) == [ErrorCode.NOT_IN_ROOM]
    assert not world.server.told(UploadBegan)


def test_a_name_that_is_taken_gets_a_number() -> None:
    _, (anna, ben) = market("anna", "ben")
    names = [who.upload(b"x").file_name for who in (anna, ben, anna)]
    assert names[0] == "a.bin"
    assert len(set(names)) == 3


# -- OPEN --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (open_record(10, ""), ErrorCode.NAME_NOT_ALLOWED),
        (open_record(10, "  "), ErrorCode.NAME_NOT_ALLOWED),
        (open_record(10, "x" * (MAX_FILE_NAME + 1)), ErrorCode.NAME_NOT_ALLOWED),
        (open_record(10, "é" * (MAX_FILE_NAME // 2 + 1)), ErrorCode.NAME_NOT_ALLOWED),
        (open_record(MAX_FILE_SIZE, "big"), ErrorCode.NO_SPACE),
        (open_record(0, flags=FileFlag.FOLDER, members=100_001), ErrorCode.TOO_LARGE),
        (open_record(1, flags=FileFlag.FOLDER), ErrorCode.INCOMPLETE),
        (open_record(10, "zero", bytes(16)), ErrorCode.NAME_NOT_ALLOWED),
        (open_record(1, to="nobody"), ErrorCode.UNKNOWN_USER),
        (open_record(1, to="ANNA"), ErrorCode.UNKNOWN_USER),
    ],
)
def test_an_open_that_cannot_be_is_refused(record: object, code: ErrorCode) -> None:
    _, (anna,) = market("anna")
    assert anna.codes(record) == [code]
    assert anna.upload(b"afterwards all is well").md5 == md5_of(b"afterwards all is well")


def test_a_repeated_open_gets_the_same_answer_and_another_file_under_its_id_is_refused() -> None:
    world, (anna,) = market("anna")
    assert anna.open(10_000) == anna.open(10_000)
    others = [open_record(10_001), open_record(10_000, "b.bin"), open_record(10_000, flags=FileFlag.FOLDER, members=1)]
    assert anna.codes(*others) == [ErrorCode.SOURCE_CHANGED] * 3
    assert len(world.server.told(UploadBegan)) == 1


def test_opens_that_come_before_the_disk_has_answered_are_all_answered_alike() -> None:
    world, (anna,) = market("anna", disk=DiskSpec(delay=200 * MILLISECOND))
    requests = [anna.send(open_record(10_000)) for _ in range(3)]
    wait(world, 1)
    answers = [anna.answers(request) for request in requests]
    assert answers[0] == answers[1] == answers[2]
    assert isinstance(answers[0][0], Opened)


@pytest.mark.parametrize("uploads", [15, 16, 17])
def test_uploads_at_once_are_capped(uploads: int) -> None:
    _, (anna,) = market("anna")
    codes = anna.codes(*(open_record(10, f"{number}", bytes(15) + bytes([number + 1])) for number in range(uploads)))
    assert codes == [0] * min(uploads, 16) + [ErrorCode.TOO_MANY_TRANSFERS] * (uploads - 16)


def test_an_upload_that_rests_takes_no_place_and_goes_on_with_what_the_server_has() -> None:
    world, (anna,) = market("anna")
    ids = [bytes(15) + bytes([number]) for number in range(1, 18)]
    data = world.random.randbytes(100 * KIB)
    opened = [anna.open(len(data), f"{upload_id.hex()}", upload_id) for upload_id in ids[:16]]
    world.do(lambda: anna.link.send_transfer(opened[0].transfer_id, len(data), Bytes(data), 60_000))
    wait(world, 1)
    assert anna.codes(open_record(10, "17th", ids[16])) == [ErrorCode.TOO_MANY_TRANSFERS]
    anna.send(Cancel(opened[0].transfer_id, ErrorCode.NO_ERROR, "paused"))
    assert anna.codes(open_record(10, "17th", ids[16])) == [0]
    anna.send(Cancel(opened[1].transfer_id, ErrorCode.NO_ERROR, "paused"))
    assert anna.open(len(data), f"{ids[0].hex()}", ids[0]).present == ((0, 60_000),)
    assert not world.server.told(TransferFailed)


def test_an_open_for_somebody_absent_is_answered_when_its_sender_logs_in_meanwhile() -> None:
    world, (anna,) = market("anna")
    make_account(world, "walter")
    disk = HeldDisk(world, FindPerson)
    request = anna.send(open_record(10, to="nobody"))
    wait(world, 0.1)
    assert len(disk) == 1
    logging_in = anna.send(Login("walter", PASSWORD))
    wait(world, 0.5)
    disk.release()
    wait(world, 2)
    assert not [answer for answer in anna.answers(logging_in) if isinstance(answer, Refused)]
    assert [answer.code for answer in anna.answers(request)] == [ErrorCode.TRY_LATER]
    assert anna.codes(open_record(10, to="nobody")) == [ErrorCode.UNKNOWN_USER]


def test_ten_thousand_opens_are_answered_and_disturb_nobody() -> None:
    world, (anna, ben) = market("anna", "ben")
    records = [open_record(10, "x", number.to_bytes(16, "big")) for number in range(1, 10_001)]
    requests = range(1_000, 11_000)

    def flood() -> None:
        for record, request in zip(records, requests, strict=True):
            anna.desk.send(anna.connection_id, record, request)

    world.do(flood)
    assert ben.upload(b"quick").file_name == "a.bin"
    wait(world, 5)
    answers = [heard.record for heard in anna.records if heard.request_id in requests]
    assert len(answers) == 10_000
    assert sum(isinstance(answer, Opened) for answer in answers) == 16
    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {ErrorCode.TOO_MANY_TRANSFERS}


@pytest.mark.parametrize("limits", [Limits(user_quota=25_000), Limits(total_quota=25_000)], ids=["user", "server"])
def test_more_than_the_quota_is_refused_until_something_is_deleted(limits: Limits) -> None:
    world = World(1, CLEAN)
    store = MemoryStore(clock=lambda: 0, random_bytes=world.random.randbytes, limits=limits)
    world.server.disk = DelayedStore(store, world.network, DiskSpec(), "small")
    anna = come(world, "anna")
    first = anna.upload(bytes(10_000), "first")
    anna.open(10_000, "unfinished")
    assert anna.codes(open_record(10_000, "third", OTHER_ID)) == [ErrorCode.QUOTA_EXCEEDED]
    assert anna.delete(first.file_id) == 0
    assert isinstance(anna.open(10_000, "third", OTHER_ID), Opened)


# -- bytes and COMMIT --------------------------------------------------------------------------------------------------


def test_bytes_before_an_open_are_dropped() -> None:
    world, (anna,) = market("anna")
    anna.send_bytes(Opened(1, 5_000, 0, ()), bytes(5_000))
    assert anna.closed is None
    opened = anna.open(5_000)
    assert anna.commit(md5_of(bytes(5_000))) is None  # they are not there
    anna.link.transmitter.transfers.stop(opened.transfer_id)
    anna.send_bytes(opened, bytes(5_000))
    assert len(anna.files()) == 1
    assert anna.files()[0].state == FileState.STORED
    assert not world.server.told(TransferFailed)


def test_a_commit_that_is_early_waits_and_one_that_is_unknown_or_after_a_cancel_is_refused() -> None:
    _, (anna,) = market("anna")
    assert anna.codes(Commit(ID, bytes(16))) == [ErrorCode.UNKNOWN_TRANSFER]
    opened = anna.open(10_000)
    assert anna.commit(bytes(16)) is None
    anna.send(Cancel(opened.transfer_id, ErrorCode.CANCELLED, "never mind"))
    assert anna.codes(Commit(ID, bytes(16))) == [ErrorCode.UNKNOWN_TRANSFER]
    assert anna.files() == []


def test_a_commit_with_another_md5_stores_nothing() -> None:
    world, (anna,) = market("anna")
    anna.open(0)
    assert anna.codes(Commit(ID, bytes(16))) == [ErrorCode.DIGEST_MISMATCH]
    assert anna.codes(Commit(ID, bytes(16))) == [ErrorCode.UNKNOWN_TRANSFER]
    assert anna.files() == []
    assert [event.code for event in world.server.told(TransferFailed)] == [ErrorCode.DIGEST_MISMATCH]


def test_a_commit_sent_twice_is_answered_twice_and_stores_one_file() -> None:
    world, (anna,) = market("anna", disk=DiskSpec(delay=50 * MILLISECOND))
    anna.open(0)
    requests = [anna.send(Commit(ID, md5)) for md5 in (md5_of(b""), bytes(16))]  # the first one counts
    wait(world, 1)
    first, second = (anna.answers(request) for request in requests)
    assert isinstance(first[0], Committed)
    assert first == second
    assert len(anna.files()) == 1


def test_an_upload_that_was_stored_before_is_answered_at_once_and_told_once() -> None:
    world, (anna, ben) = market("anna", "ben")
    data = world.random.randbytes(50_000)
    first = anna.upload(data, upload_id=ID)
    assert anna.open(50_000) == first
    wait(world, 0.1)
    assert len(ben.told(Shared)) == 1
    assert len(anna.files()) == 1


def test_nobody_else_goes_on_with_an_upload() -> None:
    _, (anna, ben) = market("anna", "ben")
    anna.open(10_000)
    assert ben.codes(open_record(10_000)) != [0]


# -- ends --------------------------------------------------------------------------------------------------------------


def test_a_cancelled_upload_leaves_nothing() -> None:
    world, (anna,) = market("anna")
    opened = anna.open(2 * MIB)
    anna.send_bytes(opened, bytes(2 * MIB), 0.05)
    anna.send(Cancel(opened.transfer_id, ErrorCode.CANCELLED, "never mind"))
    wait(world, 1)
    assert [failed.code for failed in world.server.told(TransferFailed)] == [ErrorCode.CANCELLED]
    assert anna.files() == []
    assert anna.open(2 * MIB).present == ()


def test_an_upload_goes_on_with_what_the_server_has_when_its_client_comes_back() -> None:
    world, (anna,) = market("anna")
    data = world.random.randbytes(300 * KIB)
    opened = anna.open(len(data))
    anna.world.do(
        lambda: anna.link.send_transfer(opened.transfer_id, len(data), Bytes(data), len(data), ((100_000, 200_000),))
    )
    wait(world, 1)
    anna.leave()
    anna = come(world, "anna", key=anna.key)
    opened = anna.open(len(data))
    assert opened.present == ((0, 100_000), (200_000, len(data)))
    anna.send_bytes(opened, data)
    assert anna.commit(md5_of(data)).md5 == md5_of(data)


@pytest.mark.parametrize("delay", [0, 80 * MILLISECOND], ids=["quick disk", "slow disk"])
def test_another_session_of_the_same_person_takes_its_upload_over(delay: int) -> None:
    world, (anna,) = market("anna", disk=DiskSpec(delay=delay))
    data = world.random.randbytes(200 * KIB)
    opened = answer(world, anna, open_record(len(data)))
    anna.send_bytes(opened, data[:100_000] + bytes(len(data) - 100_000), 0.01)
    again = come(world, "anna", key=anna.key, flags=JoinFlag.VISITOR)
    anna.link.transmitter.transfers.stop(opened.transfer_id)
    taken = answer(world, again, open_record(len(data)))
    assert isinstance(taken, Opened)
    assert anna.cancelled(opened.transfer_id) == [ErrorCode.TAKEN_OVER]
    wait(world, 1)
    assert anna.codes(Commit(ID, md5_of(data))) == [ErrorCode.UNKNOWN_TRANSFER]
    assert not again.cancelled(taken.transfer_id)
    assert again.closed is None


def test_an_upload_that_is_being_stored_is_answered_to_who_takes_it_over() -> None:
    world, (anna,) = market("anna")
    data = world.random.randbytes(100 * KIB)
    anna.send_bytes(anna.open(len(data)), data)
    again = come(world, "anna", key=anna.key, flags=JoinFlag.VISITOR)
    world.server.disk.spec = DiskSpec(delay=SECOND)
    committing = anna.send(Commit(ID, md5_of(data)))
    wait(world, 0.1)
    opening = again.send(open_record(len(data)))
    wait(world, 5)
    assert anna.answers(committing) == again.answers(opening)
    assert isinstance(again.answers(opening)[0], Committed)
    world.server.disk.spec = DiskSpec(delay=0)
    assert len(again.files()) == 1


@pytest.mark.parametrize("when", [0, 30, 60, 120, 240, 500])
def test_a_client_may_be_gone_at_any_step_and_nothing_is_lost_or_locked(when: int) -> None:
    world, (anna, ben) = market("anna", "ben", disk=DiskSpec(delay=60 * MILLISECOND))
    data = world.random.randbytes(100 * KIB)
    anna.send(open_record(len(data)))
    world.do(lambda: anna.link.send_transfer(1, len(data), Bytes(data), len(data)))
    world.network.run_for(min(when, 120) * MILLISECOND)
    anna.send(Commit(ID, md5_of(data)))
    world.network.run_for(max(when - 120, 0) * MILLISECOND)
    anna.leave()
    anna = come(world, "anna", key=anna.key)
    opened = answer(world, anna, open_record(len(data)))
    if isinstance(opened, Opened):
        anna.send_bytes(opened, data)
        opened = answer(world, anna, Commit(ID, md5_of(data)))
    assert isinstance(opened, Committed)
    wait(world, 1)
    assert [file.md5 for file in ben.files()] == [md5_of(data)]
    assert len(ben.told(Shared)) == 1


def answer(world: World, who: Trader, record: Record, seconds: float = 2) -> Any:
    """What a record is answered with, however slow the disk is."""
    request = who.send(record)
    wait(world, seconds)
    return who.answers(request)[0]


# -- disks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0.05, 0.2, 1.0])
def test_a_failing_disk_gives_a_clear_end_and_never_a_false_success(error: float) -> None:
    for seed in range(6):
        world, (anna,) = open_shop("anna", seed=seed)
        world.server.disk.spec = DiskSpec(delay=1_000, error=error)
        data = world.random.randbytes(100 * KIB)
        event = finish(world, anna, upload(world, anna, data))
        world.server.disk.spec = DiskSpec(delay=0)
        stored = [entry.md5 for entry in listing(world, anna) if entry.state is FileState.STORED]
        if isinstance(event, Uploaded):
            assert stored == [md5_of(data)]
        else:
            assert isinstance(event, TransferFailed)
            assert event.code == ErrorCode.STORAGE_FAILED
        assert put(world, anna, b"afterwards all is well", "b.bin").size == 22


def test_a_part_that_could_not_be_written_goes_on_when_the_disk_is_well_again() -> None:
    world, (anna,) = market("anna")
    data = world.random.randbytes(300 * KIB)
    opened = anna.open(len(data))
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    anna.send_bytes(opened, data)
    assert anna.cancelled(opened.transfer_id) == [ErrorCode.STORAGE_FAILED]
    world.server.disk.spec = DiskSpec(delay=0)
    anna.link.transmitter.transfers.stop(opened.transfer_id)
    anna.send_bytes(anna.open(len(data)), data)
    assert anna.commit(md5_of(data)).md5 == md5_of(data)


def test_an_upload_that_could_not_be_stored_is_stored_when_the_disk_is_well_again() -> None:
    world, (anna,) = market("anna")
    data = world.random.randbytes(300 * KIB)
    anna.send_bytes(anna.open(len(data)), data)
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    assert anna.codes(Commit(ID, md5_of(data))) == [ErrorCode.STORAGE_FAILED]
    world.server.disk.spec = DiskSpec(delay=0)
    assert anna.open(len(data)).present == ((0, len(data)),)
    assert anna.commit(md5_of(data)).md5 == md5_of(data)


def test_a_file_for_a_room_that_its_owner_has_left_meanwhile_is_not_kept() -> None:
    world, (anna, ben) = market("anna", "ben")
    for who in (ben, anna):
        who.enter("cellar")
    anna.send_bytes(anna.open(5, room="cellar"), b"12345")
    assert anna.codes(LeaveRoom("cellar"), Commit(ID, md5_of(b"12345"))) == [0, ErrorCode.NOT_IN_ROOM]
    wait(world, 0.2)
    assert ben.names("cellar") == anna.names() == []


def test_a_full_disk_is_refused_before_a_byte_is_sent() -> None:
    world, (anna,) = market("anna")
    small = MemoryStore(clock=lambda: 0, random_bytes=world.random.randbytes, capacity=10_000)
    world.server.disk = DelayedStore(small, world.network, DiskSpec(), "small")
    assert anna.codes(open_record(20_000)) == [ErrorCode.NO_SPACE]
    assert isinstance(anna.open(9_000), Opened)


def test_no_credit_comes_for_what_the_disk_does_not_take() -> None:
    world, (anna,) = market("anna", config=Config(transfer_credit=64 * KIB, sync_interval=16 * KIB))
    world.server.disk.spec = DiskSpec(delay=60 * SECOND)
    request = anna.send(open_record(MIB))
    wait(world, 61)
    (opened,) = anna.answers(request)
    anna.send_bytes(opened, bytes(opened.limit))
    assert opened.limit == 64 * KIB
    assert not anna.told(Credit)
