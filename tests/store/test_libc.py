"""Calls that not every system and not every file system has: what is done where they are not there."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.actions import content, md5, server_store, upload
from udpchat.store import libc

FUSE = 0x65735546
EXT4 = 0xEF53

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def fd(tmp_path: Path) -> Any:
    held = os.open(tmp_path, os.O_RDONLY)
    yield held
    os.close(held)


def system(monkeypatch: pytest.MonkeyPatch, *, release: str = "6.1.0", **calls: Callable[..., None] | None) -> None:
    """A system whose C library has nothing but these."""
    monkeypatch.setattr("udpchat.store.libc._function", calls.get)
    kernel = type("Kernel", (), {"release": release})
    monkeypatch.setattr(os, "uname", lambda: kernel)


def answering(number: int = 0) -> Callable[..., None]:
    def call(*_: object) -> None:
        if number:
            raise OSError(number, os.strerror(number))

    return call


def of_kind(magic: int) -> Callable[..., None]:
    def fstatfs(_: int, buffer: Any) -> None:
        buffer[:8] = magic.to_bytes(8, sys.byteorder)

    return fstatfs


# -- one call for a whole file system ----------------------------------------------------------------------------------


def test_file_system_that_can_be_made_durable_at_once_is(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, syncfs=answering(), fstatfs=of_kind(EXT4))
    assert libc.sync_file_system(fd)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM])
def test_file_system_that_has_no_such_call_is_synced_file_by_file(
    number: int, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    system(monkeypatch, syncfs=answering(number), fstatfs=of_kind(EXT4))
    assert not libc.sync_file_system(fd)
    system(monkeypatch, syncfs=answering(), fstatfs=answering(number))
    assert not libc.sync_file_system(fd)


def test_disk_that_is_too_large_for_the_numbers_of_the_system_is_synced_file_by_file(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    system(monkeypatch, syncfs=answering(), fstatfs=answering(errno.EOVERFLOW))
    assert not libc.sync_file_system(fd)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_disk_that_cannot_keep_what_it_took_is_told(number: int, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    system(monkeypatch, syncfs=answering(number), fstatfs=of_kind(EXT4))
    with pytest.raises(OSError, match=os.strerror(number)):
        libc.sync_file_system(fd)


def test_success_of_a_file_system_that_passes_nothing_on_is_not_believed(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    system(monkeypatch, syncfs=answering(), fstatfs=of_kind(FUSE))
    assert not libc.sync_file_system(fd)


@pytest.mark.parametrize(("release", "is_honest"), [("5.7.19", False), ("5.8.0", True), ("4.19", False), ("6.0", True)])
def test_kernel_that_keeps_errors_to_itself_is_not_believed(
    release: str, is_honest: bool, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    system(monkeypatch, release=release, syncfs=answering(), fstatfs=of_kind(EXT4))
    assert libc.sync_file_system(fd) is is_honest


# -- blocks before they are written ------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
@pytest.mark.parametrize("number", [0, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOSPC])
def test_no_file_is_filled_with_zeros_where_its_disk_gives_no_blocks_beforehand(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[int] = []
    real = os.posix_fallocate

    def filling(fd: int, offset: int, size: int) -> None:
        filled.append(size)
        real(fd, offset, size)

    data = content(20_000)
    system(monkeypatch, fallocate=answering(number))
    monkeypatch.setattr(os, "posix_fallocate", filling)
    store = server_store(tmp_path)
    assert upload(store, data).md5 == md5(data)
    store.close()
    assert filled == ([len(data)] if number in {0, errno.ENOSPC} else [])


def test_this_system_answers_both_questions(tmp_path: Path, fd: int) -> None:
    assert isinstance(libc.sync_file_system(fd), bool)
    with (tmp_path / "file").open("wb") as file:
        assert isinstance(libc.can_preallocate(file.fileno()), bool)
