from __future__ import annotations

import os
from pathlib import Path

import pytest

from udpchat.errors import StorageError
from udpchat.store.secrets import IDENTITY_KEY, MASTER_SECRET, read_or_create_secret


def test_secret_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    secret = read_or_create_secret(tmp_path / "new", MASTER_SECRET, lambda size: b"s" * size)
    assert secret == b"s" * 32
    assert read_or_create_secret(tmp_path / "new", MASTER_SECRET, lambda size: b"t" * size) == secret
    assert read_or_create_secret(tmp_path / "new", IDENTITY_KEY, lambda size: b"t" * size) == b"t" * 32
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [IDENTITY_KEY, MASTER_SECRET]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_secret_is_readable_by_its_user_alone(tmp_path: Path) -> None:
    read_or_create_secret(tmp_path, MASTER_SECRET, os.urandom)
    path = tmp_path / MASTER_SECRET
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(StorageError, match="chmod 600"):
        read_or_create_secret(tmp_path, MASTER_SECRET, os.urandom)


@pytest.mark.parametrize("size", [0, 31, 33, 1_000])
def test_secret_of_the_wrong_size_is_refused_and_kept(size: int, tmp_path: Path) -> None:
    path = tmp_path / MASTER_SECRET
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(StorageError):
        read_or_create_secret(tmp_path, MASTER_SECRET, os.urandom)
    assert path.read_bytes() == bytes(size)


def test_secret_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / MASTER_SECRET).mkdir(mode=0o700)
    with pytest.raises(StorageError):
        read_or_create_secret(tmp_path, MASTER_SECRET, os.urandom)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        read_or_create_secret(tmp_path / "file", MASTER_SECRET, os.urandom)


def test_draft_of_a_crash_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / f"{MASTER_SECRET}.new").write_bytes(b"half")
    assert read_or_create_secret(tmp_path, MASTER_SECRET, lambda size: b"s" * size) == b"s" * 32
    assert [path.name for path in tmp_path.iterdir()] == [MASTER_SECRET]
