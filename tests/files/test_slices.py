"""What takes long is asked of storage in slices, and others' questions come between; what is too much is refused."""

from __future__ import annotations

import pytest

from tests.chat.speaker import wait
from tests.files.holding import HeldDisk
from tests.files.trader import ID, fetch_record, market
from tests.store.shelf import put, put_folder
from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MAX_TRANSFER_RUNS
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.blocks import HASH_SIZE
from udpchat.files.listing import PAGE
from udpchat.files.ports import CompareBlocks
from udpchat.files.repairing import MAX_HASHES, Finish
from udpchat.files.stored_ports import ListFiles, ListMembers
from udpchat.protocol.service import Desk
from udpchat.wire.records import Blocks, Finished, Member
from udpchat.wire.records import ListFiles as FilesRecord
from udpchat.wire.records import ListMembers as MembersRecord

# -- blocks ------------------------------------------------------------------------------------------------------------


class Filled:
    """A part of 2,000 blocks that is all there, at a connection that is not."""

    connection_id = b"nobody there"
    transfer_id = 1
    part_id = ID
    size = 2_000 * BLOCK_SIZE
    is_complete = True

    def lose(self, damaged: object) -> None:
        self.damaged = damaged


def comparing() -> tuple[Desk, Finish, list[object]]:
    """A part whose MD5 was another, and that waits for the hashes of its blocks."""
    world, _ = market()
    desk, results = Desk(world.server.core.endpoint), list[object]()
    finish = Finish(desk, Filled(), bytes(16), results.append)
    finish.on_complete()
    request = desk.outbox.popleft()
    desk.complete(request.request_id, StorageError("another MD5", ErrorCode.DIGEST_MISMATCH), 0)
    return desk, finish, results


def test_blocks_are_compared_slice_by_slice_one_after_the_other() -> None:
    desk, finish, results = comparing()
    for first, count in ((0, MAX_HASHES), (MAX_HASHES, 2_000 - MAX_HASHES)):
        finish.on_blocks(Blocks(1, first, bytes(count * HASH_SIZE)))
    numbers: list[int] = []
    while desk.outbox:
        assert len(desk.outbox) == 1
        request = desk.outbox.popleft()
        assert isinstance(request, CompareBlocks)
        count = len(request.hashes) // HASH_SIZE
        assert count * BLOCK_SIZE <= CHECK_SLICE
        numbers += range(request.first, request.first + count)
        desk.complete(request.request_id, (), 0)
    assert numbers == list(range(2_000))
    assert [error.code for error in results if isinstance(error, StorageError)] == [ErrorCode.DIGEST_MISMATCH]


def test_more_hashes_than_a_record_may_have_are_refused() -> None:
    desk, finish, results = comparing()
    finish.on_blocks(Blocks(1, 0, bytes((MAX_HASHES + 1) * HASH_SIZE)))
    assert not desk.outbox
    assert len(results) == 1


# -- lists -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1])
@pytest.mark.parametrize("arriving", [0, 2])
def test_a_list_of_files_is_read_page_by_page_and_whole(count: int, arriving: int) -> None:
    world, (anna,) = market("anna")
    for number in range(count):
        put(world.server.store, b"", name=f"{number:05}")
    for number in range(arriving):
        anna.open(10, f"new {number}", bytes(15) + bytes([number + 1]))
    disk = HeldDisk(world)
    request = anna.send(FilesRecord(""))
    wait(world, 3)
    *files, finished = anna.answers(request)
    assert finished == Finished(len(files))
    expected = [f"{number:05}" for number in range(count)] + [f"new {number}" for number in range(arriving)]
    assert [file.file_name for file in files] == expected
    assert all(asked.count <= PAGE for asked in disk.asked if isinstance(asked, ListFiles))


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, 2 * PAGE + 1])
def test_what_is_in_a_folder_is_read_page_by_page_and_whole(count: int) -> None:
    world, (anna,) = market("anna")
    entry = put_folder(world.server.store, {f"{number:05}": b"" for number in range(count)})
    disk = HeldDisk(world)
    listing, fetching = anna.send(MembersRecord(entry.file_id)), anna.send(fetch_record("", entry.file_id))
    wait(world, 3)
    *members, finished = anna.answers(listing)
    assert finished == Finished(count)
    _, *index = anna.answers(fetching)
    for records in (members, index):
        assert [record.number for record in records if isinstance(record, Member)] == list(range(count))
    assert all(asked.count <= PAGE for asked in disk.asked if isinstance(asked, ListMembers))


# -- FETCH -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "codes"), [(MAX_TRANSFER_RUNS, [0]), (MAX_TRANSFER_RUNS + 1, [39])])
def test_a_fetch_with_more_ranges_than_a_part_can_have_is_refused(count: int, codes: list[int]) -> None:
    world, (anna,) = market("anna")
    put(world.server.store, bytes(3 * count), name="big")
    present = tuple((start, start + 1) for start in range(0, 3 * count, 3))
    request = anna.send(fetch_record("big", present=present))
    wait(world, 3)
    assert [getattr(answer, "code", 0) for answer in anna.answers(request)] == codes
