"""One program per data folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from udpchat.errors import StorageError

LOCK_NAME: Final = "udpchat.lock"


class FolderLock:
    """Holds a folder for this process until `release` or until the process ends, however it ends.

    StorageError when another process, or another lock of this one, holds it.
    """

    __slots__ = ("_fd",)

    def __init__(self, folder: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._fd: int | None = os.open(folder / LOCK_NAME, flags, 0o600)
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


if sys.platform == "win32":
    import msvcrt

    def lock_file(fd: int) -> None:
        """Lock an open file for this process; OSError when another has it."""
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock_file(fd: int) -> None:
        """Lock an open file for this process; OSError when another has it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
