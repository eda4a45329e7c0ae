"""What a server has written down about files and parts: all SQL there is, for the worker thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from udpchat.files.ports import FileEntry
from udpchat.store.database import transaction
from udpchat.store.names import name_key, numbered
from udpchat.store.partfile import PartInfo

_FILE: Final = "SELECT file_id, file_name, size, md5, stored_at, owner, owner_nick FROM files"
_PART: Final = "SELECT part_id, owner, owner_nick, file_name, size, ranges, md5, file_id, touched_at FROM parts"


@dataclass(frozen=True, slots=True)
class PartRow:
    """The journal of a part.

    ranges: what is durable, packed. md5, file_id: set when the part was verified: the name it has or is about to get.
    touched_at: wall clock of the last entry [us].
    """

    info: PartInfo
    ranges: bytes
    md5: bytes | None
    file_id: bytes | None
    touched_at: int


class Catalogue:
    """Files and parts in the database. Every method is one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # -- files ---------------------------------------------------------------------------------------------------------

    def files(self) -> tuple[FileEntry, ...]:
        """All files, oldest first."""
        return tuple(FileEntry(*row) for row in self._connection.execute(f"{_FILE} ORDER BY sequence"))

    def file(self, file_id: bytes) -> FileEntry | None:
        """The file of that id."""
        return self._file("WHERE file_id = ?", file_id)

    def file_of_part(self, part_id: bytes) -> FileEntry | None:
        """The file that a part became."""
        return self._file("WHERE part_id = ?", part_id)

    def file_named(self, file_name: str) -> FileEntry | None:
        """The file of that name; when there is none, one that differs only in case or in how its letters are coded."""
        exact = self._file("WHERE file_name = ? ORDER BY sequence DESC LIMIT 1", file_name)
        return exact or self._file("WHERE name_key = ?", name_key(file_name))

    def file_count(self) -> int:
        """How many files there are."""
        return self._count("SELECT count(*) FROM files")

    def _file(self, where: str, value: bytes | str) -> FileEntry | None:
        row = self._connection.execute(f"{_FILE} {where}", (value,)).fetchone()
        return None if row is None else FileEntry(*row)

    def _count(self, query: str, *values: bytes) -> int:
        (count,) = self._connection.execute(query, values).fetchone()
        return int(count)

    # -- parts ---------------------------------------------------------------------------------------------------------

    def part(self, part_id: bytes) -> PartRow | None:
        """The journal of a part."""
        row = self._connection.execute(f"{_PART} WHERE part_id = ?", (part_id,)).fetchone()
        return None if row is None else _part_row(row)

    def parts(self) -> Iterator[PartRow]:
        """The journals of all parts."""
        return map(_part_row, self._connection.execute(_PART).fetchall())

    def part_count(self, owner: bytes) -> int:
        """How many parts an owner has."""
        return self._count("SELECT count(*) FROM parts WHERE owner = ?", owner)

    def add_part(self, info: PartInfo, now: int) -> None:
        """Begin the journal of a part. now: wall clock [us], here and below."""
        values = (info.part_id, info.owner, info.owner_nick, info.file_name, info.size, now)
        self._execute(
            "INSERT INTO parts (part_id, owner, owner_nick, file_name, size, state, ranges, touched_at)"
            " VALUES (?, ?, ?, ?, ?, 'receiving', x'', ?)",
            values,
        )

    def save_ranges(self, part_id: bytes, ranges: bytes, now: int) -> None:
        """Write down which bytes are durable."""
        self._execute("UPDATE parts SET ranges = ?, touched_at = ? WHERE part_id = ?", (ranges, now, part_id))

    def mark_verified(self, part_id: bytes, ranges: bytes, md5: bytes, file_id: bytes, now: int) -> None:
        """Write down that all bytes are durable and right, and under which id the file will be."""
        self._execute(
            "UPDATE parts SET state = 'verified', ranges = ?, md5 = ?, file_id = ?, touched_at = ? WHERE part_id = ?",
            (ranges, md5, file_id, now, part_id),
        )

    def remove_part(self, part_id: bytes) -> None:
        """End the journal of a part that becomes no file."""
        self._execute("DELETE FROM parts WHERE part_id = ?", (part_id,))

    def commit(self, row: PartRow, file_id: bytes, md5: bytes, now: int) -> FileEntry:
        """Turn a part into a file, in one step. A name that is taken gets a number."""
        info = row.info
        with transaction(self._connection):
            file_name = self._free_name(info.file_name)
            entry = FileEntry(file_id, file_name, info.size, md5, now, info.owner, info.owner_nick)
            self._connection.execute(
                "INSERT INTO files (file_id, part_id, file_name, name_key, size, md5, stored_at, owner, owner_nick)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    file_id,
                    info.part_id,
                    file_name,
                    name_key(file_name),
                    info.size,
                    md5,
                    now,
                    info.owner,
                    info.owner_nick,
                ),
            )
            self._connection.execute("DELETE FROM parts WHERE part_id = ?", (info.part_id,))
        return entry

    def _free_name(self, file_name: str) -> str:
        candidate, number = file_name, 1
        while self._connection.execute("SELECT 1 FROM files WHERE name_key = ?", (name_key(candidate),)).fetchone():
            number += 1
            candidate = numbered(file_name, number)
        return candidate

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        with transaction(self._connection):
            self._connection.execute(statement, values)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def _part_row(row: tuple[bytes, bytes, str, str, int, bytes, bytes | None, bytes | None, int]) -> PartRow:
    return PartRow(PartInfo(*row[:5]), *row[5:])
