"""Downloads of folders that are damaged, tampered with, or meet a disk that says no; and very many files."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.actions import PART, create_request, md5, refusal, sync
from tests.store.grove import (
    MIXED,
    NAME,
    SMALL,
    Tree,
    add_members,
    begin_folder,
    begun,
    check_all,
    commit_folder,
    found_in,
    in_downloads,
    local_store,
    md5_of,
    members_of,
    plant,
    random_tree,
    receive_folder,
    staging,
    whole,
    write_folder,
)
from udpchat.config import BLOCK_SIZE, MIB
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import EMPTY_MD5, MemberInfo
from udpchat.files.ports import (
    AddMembers,
    CommitPart,
    CompareBlocks,
    FileEntry,
    PartCreated,
    PartFailed,
    PartSynced,
    SyncPart,
    WritePart,
)
from udpchat.protocol.ports import Job, Store, perform
from udpchat.store.local import LocalStore
from udpchat.wire.numbers import FileFlag, MemberFlag


@pytest.fixture(params=[False, True], ids=["posix", "portable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    store = local_store(tmp_path, portable=request.param)
    yield store
    store.close()


# -- damage ------------------------------------------------------------------------------------------------------------


def test_member_that_is_not_what_was_said_is_named_and_nothing_appears(store: LocalStore, tmp_path: Path) -> None:
    tree: Tree = {"good": b"12345", "bad": b"12345"}
    members = list(members_of(tree))
    members[1] = replace(members[1], md5=hashlib.md5(b"54321").digest())
    begin_folder(store, tree)
    assert add_members(store, tuple(members)) is None
    write_folder(store, whole(tree), 0, 10)
    refused = refusal(store, CommitPart(3, PART, md5_of({"good": b"12345", "bad": b"54321"})))
    assert (refused.code, "'bad'" in refused.text) == (ErrorCode.DIGEST_MISMATCH, True)
    assert all(name.startswith(".") for name in in_downloads(tmp_path))


def test_damaged_folder_is_repaired_by_block(store: LocalStore, tmp_path: Path) -> None:
    data = whole(MIXED)
    wrong = bytearray(data)
    wrong[BLOCK_SIZE + 5] ^= 1
    begin_folder(store, MIXED)
    assert add_members(store, members_of(MIXED)) is None
    write_folder(store, bytes(wrong), 0, len(data))
    assert refusal(store, CommitPart(3, PART, md5_of(MIXED))).code == ErrorCode.DIGEST_MISMATCH
    hashes = b"".join(hashlib.sha256(data[at : at + BLOCK_SIZE]).digest() for at in range(0, len(data), BLOCK_SIZE))
    assert perform(store, CompareBlocks(4, PART, 0, hashes)) == ((BLOCK_SIZE, 2 * BLOCK_SIZE),)
    write_folder(store, data, BLOCK_SIZE, 2 * BLOCK_SIZE)
    entry = perform(store, CommitPart(5, PART, md5_of(MIXED)))
    assert isinstance(entry, FileEntry)
    assert found_in(Path(entry.path)) == dict(sorted(MIXED.items()))


def test_byte_that_was_damaged_between_two_runs_is_found(tmp_path: Path) -> None:
    data = whole(MIXED)
    begun(tmp_path, MIXED, len(data) - 10, len(data) - 10)
    with (staging(tmp_path) / "large").open("r+b") as file:
        file.seek(BLOCK_SIZE)
        file.write(b"damage")
    store = local_store(tmp_path)
    begin_folder(store, MIXED)
    ((start, stop),) = check_all(store)
    assert stop - start == BLOCK_SIZE
    entry = receive_folder(store, MIXED)
    assert found_in(Path(entry.path)) == dict(sorted(MIXED.items()))
    store.close()


# -- what others put in the way ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trap", ["link", "file", "pipe"])
def test_staging_that_was_replaced_between_two_runs_is_not_entered(trap: str, tmp_path: Path) -> None:
    begun(tmp_path, SMALL, 5_000, 5_000)
    root = staging(tmp_path)
    victim = plant(tmp_path / "victim", {"big.bin": b"keep me"})
    root.rename(tmp_path / "away")
    if trap == "link":
        root.symlink_to(victim)
    elif trap == "file":
        root.write_bytes(b"")
    else:
        os.mkfifo(root)
    store = local_store(tmp_path)
    request = replace(create_request(len(whole(SMALL)), name=NAME), flags=FileFlag.FOLDER, members=len(SMALL))
    assert refusal(store, request).text
    store.close()
    assert found_in(victim) == {"big.bin": b"keep me"}


@pytest.mark.skipif(os.name != "posix", reason="the portable path looks before, which is later than this")
@pytest.mark.parametrize("trap", ["file link", "directory link", "pipe"])
def test_staging_that_is_tampered_with_meanwhile_leads_nowhere(trap: str, store: LocalStore, tmp_path: Path) -> None:
    victim = plant(tmp_path / "victim", {"one": b"keep me"})
    tree: Tree = {"a": None, "a/one": b"1" * 5_000}
    begin_folder(store, tree)
    assert add_members(store, members_of(tree)) is None
    root = staging(tmp_path)
    if trap == "directory link":
        (root / "a").symlink_to(victim)
    else:
        (root / "a").mkdir()
        if trap == "file link":
            (root / "a" / "one").symlink_to(victim / "one")
        else:
            os.mkfifo(root / "a" / "one")
    write_folder(store, whole(tree), 0, 5_000)
    answer = perform(store, SyncPart(1, PART))
    assert isinstance(answer, StorageError) == (trap == "directory link")
    assert found_in(victim) == {"one": b"keep me"}
    if isinstance(answer, PartSynced):
        entry = perform(store, CommitPart(3, PART, md5_of(tree)))
        assert isinstance(entry, FileEntry)
        assert found_in(Path(entry.path)) == dict(sorted(tree.items()))


def test_name_that_is_taken_at_the_last_moment_is_left_alone(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(point: str) -> None:
        if point == "verified" and not (tmp_path / "downloads" / NAME).exists():
            plant(tmp_path / "downloads" / NAME, {"mine": b"mine"})

    monkeypatch.setattr("udpchat.store.downloads.reach", taken)
    entry = receive_folder(store, SMALL)
    assert Path(entry.path).name == f"{NAME} (2)"
    assert found_in(tmp_path / "downloads" / NAME) == {"mine": b"mine"}


# -- durability and many files -----------------------------------------------------------------------------------------


def test_many_files_are_made_durable_by_few_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    honest_sync, honest_datasync = os.fsync, os.fdatasync

    def fsync(fd: int) -> None:
        calls.append(fd)
        honest_sync(fd)

    def fdatasync(fd: int) -> None:
        calls.append(fd)
        honest_datasync(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    store = local_store(tmp_path)
    receive_folder(store, random_tree(6, 500, 100))
    store.close()
    assert len(calls) < 20


def test_each_file_is_made_durable_where_there_is_no_call_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()

    def fsync(fd: int) -> None:
        synced.add(os.fstat(fd).st_ino)

    monkeypatch.setattr("udpchat.store.tree_part.sync_file_system", lambda _: False)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "fdatasync", fsync)
    store = local_store(tmp_path)
    tree = random_tree(6, 50, 100)
    root = Path(receive_folder(store, tree).path)
    store.close()
    assert {path.stat().st_ino for path in root.rglob("*") if path.is_file()} <= synced
    assert {path.stat().st_ino for path in root.rglob("*") if path.is_dir()} <= synced


def test_failed_sync_fails_the_part_which_goes_on_from_what_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = local_store(tmp_path)
    begin_folder(store, SMALL)
    assert add_members(store, members_of(SMALL)) is None
    write_folder(store, whole(SMALL), 0, 2_000)
    sync(store)
    write_folder(store, whole(SMALL), 2_000, 5_000)

    def failing(_: int) -> None:
        raise OSError(5, os.strerror(5))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        patch.setattr("udpchat.store.tree_part.sync_file_system", failing)
        assert "disk reports errors" in refusal(store, SyncPart(1, PART)).text
    assert begin_folder(store, SMALL).present == ((0, 2_000),)
    assert found_in(Path(receive_folder(store, SMALL).path)) == dict(sorted(SMALL.items()))
    store.close()


def test_folder_without_room_is_refused_and_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    request = replace(create_request(2**52, name=NAME), flags=FileFlag.FOLDER, members=1)
    assert refusal(store, request).code == ErrorCode.NO_SPACE
    assert in_downloads(tmp_path) == []


def test_disk_that_fills_up_stops_the_folder_which_goes_on_later(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_folder(store, SMALL)
    assert add_members(store, members_of(SMALL)) is None
    write_folder(store, whole(SMALL), 0, 2_000)
    sync(store)

    def full(*_: object, **__: object) -> int:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        patch.setattr(os, "write", full)
        failed = perform(store, WritePart(PART, 2_000, memoryview(whole(SMALL))[2_000:3_000]))
    assert isinstance(failed, PartFailed)
    assert failed.error.code == ErrorCode.NO_SPACE
    assert isinstance(perform(store, SyncPart(1, PART)), StorageError)
    assert begin_folder(store, SMALL).present == ((0, 2_000),)
    assert found_in(Path(receive_folder(store, SMALL).path)) == dict(sorted(SMALL.items()))


def test_bytes_are_taken_while_the_disk_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = local_store(tmp_path)
    tree = random_tree(6, 50, 100)
    data = whole(tree)
    begin_folder(store, tree)
    assert add_members(store, members_of(tree)) is None
    write_folder(store, data, 0, len(data) // 2)
    taken: list[bool] = []

    def busy(fd: int) -> bool:
        os.fsync(fd)
        rest = threading.Thread(target=lambda: write_folder(store, data, len(data) // 2, len(data)), daemon=True)
        rest.start()
        rest.join(10)
        taken.append(not rest.is_alive())
        return False

    monkeypatch.setattr("udpchat.store.tree_part.sync_file_system", busy)
    assert sync(store).durable_bytes == len(data) // 2
    assert taken == [True]
    monkeypatch.undo()
    assert found_in(Path(receive_folder(store, tree).path)) == dict(sorted(tree.items()))
    store.close()


@pytest.mark.parametrize("modified", [2**63 // 1_000, 2**63, 2**64 - 1])
def test_times_that_no_clock_shows_harm_nothing(modified: int, store: LocalStore) -> None:
    request = replace(create_request(5, name=NAME), flags=FileFlag.FOLDER, members=2, modified=modified)
    assert isinstance(perform(store, request), PartCreated)
    flags = MemberFlag.DIRECTORY
    members = (MemberInfo("d", 0, modified, flags, EMPTY_MD5), MemberInfo("f", 5, modified, md5=md5(b"12345")))
    assert perform(store, AddMembers(2, PART, 0, members)) is None
    assert perform(store, WritePart(PART, 0, memoryview(b"12345"))) is None
    entry = perform(store, CommitPart(3, PART, md5_of({"d": None, "f": b"12345"})))
    assert isinstance(entry, FileEntry)
    assert found_in(Path(entry.path)) == {"d": None, "f": b"12345"}


def test_write_and_sync_may_overlap(store: LocalStore) -> None:
    data = whole(MIXED)
    begin_folder(store, MIXED)
    assert add_members(store, members_of(MIXED)) is None
    write_folder(store, data, 0, 10_000)
    job = store.submit(SyncPart(1, PART))
    assert isinstance(job, Job)
    write_folder(store, data, 10_000, 30_000)
    synced = job.finish(job.run())
    assert getattr(synced, "durable_bytes", None) == 10_000
    assert sync(store).durable_bytes == 30_000


def test_ten_thousand_files_are_received_with_bounded_memory_and_few_open_files(tmp_path: Path) -> None:
    tree = {f"{number // 100:02}": None for number in range(10_000)}
    tree |= {f"{number // 100:02}/{number % 100:02}": b"%d" % number for number in range(10_000)}  # type: ignore[misc]
    members, data = members_of(tree), whole(tree)
    store: Store = local_store(tmp_path)
    tracemalloc.start()
    begin_folder(store, tree)
    assert add_members(store, members) is None
    write_folder(store, data, 0, len(data))
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) < 200
    entry = commit_folder(store, tree)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    store.close()
    assert sum(1 for _ in Path(entry.path).rglob("*")) == 10_100
    assert peak < 20 * MIB
