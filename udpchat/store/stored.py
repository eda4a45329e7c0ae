"""The stored files of a server, as its file service asks for them: lists, reading, marks, removal."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeAlias

from udpchat.config import PART_LIFETIME, ROOM_LIFETIME
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import WHOLE, MemberInfo
from udpchat.files.ports import AbortPart, FileEntry
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
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.store.catalogue import Catalogue
from udpchat.store.folders import Folder
from udpchat.store.jobs import make_job
from udpchat.store.parts import PartTable
from udpchat.store.refusals import unknown_file
from udpchat.store.shared import SharedFolder, not_ours_to_delete
from udpchat.store.slices import SliceSource
from udpchat.store.sources import FileSource
from udpchat.store.stored_rules import no_member, not_stored_yet
from udpchat.store.uploads import Uploads

Handler: TypeAlias = Callable[..., Result | Job]

EXPIRED_AT_ONCE: Final = 1_024  # files that one request removes: others wait for the disk meanwhile


class StoredFiles:
    """Performs the requests of files/stored_ports.py.

    reader, lister: catalogues with connections of their own, so that nobody who reads waits for the disk of an upload,
    and nobody but who lists files for a long list. parts, uploads: what is still arriving can be deleted as well.
    folder: where files lie, under their ids. shared: the others.
    """

    __slots__ = ("_catalogue", "_folder", "_lifetime", "_lister", "_parts", "_reader", "_shared", "_uploads")

    def __init__(
        self,
        catalogue: Catalogue,
        reader: Catalogue,
        lister: Catalogue,
        folder: Folder,
        parts: PartTable,
        uploads: Uploads,
        shared: SharedFolder,
        *,
        lifetime: int,
    ) -> None:
        self._catalogue = catalogue
        self._reader = reader
        self._lister = lister
        self._folder = folder
        self._parts = parts
        self._uploads = uploads
        self._shared = shared
        self._lifetime = lifetime

    def handlers(self) -> dict[type, Handler]:
        """What performs each request."""
        opening = Lane.LISTING if self._shared.is_there else Lane.READING  # of a folder that is shared all is looked at
        return {
            ListFiles: _reading("read the list of files", self._list, Lane.LISTING),
            FindFile: _reading("read the list of files", self._find),
            ListMembers: _reading("read what is in a folder", self._members, Lane.LISTING),
            ListMarks: _reading("read how far a file is", lambda ask: self._reader.marks(ask.file_id)),
            OpenStored: _reading("read a stored file", self._open, opening),
            MarkFile: self._mark,
            DeleteFile: self._delete,
            SetAside: self._set_aside,
            ExpireFiles: self._expire,
            FindUnannounced: _reading("read the list of files", lambda _: self._lister.unannounced(), Lane.LISTING),
            NoteAnnounced: self._note_announced,
        }

    # -- reading -------------------------------------------------------------------------------------------------------

    def _list(self, request: ListFiles) -> tuple[FileEntry, ...]:
        return self._lister.listed(request.viewer, request.room, request.after, request.count)

    def _find(self, request: FindFile) -> FileEntry | None:
        if request.file_id != NO_FILE_ID:
            return self._reader.find(request.viewer, request.file_id)
        try:
            return self._reader.named(request.viewer, request.file_name)
        except UnicodeEncodeError:
            return None

    def _members(self, request: ListMembers) -> tuple[MemberInfo, ...]:
        self._stored(self._lister, request.file_id)
        return self._lister.members(request.file_id, request.first, request.count)

    @staticmethod
    def _stored(catalogue: Catalogue, file_id: bytes) -> FileEntry:
        entry = catalogue.file(file_id)
        if entry is None:
            arriving = catalogue.arriving(file_id)
            raise unknown_file() if arriving is None else not_stored_yet(arriving.file_name)
        return entry

    def _open(self, request: OpenStored) -> Stored:
        reader = self._lister if self._shared.is_there else self._reader
        entry = self._stored(reader, request.file_id)
        if entry.path:
            return self._shared.open(reader.shared, entry, request.number)
        found = None
        if request.number != WHOLE:
            found = reader.member(request.file_id, request.number)
            if found is None or found[0].is_directory:
                raise no_member(entry.file_name)
        fd = self._open_file(reader, entry)
        if reader.file(entry.file_id) is None:  # deleted meanwhile, perhaps before this was asked
            os.close(fd)
            raise unknown_file()
        if found is None:
            return Stored(entry, FileSource(fd, entry.file_name, self._folder.io, hashing=False))
        member, start = found
        return Stored(entry, SliceSource(fd, member.path, self._folder.io, start, member.size), member)

    def _open_file(self, reader: Catalogue, entry: FileEntry) -> int:
        try:
            fd = self._folder.open(entry.file_id.hex())
        except FileNotFoundError:
            self._stored(reader, entry.file_id)  # what is deleted meanwhile leaves the list first, then the disk
            text = f"{entry.file_name!r} is in the list but gone from the server's disk; tell its administrator"
            raise StorageError(text) from None
        if os.fstat(fd).st_size != entry.size:
            os.close(fd)
            text = f"{entry.file_name!r} is damaged on the server's disk: its size changed"
            raise StorageError(text, ErrorCode.DIGEST_MISMATCH)
        return fd

    # -- changing ------------------------------------------------------------------------------------------------------

    def _mark(self, request: MarkFile) -> Job:
        mark = FileMark(request.person_id, request.nick, request.state, request.at)
        return make_job("store how far a file is", lambda: self._catalogue.mark(request.file_id, mark))

    def _note_announced(self, request: NoteAnnounced) -> Job:
        return make_job("store which files are messages", lambda: self._catalogue.announced(request.file_ids))

    def _delete(self, request: DeleteFile) -> Job:
        # An upload may be open; then its descriptor is closed first.
        abort = self._parts.abort(AbortPart(request.request_id, request.file_id))

        def work() -> FileEntry:
            arriving = self._catalogue.arriving(request.file_id)
            failed = abort.run()
            if isinstance(failed, StorageError):
                raise failed
            stored = self._stored_by_now(request.file_id)
            if stored is not None and stored.path:
                raise not_ours_to_delete(stored)
            if stored is not None:
                self._catalogue.remove([stored.file_id])
                self.finish_removals()
            entry = stored or arriving
            if entry is None:
                raise unknown_file()
            return entry

        return make_job("delete a file", work, abort.finish)

    def _stored_by_now(self, file_id: bytes) -> FileEntry | None:
        """A stored file, or the one that an upload of this id has just become."""
        stored = self._catalogue.file(file_id) or self._catalogue.file_of_part(file_id)
        if stored is None and self._catalogue.arriving(file_id) is not None:
            # It could not be aborted: it has its final name, and the disk failed after that.
            finished = self._uploads.reopen(file_id)
            if isinstance(finished, FileEntry):
                return finished
            finished.close()
        return stored

    def _set_aside(self, request: SetAside) -> Job:
        def work() -> FileEntry:
            entry = self._stored(self._catalogue, request.file_id)
            if entry.path:
                self._shared.doubt(entry)
                return entry
            # Off the list first: after a stop in between, the next start finds a file that nobody knows, and moves it.
            self._catalogue.remove([entry.file_id], from_disk=False)
            self._uploads.quarantine(entry.file_id.hex())
            return entry

        return make_job("set a damaged file aside", work)

    def _expire(self, request: ExpireFiles) -> Job:
        open_parts = self._parts.open_ids

        def work() -> tuple[FileEntry, ...]:
            gone: list[FileEntry] = []
            if self._lifetime:
                old = self._catalogue.stored_before(request.now - self._lifetime, EXPIRED_AT_ONCE)
                gone += self._catalogue.remove(old)
            for part_id in self._catalogue.touched_before(request.now - PART_LIFETIME):
                entry = self._catalogue.arriving(part_id)
                if part_id not in open_parts and entry is not None:
                    self._uploads.discard(part_id)
                    gone += [] if self._catalogue.arriving(part_id) else [entry]
            for part_id in self._catalogue.touched_before(request.now - ROOM_LIFETIME):
                if part_id not in open_parts:
                    self._uploads.give_room_back(part_id)
            self.finish_removals()
            return tuple(gone)

        return make_job("remove old files", work)

    def finish_removals(self) -> None:
        """Remove from the disk what was taken off the list; what cannot be removed now is tried again next time."""
        left = self._catalogue.removals()
        if not left:
            return
        removed = [file_id for file_id in left if self._remove_from_disk(file_id)]
        if removed:
            self._folder.sync()
            self._catalogue.removed(removed)

    def _remove_from_disk(self, file_id: bytes) -> bool:
        try:
            self._folder.remove(file_id.hex())
        except OSError:  # Windows removes no file that somebody reads
            return False
        return True


def _reading(doing: str, work: Callable[..., object], lane: Lane = Lane.READING) -> Handler:
    def submit(request: StoreRequest) -> Job:
        return make_job(doing, lambda: work(request), lane=lane)

    return submit
