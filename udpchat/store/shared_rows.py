"""What is written down about the folder that a node shares, as it is read: places, members, which folder it is.

A place is a path below the folder whose parts are separated by a character that sorts before all that names have: so
places in order are an index, depth first.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from udpchat.files.blocks import NO_ROOT
from udpchat.files.members import EMPTY_MD5, NO_MD5, MemberInfo
from udpchat.store.scan import is_executable
from udpchat.wire.numbers import PLAIN_MEMBER, MemberFlag

SEPARATOR: Final = "\x01"  # of places
NEXT: Final = "\x02"  # what follows it
UNCOUNTED: Final = b""  # in place of the MD5 of a directory whose members have changed
NO_FOLDER: Final = NO_MD5  # the same of one that is nothing for others: no file in it, or too many

_COLUMNS: Final = "place, is_directory, size, stamp, inode, flags, md5, root"
_BELOW: Final = "place > ? AND place < ?"
_flags = cache(MemberFlag)  # calls of enums are slow, and there may be 100,000 rows
_MOST: Final = 2**63 - 1  # that a database can hold


def place_of(path: str) -> str:
    """The place of a relative path."""
    return path.replace("/", SEPARATOR)


def path_of(place: str) -> str:
    """The relative path of a place."""
    return place.replace(SEPARATOR, "/")


@dataclass(frozen=True, slots=True)
class SharedRow:
    """A file or directory below the shared folder. stamp: time of its last change [ns since 1970].

    md5, root: of its content when it was read; of a directory see shared_book.py.
    """

    place: str
    size: int
    stamp: int
    inode: int
    flags: MemberFlag
    md5: bytes = UNCOUNTED
    root: bytes = NO_ROOT

    @property
    def is_directory(self) -> bool:
        """A folder."""
        return bool(self.flags & MemberFlag.DIRECTORY)

    @property
    def modified(self) -> int:
        """When it was changed last, wall clock since 1970 [us]; 0 for earlier."""
        return max(self.stamp // 1_000, 0)

    def is_still(self, status: os.stat_result) -> bool:
        """Whether the file there is the one that was read."""
        now = row_of(self.place, status)
        return stat.S_ISREG(status.st_mode) and (now.size, now.stamp, now.inode) == (self.size, self.stamp, self.inode)

    def member(self, below: int) -> MemberInfo:
        """As a member of a folder. below: characters of that folder's place, with the separator."""
        md5 = EMPTY_MD5 if self.is_directory else self.md5
        return MemberInfo(path_of(self.place[below:]), self.size, self.modified, self.flags, md5)


def row_of(place: str, status: os.stat_result) -> SharedRow:
    """What the system knows about a file or directory."""
    # A database has 63 bits: some disks number their files with more, and times may be anything.
    stamp, inode = max(-_MOST, min(status.st_mtime_ns, _MOST)), status.st_ino & _MOST
    if stat.S_ISDIR(status.st_mode):
        return SharedRow(place, 0, stamp, inode, MemberFlag.DIRECTORY)
    flags = MemberFlag.EXECUTABLE if is_executable(status) else PLAIN_MEMBER
    return SharedRow(place, status.st_size, stamp, inode, flags)


class SharedRows:
    """The rows, on one connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def row(self, place: str) -> SharedRow | None:
        """What lies at a place."""
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM shared WHERE place = ?", (place,)).fetchone()
        return None if row is None else _shared_row(row)

    def at(self, places: Sequence[str]) -> dict[str, SharedRow]:
        """What lies at some places, few hundred at most; those where nothing is known are not among them."""
        query = f"SELECT {_COLUMNS} FROM shared WHERE place IN ({', '.join('?' * len(places))})"
        return {row.place: row for row in map(_shared_row, self._connection.execute(query, places))}

    def below(self, place: str, first: int = 0, count: int = -1) -> Iterator[SharedRow]:
        """All that is below a directory, in order, from number `first` on, count at most; -1: all."""
        query = f"SELECT {_COLUMNS} FROM shared WHERE {_BELOW} ORDER BY place LIMIT ? OFFSET ?"
        rows = self._connection.execute(query, (place + SEPARATOR, place + NEXT, count, first))
        return map(_shared_row, rows)

    def place_of_file(self, file_id: bytes) -> str | None:
        """Where a file of the list lies; None when it is none that is shared so."""
        query = "SELECT place FROM files WHERE file_id = ? AND place IS NOT NULL"
        return next((str(place) for (place,) in self._connection.execute(query, (file_id,))), None)

    def members(self, place: str, first: int, count: int) -> tuple[MemberInfo, ...]:
        """What is in a directory, at any depth."""
        return tuple(row.member(len(place) + 1) for row in self.below(place, first, count))


def _shared_row(row: tuple[Any, ...]) -> SharedRow:
    place, _, size, stamp, inode, flags, md5, root = row
    return SharedRow(place, size, stamp, inode, _flags(flags), md5, root)
