"""Downloads that have become files, as they are written down until their transfer is ended."""

from __future__ import annotations

import os
import sqlite3
import stat
from typing import Final

from udpchat.files.ports import FileEntry
from udpchat.wire.numbers import FileFlag

MAX_FINISHED: Final = 1_024  # rows that are kept of those whose transfer nobody ends
_COLUMNS: Final = (
    "part_id, path, file_name, size, md5, stored_at, owner, owner_nick, modified, flags, members, root, changed"
)


def add_finished(connection: sqlite3.Connection, entry: FileEntry) -> None:
    """Write down that a download is a file; the oldest of too many are forgotten. It is looked at on the disk."""
    status = _status(entry.path)
    connection.execute(
        f"INSERT OR REPLACE INTO finished ({_COLUMNS}) VALUES ({', '.join('?' * 13)})",
        (
            entry.file_id,
            entry.path,
            entry.file_name,
            entry.size,
            entry.md5,
            entry.stored_at,
            entry.owner,
            entry.owner_nick,
            entry.modified,
            int(entry.flags),
            entry.members,
            entry.root,
            0 if status is None or entry.is_folder else status.st_mtime_ns,
        ),
    )
    connection.execute(
        "DELETE FROM finished WHERE sequence <= (SELECT max(sequence) FROM finished) - ?", (MAX_FINISHED,)
    )


def find_finished(connection: sqlite3.Connection, part_id: bytes) -> FileEntry | None:
    """The file that a download became; None when it did not, or nobody knows any more.

    Also None when it is not there any more, or is no longer what came: its size or its time of change is another. Of
    a folder nothing but its being there is looked at.
    """
    row = connection.execute(f"SELECT {_COLUMNS} FROM finished WHERE part_id = ?", (part_id,)).fetchone()
    if row is None:
        return None
    file_id, path, file_name, size, md5, stored_at, owner, owner_nick, modified, flags, members, root, changed = row
    entry = FileEntry(
        file_id,
        file_name,
        size,
        md5,
        stored_at,
        owner,
        owner_nick,
        path,
        modified=modified,
        flags=FileFlag(flags),
        members=members,
        root=root,
    )
    return entry if _is_as_it_came(_status(path), entry, changed) else None


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_as_it_came(status: os.stat_result | None, entry: FileEntry, changed: int) -> bool:
    if status is None or entry.is_folder:
        return status is not None and stat.S_ISDIR(status.st_mode)
    return stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (entry.size, changed)


def forget_finished(connection: sqlite3.Connection, part_id: bytes) -> None:
    """Its transfer is ended, or the file is gone."""
    connection.execute("DELETE FROM finished WHERE part_id = ?", (part_id,))
