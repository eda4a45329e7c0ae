"""The stored files of a server, without a disk: the same answers as stored.py gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from udpchat.arq.ranges import RangeSet
from udpchat.config import MIB, PART_LIFETIME, ROOM_LIFETIME
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.audience import NOBODY
from udpchat.files.blocks import block_count, block_root
from udpchat.files.members import NO_MD5, WHOLE, Index, MemberInfo
from udpchat.files.ports import UNKNOWN_MEDIA, CreatePart, FileEntry, Media
from udpchat.files.stored_ports import (
    NO_FILE_ID,
    DeleteFile,
    ExpireFiles,
    FileMark,
    FindFile,
    FindUnannounced,
    ListFiles,
    ListMarks,
    ListMembers,
    MarkFile,
    NoteAnnounced,
    OpenStored,
    SetAside,
    Stored,
)
from udpchat.protocol.ports import Lane
from udpchat.store.media import find_media
from udpchat.store.memory_chat import Handler, later
from udpchat.store.memory_parts import MemoryPart
from udpchat.store.memory_sources import MemorySource, hashes_of, member_md5s
from udpchat.store.names import name_key
from udpchat.store.quotas import Limits, Usage, check_limits, cost
from udpchat.store.refusals import unknown_file
from udpchat.store.stored_rules import (
    Sight,
    audience_of,
    comes_further,
    count_marks,
    free_name,
    no_member,
    not_stored_yet,
    part_id_taken,
    room_key,
    shown_state,
)
from udpchat.wire.numbers import FileState

CAPACITY: Final = 1_024 * MIB  # bytes of all parts and files


@dataclass(slots=True)
class Kept:
    """A stored file. part_id: of the part it was. index: of a folder. is_announced: it is a message."""

    entry: FileEntry
    part_id: bytes
    data: bytearray
    index: Index | None = None
    marks: dict[int, FileMark] = field(default_factory=dict)
    is_announced: bool = False


class MemoryFiles:
    """Performs the requests of files/stored_ports.py. Everything that was answered survives a crash.

    parts: what is still arriving, by id. capacity: bytes of all that is stored and arriving.
    """

    __slots__ = ("_became", "_capacity", "_clock", "_kept", "_limits", "_names", "_parts", "_random_bytes")

    def __init__(
        self,
        parts: dict[bytes, MemoryPart],
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        limits: Limits,
        capacity: int,
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._random_bytes = random_bytes
        self._limits = limits
        self._capacity = capacity
        self._kept: dict[bytes, Kept] = {}  # by file id, oldest first
        self._became: dict[bytes, bytes] = {}  # file ids, by the ids of the parts they were
        self._names: set[tuple[str, str]] = set()  # keys of names, each with its audience

    def handlers(self) -> dict[type, Handler]:
        """What performs each request."""
        return {
            ListFiles: later(self._list, Lane.LISTING),
            FindFile: later(self._find, Lane.READING),
            ListMembers: later(self._members, Lane.LISTING),
            ListMarks: later(self._marks, Lane.READING),
            OpenStored: later(self._open, Lane.READING),
            MarkFile: later(self._mark, Lane.FILES),
            DeleteFile: later(self._delete, Lane.FILES),
            SetAside: later(self._set_aside, Lane.FILES),
            ExpireFiles: later(self._expire, Lane.FILES),
            FindUnannounced: later(self._unannounced, Lane.LISTING),
            NoteAnnounced: later(self._note_announced, Lane.FILES),
        }

    # -- for parts -----------------------------------------------------------------------------------------------------

    def committed(self, part_id: bytes) -> FileEntry | None:
        """The file that a part became."""
        kept = self._kept.get(self._became.get(part_id, b""))
        return None if kept is None else self._shown(kept)

    def admit(self, request: CreatePart) -> None:
        """StorageError when another part is too much."""
        if request.part_id in self._kept:
            raise part_id_taken()
        limits, sizes = self._limits, list(self._sizes())
        theirs = (
            cost(size, members)
            for owner_id, owner, size, members in sizes
            if (owner_id == request.owner_id != NOBODY) or (owner_id == NOBODY and owner == request.owner)
        )
        unfinished = sum(part.request.owner == request.owner for part in self._parts.values())
        total = sum(cost(size, members) for _, _, size, members in sizes)
        usage = Usage(len(self._kept), unfinished, sum(theirs), total)
        check_limits(request.file_name, cost(request.size, request.members), usage, limits)

    def make_room(self, part: MemoryPart) -> None:
        """Room for all of a part. StorageError when there is none."""
        others = sum(other.room for other in self._parts.values() if other is not part)
        stored = sum(kept.entry.size for kept in self._kept.values())
        if others + stored + part.request.size > self._capacity:
            raise StorageError("the disk is full", ErrorCode.NO_SPACE)
        part.room = part.request.size

    def store(self, part: MemoryPart, md5: bytes) -> FileEntry:
        """Make a part a file."""
        asked, data = part.request, part.data
        audience = audience_of(asked.room, asked.owner_id, asked.recipient_id)
        file_name = free_name(asked.file_name, lambda key: (audience, key) in self._names)
        index = None
        if part.is_folder:
            md5s = member_md5s(data, Index(part.members))
            index = Index(replace(member, md5=md5) for member, md5 in zip(part.members, md5s, strict=True))
        entry = FileEntry(
            file_id=self._random_bytes(16),
            file_name=file_name,
            size=asked.size,
            md5=md5,
            stored_at=self._clock(),
            owner=asked.owner,
            owner_nick=asked.owner_nick,
            path=f"{asked.folder}/{file_name}" if asked.folder else "",
            owner_id=asked.owner_id,
            room=asked.room,
            recipient_id=asked.recipient_id,
            recipient=asked.recipient,
            modified=asked.modified,
            flags=asked.flags,
            members=asked.members,
            root=block_root(asked.size, hashes_of(data, 0, block_count(asked.size))),
            media=UNKNOWN_MEDIA if part.is_folder else _media_of(data),
            present=asked.size,
            sequence=max((kept.entry.sequence for kept in self._kept.values()), default=0) + 1,
        )
        self._names.add((audience, name_key(file_name)))
        kept = self._kept[entry.file_id] = Kept(entry, asked.part_id, data, index)
        self._became[asked.part_id] = entry.file_id
        return self._shown(kept)

    def _of_part(self, part_id: bytes) -> bytes | None:
        """Id of the file that a part became."""
        return next((kept.entry.file_id for kept in self._kept.values() if kept.part_id == part_id), None)

    def _sizes(self) -> Iterator[tuple[int, bytes, int, int]]:
        for part in self._parts.values():
            asked = part.request
            yield asked.owner_id, asked.owner, asked.size, asked.members
        for kept in self._kept.values():
            entry = kept.entry
            yield entry.owner_id, entry.owner, entry.size, entry.members

    # -- reading -------------------------------------------------------------------------------------------------------

    def content(self, file_id: bytes) -> bytearray:
        """The bytes of a stored file, as they lie there. KeyError when there is none."""
        return self._kept[file_id].data

    def _list(self, request: ListFiles) -> tuple[FileEntry, ...]:
        sight, key = Sight(request.viewer), room_key(request.room)
        found = [entry for entry in self._all() if sight.covers(entry)]
        wanted = [entry for entry in found if not request.room or room_key(entry.room) == key]
        page = [entry for entry in wanted if entry.sequence > request.after][: request.count]
        if len(page) < request.count:
            page += [entry for entry in wanted if entry.state is FileState.RECEIVING]
        return tuple(page)

    def _find(self, request: FindFile) -> FileEntry | None:
        sight = Sight(request.viewer)
        entries = [entry for entry in self._all() if sight.covers(entry)]
        if request.file_id != NO_FILE_ID:
            known = self._of_part(request.file_id) or request.file_id
            return next((entry for entry in entries if entry.file_id == known), None)
        key = name_key(request.file_name)
        named = [entry for entry in reversed(entries) if name_key(entry.file_name) == key]
        named.sort(key=lambda entry: (entry.state is FileState.RECEIVING, entry.file_name != request.file_name))
        return next(iter(named), None)

    def _members(self, request: ListMembers) -> tuple[MemberInfo, ...]:
        members = tuple(self._stored(request.file_id).index or ())
        return members[request.first : request.first + request.count]

    def _marks(self, request: ListMarks) -> tuple[FileMark, ...]:
        kept = self._kept.get(request.file_id)
        marks = () if kept is None else kept.marks.values()
        return tuple(sorted(marks, key=lambda mark: (mark.at, mark.person_id)))

    def _open(self, request: OpenStored) -> Stored:
        kept = self._stored(request.file_id)
        entry = self._shown(kept)
        if len(kept.data) != entry.size:
            raise StorageError(f"{entry.file_name!r} is damaged", ErrorCode.DIGEST_MISMATCH)
        if request.number == WHOLE:
            return Stored(entry, MemorySource(entry.file_name, kept.data))
        if kept.index is None or request.number >= len(kept.index) or kept.index[request.number].is_directory:
            raise no_member(entry.file_name)
        member = kept.index[request.number]
        data = kept.data[slice(*kept.index.span(request.number))]
        return Stored(entry, MemorySource(member.path, data), member)

    def _all(self) -> Iterator[FileEntry]:
        yield from map(self._shown, self._kept.values())
        yield from (_arriving(part) for part in self._parts.values())

    def _shown(self, kept: Kept) -> FileEntry:
        lifetime, entry = self._limits.file_lifetime, kept.entry
        return replace(entry, expires_at=entry.stored_at + lifetime if lifetime else 0)

    def _stored(self, file_id: bytes) -> Kept:
        kept = self._kept.get(file_id)
        if kept is None:
            part = self._parts.get(file_id)
            raise unknown_file() if part is None else not_stored_yet(part.request.file_name)
        return kept

    # -- changing ------------------------------------------------------------------------------------------------------

    def _mark(self, request: MarkFile) -> FileEntry | None:
        kept = self._kept.get(request.file_id)
        if kept is None:
            raise unknown_file()
        before = kept.marks.get(request.person_id)
        is_owner = request.person_id == kept.entry.owner_id
        if is_owner or not comes_further(None if before is None else before.state, request.state):
            return None
        kept.marks[request.person_id] = FileMark(request.person_id, request.nick, request.state, request.at)
        tally = count_marks(mark.state for mark in kept.marks.values())
        state = shown_state(kept.entry, request.person_id, request.state)
        kept.entry = replace(
            kept.entry, state=state, delivered=tally.delivered, verified=tally.verified, opened=tally.opened
        )
        return self._shown(kept)

    def _unannounced(self, request: FindUnannounced) -> tuple[FileEntry, ...]:  # noqa: ARG002 - a Handler
        return tuple(self._shown(kept) for kept in self._kept.values() if not kept.is_announced)

    def _note_announced(self, request: NoteAnnounced) -> None:
        for file_id in request.file_ids:
            if (kept := self._kept.get(file_id)) is not None:
                kept.is_announced = True

    def _delete(self, request: DeleteFile) -> FileEntry:
        part = self._parts.pop(request.file_id, None)
        if part is not None:
            return _arriving(part)
        file_id = self._became.get(request.file_id, request.file_id)
        if file_id not in self._kept:
            raise unknown_file()
        return self._remove(file_id)

    def _set_aside(self, request: SetAside) -> FileEntry:
        self._stored(request.file_id)
        return self._remove(request.file_id)

    def _expire(self, request: ExpireFiles) -> tuple[FileEntry, ...]:
        limits, gone = self._limits, []
        if limits.file_lifetime:
            last = request.now - limits.file_lifetime
            old = [kept.entry.file_id for kept in self._kept.values() if kept.entry.stored_at <= last]
            gone += [self._remove(file_id) for file_id in old]
        last = request.now - PART_LIFETIME
        for part_id, part in tuple(self._parts.items()):
            if not part.users and part.touched_at <= last:
                gone.append(_arriving(self._parts.pop(part_id)))
        last = request.now - ROOM_LIFETIME
        for part in self._parts.values():
            if not part.users and part.touched_at <= last:
                part.room = part.durable[-1][1] if part.durable else 0
        return tuple(gone)

    def _remove(self, file_id: bytes) -> FileEntry:
        kept = self._kept.pop(file_id)
        del self._became[kept.part_id]
        entry = self._shown(kept)
        audience = audience_of(entry.room, entry.owner_id, entry.recipient_id)
        self._names.discard((audience, name_key(entry.file_name)))
        return entry


def _arriving(part: MemoryPart) -> FileEntry:
    """A part, as lists show it: under its own id."""
    asked = part.request
    return FileEntry(
        file_id=asked.part_id,
        file_name=asked.file_name,
        size=asked.size,
        md5=NO_MD5,
        stored_at=0,
        owner=asked.owner,
        owner_nick=asked.owner_nick,
        owner_id=asked.owner_id,
        room=asked.room,
        recipient_id=asked.recipient_id,
        recipient=asked.recipient,
        modified=asked.modified,
        flags=asked.flags,
        members=asked.members,
        state=FileState.RECEIVING,
        present=RangeSet(part.durable).total,
    )


def _media_of(data: bytearray) -> Media:
    return find_media(len(data), lambda start, size: bytes(data[start : start + size]))
