"""What a server has written down about its files: the list, who may see what, how far everybody is.

Parts are in part_journal.py. Everything runs in a worker thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

from udpchat.errors import UsageError
from udpchat.files.members import MemberInfo
from udpchat.files.ports import FileEntry, Media
from udpchat.files.stored_ports import FileMark, Viewer
from udpchat.store.database import snapshot, transaction
from udpchat.store.file_rows import FILES, arriving_entry, file_entry, file_values, seen_by
from udpchat.store.names import name_key
from udpchat.store.part_journal import PartJournal, end_part, forget_contents
from udpchat.store.part_rows import PartInfo, PartRow
from udpchat.store.quotas import MEMBER_COST, Limits, Usage, check_limits, cost
from udpchat.store.refusals import unknown_file
from udpchat.store.shared_rows import SharedRows
from udpchat.store.stored_rules import (
    Sight,
    audience_of,
    comes_further,
    count_marks,
    free_name,
    part_id_taken,
    room_key,
    shown_state,
)
from udpchat.wire.numbers import FileState

_OWN: Final = "((owner_id = ?1 AND ?1 != 0) OR (owner_id = 0 AND owner = ?2))"  # 0: from before people were known
_UPLOADED: Final = "(SELECT * FROM files WHERE place IS NULL)"  # what a user shares costs no room
_COST: Final = f"coalesce(sum(size + members * {MEMBER_COST}), 0)"


class Catalogue:
    """Files in a database, and parts as far as they are listed. Every method is one transaction.

    lifetime: age at which files expire [us], 0: never. Ids of files are checked by the caller: what somebody may not
    see must not be asked for. shared: what lies in the folder that a node shares.
    """

    __slots__ = ("_connection", "_lifetime", "_parts", "shared")

    def __init__(self, connection: sqlite3.Connection, lifetime: int = 0) -> None:
        self._connection = connection
        self.shared = SharedRows(connection)
        self._parts = PartJournal(connection)
        self._lifetime = lifetime

    # -- looking up ----------------------------------------------------------------------------------------------------

    def files(self) -> Iterator[FileEntry]:
        """All files that lie in the data folder, oldest first."""
        return map(self._entry, self._connection.execute(f"{FILES} WHERE place IS NULL ORDER BY sequence"))

    def file(self, file_id: bytes) -> FileEntry | None:
        """The stored file of that id."""
        return self._file("file_id = ?", file_id)

    def file_of_part(self, part_id: bytes) -> FileEntry | None:
        """The file that a part became."""
        return self._file("part_id = ?", part_id)

    def part_of_file(self, file_id: bytes) -> bytes | None:
        """Under which id the blocks and members of a stored file are written down."""
        return next(iter(self._ids("SELECT part_id FROM files WHERE file_id = ?", file_id)), None)

    def arriving(self, part_id: bytes) -> FileEntry | None:
        """A part, as lists show it: under its own id."""
        row = self._parts.part(part_id)
        return None if row is None else arriving_entry(row)

    def members(self, file_id: bytes, first: int, count: int) -> tuple[MemberInfo, ...]:
        """What is in a stored folder, from member number `first` on, count of them at most."""
        place = self.shared.place_of_file(file_id)
        if place is not None:
            return self.shared.members(place, first, count)
        part_id = self.part_of_file(file_id)
        return () if part_id is None else tuple(self._parts.members(part_id, first, count))

    def member(self, file_id: bytes, number: int) -> tuple[MemberInfo, int] | None:
        """A member of a stored folder, and where in the whole its bytes begin."""
        part_id = self.part_of_file(file_id)
        member = None if part_id is None else next(self._parts.members(part_id, number, 1), None)
        if member is None:
            return None
        before = "SELECT coalesce(sum(size), 0) FROM members WHERE part_id = ? AND number < ?"
        return member, self._number(before, part_id, number)

    def listed(self, viewer: Viewer, room: str, after: int, count: int) -> tuple[FileEntry, ...]:
        """A page of what somebody may see, see `ListFiles`: stored files, oldest first, then those that arrive.

        room: empty for all rooms.
        """
        sight, key = Sight(viewer), room_key(room)
        where, values = seen_by(sight)
        if room:
            where, values = f"{where} AND room_key = ?", (*values, key)
        with snapshot(self._connection):  # a part that becomes a file meanwhile is in one of the two
            query = f"{FILES} NOT INDEXED WHERE sequence > ? AND {where} ORDER BY sequence LIMIT ?"
            found = list(map(self._entry, self._connection.execute(query, (after, *values, count))))
            if len(found) == count:
                return tuple(found)  # the next page has the rest
            rows = (row for row in self._parts.parts() if sight.covers(row.info))
            found.extend(arriving_entry(row) for row in rows if not room or room_key(row.info.room) == key)
        return tuple(found)

    def find(self, viewer: Viewer, file_id: bytes) -> FileEntry | None:
        """A file, or one that arrives, when somebody may see it."""
        with snapshot(self._connection):
            entry = self.file(file_id) or self.arriving(file_id) or self.file_of_part(file_id)
        return entry if entry is not None and Sight(viewer).covers(entry) else None

    def named(self, viewer: Viewer, file_name: str) -> FileEntry | None:
        """The newest file of that name that somebody may see; when there is none, one that people take for the same.

        When there is none either, one that arrives.
        """
        sight, key = Sight(viewer), name_key(file_name)
        where, values = seen_by(sight)
        order = "ORDER BY file_name = ? DESC, sequence DESC LIMIT 1"
        with snapshot(self._connection):
            found = self._file(f"name_key = ? AND {where} {order}", key, *values, file_name)
            if found is not None:
                return found
            newest: PartInfo | None = None
            for info in self._parts.infos():
                if name_key(info.file_name) == key and sight.covers(info):
                    is_exact = info.file_name == file_name
                    newest = info if is_exact or newest is None or newest.file_name != file_name else newest
            return None if newest is None else self.arriving(newest.part_id)

    def stored_before(self, moment: int, count: int) -> tuple[bytes, ...]:
        """Ids of the oldest files in the data folder, count at most. moment: wall clock [us], as all times."""
        where = "stored_at <= ? AND place IS NULL"
        return self._ids(f"SELECT file_id FROM files WHERE {where} ORDER BY stored_at LIMIT ?", moment, count)

    def unannounced(self) -> tuple[FileEntry, ...]:
        """Stored files that are perhaps no messages yet, oldest first."""
        rows = self._connection.execute(f"{FILES} WHERE announced = 0 ORDER BY sequence")
        return tuple(map(self._entry, rows))

    def touched_before(self, moment: int) -> tuple[bytes, ...]:
        """Ids of parts that nobody has gone on with since."""
        return self._ids("SELECT part_id FROM parts WHERE touched_at <= ? ORDER BY touched_at", moment)

    # -- changing ------------------------------------------------------------------------------------------------------

    def check(self, info: PartInfo, limits: Limits) -> None:
        """StorageError when a new part is too much, or has an id that is taken. May be called in a transaction."""
        if self.file(info.part_id) is not None:
            raise part_id_taken()
        check_limits(info.file_name, cost(info.size, info.members), self._usage(info, limits), limits)

    def commit(self, row: PartRow, media: Media, now: int) -> FileEntry:
        """Turn a verified part into a file, in one step. A name that is taken gets a number."""
        with transaction(self._connection):
            self._insert(row, media, now)
            end_part(self._connection, row.info.part_id)
            entry = self.file_of_part(row.info.part_id)
        if entry is None:
            raise UsageError("a part that is not verified does not become a file")
        return entry

    def remove(self, file_ids: Iterable[bytes], *, from_disk: bool = True) -> list[FileEntry]:
        """Take files off the list, which are to be removed from the disk then, see `removals`. They as they were.

        from_disk: False when their bytes are kept, as those of files that nobody knows are.
        """
        gone = []
        with transaction(self._connection):
            for file_id in file_ids:
                entry, part_id = self.file(file_id), self.part_of_file(file_id)
                if entry is None or part_id is None:
                    continue
                forget_contents(self._connection, part_id)
                self._connection.execute("DELETE FROM files WHERE file_id = ?", (file_id,))
                if from_disk:
                    self._connection.execute("INSERT OR IGNORE INTO removals (file_id) VALUES (?)", (file_id,))
                gone.append(entry)
        return gone

    def removals(self) -> tuple[bytes, ...]:
        """Files that were taken off the list and are perhaps still on the disk."""
        return self._ids("SELECT file_id FROM removals")

    def removed(self, file_ids: Iterable[bytes]) -> None:
        """They are not on the disk any more."""
        with transaction(self._connection):
            rows = ((file_id,) for file_id in file_ids)
            self._connection.executemany("DELETE FROM removals WHERE file_id = ?", rows)

    def announced(self, file_ids: Iterable[bytes]) -> None:
        """They are messages."""
        with transaction(self._connection):
            rows = ((file_id,) for file_id in file_ids)
            self._connection.executemany("UPDATE files SET announced = 1 WHERE file_id = ?", rows)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    # -- marks ---------------------------------------------------------------------------------------------------------

    def mark(self, file_id: bytes, mark: FileMark) -> FileEntry | None:
        """A file has come further with somebody: it as it is now. None when that is nothing new, or they own it.

        StorageError (UNKNOWN_FILE) when there is none.
        """
        with transaction(self._connection):
            entry = self.file(file_id)
            if entry is None:
                raise unknown_file()
            marks = {mark.person_id: mark for mark in self.marks(file_id)}
            before = marks.get(mark.person_id)
            is_owner = mark.person_id == entry.owner_id
            if is_owner or not comes_further(None if before is None else before.state, mark.state):
                return None
            marks[mark.person_id] = mark
            self._connection.execute(
                "INSERT OR REPLACE INTO marks (file_id, person_id, nick, state, at) VALUES (?, ?, ?, ?, ?)",
                (file_id, mark.person_id, mark.nick, int(mark.state), mark.at),
            )
            tally = count_marks(mark.state for mark in marks.values())
            state = shown_state(entry, mark.person_id, mark.state)
            self._connection.execute(
                "UPDATE files SET state = ?, delivered = ?, verified = ?, opened = ? WHERE file_id = ?",
                (int(state), tally.delivered, tally.verified, tally.opened, file_id),
            )
            return self.file(file_id)

    def marks(self, file_id: bytes) -> tuple[FileMark, ...]:
        """How far a file is with everybody, oldest first."""
        rows = self._connection.execute(
            "SELECT person_id, nick, state, at FROM marks WHERE file_id = ? ORDER BY at, person_id", (file_id,)
        )
        return tuple(FileMark(person_id, nick, FileState(state), at) for person_id, nick, state, at in rows)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _file(self, where: str, *values: object) -> FileEntry | None:
        row = self._connection.execute(f"{FILES} WHERE {where}", values).fetchone()
        return None if row is None else self._entry(row)

    def _entry(self, row: tuple[Any, ...]) -> FileEntry:
        return file_entry(row, self._lifetime)

    def _ids(self, query: str, *values: object) -> tuple[bytes, ...]:
        return tuple(found for (found,) in self._connection.execute(query, values))

    def _number(self, query: str, *values: object) -> int:
        (found,) = self._connection.execute(query, values).fetchone()
        return int(found)

    def _insert(self, row: PartRow, media: Media, now: int) -> None:
        info = row.info
        audience = audience_of(info.room, info.owner_id, info.recipient_id)
        query = "SELECT count(*) FROM files WHERE name_key = ? AND audience = ?"
        file_name = free_name(info.file_name, lambda key: self._number(query, key, audience) > 0)
        values = file_values(row, file_name, media, now)
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        self._connection.execute(f"INSERT INTO files ({names}) VALUES ({places})", values)

    def _usage(self, info: PartInfo, limits: Limits) -> Usage:
        """What a new part is judged by; what no limit asks for is not counted."""
        who, tables = (info.owner_id, info.owner), (_UPLOADED, "parts")
        by_user = [
            self._number(f"SELECT {_COST} FROM {table} WHERE {_OWN}", *who) for table in tables if limits.user_quota
        ]
        by_all = [self._number(f"SELECT {_COST} FROM {table}") for table in tables if limits.total_quota]
        count = self._number(f"SELECT count(*) FROM {_UPLOADED}")
        return Usage(count, self._parts.part_count(info.owner), sum(by_user), sum(by_all))
