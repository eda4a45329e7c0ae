"""The disk says no, at each stage; the file size limit of the process plays the full disk."""

from __future__ import annotations

import contextlib
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
from udpchat.errors import ErrorCode
from udpchat.files.ports import CommitPart, PartFailed, SyncPart, WritePart
from udpchat.protocol.ports import perform
from udpchat.store.local import LocalStore

resource = pytest.importorskip("resource")
DATA = content(200_000)


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
        refusal(store, CommitPart(3, PART, md5(data)))
        assert files(store) == ()
    assert commit(store, data).md5 == md5(data)
    assert len(files(store)) == 1
    store.close()


def test_download_without_room_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, clock=lambda: 0)
    with full_beyond(100_000):
        assert refusal(store, create_request(len(DATA))).code == ErrorCode.NO_SPACE
    store.close()
    assert list(tmp_path.iterdir()) == []
