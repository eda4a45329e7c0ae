"""Requests that overlap: begun before others are done, as they come when many clients ask at once."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.store.actions import PART, content, create, create_request, md5, refusal, server_store, sync, upload, write
from tests.store.grove import Tree, add_members, begin_folder, found_in, local_store, md5_of, members_of, whole
from tests.store.grove import write_folder as write_tree
from tests.store.mending import part_path, stored_files
from tests.store.shelf import begin, delete, expire, opened, put, read_all
from udpchat.config import LOBBY, MAX_OPEN_PARTS, PART_LIFETIME, ROOM_LIFETIME
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import (
    AddMembers,
    CheckPart,
    ClosePart,
    CommitPart,
    CreatePart,
    FileEntry,
    PartChecked,
    PartCreated,
    PartFailed,
    SyncPart,
    WritePart,
)
from udpchat.files.stored_ports import OpenStored
from udpchat.protocol.ports import Job, Lane, Result, Store, StoreRequest, perform
from udpchat.store.budget import IndexBudget, index_memory
from udpchat.store.downloads import Downloads
from udpchat.store.file_schema import DATABASE
from udpchat.store.parts import PartTable
from udpchat.store.server import ServerStore
from udpchat.store.transfer_schema import TransferDatabase
from udpchat.store.tree_part import FILES_AT_ONCE
from udpchat.wire.numbers import FileFlag

DATA = content(50_000)


def job_of(store: Store, request: StoreRequest) -> Job:
    answer = store.submit(request)
    assert isinstance(answer, Job), answer
    return answer


def end(job: Job) -> Result:
    return job.finish(job.run())


# -- parts that begin --------------------------------------------------------------------------------------------------


def part_of(number: int) -> CreatePart:
    return create_request(0, part_id=number.to_bytes(16, "big"), owner=(number // 50).to_bytes(32, "big"))


def test_uploads_that_begin_in_one_breath_are_counted_before_the_disk_has_answered(store: ServerStore) -> None:
    jobs = [job_of(store, part_of(number)) for number in range(MAX_OPEN_PARTS - 1)]
    last = job_of(store, replace(part_of(MAX_OPEN_PARTS), file_name=""))
    refused = store.submit(part_of(MAX_OPEN_PARTS + 1))
    assert isinstance(refused, StorageError)
    assert refused.code == ErrorCode.TOO_MANY_TRANSFERS
    assert end(last).code == ErrorCode.NAME_NOT_ALLOWED
    assert isinstance(end(jobs[0]), PartCreated)
    assert isinstance(end(job_of(store, part_of(MAX_OPEN_PARTS + 1))), PartCreated)
    assert isinstance(store.submit(part_of(MAX_OPEN_PARTS + 2)), StorageError)


def test_folder_whose_disk_failed_goes_on_where_its_owner_has_no_more_memory_for_indexes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Downloads(tmp_path, TransferDatabase(None), lambda: 1, portable=None)
    parts = PartTable(backend, IndexBudget(index_memory(1), index_memory(1)))
    request = create_request(5, flags=FileFlag.FOLDER, members=1)

    def ask(request: StoreRequest) -> Result:
        answer = parts.handlers()[type(request)](request)
        return end(answer) if isinstance(answer, Job) else answer

    assert isinstance(ask(request), PartCreated)
    with monkeypatch.context() as patch:
        patch.setattr("udpchat.store.tree_part.lay_out", refusing_to_lay_out)
        assert isinstance(ask(AddMembers(1, PART, 0, members_of({"f": b"12345"}))), StorageError)
    assert ask(AddMembers(1, PART, 0, members_of({"f": b"12345"}))) is None
    with monkeypatch.context() as patch:
        patch.setattr("udpchat.store.tree_part.Waiting.add", no_disk)
        assert isinstance(ask(WritePart(PART, 0, memoryview(b"12345"))), PartFailed)
    assert ask(replace(request, owner=b"B" * 32)).text.startswith("this transfer id belongs to somebody else")
    assert isinstance(ask(request), PartCreated)
    assert ask(replace(request, part_id=bytes(16))).code == ErrorCode.TOO_MANY_TRANSFERS
    parts.close()


def in_pieces(store: Store, count: int, part_id: bytes) -> None:
    """Every other byte."""
    for place in range(count):
        write(store, DATA, 2 * place, 2 * place + 1, part_id=part_id)


def test_holes_in_all_uploads_together_have_a_limit_that_spares_those_with_few(
    store: ServerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udpchat.store.parts.FEW_PART_RUNS", 10)
    monkeypatch.setattr("udpchat.store.parts.MAX_OPEN_RUNS", 50)
    few, greedy = bytes([1]) * 16, bytes([2]) * 16
    for part_id in (few, greedy):
        create(store, len(DATA), part_id=part_id)
    in_pieces(store, 5, few)
    in_pieces(store, 45, greedy)
    failed = perform(store, WritePart(greedy, 1_000, memoryview(b"x")))
    assert isinstance(failed, PartFailed)
    assert failed.error.code == ErrorCode.FLOW_CONTROL
    write(store, DATA, 100, 101, part_id=few)
    perform(store, ClosePart(greedy))
    assert upload(store, DATA, part_id=few).md5 == md5(DATA)


def test_holes_in_one_upload_have_a_limit(store: ServerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpchat.store.partfile.MAX_PART_RUNS", 5)
    create(store, len(DATA))
    in_pieces(store, 5, PART)
    failed = perform(store, WritePart(PART, 100, memoryview(b"x")))
    assert isinstance(failed, PartFailed)
    assert failed.error.code == ErrorCode.FLOW_CONTROL
    assert upload(store, DATA).md5 == md5(DATA)


def no_disk(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def refusing_to_lay_out(_: object) -> Any:
    no_disk()


def test_members_that_come_twice_in_one_breath_are_laid_out_once(tmp_path: Path) -> None:
    tree: Tree = {"d": None, "d/a": b"12345", "b": b"67890"}
    data, members = whole(tree), members_of(tree)
    store = local_store(tmp_path)
    begin_folder(store, tree)
    first, second = (job_of(store, AddMembers(1, PART, 0, members)) for _ in range(2))
    third = job_of(store, AddMembers(1, PART, 0, (*members[:2], replace(members[2], path="c"))))
    assert end(first) is None
    write_tree(store, data, 0, 7)
    sync(store)
    assert end(second) is None
    assert end(third).code == ErrorCode.SOURCE_CHANGED
    write_tree(store, data, 7, len(data))
    entry = perform(store, CommitPart(2, PART, md5_of(tree)))
    assert isinstance(entry, FileEntry), entry
    assert found_in(Path(entry.path)) == dict(sorted(tree.items()))
    store.close()


# -- what a sync has and has not ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "pwrite"), reason="needs pwrite")
def test_bytes_that_land_in_the_middle_of_a_sync_are_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree: Tree = {"a": content(9_000), "b": b"1"}
    data = whole(tree)
    store = local_store(tmp_path, portable=False)
    begin_folder(store, tree)
    assert add_members(store, members_of(tree)) is None
    write_tree(store, data, 0, 3_000)
    sync(store)  # the file is there from now on
    write_tree(store, data, 7_000, 8_000)
    steps: list[str] = []
    pwrite, fdatasync = os.pwrite, os.fdatasync

    def writing(fd: int, view: memoryview, offset: int) -> int:
        sync(store)  # a worker is faster
        steps.append("written")
        return pwrite(fd, view, offset)

    def syncing(fd: int) -> None:
        steps.append("durable")
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", syncing)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", writing)
        write_tree(store, data, 3_000, 6_000)
    sync(store)
    assert steps == ["durable", "written", "durable"]
    store.close()


def test_commit_behind_a_sync_whose_journal_failed_stores_nothing(store: ServerStore, tmp_path: Path) -> None:
    data = content(2**20 + 5)
    create(store, len(data))
    write(store, data, 0, len(data))
    jobs = [job_of(store, SyncPart(1, PART)), job_of(store, CommitPart(2, PART, md5(data)))]
    other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    other.execute("CREATE TRIGGER full BEFORE INSERT ON blocks BEGIN SELECT RAISE(ABORT, 'full'); END")
    synced = jobs[0].run()
    other.execute("DROP TRIGGER full")
    committed = jobs[1].run()
    results = [job.finish(outcome) for job, outcome in zip(jobs, (synced, committed), strict=True)]
    assert [type(result) for result in results] == [StorageError] * 2, results
    assert stored_files(store) == ()
    assert create(store, len(data)).present == ()
    assert upload(store, data).md5 == md5(data)
    assert other.execute("SELECT count(*) FROM blocks").fetchone() == (2,)
    other.close()


def test_commit_that_is_repeated_because_the_database_was_full_writes_all_hashes_down(
    store: ServerStore, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    part_id = begin(store, 10, name="things", flags=FileFlag.FOLDER, members=3)
    assert perform(store, AddMembers(1, part_id, 0, members_of({"a": b"12345", "b": b"", "c": b"67890"}))) is None
    write(store, b"1234567890", 0, 10, part_id=part_id)
    request = CommitPart(2, part_id, md5_of({"a": b"12345", "b": b"", "c": b"67890"}))
    other.execute("CREATE TRIGGER full BEFORE UPDATE OF file_id ON parts BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert isinstance(perform(store, request), StorageError)
    other.execute("DROP TRIGGER full")
    assert isinstance(perform(store, request), FileEntry)
    digests = [(md5(data),) for data in (b"12345", b"", b"67890")]
    assert other.execute("SELECT md5 FROM members ORDER BY number").fetchall() == digests
    assert other.execute("SELECT hash FROM blocks").fetchall() == [(hashlib.sha256(b"1234567890").digest(),)]
    other.close()


def test_commit_makes_the_files_of_a_folder_a_slice_at_a_time(tmp_path: Path) -> None:
    tree: Tree = {f"{number:05}": b"x" for number in range(2 * FILES_AT_ONCE + 1)}
    store = local_store(tmp_path)
    begin_folder(store, tree)
    assert add_members(store, members_of(tree)) is None
    write_tree(store, whole(tree), 0, len(tree))
    commit, more = CommitPart(2, PART, md5_of(tree)), PartChecked(PART, (), is_done=False)
    assert [perform(store, commit) for _ in range(2)] == [more, more]
    assert perform(store, CheckPart(3, PART)) == PartChecked(PART, (), is_done=True)
    assert isinstance(perform(store, commit), FileEntry)
    store.close()


# -- what is deleted or let go meanwhile -------------------------------------------------------------------------------


def test_stored_file_is_opened_while_the_disk_is_busy_with_uploads(store: ServerStore) -> None:
    entry = put(store, DATA)
    part_id = begin(store, len(DATA), name="other")
    write(store, DATA, 0, len(DATA), part_id=part_id)
    busy = job_of(store, SyncPart(1, part_id))
    assert (busy.lane, job_of(store, OpenStored(2, entry.file_id)).lane) == (Lane.FILES, Lane.READING)
    assert read_all(opened(store, entry.file_id).source) == DATA
    end(busy)


@pytest.mark.parametrize("is_first", [True, False], ids=["deleted before it is opened", "deleted once it is open"])
def test_file_that_is_deleted_while_it_is_opened_is_gone(
    is_first: bool, store: ServerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, real = put(store, DATA), os.open
    held: list[int] = []

    def opening(path: Any, *rest: Any, **named: Any) -> int:
        if path != entry.file_id.hex() or held:
            return real(path, *rest, **named)
        held.append(0)
        if is_first:
            delete(store, entry.file_id)
            return real(path, *rest, **named)
        held.append(real(path, *rest, **named))
        delete(store, entry.file_id)
        return held[-1]

    monkeypatch.setattr(os, "open", opening)
    assert refusal(store, OpenStored(1, entry.file_id)).code == ErrorCode.UNKNOWN_FILE
    for fd in held[1:]:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_room_of_an_upload_that_nobody_goes_on_with_is_given_back_after_an_hour(tmp_path: Path) -> None:
    now = 1_700_000_000_000_000
    store = ServerStore(tmp_path, clock=lambda: now, random_bytes=bytes)
    create(store, len(DATA))
    write(store, DATA, 0, 10_000)
    write(store, DATA, 20_000, 30_000)
    assert perform(store, ClosePart(PART)) is None
    assert expire(store, now + ROOM_LIFETIME - 1) == ()
    assert part_path(tmp_path).stat().st_size == len(DATA)
    assert expire(store, now + ROOM_LIFETIME) == ()
    assert part_path(tmp_path).stat().st_size == 30_000
    store.close()
    store = ServerStore(tmp_path, clock=lambda: now, random_bytes=bytes)
    assert store.recovered.cut == ()
    assert create(store, len(DATA)).present == ((0, 10_000), (20_000, 30_000))
    assert part_path(tmp_path).stat().st_size == len(DATA)
    assert upload(store, DATA).room == LOBBY
    store.close()


def test_upload_whose_room_was_taken_meanwhile_is_refused_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, size = 1_700_000_000_000_000, 2**20
    data = content(size)
    store = server_store(tmp_path)
    create(store, size)
    write(store, data, 0, size // 2)
    assert perform(store, ClosePart(PART)) is None
    expire(store, now + 2 * ROOM_LIFETIME)
    usage = SimpleNamespace(free=size // 2 - 2**16)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: usage)
        assert refusal(store, create_request(size)).code == ErrorCode.NO_SPACE
        usage.free = size // 2 + 2**16  # what it has already is not asked for again
        assert create(store, size).present == ((0, size // 2),)
    assert upload(store, data).size == size
    store.close()


@pytest.mark.parametrize("age", [ROOM_LIFETIME, PART_LIFETIME])
@pytest.mark.parametrize("is_finished", [True, False], ids=["open", "about to be open"])
def test_upload_that_is_open_loses_nothing_however_old_it_is(
    is_finished: bool, age: int, store: ServerStore, tmp_path: Path
) -> None:
    create(store, len(DATA))
    write(store, DATA, 0, 10_000)
    assert perform(store, ClosePart(PART)) is None
    opening = job_of(store, create_request(len(DATA)))
    outcome = opening.run()
    if is_finished:
        opening.finish(outcome)
    assert expire(store, 1_800_000_000_000_000 + age) == ()
    assert part_path(tmp_path).stat().st_size == len(DATA)
    if not is_finished:
        opening.finish(outcome)
    assert upload(store, DATA).md5 == md5(DATA)
