"""Calls of the system that fail, or are not there at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.actions import PART, content, create, files, md5, refusal, server_store, sync, upload, write
from udpchat.files.ports import AbortPart, CommitPart, SyncPart
from udpchat.protocol.ports import Job, perform
from udpchat.store.trouble import storage_error

DATA = content(50_000)


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
    assert files(store) == ()
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
    assert files(store) == ()
    assert create(store, len(DATA)).present == ()
    assert upload(store, DATA).md5 == md5(DATA)
    store.close()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_disk_without_hard_links_is_good_enough(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_link)
    store = server_store(tmp_path)
    entry = upload(store, DATA)
    store.close()
    assert (tmp_path / "files" / entry.file_id.hex()).read_bytes() == DATA
    assert list((tmp_path / "incoming").iterdir()) == []


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
