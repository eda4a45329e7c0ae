"""The files of a folder of this machine, with those of the folders inside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udpchat.store.trouble import storage_error
from udpchat.ui.cli.render import clock_time, size_text, visible

MAX_LISTED: Final = 5_000  # files and folders


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file or folder. path: below the folder that is listed. size: bytes. modified: wall clock [us]."""

    path: str
    size: int
    modified: int
    is_folder: bool


def list_local(folder: Path) -> tuple[list[LocalFile], bool]:
    """What lies in a folder, by path, and whether that is all. StorageError.

    Links are listed and not followed. Hidden files are left out. A folder inside that cannot be read is listed alone.
    """
    try:
        inside = sorted(os.scandir(folder), key=lambda each: each.name)
    except (OSError, ValueError) as error:
        raise storage_error(error if isinstance(error, OSError) else OSError(error), f"list {folder}") from error
    found: list[LocalFile] = []
    for each in _walk(inside, ""):
        if len(found) == MAX_LISTED:
            return found, False
        found.append(each)
    return found, True


def local_table(files: list[LocalFile], *, is_all: bool) -> list[str]:
    """The list for people, with a last line that sums it up."""
    rows = [
        f"{'' if each.is_folder else size_text(each.size):>9}  {clock_time(each.modified)}  {_shown(each)}"
        for each in files
    ]
    plain = [each for each in files if not each.is_folder]
    total = size_text(sum(each.size for each in plain))
    more = "" if is_all else "; there are more, which are not listed"
    return [*rows, f"{len(plain)} file{'' if len(plain) == 1 else 's'} here, {total}{more}"]


def _walk(entries: list[os.DirEntry[str]], above: str) -> Iterator[LocalFile]:
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{above}{entry.name}"
        try:
            facts = entry.stat(follow_symlinks=False)
            is_folder = entry.is_dir(follow_symlinks=False)
        except OSError:  # gone since
            continue
        try:
            inside = sorted(os.scandir(entry.path), key=lambda each: each.name) if is_folder else []
        except OSError:  # it is there, and may not be looked into
            inside = []
        yield LocalFile(path, facts.st_size, facts.st_mtime_ns // 1_000, is_folder)
        yield from _walk(inside, f"{path}/")


def _shown(file: LocalFile) -> str:
    return f"{visible(file.path)}/" if file.is_folder else visible(file.path)
