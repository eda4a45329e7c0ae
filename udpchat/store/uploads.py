"""The parts of a server: in `incoming/` until they are whole and verified, then in `files/` under an id of our own.

The order of a commit: MD5 fits -> part durable -> journal knows the future name -> link, never over another file ->
folders durable -> database. A crash anywhere leaves either a part that can go on, or a file that `finish` completes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from udpchat.config import MIB
from udpchat.errors import StorageError
from udpchat.files.members import Index, MemberInfo
from udpchat.files.ports import UNKNOWN_MEDIA, CreatePart, FileEntry, Media
from udpchat.store.catalogue import Catalogue
from udpchat.store.failpoints import reach
from udpchat.store.folders import Folder
from udpchat.store.hashing import RunningHash, index_of_file
from udpchat.store.indexing import take_members
from udpchat.store.media import find_media
from udpchat.store.part_journal import PartJournal
from udpchat.store.part_rows import JournalEntry, PartInfo, PartRow, unpack_runs
from udpchat.store.partfile import FileBody, Part, load_part
from udpchat.store.quotas import Limits
from udpchat.store.refusals import check_new, check_same, unknown_part

INCOMING: Final = "incoming"
FILES: Final = "files"
QUARANTINE: Final = "quarantine"


class Folders:
    """The three folders of a server's files, made when they are missing."""

    __slots__ = ("files", "incoming", "quarantine")

    def __init__(self, root: Path, *, portable: bool | None = None) -> None:
        names = (INCOMING, FILES, QUARANTINE)
        for name in names:
            (root / name).mkdir(mode=0o700, exist_ok=True)
        if len({(root / name).stat().st_dev for name in names}) > 1:
            text = f"{INCOMING}, {FILES} and {QUARANTINE} in {root} must be on one file system: files move between them"
            raise StorageError(text)
        with ExitStack() as opened:  # what is open when something fails
            folders = []
            for name in names:
                folders.append(Folder(root / name, portable=portable))
                opened.callback(folders[-1].close)
            opened.pop_all()
        self.incoming, self.files, self.quarantine = folders

    def close(self) -> None:
        """Close all three."""
        for folder in (self.incoming, self.files, self.quarantine):
            folder.close()


def file_status(folder: Folder, name: str) -> os.stat_result | None:
    """What the system knows about a file; None when there is none, or what has its name is something else.

    What is no file is not ours, and is neither removed nor believed.
    """
    status = folder.status(name)
    return status if status is not None and stat.S_ISREG(status.st_mode) else None


class Uploads:
    """The `Backend` of a server. clock: wall clock since 1970 [us]. random_bytes: for file ids."""

    __slots__ = ("_catalogue", "_clock", "_folders", "_journal", "_limits", "_random_bytes")

    def __init__(
        self,
        catalogue: Catalogue,
        journal: PartJournal,
        folders: Folders,
        limits: Limits,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._catalogue = catalogue
        self._journal = journal
        self._folders = folders
        self._limits = limits
        self._clock = clock
        self._random_bytes = random_bytes

    # -- Backend -------------------------------------------------------------------------------------------------------

    def open_part(self, request: CreatePart) -> Part | FileEntry:
        """See `Backend`."""
        entry = self._catalogue.file_of_part(request.part_id)
        if entry is not None:
            check_same(request, entry.owner, entry.size, entry.members)
            return entry
        row = self._journal.part(request.part_id)
        if row is None:
            return self._new_part(request)
        check_same(request, row.info.owner, row.info.size, row.info.members)
        return self._continue(row)

    def reopen(self, part_id: bytes) -> Part | FileEntry:
        """See `Backend`."""
        entry = self._catalogue.file_of_part(part_id)
        if entry is not None:
            return entry
        row = self._journal.part(part_id)
        if row is None:
            raise unknown_part()
        return self._continue(row)

    def add_members(self, part: Part, first: int, members: Sequence[MemberInfo]) -> Index | None:
        """See `Backend`."""
        return take_members(self._journal, part.info, first, members)

    def journal(self, part: Part, entry: JournalEntry) -> None:
        """See `Backend`."""
        self._journal.save(part.info.part_id, entry, self._clock())

    def commit(self, part: Part, entry: JournalEntry, md5: bytes) -> FileEntry:
        """See `Backend`."""
        part_id, file_id, now = part.info.part_id, self._random_bytes(16), self._clock()
        self._journal.mark_verified(part_id, entry, md5, part.root(), now, file_id=file_id)
        reach("verified")
        part.close()  # Windows does not move open files
        self._folders.incoming.place(part_id.hex(), self._folders.files, file_id.hex())
        row = self._journal.part(part_id)
        if row is None:
            raise unknown_part()
        return self._finish(row, file_id)

    def discard(self, part_id: bytes) -> None:
        """See `Backend`."""
        row = self._journal.part(part_id)
        if row is None or self._is_linked(row):
            return
        self._remove_part(part_id)
        self._journal.remove_part(part_id)

    # -- beside them ---------------------------------------------------------------------------------------------------

    def give_room_back(self, part_id: bytes) -> None:
        """Give back what a part, which must not be open, has of the disk for bytes behind the last that came.

        When it goes on room is made anew, or it is refused as a new one would be.
        """
        row, name = self._journal.part(part_id), part_id.hex()
        if row is None or row.file_id is not None or file_status(self._folders.incoming, name) is None:
            return
        runs = unpack_runs(row.ranges, row.info.size)
        length = runs[-1][1] if runs else 0
        fd = self._folders.incoming.open(name, write=True)
        try:
            if os.fstat(fd).st_size > length:
                os.ftruncate(fd, length)
        finally:
            os.close(fd)

    # -- at start ------------------------------------------------------------------------------------------------------

    def cut_back(self, row: PartRow) -> bool:
        """Write down what is left of a part that has lost bytes; whether it has."""
        status = file_status(self._folders.incoming, row.info.part_id.hex())
        return self._journal.cut_back(row, 0 if status is None else status.st_size, self._clock())

    def finish(self, row: PartRow) -> FileEntry | None:
        """The file of a part that had its final name when the server stopped; None when there is none that is right.

        What lies under the final name and is not right goes to quarantine.
        """
        if row.file_id is None or not self._is_linked(row):
            return None
        if self._stored_md5(row, row.file_id) == row.md5:
            return self._finish(row, row.file_id)
        self.quarantine(row.file_id.hex())
        return None

    def quarantine(self, name: str) -> None:
        """Move a stored file that nobody can account for out of the way, for a human to look at."""
        free, number = name, 1
        while self._folders.quarantine.status(free) is not None:
            number += 1
            free = f"{name}.{number}"
        self._folders.files.place(name, self._folders.quarantine, free)
        self._folders.files.remove(name)
        self._folders.quarantine.sync()
        self._folders.files.sync()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _new_part(self, request: CreatePart) -> Part:
        check_new(request)
        info = PartInfo.of(request)
        self._catalogue.check(info, self._limits)  # before room is made
        incoming, name = self._folders.incoming, info.part_id.hex()
        self._remove_part(info.part_id)  # without a journal nothing in it can be trusted
        fd = incoming.create(name)
        try:
            incoming.io.reserve(fd, info.size, folder=str(incoming.path), spare=self._limits.spare)
            incoming.sync()
            self._journal.add_part(info, self._clock(), lambda: self._catalogue.check(info, self._limits))
        except BaseException:
            os.close(fd)
            incoming.remove(name)
            raise
        reach("part-created")
        return Part(info, FileBody(incoming, name, fd))

    def _continue(self, row: PartRow) -> Part | FileEntry:
        entry = self.finish(row)
        if entry is not None:
            return entry
        incoming, name, size = self._folders.incoming, row.info.part_id.hex(), row.info.size
        try:
            fd = incoming.open(name, write=True)
        except FileNotFoundError:
            fd = incoming.create(name)
            incoming.sync()
        try:
            length, body = os.fstat(fd).st_size, FileBody(incoming, name, fd)
            # First: a crash behind it would leave zeros where the journal says that bytes are.
            self._journal.cut_back(row, length, self._clock())
            body.make_room(size, spare=self._limits.spare)
            return load_part(self._journal, row, body, length)
        except BaseException:
            os.close(fd)
            raise

    def _remove_part(self, part_id: bytes) -> None:
        if file_status(self._folders.incoming, part_id.hex()) is not None:
            self._folders.incoming.remove(part_id.hex())

    def _is_linked(self, row: PartRow) -> bool:
        """Whether a part has its final name; a file that only kept the name, for a move that never came, is removed."""
        if row.file_id is None:
            return False
        name, part_name = row.file_id.hex(), row.info.part_id.hex()
        target, part = file_status(self._folders.files, name), file_status(self._folders.incoming, part_name)
        if target is None:
            return False
        if part is None or (target.st_dev, target.st_ino) == (part.st_dev, part.st_ino):
            return True
        if target.st_size == 0:
            self._folders.files.remove(name)
            return False
        return True

    def _finish(self, row: PartRow, file_id: bytes) -> FileEntry:
        reach("linked")
        self._folders.files.sync()  # the new name first: a disk may keep what comes later and not this
        self._remove_part(row.info.part_id)
        self._folders.incoming.sync()
        media = UNKNOWN_MEDIA if row.info.is_folder else self._media(file_id, row.info.size)
        entry = self._catalogue.commit(row, media, self._clock())
        reach("committed")
        return entry

    def _media(self, file_id: bytes, size: int) -> Media:
        files = self._folders.files
        fd = files.open(file_id.hex())

        def read(offset: int, count: int) -> bytes:
            buffer = bytearray(count)
            return bytes(buffer[: files.io.read_at(fd, offset, memoryview(buffer))])

        try:
            return find_media(size, read)
        finally:
            os.close(fd)

    def _stored_md5(self, row: PartRow, file_id: bytes) -> bytes | None:
        files, info = self._folders.files, row.info
        index = self._journal.index(info.part_id, info.members) if info.is_folder else index_of_file(info.size)
        if index is None:
            return None
        running = RunningHash(index)
        buffer = memoryview(bytearray(MIB))
        fd = files.open(file_id.hex())
        try:
            if os.fstat(fd).st_size != info.size:
                return None
            while count := files.io.read_at(fd, running.position, buffer):
                running.feed(buffer[:count])
        finally:
            os.close(fd)
        return running.digest(is_folder=info.is_folder)
