"""The key log on disk: readable by its owner alone, one line for each key."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from udpchat.errors import StorageError


def open_keylog(path: Path) -> Callable[[str], None]:
    """A function that appends a line to the key log. StorageError when it cannot be written."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise StorageError(f"cannot write the key log {path}: {error.strerror}") from error
    log = os.fdopen(fd, "a", encoding="ascii", buffering=1)

    def write(line: str) -> None:
        log.write(f"{line}\n")

    return write
