"""Locks between programs: one server per data folder, one writer at a time, and a sign that a program lives.

A lock goes with its descriptor: a program that is killed holds none.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError

LOCK_NAME: Final = "udpchat.lock"
_HELD: Final = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK})
_FLAGS: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_PAUSE: Final = 0.005  # seconds between two looks at a lock that another program holds


class FolderLock:
    """Holds a folder for this process until `release` or until the process ends, however it ends.

    StorageError when another process, or another lock of this one, holds it.
    """

    __slots__ = ("_fd",)

    def __init__(self, folder: Path) -> None:
        self._fd: int | None = os.open(folder / LOCK_NAME, _FLAGS | os.O_CREAT, 0o600)
        try:
            lock_file(self._fd)
        except OSError as error:
            os.close(self._fd)
            self._fd = None
            text = f"{folder} is in use by another udpchat server; stop it, or give this one another data folder"
            raise StorageError(text) from error

    def release(self) -> None:
        """Let others have the folder; a second call does nothing."""
        if self._fd is not None:
            os.close(self._fd)  # the lock goes with the descriptor; the file stays, so that nobody locks a removed one
            self._fd = None


class LifeSign:
    """A locked file: this program lives. To be made and asked only while a `Turn` is held; may raise OSError."""

    __slots__ = ("_fd", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        lock_file(self._fd)

    def end(self) -> None:
        """This program is done; a second call does nothing."""
        if self._fd is not None:
            os.close(self._fd)  # first: Windows removes no open file
            self._fd = None
            self._path.unlink(missing_ok=True)

    @staticmethod
    def is_there(path: Path) -> bool:
        """Whether the program that made this sign lives; the sign of a dead one is removed."""
        try:
            fd = os.open(path, _FLAGS)
        except FileNotFoundError:
            return False
        try:
            lock_file(fd)
        except OSError as error:
            if error.errno not in _HELD:
                raise
            return True
        finally:
            os.close(fd)
        path.unlink(missing_ok=True)
        return False


class Turn:
    """One program, and one thread of it, at a time: `with turn.take(): ...`. May raise OSError."""

    __slots__ = ("_fd", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @contextmanager
    def take(self, seconds: float) -> Iterator[None]:
        """Wait for our turn, but no longer than so many seconds: then a StorageError."""
        if self._fd is None:
            self._fd = os.open(self._path, _FLAGS | os.O_CREAT, 0o600)
        self._wait(self._fd, time.monotonic() + seconds)
        try:
            yield
        finally:
            unlock_file(self._fd)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _wait(self, fd: int, end: float) -> None:
        while True:
            try:
                lock_file(fd)
            except OSError as error:
                if error.errno not in _HELD:
                    raise
                if time.monotonic() > end:
                    text = f"another udpchat program holds {self._path}; close it and try again"
                    raise StorageError(text) from error
                time.sleep(_PAUSE)
            else:
                return


if sys.platform == "win32":
    import msvcrt

    def lock_file(fd: int) -> None:
        """Lock an open file for this process; OSError when another has it."""
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

    def unlock_file(fd: int) -> None:
        """Give a lock back."""
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def lock_file(fd: int) -> None:
        """Lock an open file for this process; OSError when another has it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def unlock_file(fd: int) -> None:
        """Give a lock back."""
        fcntl.flock(fd, fcntl.LOCK_UN)
