"""The files that a simulation writes: what was there before is replaced, and only the owner may read it."""

from __future__ import annotations

import csv
import os
from dataclasses import astuple, fields
from pathlib import Path
from typing import BinaryIO

from udpchat.errors import StorageError
from udpchat.lab.experiment import Outcome, Sample


def open_binary(path: Path) -> BinaryIO:
    """A file for bytes. StorageError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; choose another place") from error
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


def open_lines(path: Path) -> LineFile:
    """A file for lines. StorageError."""
    return LineFile(path)


class CsvFile:
    """A table of samples: a row for each, its first column the seed of the run; a context manager. StorageError."""

    def __init__(self, path: Path) -> None:
        self._lines = LineFile(path)
        self._writer = csv.writer(_Sink(self._lines), lineterminator="")
        self._writer.writerow(["seed", *(field.name for field in fields(Sample))])

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__()

    def write(self, outcome: Outcome) -> None:
        """The samples of a run."""
        for sample in outcome.samples:
            self._writer.writerow([outcome.seed, *astuple(sample)])


class _Sink:
    """What csv writes to."""

    def __init__(self, lines: LineFile) -> None:
        self._lines = lines

    def write(self, row: str) -> None:
        self._lines.write_line(row)
