"""The files that a simulation writes: what was there before is replaced, and only the owner may read it."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from udpchat.store.trouble import storage_error


def open_binary(path: Path) -> BinaryIO:
    """A file for bytes. StorageError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags, 0o600)
        if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(fd).st_mode):
            os.fchmod(fd, 0o600)  # it may have been there before
    except OSError as error:
        raise storage_error(error, f"write {path}") from error
    return os.fdopen(fd, "wb")


class LineFile:
    """A file that takes lines; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = open_binary(path)

    def __enter__(self) -> LineFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write_line(self, line: str) -> None:
        """One line without its end."""
        self._file.write(f"{line}\n".encode())


class TableFile:
    """A table as CSV; a context manager. columns: the names in its first row. StorageError."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._lines = LineFile(path)
        self._writer = csv.writer(_Sink(self._lines), lineterminator="")
        self._writer.writerow(columns)

    def __enter__(self) -> TableFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__()

    def write(self, row: Sequence[object]) -> None:
        """One row; None is empty."""
        self._writer.writerow(row)


class _Sink:
    """What csv writes to."""

    def __init__(self, lines: LineFile) -> None:
        self._lines = lines

    def write(self, row: str) -> None:
        self._lines.write_line(row)
