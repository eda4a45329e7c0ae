"""The key log on disk: readable by its owner alone, one line for each key."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import ExitStack
from pathlib import Path

from udpchat.errors import StorageError

logger = logging.getLogger(__name__)


class KeyLog:
    """A file that lines are appended to by calling it. StorageError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(self._fd).st_mode):
                os.fchmod(self._fd, 0o600)  # it may have been there before
        except OSError as error:
            raise StorageError(f"cannot write the key log {path}: {error.strerror}") from error

    def __call__(self, line: str) -> None:
        """Append a line. A disk that refuses it ends the log, not the session."""
        if self._fd < 0:
            return
        try:
            os.write(self._fd, f"{line}\n".encode("ascii"))
        except OSError as error:
            logger.warning("the key log %s ends here: %s", self._path, error.strerror)
            self.close()

    def close(self) -> None:
        """Give the file back; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_keylog(path: Path | None, closing: ExitStack) -> KeyLog | None:
    """The key log, when there is to be one, which the stack closes."""
    if path is None:
        return None
    log = KeyLog(path)
    closing.callback(log.close)
    return log
