"""What a server does with its files before it serves: brings disk and database to say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from udpchat.config import PART_LIFETIME
from udpchat.files.ports import FileEntry
from udpchat.store.catalogue import Catalogue
from udpchat.store.folders import Folder
from udpchat.store.names import display_name
from udpchat.store.part_journal import PartJournal
from udpchat.store.uploads import FILES, INCOMING, QUARANTINE, Folders, Uploads, file_status

_OURS: Final = re.compile(r"[0-9a-f]{32}")  # names of parts
_NAMED: Final = 5  # names in one sentence


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found at start.

    finished: files whose commit was completed. cut: parts that had lost bytes. expired: parts nobody continued.
    leftovers: parts without a journal, removed. quarantined: stored files nobody knows. missing: files of the list that
    are not on the disk. strange: paths of what is no part and no file of ours, and was left alone.
    """

    finished: tuple[FileEntry, ...] = ()
    cut: tuple[bytes, ...] = ()
    expired: tuple[bytes, ...] = ()
    leftovers: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()
    missing: tuple[FileEntry, ...] = ()
    strange: tuple[str, ...] = ()

    def warnings(self) -> Iterator[str]:
        """Sentences for the administrator, who has to do something."""
        if self.missing:
            ids = _some([entry.file_id.hex()[:8] for entry in self.missing])
            yield f"files of the list are gone from the disk, bring them back from a backup or delete them: {ids}"
        if self.quarantined:
            yield f"files that are in no list were moved to {QUARANTINE}, look what they are: {_some(self.quarantined)}"
        if self.strange:
            yield f"things that are not udpchat's were left alone, move them elsewhere: {_some(self.strange)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(display_name, names[:_NAMED])) + more


def recover(catalogue: Catalogue, journal: PartJournal, folders: Folders, uploads: Uploads, now: int) -> Recovery:
    """Bring disk and database together. now: wall clock since 1970 [us]."""
    finished, expired, cut = [], [], []
    for part_id in journal.part_ids():
        row = journal.part(part_id)
        entry = None if row is None else uploads.finish(row)
        if entry is not None:
            finished.append(entry)
        elif row is not None and row.touched_at < now - PART_LIFETIME:
            uploads.discard(part_id)
            expired.append(part_id)
        elif row is not None and uploads.cut_back(row):
            cut.append(part_id)
    found = Recovery(tuple(finished), tuple(cut), tuple(expired))
    leftovers, strange_parts = _remove_leftovers(journal, folders.incoming)
    quarantined, missing, strange_files = _compare_files(catalogue, folders.files, uploads)
    strange = (*strange_parts, *strange_files)
    return replace(found, leftovers=leftovers, quarantined=quarantined, missing=missing, strange=strange)


def _remove_leftovers(journal: PartJournal, incoming: Folder) -> tuple[tuple[str, ...], list[str]]:
    """Parts without a journal, which are removed; and paths of what is no part."""
    known = {part_id.hex() for part_id in journal.part_ids()}
    leftovers, strange = [], []
    for name in incoming.names():
        if not _OURS.fullmatch(name) or file_status(incoming, name) is None:
            strange.append(f"{INCOMING}/{name}")
        elif name not in known:
            incoming.remove(name)
            leftovers.append(name)
    return tuple(leftovers), strange


def _compare_files(
    catalogue: Catalogue, files: Folder, uploads: Uploads
) -> tuple[tuple[str, ...], tuple[FileEntry, ...], list[str]]:
    """Files that nobody knows, which go to quarantine; files that are not there; and paths of what is no file."""
    known = {file_id.hex() for file_id in catalogue.removals()}  # off the list, and not off the disk yet
    names, missing = files.names(), []
    stored = set(names)
    for entry in catalogue.files():
        known.add(entry.file_id.hex())
        if entry.file_id.hex() not in stored:
            missing.append(entry)
    quarantined, strange = [], []
    for name in names:
        if name not in known and file_status(files, name) is not None:
            uploads.quarantine(name)
            quarantined.append(name)
        elif name not in known:
            strange.append(f"{FILES}/{name}")
    return tuple(quarantined), tuple(missing), strange
