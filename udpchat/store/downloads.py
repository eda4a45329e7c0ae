"""The parts of a client: hidden files in the folder where a download shall end, each with a journal beside it.

The order of a commit: MD5 fits -> part durable -> journal knows the final name -> link, never over another file ->
folder durable -> journal gone. A journal that is found again says how far it came.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from udpchat.config import MAX_PART_RUNS, MIB
from udpchat.errors import StorageError
from udpchat.files.ports import CreatePart, FileEntry
from udpchat.store.failpoints import reach
from udpchat.store.folders import Folder
from udpchat.store.names import export_name, numbered
from udpchat.store.partfile import PartFile, PartInfo, Runs, clip_runs
from udpchat.store.refusals import check_new, check_same, unknown_part

SHARED: Final = 0o666  # less the umask: downloads look like all other files of the user
MAX_NUMBERED: Final = 10_000  # names that are tried
MAX_REMEMBERED: Final = 1_024  # finished downloads whose commit may be repeated
_JOURNAL_LIMIT: Final = 64 * MAX_PART_RUNS  # bytes


@dataclass(frozen=True, slots=True)
class Record:
    """The journal of a download. md5, target: once it was verified: the name it has or is about to get."""

    info: PartInfo
    runs: Runs = ()
    md5: bytes = b""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a download lies while it arrives."""

    folder: Folder
    info: PartInfo

    @property
    def part_name(self) -> str:
        """Name of the file that holds its bytes."""
        return f".{export_name(self.info.file_name)}.{self.info.part_id.hex()}.udpchat-part"

    @property
    def journal_name(self) -> str:
        """Name of its journal."""
        return f".{export_name(self.info.file_name)}.{self.info.part_id.hex()}.udpchat-log"


class Downloads:
    """The `Backend` of a client. folder: where downloads end that name no other. clock: wall clock since 1970 [us]."""

    __slots__ = ("_clock", "_default", "_done", "_folders", "_places", "_portable")

    def __init__(self, folder: Path, clock: Callable[[], int], *, portable: bool | None) -> None:
        self._default = folder
        self._clock = clock
        self._portable = portable
        self._folders: dict[Path, Folder] = {}
        self._places: dict[bytes, Place] = {}
        self._done: dict[bytes, FileEntry] = {}

    def open_part(self, request: CreatePart) -> PartFile | FileEntry:
        """See `Backend`."""
        done = self._done.get(request.part_id)
        if done is not None and os.path.exists(done.path):
            check_same(request, done.owner, done.size)
            return done
        check_new(request)
        info = PartInfo(request.part_id, request.owner, request.owner_nick, request.file_name, request.size)
        place = Place(self._folder(request.folder), info)
        record = load(place)
        if record is not None:
            check_same(request, record.info.owner, record.info.size)
        self._places[info.part_id] = place
        return self._new_part(place) if record is None else self._continue(place, record)

    def reopen(self, part_id: bytes) -> PartFile | FileEntry:
        """See `Backend`."""
        done = self._done.get(part_id)
        if done is not None:
            return done
        place = self._places.get(part_id)
        record = None if place is None else load(place)
        if place is None or record is None:
            raise unknown_part()
        return self._continue(place, record)

    def journal(self, part: PartFile, runs: Runs) -> None:
        """See `Backend`."""
        place = self._places.get(part.info.part_id)
        if place is not None:
            save(place, Record(part.info, runs))

    def commit(self, part: PartFile, md5: bytes) -> FileEntry:
        """See `Backend`."""
        place = self._places[part.info.part_id]
        whole = ((0, part.info.size),) if part.info.size else ()
        for target in _candidates(place):
            record = Record(part.info, whole, md5, target)
            save(place, record)
            reach("verified")
            part.close()  # Windows does not move open files
            try:
                place.folder.place(part.name, place.folder, target)
            except FileExistsError:
                continue
            return self._finish(place, record)
        raise StorageError(f"{place.folder.path} has too many files named like {part.info.file_name!r}")

    def discard(self, part_id: bytes) -> None:
        """See `Backend`."""
        place = self._places.pop(part_id, None)
        if place is not None:
            place.folder.remove(place.part_name)
            place.folder.remove(place.journal_name)

    def close(self) -> None:
        """Close the folders."""
        for folder in self._folders.values():
            folder.close()
        self._folders.clear()

    def _folder(self, name: str) -> Folder:
        path = Path(name).expanduser().absolute() if name else self._default.absolute()
        folder = self._folders.get(path)
        if folder is None:
            if not name:
                path.mkdir(parents=True, exist_ok=True)
            elif not path.is_dir():
                raise StorageError(f"{name} is not a folder; make it first, or choose another")
            folder = self._folders[path] = Folder(path, follow=True, portable=self._portable, mode=SHARED)
        return folder

    def _new_part(self, place: Place) -> PartFile:
        folder, name = place.folder, place.part_name
        folder.remove(name)  # without a journal nothing in it can be trusted
        fd = folder.create(name)
        try:
            folder.io.reserve(fd, place.info.size, folder=str(folder.path), spare=0)
            save(place, Record(place.info))
        except BaseException:
            os.close(fd)
            folder.remove(name)
            raise
        reach("part-created")
        return PartFile(place.info, folder, name, fd)

    def _continue(self, place: Place, record: Record) -> PartFile | FileEntry:
        folder, name, size = place.folder, place.part_name, place.info.size
        if record.target and self._is_placed(place, record):
            return self._finish(place, record)
        try:
            fd = folder.open(name, write=True)
        except FileNotFoundError:
            fd = folder.create(name)
        try:
            length = os.fstat(fd).st_size
            if length != size:
                folder.io.reserve(fd, size, folder=str(folder.path), spare=0)
        except BaseException:
            os.close(fd)
            raise
        return PartFile(place.info, folder, name, fd, clip_runs(record.runs, min(length, size)))

    def _is_placed(self, place: Place, record: Record) -> bool:
        """Whether the file under the final name is this download. An empty one that only kept the name is removed."""
        folder = place.folder
        target, part = folder.status(record.target), folder.status(place.part_name)
        if target is None:
            return False
        if part is not None:
            if (target.st_dev, target.st_ino) == (part.st_dev, part.st_ino):
                return True
            if target.st_size == 0:
                folder.remove(record.target)
            return False
        return target.st_size == place.info.size and _md5_of(folder, record.target) == record.md5

    def _finish(self, place: Place, record: Record) -> FileEntry:
        reach("linked")
        folder, info = place.folder, place.info
        folder.remove(place.part_name)
        folder.sync()
        folder.remove(place.journal_name)
        path = str(folder.path / record.target)
        entry = FileEntry(
            info.part_id, info.file_name, info.size, record.md5, self._clock(), info.owner, info.owner_nick, path
        )
        self._places.pop(info.part_id, None)
        while len(self._done) >= MAX_REMEMBERED:
            del self._done[next(iter(self._done))]
        self._done[info.part_id] = entry
        reach("committed")
        return entry


def save(place: Place, record: Record) -> None:
    """Write the journal of a download, durably."""
    info = record.info
    fields = {
        "part_id": info.part_id.hex(),
        "owner": info.owner.hex(),
        "owner_nick": info.owner_nick,
        "file_name": info.file_name,
        "size": info.size,
        "ranges": record.runs,
        "md5": record.md5.hex(),
        "target": record.target,
    }
    place.folder.write_whole(place.journal_name, json.dumps(fields).encode())


def load(place: Place) -> Record | None:
    """The journal of a download; None when there is none, or none that can be read."""
    data = place.folder.read_whole(place.journal_name, _JOURNAL_LIMIT)
    if data is None:
        return None
    try:
        fields = json.loads(data)
        info = replace(
            place.info,
            owner=bytes.fromhex(fields["owner"]),
            owner_nick=str(fields["owner_nick"]),
            size=int(fields["size"]),
        )
        runs = clip_runs(((int(start), int(stop)) for start, stop in fields["ranges"]), info.size)
        target = str(fields["target"])
        return Record(info, runs, bytes.fromhex(fields["md5"]), target if export_name(target) == target else "")
    except (ValueError, TypeError, KeyError):
        return None


def _candidates(place: Place) -> Iterator[str]:
    name = export_name(place.info.file_name)
    for number in range(1, MAX_NUMBERED + 1):
        candidate = name if number == 1 else numbered(name, number)
        if place.folder.status(candidate) is None:
            yield candidate


def _md5_of(folder: Folder, name: str) -> bytes:
    md5 = hashlib.md5(usedforsecurity=False)
    buffer = memoryview(bytearray(MIB))
    offset = 0
    fd = folder.open(name)
    try:
        while count := folder.io.read_at(fd, offset, buffer):
            md5.update(buffer[:count])
            offset += count
    finally:
        os.close(fd)
    return md5.digest()
