"""The parts of a server: in `incoming/` until they are whole and verified, then in `files/` under an id of our own.

The order of a commit: MD5 fits -> part durable -> journal knows the future name -> link, never over another file ->
folders durable -> database. A crash anywhere leaves either a part that can go on, or a file that `finish` completes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udpchat.config import MAX_PARTS_PER_OWNER, MAX_STORED_FILES, MIB
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import CreatePart, FileEntry
from udpchat.store.catalogue import Catalogue, PartRow
from udpchat.store.failpoints import reach
from udpchat.store.folders import Folder
from udpchat.store.partfile import PartFile, PartInfo, Runs, pack_runs, unpack_runs
from udpchat.store.refusals import check_new, check_same, unknown_part

INCOMING: Final = "incoming"
FILES: Final = "files"
QUARANTINE: Final = "quarantine"


@dataclass(frozen=True, slots=True)
class Limits:
    """What uploads may take.

    files: in the list. parts_per_owner: unfinished ones. spare: bytes of the disk that are left to the database.
    """

    files: int = MAX_STORED_FILES
    parts_per_owner: int = MAX_PARTS_PER_OWNER
    spare: int = 0


class Folders:
    """The three folders of a server's files, made when they are missing."""

    __slots__ = ("files", "incoming", "quarantine")

    def __init__(self, root: Path, *, portable: bool | None = None) -> None:
        opened = []
        for name in (INCOMING, FILES, QUARANTINE):
            (root / name).mkdir(mode=0o700, exist_ok=True)
            opened.append(Folder(root / name, portable=portable))
        self.incoming, self.files, self.quarantine = opened

    def close(self) -> None:
        """Close all three."""
        for folder in (self.incoming, self.files, self.quarantine):
            folder.close()


class Uploads:
    """The `Backend` of a server. clock: wall clock since 1970 [us]. random_bytes: for file ids."""

    __slots__ = ("_catalogue", "_clock", "_folders", "_limits", "_random_bytes")

    def __init__(
        self,
        catalogue: Catalogue,
        folders: Folders,
        limits: Limits,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._catalogue = catalogue
        self._folders = folders
        self._limits = limits
        self._clock = clock
        self._random_bytes = random_bytes

    def open_part(self, request: CreatePart) -> PartFile | FileEntry:
        """See `Backend`."""
        entry = self._catalogue.file_of_part(request.part_id)
        if entry is not None:
            check_same(request, entry.owner, entry.size)
            return entry
        row = self._catalogue.part(request.part_id)
        if row is None:
            return self._new_part(request)
        check_same(request, row.info.owner, row.info.size)
        return self._continue(row)

    def reopen(self, part_id: bytes) -> PartFile | FileEntry:
        """See `Backend`."""
        entry = self._catalogue.file_of_part(part_id)
        if entry is not None:
            return entry
        row = self._catalogue.part(part_id)
        if row is None:
            raise unknown_part()
        return self._continue(row)

    def journal(self, part: PartFile, runs: Runs) -> None:
        """See `Backend`."""
        self._catalogue.save_ranges(part.info.part_id, pack_runs(runs), self._clock())

    def commit(self, part: PartFile, md5: bytes) -> FileEntry:
        """See `Backend`."""
        file_id = self._random_bytes(16)
        whole = pack_runs(((0, part.info.size),)) if part.info.size else b""
        now = self._clock()
        self._catalogue.mark_verified(part.info.part_id, whole, md5, file_id, now)
        reach("verified")
        part.close()  # Windows does not move open files
        self._folders.incoming.place(part.name, self._folders.files, file_id.hex())
        return self._finish(PartRow(part.info, whole, md5, file_id, now), file_id, md5)

    def discard(self, part_id: bytes) -> None:
        """See `Backend`."""
        row = self._catalogue.part(part_id)
        if row is None or self._linked(row):
            return
        self._folders.incoming.remove(part_id.hex())
        self._catalogue.remove_part(part_id)

    def finish(self, row: PartRow) -> FileEntry | None:
        """The file of a part that had its final name when the server stopped; None when there is none that is right.

        What lies under the final name and is not right goes to quarantine.
        """
        if row.file_id is None or row.md5 is None or not self._linked(row):
            return None
        if self._stored_md5(row.file_id, row.info.size) == row.md5:
            return self._finish(row, row.file_id, row.md5)
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

    def _new_part(self, request: CreatePart) -> PartFile:
        self._check_limits(request)
        info = PartInfo(request.part_id, request.owner, request.owner_nick, request.file_name, request.size)
        incoming, name = self._folders.incoming, request.part_id.hex()
        incoming.remove(name)  # without a journal nothing in it can be trusted
        fd = incoming.create(name)
        try:
            incoming.io.reserve(fd, request.size, folder=str(incoming.path), spare=self._limits.spare)
            incoming.sync()
            self._catalogue.add_part(info, self._clock())
        except BaseException:
            os.close(fd)
            incoming.remove(name)
            raise
        reach("part-created")
        return PartFile(info, incoming, name, fd)

    def _continue(self, row: PartRow) -> PartFile | FileEntry:
        entry = self.finish(row)
        if entry is not None:
            return entry
        incoming, name = self._folders.incoming, row.info.part_id.hex()
        try:
            fd = incoming.open(name, write=True)
        except FileNotFoundError:
            fd = incoming.create(name)
            incoming.sync()
        try:
            length = os.fstat(fd).st_size
            present = unpack_runs(row.ranges, min(length, row.info.size))
            if length != row.info.size:
                incoming.io.reserve(fd, row.info.size, folder=str(incoming.path), spare=0)
        except BaseException:
            os.close(fd)
            raise
        return PartFile(row.info, incoming, name, fd, present)

    def _check_limits(self, request: CreatePart) -> None:
        check_new(request)
        if self._catalogue.part_count(request.owner) >= self._limits.parts_per_owner:
            text = "you have too many unfinished uploads; finish or cancel some first"
            raise StorageError(text, ErrorCode.TOO_MANY_TRANSFERS)
        if self._catalogue.file_count() >= self._limits.files:
            raise StorageError("the server's list of files is full; ask its administrator", ErrorCode.NO_SPACE)

    def _linked(self, row: PartRow) -> bool:
        return row.file_id is not None and self._folders.files.status(row.file_id.hex()) is not None

    def _finish(self, row: PartRow, file_id: bytes, md5: bytes) -> FileEntry:
        reach("linked")
        self._folders.incoming.remove(row.info.part_id.hex())
        self._folders.files.sync()
        self._folders.incoming.sync()
        entry = self._catalogue.commit(row, file_id, md5, self._clock())
        reach("committed")
        return entry

    def _stored_md5(self, file_id: bytes, size: int) -> bytes | None:
        files = self._folders.files
        md5 = hashlib.md5(usedforsecurity=False)
        buffer = memoryview(bytearray(MIB))
        offset = 0
        fd = files.open(file_id.hex())
        try:
            while count := files.io.read_at(fd, offset, buffer):
                md5.update(buffer[:count])
                offset += count
        finally:
            os.close(fd)
        return md5.digest() if offset == size else None
