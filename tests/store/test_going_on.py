"""Parts on a disk that go on: what is read back, what is not, and what threads do meanwhile."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from tests.store.actions import PART, commit, content, create, md5, refusal, server_store, sync, upload, write
from tests.store.mending import (
    add_members,
    block,
    check_all,
    compare,
    create_folder,
    flip,
    part_path,
    stored_files,
    tree_of,
)
from tests.store.shelf import members_of, opened, read_all, tree_md5
from udpchat.arq.ranges import RangeSet
from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MAX_CATCH_UP, MIB
from udpchat.errors import ErrorCode
from udpchat.files.blocks import block_root
from udpchat.files.ports import CheckPart, ClosePart, CommitPart, FileEntry, PartChecked, SyncPart
from udpchat.protocol.ports import Job, Lane, StoreRequest, perform
from udpchat.store.server import ServerStore

needs_preadv = pytest.mark.skipif(not hasattr(os, "preadv"), reason="needs preadv")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> RangeSet:
    """What is read back."""
    seen, read = RangeSet(), os.preadv

    def watching(fd: int, buffers: list[memoryview], offset: int) -> int:
        count = read(fd, buffers, offset)
        seen.add(offset, offset + count)
        return count

    monkeypatch.setattr(os, "preadv", watching)
    return seen


# -- what is read back -------------------------------------------------------------------------------------------------


@needs_preadv
def test_upload_in_order_is_never_read_back(tmp_path: Path, reads: RangeSet) -> None:
    data = content(5 * MIB)
    store = server_store(tmp_path)
    create(store, len(data))
    for start in range(0, len(data), 65_000):
        write(store, data, start, min(start + 65_000, len(data)))
        if start % 10 == 0:
            sync(store)
    commit(store, data)
    store.close()
    assert reads.total <= 8_192  # to tell what kind of file it is


@needs_preadv
def test_only_what_was_behind_a_hole_is_read_back(tmp_path: Path, reads: RangeSet) -> None:
    data = content(5 * MIB)
    store = server_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, 2 * MIB)
    write(store, data, 2 * MIB + 1_000, 3 * MIB)
    write(store, data, 2 * MIB, 2 * MIB + 1_000)
    write(store, data, 3 * MIB, 5 * MIB)
    assert tuple(reads) == ((2 * MIB + 1_000, 3 * MIB),)
    assert commit(store, data).md5 == md5(data)
    store.close()


@needs_preadv
def test_no_byte_of_a_file_is_read_back_before_it_takes_bytes_again(tmp_path: Path, reads: RangeSet) -> None:
    data = content(5 * MIB)
    store = server_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, 4 * MIB)
    sync(store)
    store.close()
    store = server_store(tmp_path)
    assert create(store, len(data)).present == ((0, 4 * MIB),)
    write(store, data, 4 * MIB, 5 * MIB)
    assert sync(store).durable_bytes == len(data)
    assert reads.total == 0
    assert check_all(store) == ()
    assert tuple(reads) == ((0, 5 * MIB),)
    store.close()


# -- what a disk may do to a part --------------------------------------------------------------------------------------


def test_bytes_that_a_power_cut_took_are_sent_again_and_only_those(tmp_path: Path) -> None:
    data = content(4 * MIB)
    store = server_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, 2 * MIB + 10)
    sync(store)
    write(store, data, 2 * MIB + 10, 4 * MIB)
    store.close()
    with part_path(tmp_path).open("r+b") as file:
        file.seek(2 * MIB + 10)
        file.write(bytes(2 * MIB - 10))
    store = server_store(tmp_path)
    assert create(store, len(data)).present == ((0, 2 * MIB + 10),)
    assert check_all(store) == ()
    write(store, data, 2 * MIB + 10, len(data))
    assert commit(store, data).md5 == md5(data)
    store.close()


def test_damage_is_found_in_every_slice_and_costs_only_its_blocks(tmp_path: Path) -> None:
    size = 2 * CHECK_SLICE + 3 * MIB + 77
    data = content(MIB) * (size // MIB) + content(77)
    store = server_store(tmp_path)
    create(store, size)
    write(store, data, 0, size)
    assert perform(store, ClosePart(PART)) is None
    store.close()
    damaged = (0, 17, 18, size // BLOCK_SIZE)
    for number in damaged:
        flip(part_path(tmp_path), number * BLOCK_SIZE + 76)
    store = server_store(tmp_path)
    create(store, size)
    found = check_all(store)
    assert sum(stop - start for start, stop in found) == 3 * BLOCK_SIZE + 77
    assert RangeSet(found) == RangeSet([block(number, size) for number in damaged])
    for start, stop in found:
        write(store, data, start, stop)
    assert check_all(store) == ()
    entry = commit(store, data)
    assert entry.md5 == md5(data)
    hashes = (hashlib.sha256(data[start : start + MIB]).digest() for start in range(0, size, MIB))
    assert entry.root == block_root(size, b"".join(hashes))
    store.close()


@pytest.mark.parametrize("offset", [5, MIB + 5, 2 * MIB + 5])
def test_damage_before_the_commit_is_found_by_comparing(offset: int, tmp_path: Path) -> None:
    data = content(2 * MIB + 10)
    store = server_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, len(data))
    flip(part_path(tmp_path), offset)
    start, stop = block(offset // MIB, len(data))
    assert compare(store, data) == ((start, stop),)
    write(store, data, start, stop)
    entry = commit(store, data)
    assert read_all(opened(store, entry.file_id).source) == data
    store.close()


def test_damaged_folder_names_what_is_wrong_when_that_is_known(tmp_path: Path) -> None:
    data = content(3_000)
    tree = tree_of(data, (1_000, 2_000))
    told = [
        member if member.is_directory else type(member)(member.path, member.size, md5=md5(tree[member.path] or b""))
        for member in members_of(tree)
    ]
    store = server_store(tmp_path)
    create_folder(store, tree)
    add_members(store, told)
    write(store, data[:1_500] + bytes(1_500), 0, len(data))
    refused = refusal(store, CommitPart(1, PART, tree_md5(tree)))
    assert refused.code == ErrorCode.DIGEST_MISMATCH
    assert "'d1/f'" in refused.text
    assert stored_files(store) == ()
    store.close()


@needs_preadv
def test_bytes_before_a_late_index_are_hashed_by_the_syncs_that_follow(tmp_path: Path, reads: RangeSet) -> None:
    sizes = (CHECK_SLICE + 5, 0, CHECK_SLICE, 1_000)
    data = content(MIB) * (sum(sizes) // MIB + 1)
    tree = tree_of(data[: sum(sizes)], sizes)
    store = server_store(tmp_path)
    create_folder(store, tree)
    write(store, data, 0, 2 * CHECK_SLICE)
    add_members(store, members_of(tree))
    sync(store)
    assert tuple(reads) == ((0, CHECK_SLICE),)
    write(store, data, 2 * CHECK_SLICE, sum(sizes))
    assert isinstance(perform(store, CommitPart(1, PART, tree_md5(tree))), FileEntry)
    store.close()


@needs_preadv
def test_commit_before_a_late_index_was_hashed_leaves_the_reading_to_the_checks(
    tmp_path: Path, reads: RangeSet
) -> None:
    sizes = (CHECK_SLICE + 5, 0, 2 * CHECK_SLICE)
    data = content(MIB) * (sum(sizes) // MIB + 1)
    tree = tree_of(data[: sum(sizes)], sizes)
    store = server_store(tmp_path)
    create_folder(store, tree)
    write(store, data, 0, sum(sizes))
    add_members(store, members_of(tree))
    request = CommitPart(1, PART, tree_md5(tree))
    assert perform(store, request) == PartChecked(PART, (), is_done=False)
    assert tuple(reads) == ((0, CHECK_SLICE),)  # the lane of all files is not held up for longer
    job = store.submit(CheckPart(2, PART))
    assert isinstance(job, Job)
    assert job.lane is Lane.CHECKING
    job.finish(job.run())
    assert check_all(store) == ()
    assert sum(sizes) - MAX_CATCH_UP <= reads.total
    assert isinstance(perform(store, request), FileEntry)
    store.close()


# -- threads -----------------------------------------------------------------------------------------------------------


class Workers:
    """A thread for each lane; jobs are finished where they were submitted."""

    def __init__(self, store: ServerStore) -> None:
        self._store = store
        self._pools = {lane: ThreadPoolExecutor(1) for lane in (Lane.FILES, Lane.CHECKING)}
        self._waiting: deque[tuple[Job, Future[object]]] = deque()
        self.results: list[object] = []

    def submit(self, request: StoreRequest) -> None:
        answer = self._store.submit(request)
        if isinstance(answer, Job):
            self._waiting.append((answer, self._pools[answer.lane].submit(answer.run)))
        else:
            self.results.append(answer)

    def finish(self, *, all_of_them: bool = False) -> None:
        """Take in what is ready."""
        for _ in range(len(self._waiting)):
            job, future = self._waiting.popleft()
            if all_of_them or future.done():
                self.results.append(job.finish(future.result()))
            else:
                self._waiting.append((job, future))

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown()


class Transfer:
    """A part that is filled again by a sender, while it is checked and synced by whoever has time."""

    def __init__(self, store: ServerStore, data: bytes, random: Random) -> None:
        self._store = store
        self._data = data
        self._random = random
        self._workers = Workers(store)
        self._missing = deque(RangeSet(create(store, len(data)).present).missing(0, len(data)))
        self._is_checked = False

    def run(self) -> None:
        self._workers.submit(CheckPart(1, PART))
        while self._missing or not self._is_checked:
            self._write_some()
            if self._random.random() < 0.1:
                self._workers.submit(SyncPart(2, PART))
            self._take_in()
        self._workers.finish(all_of_them=True)
        self._workers.close()

    def _write_some(self) -> None:
        if self._missing:
            start, stop = self._missing.popleft()
            if stop - start > 65_000:
                self._missing.append((start + 65_000, stop))
                stop = start + 65_000
            write(self._store, self._data, start, stop)

    def _take_in(self) -> None:
        self._workers.finish(all_of_them=not self._missing)
        results, self._workers.results = self._workers.results, []
        for result in results:
            if isinstance(result, PartChecked):
                self._missing.extend(result.damaged)
                self._is_checked = result.is_done
                if not self._is_checked:
                    self._workers.submit(CheckPart(1, PART))


@pytest.mark.parametrize("seed", range(4))
def test_part_is_checked_synced_and_written_at_once(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    data = content(12 * MIB + random.randrange(MIB), seed)
    store = server_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, 2 * MIB)
    for start in range(2 * MIB, 8 * MIB, 500_000):
        if random.random() < 0.8:
            write(store, data, start, start + 500_000)
    assert perform(store, ClosePart(PART)) is None
    flip(part_path(tmp_path), random.randrange(2 * MIB))
    Transfer(store, data, random).run()
    assert commit(store, data).md5 == md5(data)
    (stored,) = (tmp_path / "files").iterdir()
    assert stored.read_bytes() == data
    store.close()


def test_closing_waits_for_a_check_that_reads(tmp_path: Path) -> None:
    data = content(3 * MIB)
    store = server_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, len(data))
    assert perform(store, ClosePart(PART)) is None
    for _ in range(20):
        create(store, len(data))
        workers = Workers(store)
        workers.submit(CheckPart(1, PART))
        workers.submit(ClosePart(PART))
        workers.finish(all_of_them=True)
        workers.close()
        assert [result for result in workers.results if result is not None] == [PartChecked(PART, (), True)]
    assert upload(store, data).md5 == md5(data)
    store.close()
