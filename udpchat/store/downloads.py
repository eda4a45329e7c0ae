"""The parts of a client: hidden files and trees in the folder where a download shall end, journalled in `transfers.db`.

The order of a commit: MD5 fits -> part durable -> journal knows the final name -> link or rename, never over anything
-> folder durable -> the part's row becomes one of `finished` -> the part's own name is gone. Whatever is found again
says how far it came.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from udpchat.config import PART_LIFETIME
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import Index, MemberInfo
from udpchat.files.ports import CreatePart, FileEntry
from udpchat.store.database import transaction
from udpchat.store.failpoints import reach
from udpchat.store.finished import add_finished, find_finished, forget_finished
from udpchat.store.indexing import take_members
from udpchat.store.landing import Landing, kept_mark, landing_of
from udpchat.store.names import display_name, readable_name
from udpchat.store.part_journal import PartJournal, end_part, forget_contents
from udpchat.store.part_rows import JournalEntry, PartInfo, PartRow, unpack_runs
from udpchat.store.partfile import Part
from udpchat.store.refusals import check_new, check_same, unknown_part
from udpchat.store.transfer_schema import TransferDatabase
from udpchat.store.tree_part import TreeBody


class Downloads:
    """The `Backend` of a client. default: where downloads end that name no other folder; made when needed.

    clock: wall clock since 1970 [us]. portable: None decides by what the system can do.
    """

    __slots__ = ("_clock", "_database", "_default", "_is_swept", "_portable")

    def __init__(
        self, default: Path, database: TransferDatabase, clock: Callable[[], int], *, portable: bool | None
    ) -> None:
        self._default = default.absolute()
        self._database = database
        self._clock = clock
        self._portable = portable
        self._is_swept = False

    def open_part(self, request: CreatePart) -> Part | FileEntry:
        """See `Backend`."""
        check_new(request)
        self._sweep()
        entry = self._finished(request.part_id)
        if entry is not None:
            check_same(request, entry.owner, entry.size, entry.members)
            return entry
        row = self._row(request.part_id)
        if row is not None:
            check_same(request, row.info.owner, row.info.size, row.info.members)
            return self._continue(row)
        return self._new_part(replace(PartInfo.of(request), folder=str(self._place(request.folder))))

    def reopen(self, part_id: bytes) -> Part | FileEntry:
        """See `Backend`."""
        entry = self._finished(part_id)
        if entry is not None:
            return entry
        row = self._row(part_id)
        if row is None:
            raise unknown_part()
        return self._continue(row)

    def add_members(self, part: Part, first: int, members: Sequence[MemberInfo]) -> Index | None:
        """See `Backend`."""
        with self._database.writing() as connection:
            index = take_members(PartJournal(connection), part.info, first, members)
        if index is not None and isinstance(part.body, TreeBody):
            part.body.lay_out(index)
        return index

    def journal(self, part: Part, entry: JournalEntry) -> None:
        """See `Backend`."""
        with self._database.writing() as connection:
            PartJournal(connection).save(part.info.part_id, entry, self._clock())

    def commit(self, part: Part, entry: JournalEntry, md5: bytes) -> FileEntry:
        """See `Backend`."""
        info, root = part.info, part.root()
        landing = self._landing(info)
        landing.dress(part)
        for target in landing.candidates():
            with self._database.writing() as connection:
                PartJournal(connection).mark_verified(
                    info.part_id, entry, md5, root, self._clock(), file_id=info.part_id, target=target
                )
            reach("verified")
            try:
                landing.place(part, target, lambda status: self._note_kept(info.part_id, status))
            except FileExistsError:
                continue
            return self._finish(landing, info, target, md5, root)
        raise StorageError(f"{info.folder} has too many files named like {info.file_name!r}; move some away")

    def discard(self, part_id: bytes) -> None:
        """See `Backend`."""
        discard(self._database, part_id, portable=self._portable)

    def _place(self, name: str) -> Path:
        """The folder where a download shall end."""
        path = Path(name).absolute() if name else self._default
        if readable_name(str(path)) != str(path):
            text = f"{display_name(str(path))} has a name that is no text; choose another folder for downloads"
            raise StorageError(text, ErrorCode.NAME_NOT_ALLOWED)
        if path == self._default:
            path.mkdir(parents=True, exist_ok=True)
        elif not path.is_dir():
            raise StorageError(f"{name} is not a folder; make it first, or choose another")
        return path

    def _landing(self, info: PartInfo) -> Landing:
        return landing_of(info, portable=self._portable)

    def _row(self, part_id: bytes) -> PartRow | None:
        with self._database.reading() as connection:
            return PartJournal(connection).part(part_id)

    def _finished(self, part_id: bytes) -> FileEntry | None:
        """The file that a download became, when it is still there as it came."""
        with self._database.reading() as connection:
            entry = find_finished(connection, part_id)
        if entry is not None:
            folder = str(Path(entry.path).parent)
            named = (entry.file_id, entry.owner, entry.owner_nick, entry.file_name, entry.size, folder)
            self._landing(PartInfo(*named, flags=entry.flags)).clean()  # the last that a commit does, perhaps not done
            return entry
        with self._database.writing() as connection:
            forget_finished(connection, part_id)
        return None

    def _new_part(self, info: PartInfo) -> Part:
        with self._database.writing() as connection:  # first: a file that no journal knows nobody would ever remove
            PartJournal(connection).add_part(info, self._clock())
        try:
            body = self._landing(info).begin()
        except BaseException:
            with self._database.writing() as connection:
                PartJournal(connection).remove_part(info.part_id)
            raise
        reach("part-created")
        return Part(info, body)

    def _continue(self, row: PartRow) -> Part | FileEntry:
        self._place(row.info.folder)
        landing = self._landing(row.info)
        with self._database.reading() as connection:
            journal = PartJournal(connection)
            query = "SELECT kept FROM parts WHERE part_id = ?"
            (kept,) = connection.execute(query, (row.info.part_id,)).fetchone()
            part = None
            if not row.target or not landing.is_placed(journal, row, kept):
                part = landing.resume(journal, row)
        if part is None:
            return self._finish(landing, row.info, row.target, row.md5 or b"", row.root)
        try:
            if part.runs != unpack_runs(row.ranges, row.info.size):
                with self._database.writing() as connection:
                    PartJournal(connection).keep_only(row, part.runs, self._clock())
            landing.make_room(part)
        except BaseException:
            part.close()
            raise
        return part

    def _note_kept(self, part_id: bytes, status: os.stat_result) -> None:
        with self._database.writing() as connection:
            connection.execute("UPDATE parts SET kept = ? WHERE part_id = ?", (kept_mark(status), part_id))

    def _finish(self, landing: Landing, info: PartInfo, target: str, md5: bytes, root: bytes) -> FileEntry:
        reach("linked")
        landing.settle()
        entry = FileEntry(
            info.part_id,
            info.file_name,
            info.size,
            md5,
            self._clock(),
            info.owner,
            info.owner_nick,
            str(Path(info.folder) / target),
            modified=info.modified,
            flags=info.flags,
            members=info.members,
            root=root,
        )
        with self._database.writing() as connection, transaction(connection):
            add_finished(connection, entry)
            end_part(connection, info.part_id)
            forget_contents(connection, info.part_id)
        landing.clean()
        reach("committed")
        return entry

    def _sweep(self) -> None:
        """Remove, once, what belongs to no transfer and was not touched for long."""
        if self._is_swept:
            return
        self._is_swept = True
        query = "SELECT part_id FROM parts WHERE touched_at < ? AND part_id NOT IN (SELECT part_id FROM transfers)"
        with self._database.reading() as connection:
            forgotten = connection.execute(query, (self._clock() - PART_LIFETIME,)).fetchall()
        for (part_id,) in forgotten:
            # A disk that is not there today, or what is no folder any more: the next start tries again.
            with suppress(OSError, StorageError, sqlite3.Error):
                self.discard(part_id)


def discard(database: TransferDatabase, part_id: bytes, *, portable: bool | None = None) -> None:
    """Forget a download that has not become a file, and its bytes."""
    with database.reading() as connection:
        row = PartJournal(connection).part(part_id)
    if row is not None:
        landing_of(row.info, portable=portable).clean()
        with database.writing() as connection:
            PartJournal(connection).remove_part(part_id)
