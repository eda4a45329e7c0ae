"""What a client asks of storage beside parts, without a disk: its user's files, and its list of transfers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from udpchat.files.local_ports import (
    ClaimTransfer,
    Direction,
    EndTransfer,
    ListTransfers,
    LocalFile,
    OpenLocal,
    SaveTransfer,
    Transfer,
    Wish,
)
from udpchat.files.members import Index, MemberInfo
from udpchat.protocol.ports import Lane
from udpchat.store.memory_chat import Handler, later
from udpchat.store.memory_sources import MemorySource
from udpchat.store.refusals import no_local_file
from udpchat.wire.numbers import FileFlag, MemberFlag, Priority

# A file, or a folder: its files by path; a path that ends with "/" is a directory, for those that are empty.
LocalContent: TypeAlias = bytes | Mapping[str, bytes]

MODIFIED: Final = 1_600_000_000_000_000  # when everything here was changed last [us since 1970]
_NO_FILE_ID: Final = bytes(16)
_STEERED: Final = ("wish", "priority", "rate", "place")  # what other programs may change


class MemoryLocal:
    """The files of a user, by path, and the transfers that are not finished.

    clock: wall clock since 1970 [us]. is_file: whether a part has become a file.
    """

    __slots__ = ("_clock", "_is_file", "_known", "_transfers", "files")

    def __init__(
        self, files: Mapping[str, LocalContent], clock: Callable[[], int], is_file: Callable[[bytes], bool]
    ) -> None:
        self.files: dict[str, LocalContent] = dict(files)
        self._clock = clock
        self._is_file = is_file
        self._transfers: dict[bytes, Transfer] = {}
        self._known: dict[bytes, Transfer] = {}  # as the asker was told, or said, last

    def handlers(self) -> dict[type, Handler]:
        """What performs each request."""
        return {
            OpenLocal: later(self._open, Lane.FILES),
            ClaimTransfer: later(self._claim, Lane.FILES),
            SaveTransfer: later(self._save, Lane.FILES),
            ListTransfers: later(self._list, Lane.FILES),
            EndTransfer: later(self._end, Lane.FILES),
        }

    def steer(
        self, number: int, *, wish: Wish | None = None, priority: Priority | None = None, rate: int | None = None
    ) -> None:
        """Change a transfer as another program of the same user would. KeyError when there is none."""
        transfer = {transfer.number: transfer for transfer in self._transfers.values()}[number]
        self._transfers[transfer.part_id] = replace(
            transfer,
            wish=transfer.wish if wish is None else wish,
            priority=transfer.priority if priority is None else priority,
            rate=transfer.rate if rate is None else rate,
        )

    # -- files ---------------------------------------------------------------------------------------------------------

    def _open(self, request: OpenLocal) -> LocalFile:
        content = self.files.get(request.path)
        if content is None:
            raise no_local_file(request.path)
        name = request.path.rstrip("/").rpartition("/")[2]
        index = None if isinstance(content, bytes) else index_of(content)
        data, mark = _bytes_of(content, index), _mark_of(content)

        def is_same() -> bool:
            now = self.files.get(request.path)
            return now is not None and _mark_of(now) == mark

        flags = FileFlag(0) if index is None else FileFlag.FOLDER
        return LocalFile(MemorySource(name, data, index, is_same), name, len(data), MODIFIED, flags, index, mark)

    # -- transfers -----------------------------------------------------------------------------------------------------

    def _claim(self, request: ClaimTransfer) -> Transfer:
        wanted = request.transfer
        same = [
            each for each in self._transfers.values() if _is_same(each, wanted, is_file=self._is_file(each.part_id))
        ]
        if same:
            return self._tell(min(same, key=lambda transfer: (transfer.added_at, transfer.number)))
        taken = {transfer.number for transfer in self._transfers.values()}
        number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        place = max((transfer.place for transfer in self._transfers.values()), default=0) + 1
        added_at = wanted.added_at or self._clock()
        transfer = replace(wanted, number=number, place=place, added_at=added_at, is_elsewhere=False)
        self._transfers[transfer.part_id] = transfer
        return self._tell(transfer)

    def _save(self, request: SaveTransfer) -> None:
        wanted = request.transfer
        written = self._transfers.get(wanted.part_id)
        if written is None:
            return
        known = self._known.get(wanted.part_id, wanted)
        # What another program has changed meanwhile stays, unless it was changed here as well.
        theirs = {name: getattr(written, name) for name in _STEERED if getattr(known, name) == getattr(wanted, name)}
        self._transfers[wanted.part_id] = replace(
            wanted, number=written.number, added_at=written.added_at, is_elsewhere=False, **theirs
        )
        self._known[wanted.part_id] = wanted

    def _list(self, request: ListTransfers) -> tuple[Transfer, ...]:
        found = [each for each in self._transfers.values() if request.server in (b"", each.server)]
        return tuple(map(self._tell, sorted(found, key=lambda transfer: (transfer.place, transfer.number))))

    def _end(self, request: EndTransfer) -> None:
        self._transfers.pop(request.part_id, None)
        self._known.pop(request.part_id, None)

    def _tell(self, transfer: Transfer) -> Transfer:
        self._known[transfer.part_id] = transfer
        return transfer


def index_of(files: Mapping[str, bytes]) -> Index:
    """The index of a folder: directories before what is in them, names sorted."""
    found: dict[str, MemberInfo] = {}
    for path in sorted(files, key=lambda path: path.split("/")):
        parts = path.rstrip("/").split("/")
        for depth in range(1, len(parts) + path.endswith("/")):
            parent = "/".join(parts[:depth])
            found.setdefault(parent, MemberInfo(parent, 0, MODIFIED, MemberFlag.DIRECTORY))
        if not path.endswith("/"):
            found[path] = MemberInfo(path, len(files[path]), MODIFIED)
    return Index(found.values())


def _bytes_of(content: LocalContent, index: Index | None) -> bytes:
    if isinstance(content, bytes):
        return content
    return b"".join(content[member.path] for member in index or () if not member.is_directory)


def _mark_of(content: LocalContent) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    files = {"": content} if isinstance(content, bytes) else content
    for path, data in sorted(files.items()):
        digest.update(f"{path} {len(data)} ".encode())
        digest.update(data)
    return digest.digest()


def _is_same(transfer: Transfer, wanted: Transfer, *, is_file: bool) -> bool:
    """Whether what somebody wants is being done, or waits to be. is_file: it is done, and by name that is another."""
    if transfer.part_id == wanted.part_id:
        return True
    same = ("server", "direction", "path", "room", "to", "member")
    if transfer.wish is Wish.CANCEL or any(getattr(transfer, name) != getattr(wanted, name) for name in same):
        return False
    if wanted.direction is Direction.UPLOAD and transfer.mark != wanted.mark:
        return False
    if wanted.file_id != _NO_FILE_ID:
        return transfer.file_id == wanted.file_id
    return transfer.file_name == wanted.file_name and not is_file
