"""The secrets that a program keeps between runs: 32 random bytes in a file that only its user may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError
from udpchat.store.folders import Folder
from udpchat.store.trouble import storage_error

SECRET_SIZE: Final = 32  # bytes
MASTER_SECRET: Final = "master.secret"  # of a server: what cookies, tokens and its key are derived from
IDENTITY_KEY: Final = "identity.key"  # of a client: who this person is
_OTHERS: Final = 0o077  # permission bits of everybody else


def read_or_create_secret(folder: Path, name: str, random_bytes: Callable[[int], bytes]) -> bytes:
    """The secret of that name; made, durably, when there is none.

    StorageError when it cannot be read, has not 32 bytes, or others may read it: it is never replaced.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = Folder(folder, follow=True)
    except OSError as error:
        raise storage_error(error, f"use the folder {folder}") from error
    try:
        secret = _read(opened, name)
        if secret is None:
            secret = _create(opened, name, random_bytes(SECRET_SIZE))
        return secret
    except OSError as error:
        raise storage_error(error, f"read or write {folder / name}") from error
    finally:
        opened.close()


def _read(folder: Folder, name: str) -> bytes | None:
    status = folder.status(name)
    if status is None:
        return None
    path = folder.path / name
    if os.name == "posix" and status.st_mode & _OTHERS:
        raise StorageError(f"others may read {path}, so it is no secret any more; remove it, or: chmod 600 {path}")
    data = folder.read_whole(name, SECRET_SIZE + 1)
    if data is None or len(data) != SECRET_SIZE:
        length = 0 if data is None else len(data)
        raise StorageError(f"{path} is damaged: {length} bytes, expected {SECRET_SIZE}; restore it from a backup")
    return data


def _create(folder: Folder, name: str, secret: bytes) -> bytes:
    # Under a draft name until it is whole: a crash must not leave a secret that is too short.
    draft = f"{name}.new"
    folder.remove(draft)
    fd = folder.create(draft)
    try:
        folder.io.write_at(fd, 0, memoryview(secret))
        folder.io.sync(fd)
    finally:
        os.close(fd)
    try:
        folder.place(draft, folder, name)
    except FileExistsError:
        found = _read(folder, name)  # another program was faster; its secret counts
        if found is None:
            raise
        return found
    finally:
        folder.remove(draft)
    folder.sync()
    return secret
