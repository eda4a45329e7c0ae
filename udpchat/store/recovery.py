"""What a server does with its files before it serves: brings disk and database to say the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from udpchat.config import PART_LIFETIME
from udpchat.files.ports import FileEntry
from udpchat.store.catalogue import Catalogue
from udpchat.store.part_journal import PartJournal
from udpchat.store.part_rows import JournalEntry, PartRow, pack_runs, unpack_runs
from udpchat.store.uploads import Folders, Uploads


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found at start.

    finished: files whose commit was completed. cut: parts that had lost bytes. expired: parts nobody continued.
    leftovers: parts without a journal, removed. quarantined: stored files nobody knows. missing: files of the list that
    are not on the disk.
    """

    finished: tuple[FileEntry, ...] = ()
    cut: tuple[bytes, ...] = ()
    expired: tuple[bytes, ...] = ()
    leftovers: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    missing: tuple[FileEntry, ...] = ()


def recover(catalogue: Catalogue, journal: PartJournal, folders: Folders, uploads: Uploads, now: int) -> Recovery:
    """Bring disk and database together. now: wall clock since 1970 [us]."""
    finished, expired, cut = [], [], []
    for row in journal.parts():
        entry = uploads.finish(row)
        if entry is not None:
            finished.append(entry)
        elif row.touched_at < now - PART_LIFETIME:
            uploads.discard(row.info.part_id)
            expired.append(row.info.part_id)
        elif _cut_back(journal, folders, row, now):
            cut.append(row.info.part_id)
    found = Recovery(tuple(finished), tuple(cut), tuple(expired))
    leftovers = _remove_leftovers(journal, folders)
    quarantined, missing = _compare_files(catalogue, folders, uploads)
    return replace(found, leftovers=leftovers, quarantined=quarantined, missing=missing)


def _cut_back(journal: PartJournal, folders: Folders, row: PartRow, now: int) -> bool:
    status = folders.incoming.status(row.info.part_id.hex())
    length = 0 if status is None else status.st_size
    kept = unpack_runs(row.ranges, min(length, row.info.size))
    if pack_runs(kept) == row.ranges:
        return False
    journal.save(row.info.part_id, JournalEntry(kept), now)
    return True


def _remove_leftovers(journal: PartJournal, folders: Folders) -> tuple[str, ...]:
    known = {row.info.part_id.hex() for row in journal.parts()}
    leftovers = tuple(name for name in folders.incoming.names() if name not in known)
    for name in leftovers:
        folders.incoming.remove(name)
    return leftovers


def _compare_files(
    catalogue: Catalogue, folders: Folders, uploads: Uploads
) -> tuple[tuple[str, ...], tuple[FileEntry, ...]]:
    listed = {entry.file_id.hex(): entry for entry in catalogue.files()}
    deleted = {file_id.hex() for file_id in catalogue.removals()}  # off the list, and not off the disk yet
    stored = set(folders.files.names())
    unknown = tuple(sorted(stored - listed.keys() - deleted))
    for name in unknown:
        uploads.quarantine(name)
    return unknown, tuple(entry for name, entry in listed.items() if name not in stored)
