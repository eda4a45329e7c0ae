"""The running hashes: whatever the pieces, whatever is known before, they are what hashlib says of the whole."""

from __future__ import annotations

from random import Random

import pytest

from tests.store.actions import content, md5
from tests.store.mending import block_hashes
from udpchat.arq.ranges import RangeSet
from udpchat.config import BLOCK_SIZE
from udpchat.errors import UsageError
from udpchat.files.blocks import HASH_SIZE
from udpchat.files.members import Index, MemberInfo, folder_md5
from udpchat.store.hashing import MD5_SIZE, RunningHash, index_of_file
from udpchat.wire.numbers import MemberFlag

SIZES = [0, 0, 1, BLOCK_SIZE - 1, 3 * BLOCK_SIZE, 0, 5_000, 1, 1, 0, BLOCK_SIZE, 700_000, 0, 0]
DATA = content(sum(SIZES))
SPANS = [(sum(SIZES[:number]), sum(SIZES[: number + 1])) for number in range(len(SIZES))]
MEMBERS = b"".join(md5(DATA[start:stop]) for start, stop in SPANS)


def folder(sizes: list[int]) -> Index:
    return Index(MemberInfo(f"m{number}", size) for number, size in enumerate(sizes))


def feed(running: RunningHash, data: bytes, stop: int, sizes: Random | None = None) -> int:
    """Feed what is needed up to stop, in pieces; bytes that were fed."""
    fed = 0
    while running.position < stop:
        running.pass_over(stop)
        size = 65_536 if sizes is None else sizes.choice((1, 1_200, 65_536, 3 * BLOCK_SIZE))
        piece = memoryview(data)[running.position : min(running.position + size, stop)]
        fed += len(piece)
        running.feed(piece)
    return fed


@pytest.mark.parametrize("seed", range(3))
def test_hashes_of_a_folder_are_those_of_its_members_and_of_its_blocks(seed: int) -> None:
    running = RunningHash(folder(SIZES))
    feed(running, DATA, len(DATA), Random(seed))
    assert running.is_done
    assert bytes(running.md5s) == MEMBERS
    assert bytes(running.hashes) == block_hashes(DATA)
    assert running.digest(is_folder=True) == folder_md5([MEMBERS])


@pytest.mark.parametrize("size", [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 2 * BLOCK_SIZE + 5])
def test_hashes_of_a_file_are_its_md5_and_those_of_its_blocks(size: int) -> None:
    data = content(size)
    running = RunningHash(index_of_file(size))
    feed(running, data, size)
    assert running.digest(is_folder=False) == md5(data)
    assert bytes(running.hashes) == block_hashes(data)


def test_folder_of_nothing_is_hashed_at_once() -> None:
    members = [MemberInfo("empty", 0), MemberInfo("sub", 0, flags=MemberFlag.DIRECTORY)]
    running = RunningHash(Index(members))
    assert running.is_done
    assert bytes(running.md5s) == md5(b"") * 2
    assert RunningHash(Index(())).digest(is_folder=True) == md5(b"")


def test_hashes_of_what_is_not_durable_are_held_back_and_given_again() -> None:
    sizes = [BLOCK_SIZE, 10, 0, 20]
    data = content(sum(sizes))
    running = RunningHash(folder(sizes))
    feed(running, data, len(data))
    blocks, md5s = running.take()
    durable = RangeSet(((0, BLOCK_SIZE + 10),))
    first = running.hold_back(durable, blocks, md5s)
    assert (set(first[0]), set(first[1])) == ({0}, {0, 1, 2})
    rest = running.take()
    assert (first[0] | rest[0], first[1] | rest[1]) == (blocks, md5s)
    assert running.take() == ({}, {})


def test_what_became_known_is_taken_once() -> None:
    running = RunningHash(folder(SIZES))
    feed(running, DATA, 2 * BLOCK_SIZE + 1)
    blocks, md5s = running.take()
    assert blocks == {number: block_hashes(DATA)[number * 32 :][:32] for number in range(2)}
    assert md5s == {number: MEMBERS[number * 16 :][:16] for number in range(4)}
    assert running.take() == ({}, {})


def test_what_could_not_be_written_down_is_given_again() -> None:
    running = RunningHash(folder(SIZES))
    feed(running, DATA, len(DATA))
    running.forget(0, BLOCK_SIZE)
    feed(running, DATA, len(DATA))
    lost_blocks, lost_members = map(tuple, running.take_losses())
    blocks, md5s = running.take()
    assert all((lost_blocks, lost_members, blocks, md5s))
    running.take_back(lost_blocks, lost_members, blocks, md5s)
    assert tuple(map(tuple, running.take_losses())) == (lost_blocks, lost_members)
    assert running.take() == (blocks, md5s)


@pytest.mark.parametrize("seed", range(8))
def test_what_a_journal_knows_is_not_read_again(seed: int) -> None:
    random = Random(seed)
    hashes, md5s = bytearray(block_hashes(DATA)), bytearray(MEMBERS)
    lost = [number for number in range(len(SIZES)) if random.random() < 0.3]
    for number in lost:
        md5s[number * MD5_SIZE : (number + 1) * MD5_SIZE] = bytes(MD5_SIZE)
    hole = random.randrange(len(hashes) // HASH_SIZE)
    hashes[hole * HASH_SIZE : (hole + 1) * HASH_SIZE] = bytes(HASH_SIZE)
    running = RunningHash(folder(SIZES), hashes, md5s)
    needed = RangeSet([(hole * BLOCK_SIZE, min((hole + 1) * BLOCK_SIZE, len(DATA)))])
    for number in lost:
        needed.add(*SPANS[number])
    read = RangeSet()
    while not running.is_done:
        running.pass_over(len(DATA))
        start, stop = running.position, min(running.position + 50_000, len(DATA))
        read.add(start, stop)
        running.feed(memoryview(DATA)[start:stop])
    assert all(read.covers(start, stop) for start, stop in needed)
    assert read.total - needed.total <= 50_000 * (len(lost) + 1)
    assert (bytes(running.md5s), bytes(running.hashes)) == (MEMBERS, block_hashes(DATA))


@pytest.mark.parametrize("seed", range(20))
def test_bytes_that_turn_out_wrong_are_hashed_again(seed: int) -> None:
    random = Random(seed)
    wrong = bytearray(DATA)
    number = random.randrange(len(DATA) // BLOCK_SIZE)
    wrong[number * BLOCK_SIZE + random.randrange(BLOCK_SIZE)] ^= 1
    running = RunningHash(folder(SIZES))
    feed(running, bytes(wrong), random.randrange((number + 1) * BLOCK_SIZE, len(DATA) + 1))
    start, stop = number * BLOCK_SIZE, (number + 1) * BLOCK_SIZE
    running.forget(start, stop)
    blocks, members = map(tuple, running.take_losses())
    assert blocks == ((number, number + 1),)
    touched = [place for place, (left, right) in enumerate(SPANS) if left < stop and start < right]
    assert members == ((touched[0], touched[-1] + 1),)
    assert not any(running.take_losses())
    noted, md5s = running.take()
    assert number not in noted
    assert md5s.keys().isdisjoint(range(*members[0]))
    feed(running, DATA, len(DATA))
    assert (bytes(running.md5s), bytes(running.hashes)) == (MEMBERS, block_hashes(DATA))


def test_block_that_is_lost_before_it_was_read_lets_the_md5_run_on() -> None:
    data = content(3 * BLOCK_SIZE)
    running = RunningHash(index_of_file(len(data)), bytearray(block_hashes(data)), bytearray(MD5_SIZE))
    feed(running, data, BLOCK_SIZE)
    running.forget(BLOCK_SIZE, 2 * BLOCK_SIZE)
    assert running.position == BLOCK_SIZE
    assert feed(running, data, len(data)) == 2 * BLOCK_SIZE
    assert running.digest(is_folder=False) == md5(data)
    assert bytes(running.hashes) == block_hashes(data)


def test_member_that_is_lost_while_it_is_passed_over_is_read_from_its_beginning() -> None:
    sizes = [3 * BLOCK_SIZE, 10]
    data = content(sum(sizes))
    hashes = bytearray(block_hashes(data))
    hashes[:HASH_SIZE] = bytes(HASH_SIZE)
    md5s = bytearray(md5(data[: sizes[0]]) + bytes(MD5_SIZE))
    running = RunningHash(folder(sizes), hashes, md5s)
    feed(running, data, 1_000)
    running.forget(2 * BLOCK_SIZE, 3 * BLOCK_SIZE)
    assert running.position == 0
    feed(running, data, len(data))
    assert bytes(running.md5s) == md5(data[: sizes[0]]) + md5(data[sizes[0] :])
    assert bytes(running.hashes) == block_hashes(data)


def test_bytes_beyond_the_end_are_our_own_mistake() -> None:
    running = RunningHash(index_of_file(10))
    with pytest.raises(UsageError):
        running.feed(memoryview(bytes(11)))
    with pytest.raises(UsageError):
        RunningHash(index_of_file(10), None, bytearray(17))
