"""What is written down about files that are still arriving: for servers and clients, in the worker thread.

The rows of blocks and members stay when a part becomes a file, under its part id; `forget_contents` removes them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from udpchat.arq.ranges import RangeSet
from udpchat.config import BLOCK_SIZE, MEMBERS_AT_ONCE
from udpchat.files.blocks import HASH_SIZE, NO_ROOT, block_count
from udpchat.files.members import NO_MD5, Index, MemberInfo
from udpchat.store.database import transaction
from udpchat.store.part_rows import LATEST, JournalEntry, PartInfo, PartRow, Runs, pack_runs, unpack_runs
from udpchat.wire.numbers import FileFlag, MemberFlag

_INFO: Final = (
    "part_id, owner, owner_nick, file_name, size, folder, modified, flags, members, owner_id, room, recipient_id,"
    " recipient"
)
_ROW: Final = f"SELECT {_INFO}, ranges, md5, file_id, target, root, touched_at FROM parts"
_INFO_COUNT: Final = 13
_FLAGS: Final = 7


class PartJournal:
    """Parts, their blocks and members in a database. Every method is one transaction, `add_members` several."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # -- parts ---------------------------------------------------------------------------------------------------------

    def part(self, part_id: bytes) -> PartRow | None:
        """The journal of a part."""
        row = self._connection.execute(f"{_ROW} WHERE part_id = ?", (part_id,)).fetchone()
        return None if row is None else _part_row(row)

    def parts(self) -> Iterator[PartRow]:
        """The journals of all parts, oldest first, one after the other: the ranges of all together may be large."""
        return map(_part_row, self._connection.execute(f"{_ROW} ORDER BY rowid"))

    def infos(self) -> Iterator[PartInfo]:
        """What was said about all parts, oldest first."""
        return map(_part_info, self._connection.execute(f"SELECT {_INFO} FROM parts ORDER BY rowid"))

    def part_ids(self) -> tuple[bytes, ...]:
        """All parts."""
        return tuple(part_id for (part_id,) in self._connection.execute("SELECT part_id FROM parts"))

    def part_count(self, owner: bytes) -> int:
        """How many parts an owner has."""
        (count,) = self._connection.execute("SELECT count(*) FROM parts WHERE owner = ?", (owner,)).fetchone()
        return int(count)

    def add_part(self, info: PartInfo, now: int, check: Callable[[], None] | None = None) -> None:
        """Begin the journal of a part. now: wall clock [us], here and below.

        check: called in the same transaction, before; it may refuse with a StorageError.
        """
        marks = ", ".join("?" * _INFO_COUNT)
        with transaction(self._connection):
            if check is not None:
                check()
            forget_contents(self._connection, info.part_id)
            self._connection.execute(
                f"INSERT INTO parts ({_INFO}, state, ranges, touched_at) VALUES ({marks}, 'receiving', x'', ?)",
                (*_info_values(info), now),
            )

    def save(self, part_id: bytes, entry: JournalEntry, now: int) -> None:
        """Write down what is durable. Unknown parts are left alone."""
        with transaction(self._connection):
            self._save(part_id, entry, now)

    def cut_back(self, row: PartRow, length: int, now: int) -> bool:
        """Write down that the file of a part has only so many bytes; whether it had more before."""
        return self.keep_only(row, unpack_runs(row.ranges, min(length, row.info.size)), now)

    def keep_only(self, row: PartRow, kept: Runs, now: int) -> bool:
        """Write down that no more of a part than these runs is there; whether there was more before."""
        if pack_runs(kept) == row.ranges:
            return False
        lost = RangeSet(unpack_runs(row.ranges, row.info.size))
        for start, stop in kept:
            lost.remove(start, stop)
        blocks = tuple((start // BLOCK_SIZE, block_count(stop)) for start, stop in lost)
        self.save(row.info.part_id, JournalEntry(kept, lost_blocks=blocks), now)
        return True

    def mark_verified(
        self,
        part_id: bytes,
        entry: JournalEntry,
        md5: bytes,
        root: bytes,
        now: int,
        *,
        file_id: bytes,
        target: str = "",
    ) -> None:
        """Write down that all bytes are durable and right, and under which name the file will be."""
        with transaction(self._connection):
            self._save(part_id, entry, now)
            self._connection.execute(
                "UPDATE parts SET state = 'verified', md5 = ?, root = ?, file_id = ?, target = ? WHERE part_id = ?",
                (md5, root, file_id, target, part_id),
            )

    def remove_part(self, part_id: bytes) -> None:
        """End the journal of a part that becomes no file."""
        with transaction(self._connection):
            end_part(self._connection, part_id)
            forget_contents(self._connection, part_id)

    def _save(self, part_id: bytes, entry: JournalEntry, now: int) -> None:
        execute, many = self._connection.execute, self._connection.executemany
        values = (pack_runs(entry.runs), now, part_id)
        if execute("UPDATE parts SET ranges = ?, touched_at = ? WHERE part_id = ?", values).rowcount == 0:
            return
        for first, stop in entry.lost_blocks:
            execute("DELETE FROM blocks WHERE part_id = ? AND number >= ? AND number < ?", (part_id, first, stop))
        for first, stop in entry.lost_members:
            where = "WHERE part_id = ? AND number >= ? AND number < ?"
            execute(f"UPDATE members SET md5 = ? {where}", (NO_MD5, part_id, first, stop))
        if entry.blocks:
            blocks = ((part_id, number, digest) for number, digest in entry.blocks)
            many("INSERT OR REPLACE INTO blocks (part_id, number, hash) VALUES (?, ?, ?)", blocks)
        if entry.md5s:
            md5s = ((md5, part_id, number) for number, md5 in entry.md5s)
            many("UPDATE members SET md5 = ? WHERE part_id = ? AND number = ?", md5s)

    # -- blocks and members --------------------------------------------------------------------------------------------

    def hashes(self, part_id: bytes) -> bytearray:
        """The SHA-256 of each block up to the last one that is known; zeros for those between that are not."""
        hashes = bytearray()
        query = "SELECT number, hash FROM blocks WHERE part_id = ? ORDER BY number"
        for number, digest in self._connection.execute(query, (part_id,)):
            hashes += NO_ROOT * (number - len(hashes) // HASH_SIZE)
            hashes += digest
        return hashes

    def add_members(self, part_id: bytes, first: int, members: Sequence[MemberInfo]) -> None:
        """Write members down, from number `first` on, a group in a transaction. What is there already stays."""
        statement = (
            "INSERT OR IGNORE INTO members (part_id, number, path, size, modified, flags, claimed, md5)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        for start in range(0, len(members), MEMBERS_AT_ONCE):
            group = members[start : start + MEMBERS_AT_ONCE]
            with transaction(self._connection):
                self._connection.executemany(statement, _member_rows(part_id, first + start, group))

    def member_count(self, part_id: bytes) -> int:
        """How many members of a part are known: the first so many."""
        query = "SELECT coalesce(max(number) + 1, 0) FROM members WHERE part_id = ?"
        (count,) = self._connection.execute(query, (part_id,)).fetchone()
        return int(count)

    def members(self, part_id: bytes, first: int = 0, count: int = -1) -> Iterator[MemberInfo]:
        """Members in order, from number `first` on, at most count of them (-1: all), with the MD5s of what is here."""
        rows = self._connection.execute(
            "SELECT path, size, modified, flags, md5 FROM members WHERE part_id = ? AND number >= ?"
            " ORDER BY number LIMIT ?",
            (part_id, first, count),
        )
        for path, size, modified, flags, md5 in rows:
            yield MemberInfo(path, size, modified, MemberFlag(flags), md5)

    def index(self, part_id: bytes, count: int) -> Index | None:
        """The members of a folder of count members, as the sender describes them; None while they are not all known."""
        if self.member_count(part_id) != count:
            return None
        query = "SELECT path, size, modified, flags, claimed FROM members WHERE part_id = ? ORDER BY number"
        rows = self._connection.execute(query, (part_id,))
        return Index(MemberInfo(path, size, at, MemberFlag(flags), md5) for path, size, at, flags, md5 in rows)

    def md5s(self, part_id: bytes) -> bytearray:
        """The MD5s of what is here of each member, one behind the other; NO_MD5 for those that are not complete."""
        query = "SELECT md5 FROM members WHERE part_id = ? ORDER BY number"
        return bytearray().join(md5 for (md5,) in self._connection.execute(query, (part_id,)))

    def forget_members(self, part_id: bytes) -> None:
        """Remove an index that cannot be."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM members WHERE part_id = ?", (part_id,))


# -- inside somebody else's transaction --------------------------------------------------------------------------------


def end_part(connection: sqlite3.Connection, part_id: bytes) -> None:
    """End the journal of a part; its blocks and members stay."""
    connection.execute("DELETE FROM parts WHERE part_id = ?", (part_id,))


def forget_contents(connection: sqlite3.Connection, part_id: bytes) -> None:
    """Remove blocks and members."""
    connection.execute("DELETE FROM blocks WHERE part_id = ?", (part_id,))
    connection.execute("DELETE FROM members WHERE part_id = ?", (part_id,))


def _info_values(info: PartInfo) -> tuple[object, ...]:
    named = (info.part_id, info.owner, info.owner_nick, info.file_name, info.size, info.folder, info.modified)
    return (*named, int(info.flags), info.members, info.owner_id, info.room, info.recipient_id, info.recipient)


def _part_row(row: tuple[Any, ...]) -> PartRow:
    return PartRow(_part_info(row[:_INFO_COUNT]), *row[_INFO_COUNT:])


def _part_info(row: tuple[Any, ...]) -> PartInfo:
    values = list(row)
    values[_FLAGS] = FileFlag(values[_FLAGS])
    return PartInfo(*values)


def _member_rows(part_id: bytes, first: int, members: Iterable[MemberInfo]) -> Iterator[tuple[object, ...]]:
    for number, member in enumerate(members, first):
        modified, flags = min(member.modified, LATEST), int(member.flags)
        yield part_id, number, member.path, member.size, modified, flags, member.md5, NO_MD5
