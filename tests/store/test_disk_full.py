"""The disk says no, at each stage; the file size limit of the process plays the full disk."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.actions import (
    PART,
    commit,
    content,
    create,
    create_request,
    files,
    md5,
    refusal,
    server_store,
    sync,
    upload,
    write,
)
from tests.store.mending import add_members, block_hashes, compare, create_folder, stored_files, tree_of
from tests.store.shelf import members_of, tree_md5
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import AddMembers, CommitPart, CompareBlocks, FileEntry, PartFailed, SyncPart, WritePart
from udpchat.protocol.ports import perform
from udpchat.store.local import LocalStore

resource = pytest.importorskip("resource")
DATA = content(200_000)
LIMITED = {ErrorCode.NO_SPACE, ErrorCode.STORAGE_FAILED}  # SQLite takes a limit of the process for a failing disk


@contextlib.contextmanager
def full_beyond(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
def test_upload_without_room_is_refused_before_the_first_byte(portable: bool, tmp_path: Path) -> None:
    store = server_store(tmp_path, portable=portable)
    with full_beyond(100_000):
        refused = refusal(store, create_request(len(DATA)))
    assert refused.code == ErrorCode.NO_SPACE
    assert "free some space" in refused.text
    assert list((tmp_path / "incoming").iterdir()) == []
    assert upload(store, DATA).size == len(DATA)
    store.close()


@pytest.mark.parametrize("portable", [False, True], ids=["posix", "portable"])
def test_failed_write_fails_the_part_which_goes_on_from_its_durable_bytes(portable: bool, tmp_path: Path) -> None:
    store = server_store(tmp_path, portable=portable)
    create(store, len(DATA))
    write(store, DATA, 0, 50_000)
    sync(store)
    view = memoryview(DATA)
    with full_beyond(100_000):
        failed = perform(store, WritePart(PART, 50_000, view[50_000:150_000]))
        assert isinstance(failed, PartFailed)
        assert failed.error.code == ErrorCode.NO_SPACE
        assert perform(store, WritePart(PART, 0, view[:10])) == failed
    assert refusal(store, SyncPart(2, PART)).code == ErrorCode.NO_SPACE
    assert refusal(store, CommitPart(3, PART, md5(DATA))).code == ErrorCode.NO_SPACE
    assert create(store, len(DATA)).present == ((0, 50_000),)
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


def test_full_database_commits_nothing_and_the_commit_can_be_repeated(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    data = content(500)
    create(store, len(data))
    write(store, data, 0, len(data))
    with full_beyond(4_096):
        assert refusal(store, CommitPart(3, PART, md5(data))).code in LIMITED
        assert stored_files(store) == ()
    assert commit(store, data).md5 == md5(data)
    assert len(files(store)) == 1
    store.close()


def test_full_database_begins_no_upload(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    with full_beyond(4_096):
        assert refusal(store, create_request(500)).code in LIMITED
    assert files(store) == ()
    assert list((tmp_path / "incoming").iterdir()) == []
    assert upload(store, content(500)).size == 500
    store.close()


def test_journal_without_room_fails_the_part_which_goes_on_from_its_durable_bytes(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    data = content(1_000)
    create(store, len(data))
    write(store, data, 0, 300)
    sync(store)
    write(store, data, 300, 600)
    with full_beyond(4_096):
        assert refusal(store, SyncPart(2, PART)).code in LIMITED
        assert refusal(store, CommitPart(3, PART, md5(data))).code in LIMITED
    assert create(store, len(data)).present == ((0, 300),)
    assert upload(store, data).md5 == md5(data)
    store.close()


def test_index_without_room_can_be_sent_again(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    data = content(1_000)
    tree = tree_of(data, (0, 400, 600))
    create_folder(store, tree)
    with full_beyond(4_096):
        assert refusal(store, AddMembers(1, PART, 0, members_of(tree))).code in LIMITED
    add_members(store, members_of(tree))
    write(store, data, 0, len(data))
    assert isinstance(perform(store, CommitPart(2, PART, tree_md5(tree))), FileEntry)
    store.close()


def test_repair_without_room_in_the_journal_is_found_again(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    data = content(1_000)
    create(store, len(data))
    write(store, bytes(1_000), 0, len(data))
    sync(store)
    with full_beyond(4_096):
        assert refusal(store, CompareBlocks(1, PART, 0, block_hashes(data))).code in LIMITED
    assert create(store, len(data)).present == ((0, len(data)),)
    assert compare(store, data) == ((0, len(data)),)
    assert upload(store, data).md5 == md5(data)
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB; only administrators can make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not one byte is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(4_096)):
                pass
        yield
    ballast.unlink()


def test_full_disk_is_told_as_such_at_each_stage(small_disk: Path) -> None:
    store = server_store(small_disk / "data")
    size = 300_000
    data, tree = content(size), tree_of(content(size), (100_000, 0, 200_000))
    part_ids = [bytes([number]) * 16 for number in range(3)]
    create(store, size, part_id=part_ids[0])
    create_folder(store, tree, part_ids[1])
    write(store, data, 0, 200_000, part_id=part_ids[0])
    with filled(small_disk):
        stages = [
            create_request(size, part_id=part_ids[2]),
            AddMembers(1, part_ids[1], 0, members_of(tree)),
            SyncPart(2, part_ids[0]),
        ]
        assert [refusal(store, request).code for request in stages] == [ErrorCode.NO_SPACE] * 3
    assert create(store, size, part_id=part_ids[0]).present == ()
    write(store, data, 0, size, part_id=part_ids[0])
    add_members(store, members_of(tree), part_id=part_ids[1])
    write(store, data, 0, size, part_id=part_ids[1])
    commits = [CommitPart(3, part_ids[0], md5(data)), CommitPart(4, part_ids[1], tree_md5(tree))]
    with filled(small_disk):
        assert [refusal(store, request).code for request in commits] == [ErrorCode.NO_SPACE] * 2
        assert stored_files(store) == ()
    assert [type(perform(store, request)) for request in commits] == [FileEntry] * 2
    assert upload(store, data, part_id=part_ids[2]).size == size
    store.close()


def test_data_folder_on_two_file_systems_is_refused_at_start(small_disk: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    files_folder = data / "files"
    files_folder.mkdir(parents=True)
    subprocess.run(["mount", "--bind", str(small_disk), str(files_folder)], check=True)
    try:
        with pytest.raises(StorageError, match="must be on one file system"):
            server_store(data)
    finally:
        subprocess.run(["umount", str(files_folder)], check=True)
    server_store(data).close()


def test_download_without_room_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, clock=lambda: 0)
    with full_beyond(100_000):
        assert refusal(store, create_request(len(DATA))).code == ErrorCode.NO_SPACE
    store.close()
    assert list(tmp_path.iterdir()) == []
