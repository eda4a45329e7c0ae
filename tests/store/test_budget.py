"""Folders with very many members: what they may take of memory, of the core's thread, and of the disk's."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

from tests.store.actions import (
    ALICE,
    BOB,
    PART,
    content,
    create,
    create_request,
    refusal,
    server_store,
    sync,
    ticking,
    write,
)
from tests.store.grove import add_members
from udpchat.config import BLOCK_SIZE, MAX_FOLDER_MEMBERS, MAX_OWNER_INDEXES, MAX_SERVER_INDEXES
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import EMPTY_MD5, Index, MemberInfo, folder_md5
from udpchat.files.ports import (
    AbortPart,
    AddMembers,
    ClosePart,
    CommitPart,
    CreatePart,
    FileEntry,
    PartCreated,
    PartSynced,
    SyncPart,
)
from udpchat.protocol.ports import Job, StoreRequest, perform
from udpchat.store.budget import IndexBudget, index_memory
from udpchat.store.downloads import Downloads
from udpchat.store.file_schema import DATABASE
from udpchat.store.indexing import check_index
from udpchat.store.part_rows import PartInfo
from udpchat.store.parts import PartTable
from udpchat.store.server import ServerStore
from udpchat.store.transfer_schema import TransferDatabase
from udpchat.wire.numbers import FileFlag, MemberFlag

LARGEST = index_memory(MAX_FOLDER_MEMBERS)
OF_OWNER = MAX_OWNER_INDEXES // LARGEST  # folders of one user at once
OF_ALL = MAX_SERVER_INDEXES // LARGEST


def part_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def folder(number: int, owner: bytes = ALICE, members: int = MAX_FOLDER_MEMBERS) -> CreatePart:
    request = create_request(0, part_id=part_id(number), owner=owner, name=f"things {number}")
    return replace(request, flags=FileFlag.FOLDER, members=members)


def owner(number: int) -> bytes:
    return bytes([number]) * 32


def calls_in(work: Callable[[], object]) -> int:
    """How many functions are called."""
    count = 0

    def count_call(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(count_call)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def empty_members(count: int) -> tuple[MemberInfo, ...]:
    return tuple(MemberInfo(f"{number:06}", 0) for number in range(count))


# -- memory ------------------------------------------------------------------------------------------------------------


def test_one_user_may_send_a_few_of_the_largest_folders_at_once_and_others_may_still_send(store: ServerStore) -> None:
    assert OF_OWNER >= 2
    for number in range(1, OF_OWNER + 1):
        assert isinstance(perform(store, folder(number)), PartCreated)
    refused = refusal(store, folder(99))
    assert (refused.code, "folders of yours" in refused.text) == (ErrorCode.TOO_MANY_TRANSFERS, True)
    assert isinstance(perform(store, folder(98, BOB)), PartCreated)
    assert isinstance(perform(store, create_request(5, part_id=part_id(97))), PartCreated)  # a file needs no index


def test_indexes_of_all_users_together_have_a_limit(store: ServerStore) -> None:
    for number in range(1, OF_ALL + 1):
        assert isinstance(perform(store, folder(number, owner(number))), PartCreated)
    assert refusal(store, folder(99, owner(99))).code == ErrorCode.TOO_MANY_TRANSFERS


def test_folders_that_are_asked_for_in_one_breath_are_counted_before_the_disk_has_answered(store: ServerStore) -> None:
    answers = [store.submit(folder(number)) for number in range(1, OF_OWNER + 5)]
    jobs = [answer for answer in answers if isinstance(answer, Job)]
    assert (len(jobs), sum(isinstance(answer, StorageError) for answer in answers)) == (OF_OWNER, 4)
    for job in jobs:
        assert isinstance(job.finish(job.run()), PartCreated)


@pytest.mark.parametrize("end", [ClosePart(part_id(1)), AbortPart(5, part_id(1))], ids=["closed", "aborted"])
def test_who_ends_a_folder_may_send_another(end: StoreRequest, store: ServerStore) -> None:
    for number in range(1, OF_OWNER + 1):
        perform(store, folder(number))
    perform(store, end)
    assert isinstance(perform(store, folder(50)), PartCreated)
    assert refusal(store, folder(51)).code == ErrorCode.TOO_MANY_TRANSFERS


def test_folder_that_is_being_closed_counts_until_it_is_gone_from_memory(store: ServerStore) -> None:
    for number in range(1, OF_OWNER + 1):
        perform(store, folder(number))
    job = store.submit(ClosePart(part_id(1)))
    assert isinstance(job, Job)
    assert isinstance(store.submit(folder(50)), StorageError)
    job.finish(job.run())
    assert isinstance(perform(store, folder(50)), PartCreated)


def test_refused_folders_take_nothing(store: ServerStore) -> None:
    for number in range(1, 3 * OF_OWNER):
        assert refusal(store, replace(folder(number), file_name="")).code == ErrorCode.NAME_NOT_ALLOWED
    for number in range(100, 100 + OF_OWNER):
        assert isinstance(perform(store, folder(number)), PartCreated)


def test_stored_folder_takes_nothing(tmp_path: Path) -> None:
    backend = Downloads(tmp_path, TransferDatabase(None), ticking(), portable=None)
    parts = PartTable(backend, IndexBudget(index_memory(3), index_memory(3)))

    def ask(request: StoreRequest) -> object:
        answer = parts.handlers()[type(request)](request)
        return answer.finish(answer.run()) if isinstance(answer, Job) else answer

    for number in range(1, 4):
        assert isinstance(ask(folder(number, members=3)), PartCreated)
        assert ask(AddMembers(2, part_id(number), 0, empty_members(3))) is None
        assert isinstance(ask(CommitPart(4, part_id(number), folder_md5([EMPTY_MD5] * 3))), FileEntry)


def test_two_who_begin_the_same_folder_at_once_claim_it_once(store: ServerStore) -> None:
    jobs = [store.submit(folder(1)) for _ in range(2)]
    for job in jobs:
        assert isinstance(job, Job)
        assert isinstance(job.finish(job.run()), PartCreated)
    for number in range(2, OF_OWNER + 1):
        assert isinstance(perform(store, folder(number)), PartCreated)
    assert refusal(store, folder(50)).code == ErrorCode.TOO_MANY_TRANSFERS


def test_budget_gives_back_what_is_released_and_once() -> None:
    budget = IndexBudget(of_owner=index_memory(10), of_all=index_memory(15))
    first = budget.claim(ALICE, 10)
    with pytest.raises(StorageError, match="yours"):
        budget.claim(ALICE, 1)
    with pytest.raises(StorageError, match="at once"):
        budget.claim(BOB, 10)
    budget.release(first)
    budget.release(first)
    budget.claim(BOB, 10)
    with pytest.raises(StorageError, match="at once"):
        budget.claim(ALICE, 10)


# -- time of the core's thread and of the disk's -----------------------------------------------------------------------


@pytest.mark.parametrize("request_", [ClosePart(part_id(1)), SyncPart(3, part_id(1))], ids=["closing", "syncing"])
def test_folder_of_many_empty_files_costs_the_core_no_more_than_one_of_few(
    request_: StoreRequest, store: ServerStore
) -> None:
    count = 3_000
    perform(store, folder(1, members=count))
    assert add_members(store, empty_members(count), part_id=part_id(1)) is None
    jobs: list[Job] = []

    def submit() -> None:
        job = store.submit(request_)
        assert isinstance(job, Job)
        jobs.append(job)

    assert calls_in(submit) < 100
    answer = jobs[0].finish(jobs[0].run())
    assert answer is None or isinstance(answer, PartSynced), answer


def test_hashes_of_an_index_are_written_down_when_its_folder_is_closed(store: ServerStore, tmp_path: Path) -> None:
    perform(store, folder(1, members=700))
    assert add_members(store, empty_members(700), part_id=part_id(1)) is None
    perform(store, ClosePart(part_id(1)))
    reader = sqlite3.connect(tmp_path / DATABASE)
    assert reader.execute("SELECT count(*) FROM members WHERE md5 = ?", (EMPTY_MD5,)).fetchone() == (700,)
    reader.close()


def test_journal_has_no_hash_of_bytes_that_came_after_the_sync_was_asked_for(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    data = content(2 * BLOCK_SIZE)
    create(store, len(data))
    write(store, data, 0, BLOCK_SIZE + 5)
    job = store.submit(SyncPart(2, PART))
    assert isinstance(job, Job)
    write(store, data, BLOCK_SIZE + 5, len(data))  # the worker has not begun
    job.finish(job.run())
    reader = sqlite3.connect(tmp_path / DATABASE)
    numbers = reader.execute("SELECT number FROM blocks ORDER BY number")
    assert numbers.fetchall() == [(0,)]
    sync(store)
    assert reader.execute("SELECT number FROM blocks ORDER BY number").fetchall() == [(0,), (1,)]
    reader.close()
    store.close()


def test_deep_folders_are_looked_at_once_each_not_once_for_each_file_below() -> None:
    depth, count = 200, 1_000
    path, members = "a", [MemberInfo("a", 0, 0, MemberFlag.DIRECTORY)]
    for _ in range(depth):
        path = f"{path}/a"
        members.append(MemberInfo(path, 0, 0, MemberFlag.DIRECTORY))
    members += [MemberInfo(f"{path}/{number}", 0) for number in range(count)]
    info = PartInfo(PART, ALICE, "alice", "deep", 0, flags=FileFlag.FOLDER, members=len(members))
    index = Index(members)
    assert calls_in(lambda: check_index(info, index)) < 20 * len(members)


def test_file_with_files_in_it_is_found_however_deep() -> None:
    members = [MemberInfo(path, 0) for path in ("x/y/z/1", "x/y/z/2", "x/y/w/3", "x/y")]
    info = PartInfo(PART, ALICE, "alice", "deep", 0, flags=FileFlag.FOLDER, members=len(members))
    with pytest.raises(StorageError, match="'x/y' in 'deep' is a file"):
        check_index(info, Index(members))
