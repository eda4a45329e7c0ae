"""What was put together from a capture, written to disk: files, and folders with all that is in them.

No name out of a capture chooses a path: every part of one is made safe, and nothing is overwritten.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

from udpchat.capture.transfers import Recovered, slices
from udpchat.errors import StorageError
from udpchat.files.members import Index
from udpchat.wire.numbers import MemberFlag

MAX_NUMBER: Final = 10_000  # of files with one name in a folder

SafeName = Callable[[str], str]  # display text -> name of a file
Numbered = Callable[[str, int], str]  # "a.txt", 2 -> "a (2).txt"

Made = TypeVar("Made")


def write_recovered(found: Recovered, folder: Path, safe_name: SafeName, numbered: Numbered) -> Path:
    """Write what was recovered, whole or with zeros in its holes, under a name that was free. StorageError.

    A folder without an index is written as one file: its bytes, one member behind the other.
    """
    wanted = safe_name(found.name or f"transfer-{found.transfer_id}")
    try:
        if found.index is None:
            return _write_file(found.part.pieces(), folder, wanted, numbered, 0o600)
        path, _ = _make(folder, wanted, numbered, _make_folder)
        try:
            _write_members(found, found.index, _Tree(path, safe_name, numbered))
        except BaseException:  # Ctrl-C, too: half a folder would pass for a whole one
            shutil.rmtree(path, ignore_errors=True)
            raise
    except OSError as error:
        text = f"cannot write {folder / wanted}: {error.strerror or error}; choose another folder"
        raise StorageError(text) from error
    return path


class _Tree:
    """Where the folders of a folder are. names: safe ones, by path in the capture."""

    def __init__(self, root: Path, safe_name: SafeName, numbered: Numbered) -> None:
        self.numbered = numbered
        self._safe_name = safe_name
        self._folders = {"": root}

    def place(self, path: str) -> tuple[Path, str]:
        """The folder where a member belongs, which is made, and the name that it should have there."""
        parent, _, name = path.rpartition("/")
        return self.folder(parent), self._safe_name(name)

    def folder(self, path: str) -> Path:
        """A folder below the root, made with those above it when it is not there."""
        above, here = "", self._folders[""]
        for name in path.split("/") if path else ():
            above = f"{above}/{name}" if above else name
            if above not in self._folders:
                self._folders[above], _ = _make(here, self._safe_name(name), self.numbered, _make_folder)
            here = self._folders[above]
        return here


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700)


def _write_members(found: Recovered, index: Index, tree: _Tree) -> None:
    for number, pieces in slices(found.part, index):
        member = index[number]
        if member.is_directory:
            tree.folder(member.path)
            continue
        mode = 0o700 if member.flags & MemberFlag.EXECUTABLE else 0o600
        _write_file(pieces, *tree.place(member.path), tree.numbered, mode)


def _write_file(pieces: Iterator[bytes], folder: Path, wanted: str, numbered: Numbered, mode: int) -> Path:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    path, fd = _make(folder, wanted, numbered, lambda path: os.open(path, flags, mode))
    try:
        with os.fdopen(fd, "wb") as file:
            for piece in pieces:
                file.write(piece)
    except BaseException:  # Ctrl-C, too: half a file would pass for a whole one
        with suppress(OSError):
            path.unlink()
        raise
    return path


def _make(folder: Path, wanted: str, numbered: Numbered, make: Callable[[Path], Made]) -> tuple[Path, Made]:
    """Make something under the first name that is free. OSError."""
    path = folder / wanted
    for number in count(2):
        try:
            return path, make(path)
        except FileExistsError:
            if number > MAX_NUMBER:
                raise
            path = folder / numbered(wanted, number)
    raise AssertionError("count() does not end")
