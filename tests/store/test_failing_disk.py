"""Calls of the system that fail, or are not there at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.actions import (
    PART,
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
from tests.store.mending import block, check_all, compare, stored_files
from tests.store.shelf import TREE, opened, put_folder, read_all
from udpchat.config import BLOCK_SIZE
from udpchat.errors import ErrorCode
from udpchat.files.ports import AbortPart, CheckPart, ClosePart, CommitPart, SyncPart
from udpchat.protocol.ports import Job, perform
from udpchat.store.trouble import storage_error

DATA = content(50_000)
BIG = TREE["big.bin"] or b""


def failing_once(call: Callable[[int], None]) -> Callable[[int], None]:
    failures = [OSError(errno.EIO, os.strerror(errno.EIO))]

    def wrapper(fd: int) -> None:
        if failures:
            raise failures.pop()
        call(fd)

    return wrapper


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="needs fdatasync")
def test_failed_sync_is_never_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = server_store(tmp_path)
    create(store, len(DATA))
    write(store, DATA, 0, 10_000)
    sync(store)
    write(store, DATA, 10_000, 30_000)
    monkeypatch.setattr(os, "fdatasync", failing_once(os.fdatasync))
    assert "disk reports errors" in refusal(store, SyncPart(1, PART)).text
    refusal(store, SyncPart(2, PART))
    assert create(store, len(DATA)).present == ((0, 10_000),)
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="needs fdatasync")
def test_commit_behind_a_failed_sync_stores_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = server_store(tmp_path)
    create(store, len(DATA))
    write(store, DATA, 0, len(DATA))
    monkeypatch.setattr(os, "fdatasync", failing_once(os.fdatasync))
    jobs = [store.submit(SyncPart(1, PART)), store.submit(CommitPart(2, PART, md5(DATA)))]
    outcomes = [(job, job.run()) for job in jobs if isinstance(job, Job)]
    results = [job.finish(outcome) for job, outcome in outcomes]
    assert ["disk reports errors" in str(result) for result in results] == [True, True]
    assert stored_files(store) == ()
    assert create(store, len(DATA)).present == ()
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


def test_failed_fsync_of_a_commit_begins_anew_from_what_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server_store(tmp_path)
    create(store, len(DATA))
    write(store, DATA, 0, len(DATA))
    monkeypatch.setattr(os, "fsync", failing_once(os.fsync))
    refusal(store, CommitPart(1, PART, md5(DATA)))
    refusal(store, CommitPart(2, PART, md5(DATA)))
    assert stored_files(store) == ()
    assert create(store, len(DATA)).present == ()
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


def refusing(number: int) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_disk_without_hard_links_is_good_enough(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refusing(number))
    store = server_store(tmp_path)
    entry, folder = upload(store, DATA), put_folder(store)
    assert [read_all(opened(store, found.file_id).source)[:5] for found in (entry, folder)] == [
        DATA[:5],
        b"1" + BIG[:4],
    ]
    store.close()
    assert (tmp_path / "files" / entry.file_id.hex()).read_bytes() == DATA
    assert list((tmp_path / "incoming").iterdir()) == []
    store = server_store(tmp_path)
    assert stored_files(store) == (entry, folder)
    assert store.recovered.quarantined == ()
    store.close()


def test_commit_across_file_systems_is_refused_in_words_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server_store(tmp_path)
    create(store, len(DATA))
    write(store, DATA, 0, len(DATA))
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refusing(errno.EXDEV))
        patch.setattr(os, "replace", refusing(errno.EXDEV))
        assert "from one file system to another" in refusal(store, CommitPart(1, PART, md5(DATA))).text
    assert stored_files(store) == ()
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_disk_that_cannot_preallocate_is_good_enough(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", refusing(number))
    store = server_store(tmp_path)
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_disk_that_turns_out_full_while_room_is_made_leaves_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server_store(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", refusing(number))
        assert refusal(store, create_request(len(DATA))).code == ErrorCode.NO_SPACE
    assert files(store) == ()
    assert list((tmp_path / "incoming").iterdir()) == []
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="needs preadv")
def test_block_that_the_disk_cannot_read_is_as_good_as_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = content(3 * BLOCK_SIZE)
    store = server_store(tmp_path)
    create(store, len(data))
    write(store, data, 0, len(data))
    assert perform(store, ClosePart(PART)) is None
    create(store, len(data))
    read = os.preadv

    def bad_sector(fd: int, buffers: list[memoryview], offset: int) -> int:
        if offset // BLOCK_SIZE == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(fd, buffers, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", bad_sector)
        assert refusal(store, CommitPart(1, PART, md5(data))).code == ErrorCode.DIGEST_MISMATCH
        assert check_all(store) == (block(1, len(data)),)
    write(store, data, *block(1, len(data)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", bad_sector)
        assert compare(store, data) == (block(1, len(data)),)
    write(store, data, *block(1, len(data)))
    assert upload(store, data).md5 == md5(data)
    store.close()


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="needs preadv")
def test_part_that_lost_its_end_while_it_is_open_is_not_stored(tmp_path: Path) -> None:
    store = server_store(tmp_path)
    create(store, len(DATA))
    write(store, DATA, 0, len(DATA))
    assert perform(store, ClosePart(PART)) is None
    create(store, len(DATA))
    os.truncate(tmp_path / "incoming" / PART.hex(), 10)
    assert refusal(store, CommitPart(1, PART, md5(DATA))).code == ErrorCode.INCOMPLETE
    assert "shorter" in refusal(store, CheckPart(2, PART)).text
    assert stored_files(store) == ()
    store.close()


def test_abort_of_a_part_on_a_failing_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_unlink(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    store = server_store(tmp_path)
    create(store, len(DATA))
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", no_unlink)
        assert "read-only" in refusal(store, AbortPart(1, PART)).text
    assert perform(store, AbortPart(2, PART)) is None
    store.close()


PROGRAM = """
import os, sys
names = "pwrite preadv posix_fallocate fdatasync link O_NOFOLLOW O_DIRECTORY O_CLOEXEC O_NONBLOCK"
for name in names.split():
    if hasattr(os, name):
        delattr(os, name)
os.supports_dir_fd = set()
from pathlib import Path
from tests.store.actions import content, files, server_store, upload
from udpchat.store.local import LocalStore
for _ in range(2):
    store = server_store(Path(sys.argv[1]) / "server")
    upload(store, content(50_000))
    assert len(files(store)) == 1
    store.close()
store = LocalStore(Path(sys.argv[1]) / "client", clock=lambda: 0)
print(upload(store, content(50_000)).path)
"""


def test_system_without_posix_calls_takes_the_portable_path(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).read_bytes() == DATA


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOTTY])
def test_trouble_names_what_was_tried_and_why_it_failed(number: int) -> None:
    text = storage_error(OSError(number, os.strerror(number)), "write to 'a.txt'").text
    assert text.startswith("cannot write to 'a.txt': ")
    assert "\n" not in text
