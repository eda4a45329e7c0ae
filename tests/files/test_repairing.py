"""Damage is found, by block where there are hashes, and mended; what cannot be mended is never listed."""

from __future__ import annotations

import hashlib

import pytest

from tests.chat.speaker import wait
from tests.files.trader import ID, Bytes, Trader, come, market, md5_of, open_record
from tests.world import World
from udpchat.config import BLOCK_SIZE, MAX_REPAIRS, MIB, MILLISECOND
from udpchat.errors import ErrorCode
from udpchat.files.events import TransferFailed
from udpchat.files.ports import CheckPart, CommitPart, PartChecked
from udpchat.protocol.ports import Job, Lane, Result, Store, StoreRequest
from udpchat.sim.disk import DelayedStore, DiskSpec
from udpchat.wire.records import Blocks, Commit, Committed, Missing, Opened, Record, Refused, WantBlocks

SIZE = 3 * MIB + 500


def uploaded(world: World, anna: Trader, size: int = SIZE) -> tuple[bytes, Opened]:
    """All bytes of a file are at the server, and it was not committed yet."""
    data = world.random.randbytes(size)
    opened = anna.open(size)
    assert isinstance(opened, Opened)
    anna.send_bytes(opened, data)
    return data, opened


def hashes_of(data: bytes) -> bytes:
    """SHA-256 of each block."""
    blocks = (data[start : start + BLOCK_SIZE] for start in range(0, len(data), BLOCK_SIZE))
    return b"".join(hashlib.sha256(block).digest() for block in blocks)


def commit(world: World, anna: Trader, md5: bytes) -> int:
    request = anna.send(Commit(ID, md5))
    wait(world, 0.3)
    return request


def send_again(world: World, anna: Trader, seconds: float = 1.0) -> tuple[tuple[int, int], ...]:
    """Do what the newest MISSING asks for."""
    missing = anna.told(Missing)[-1]
    world.do(lambda: anna.link.transmitter.transfers.send_again(missing.transfer_id, missing.ranges))
    wait(world, seconds)
    return missing.ranges


def test_a_damaged_block_is_found_sent_again_and_the_file_is_whole() -> None:
    world, (anna, ben) = market("anna", "ben")
    data, opened = uploaded(world, anna)
    world.server.store.damage(ID, BLOCK_SIZE + 5)
    request = commit(world, anna, md5_of(data))
    assert anna.told(WantBlocks) == [WantBlocks(opened.transfer_id)]
    anna.send(Blocks(opened.transfer_id, 0, hashes_of(data)))
    wait(world, 0.5)
    assert anna.answers(request) == []
    assert ben.files()[0].md5 == bytes(16)
    assert send_again(world, anna) == ((BLOCK_SIZE, 2 * BLOCK_SIZE),)
    (committed,) = anna.answers(request)
    assert committed.md5 == md5_of(data)
    assert ben.download("a.bin") == data
    assert not world.server.told(TransferFailed)


def test_hashes_may_come_in_pieces() -> None:
    world, (anna,) = market("anna")
    data, opened = uploaded(world, anna)
    for offset in (3, 3 * BLOCK_SIZE + 3):
        world.server.store.damage(ID, offset)
    request = commit(world, anna, md5_of(data))
    hashes = hashes_of(data)
    for number in range(4):
        anna.send(Blocks(opened.transfer_id, number, hashes[32 * number : 32 * number + 32]))
    wait(world, 0.5)
    assert send_again(world, anna) == ((0, BLOCK_SIZE), (3 * BLOCK_SIZE, SIZE))
    assert isinstance(anna.answers(request)[0], Committed)


@pytest.mark.parametrize("size", [1, 100, BLOCK_SIZE])
def test_a_small_file_is_repaired_too(size: int) -> None:
    world, (anna,) = market("anna")
    data, opened = uploaded(world, anna, size)
    world.server.store.damage(ID, size - 1)
    request = commit(world, anna, md5_of(data))
    anna.send(Blocks(opened.transfer_id, 0, hashes_of(data)))
    wait(world, 0.5)
    assert send_again(world, anna) == ((0, size),)
    assert isinstance(anna.answers(request)[0], Committed)


def test_a_disk_that_damages_the_same_again_and_again_is_given_up_with() -> None:
    world, (anna, ben) = market("anna", "ben")
    data, opened = uploaded(world, anna)
    world.server.store.damage(ID, 5)
    request = commit(world, anna, md5_of(data))
    for _ in range(MAX_REPAIRS):
        anna.send(Blocks(opened.transfer_id, 0, hashes_of(data)))
        wait(world, 0.5)
        missing = anna.told(Missing)[-1]
        anna.link.transmitter.transfers.stop(opened.transfer_id)
        bad = bytes(BLOCK_SIZE) + data[BLOCK_SIZE:]
        anna.send_bytes(Opened(opened.transfer_id, SIZE, 0, ((BLOCK_SIZE, SIZE),)), bad)
        assert missing.ranges == ((0, BLOCK_SIZE),)
    (refused,) = anna.answers(request)
    assert refused.code == ErrorCode.DIGEST_MISMATCH
    assert len(anna.told(WantBlocks)) == MAX_REPAIRS
    assert ben.files() == []


def test_a_sender_whose_md5_fits_none_of_its_blocks_is_refused_and_nothing_is_kept() -> None:
    world, (anna, ben) = market("anna", "ben")
    data, opened = uploaded(world, anna)
    request = commit(world, anna, md5_of(b"another file"))
    anna.send(Blocks(opened.transfer_id, 0, hashes_of(data)))
    wait(world, 0.5)
    (refused,) = anna.answers(request)
    assert isinstance(refused, Refused)
    assert refused.code == ErrorCode.DIGEST_MISMATCH
    assert anna.told(Missing) == []
    assert ben.files() == []
    assert anna.open(SIZE).present == ()


@pytest.mark.parametrize(
    "blocks",
    [
        Blocks(1, 0, b""),
        Blocks(1, 0, bytes(31)),
        Blocks(1, 1, bytes(32)),
        Blocks(1, 0, bytes(32 * 5)),
        Blocks(1, 2**32 - 1, bytes(32)),
    ],
    ids=["none", "odd", "not the first", "too many", "far away"],
)
def test_hashes_that_make_no_sense_end_the_upload(blocks: Blocks) -> None:
    world, (anna,) = market("anna")
    data, _ = uploaded(world, anna)
    request = commit(world, anna, md5_of(data[::-1]))
    anna.send(blocks)
    wait(world, 0.5)
    assert [answer.code for answer in anna.answers(request)] == [ErrorCode.DIGEST_MISMATCH]
    assert anna.files() == []
    assert anna.closed is None


@pytest.mark.parametrize("record", [Blocks(1, 0, bytes(32 * 4)), Missing(1, ((0, 100),)), WantBlocks(1)])
def test_what_nobody_asked_for_changes_nothing(record: Record) -> None:
    world, (anna,) = market("anna")
    data, _ = uploaded(world, anna)
    assert anna.ask(record) == []
    committed = anna.commit(md5_of(data))
    assert isinstance(committed, Committed)
    assert anna.ask(record) == []


def test_who_goes_while_an_upload_is_repaired_goes_on_with_it_later() -> None:
    world, (anna,) = market("anna")
    data, opened = uploaded(world, anna)
    world.server.store.damage(ID, 5)
    commit(world, anna, md5_of(data))
    anna.send(Blocks(opened.transfer_id, 0, hashes_of(data)))
    wait(world, 0.5)
    anna.leave()
    anna = come(world, "anna", key=anna.key)
    opened = anna.open(SIZE)
    assert opened.present == ((BLOCK_SIZE, SIZE),)
    anna.send_bytes(opened, data)
    assert isinstance(anna.commit(md5_of(data)), Committed)


def test_a_block_that_was_damaged_while_nobody_looked_is_sent_again_beside_the_rest() -> None:
    world, (anna,) = market("anna")
    data = world.random.randbytes(SIZE)
    opened = anna.open(SIZE)
    half = 2 * BLOCK_SIZE + 100
    anna.send_bytes(Opened(opened.transfer_id, SIZE, 0, ((half, SIZE),)), data)
    anna.leave()
    world.server.store.damage(ID, BLOCK_SIZE + 77)
    anna = come(world, "anna", key=anna.key)
    opened = anna.open(SIZE)
    assert opened.present == ((0, half),)
    anna.send_bytes(opened, data)
    assert send_again(world, anna) == ((BLOCK_SIZE, 2 * BLOCK_SIZE),)
    assert isinstance(anna.commit(md5_of(data)), Committed)
    assert anna.told(WantBlocks) == []


def test_a_commit_waits_until_what_was_there_has_been_read() -> None:
    world, (anna,) = market("anna")
    data, _ = uploaded(world, anna)
    anna.leave()
    world.server.store.damage(ID, 3 * BLOCK_SIZE + 1)
    anna = come(world, "anna", key=anna.key)
    world.server.disk.spec = DiskSpec(delay=200 * MILLISECOND)
    request = anna.send(open_record(SIZE))
    world.do(lambda: anna.link.send_transfer(2, SIZE, Bytes(data), SIZE, ((0, SIZE),)))
    wait(world, 0.25)
    assert isinstance(anna.answers(request)[0], Opened)
    committing = anna.send(Commit(ID, md5_of(data)))
    wait(world, 1)
    send_again(world, anna)
    assert isinstance(anna.answers(committing)[0], Committed)


# -- what is to be read back before a commit ---------------------------------------------------------------------------


class Behind:
    """A store that has slices of every part to read back before it commits. damaged: what is wrong in the last."""

    def __init__(self, store: Store, slices: int, damaged: tuple[tuple[int, int], ...] = ()) -> None:
        self.asked: list[type] = []
        self._store = store
        self._slices = slices
        self._damaged = damaged

    def submit(self, request: StoreRequest) -> Result | Job:
        if isinstance(request, CommitPart | CheckPart):
            self.asked.append(type(request))
            if self._slices:
                self._slices -= isinstance(request, CheckPart)
                is_done = not self._slices
                answer = PartChecked(request.part_id, self._damaged if is_done else (), is_done)
                return Job(lambda: None, lambda _: answer, Lane.CHECKING)
        return self._store.submit(request)

    def close(self) -> None:
        self._store.close()


def put_behind(world: World, slices: int, damaged: tuple[tuple[int, int], ...] = ()) -> Behind:
    store = Behind(world.server.store, slices, damaged)
    world.server.disk = DelayedStore(store, world.network, DiskSpec(delay=100 * MILLISECOND), "behind")
    return store


def test_commit_waits_for_slices_to_be_read_back_and_is_asked_again() -> None:
    world, (anna,) = market("anna")
    data, _ = uploaded(world, anna)
    store = put_behind(world, 3)
    request = commit(world, anna, md5_of(data))
    assert anna.answers(request) == []
    wait(world, 1)
    assert isinstance(anna.answers(request)[0], Committed)
    assert store.asked == [CommitPart, CheckPart, CheckPart, CheckPart, CommitPart]


def test_what_is_found_wrong_before_a_commit_is_sent_again() -> None:
    world, (anna,) = market("anna")
    data, _ = uploaded(world, anna)
    put_behind(world, 2, ((BLOCK_SIZE, 2 * BLOCK_SIZE),))
    request = commit(world, anna, md5_of(data))
    wait(world, 1)
    assert anna.answers(request) == []
    assert send_again(world, anna) == ((BLOCK_SIZE, 2 * BLOCK_SIZE),)
    assert isinstance(anna.answers(request)[0], Committed)


@pytest.mark.parametrize("damaged", [(), ((0, 5),)], ids=["right", "wrong"])
def test_who_goes_while_a_part_is_read_back_finds_out_later(damaged: tuple[tuple[int, int], ...]) -> None:
    world, (anna, ben) = market("anna", "ben")
    data, _ = uploaded(world, anna)
    put_behind(world, 5, damaged)
    commit(world, anna, md5_of(data))
    anna.leave()
    wait(world, 2)
    world.server.disk.spec = DiskSpec(delay=0)
    (file,) = ben.files()
    assert (file.md5 == md5_of(data)) == (not damaged)
    anna = come(world, "anna", key=anna.key)
    answer = anna.open(SIZE)
    assert isinstance(answer, Opened if damaged else Committed)
