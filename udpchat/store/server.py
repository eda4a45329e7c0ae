"""The storage of a server: a data folder with databases, parts and files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from udpchat.config import MIN_FREE_SPACE
from udpchat.errors import StorageError, UsageError
from udpchat.files.ports import (
    NO_FILE_ID,
    AbortPart,
    ClosePart,
    CloseSource,
    CommitPart,
    CreatePart,
    DigestSource,
    FileEntry,
    FindFile,
    ListFiles,
    OpenLocal,
    OpenStored,
    SyncPart,
    WritePart,
)
from udpchat.protocol.ports import Job, Result, Source, StoreRequest
from udpchat.store.catalogue import Catalogue
from udpchat.store.chat import ChatStore
from udpchat.store.chat_rules import ChatLimits
from udpchat.store.database import open_database
from udpchat.store.lock import FolderLock
from udpchat.store.parts import PartTable, make_job
from udpchat.store.recovery import Recovery, recover
from udpchat.store.refusals import unknown_file
from udpchat.store.sources import FileSource, digest_source
from udpchat.store.trouble import storage_error
from udpchat.store.uploads import Folders, Limits, Uploads

DATABASE: Final = "udpchat.db"

Handler: TypeAlias = Callable[..., Result | Job]


class ServerStore:
    """Performs requests in a data folder, which it holds alone.

    Opening it brings disk and database together; `recovered` says what was found. StorageError when the folder is in
    use, damaged, or of a newer version.
    """

    __slots__ = ("_catalogue", "_chat", "_folders", "_handlers", "_lock", "_parts", "recovered")

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        limits: Limits | None = None,
        chat_limits: ChatLimits | None = None,
        portable: bool | None = None,
    ) -> None:
        """See the class.

        clock: wall clock since 1970 [us]. portable: None decides by what the system can do.
        """
        self._chat: ChatStore | None = None
        self._lock, self._folders, self._catalogue = _open_folder(folder, portable=portable)
        uploads = Uploads(self._catalogue, self._folders, limits or Limits(spare=MIN_FREE_SPACE), clock, random_bytes)
        try:
            self.recovered: Recovery = recover(self._catalogue, self._folders, uploads, clock())
            self._chat = ChatStore(folder, clock=clock, random_bytes=random_bytes, limits=chat_limits)
        except BaseException:
            self._parts = PartTable(uploads)
            self.close()
            raise
        self._parts = PartTable(uploads)
        self._handlers: dict[type, Handler] = {
            WritePart: self._parts.write,
            CreatePart: self._parts.create,
            SyncPart: self._parts.sync,
            CommitPart: self._parts.commit,
            AbortPart: self._parts.abort,
            ClosePart: self._parts.close_part,
            ListFiles: self._list_files,
            FindFile: self._find_file,
            OpenStored: self._open_stored,
            OpenLocal: self._open_local,
            DigestSource: digest_source,
            CloseSource: lambda request: request.source.close(),
            **self._chat.handlers(),
        }

    def submit(self, request: StoreRequest) -> Result | Job:
        """See `udpchat.protocol.ports.Store`."""
        return self._handlers[type(request)](request)

    def close(self) -> None:
        """Close everything. Nothing is written first: stopping and crashing leave the same behind."""
        self._parts.close()
        if self._chat is not None:
            self._chat.close()
        self._catalogue.close()
        self._folders.close()
        self._lock.release()

    def _list_files(self, _: ListFiles) -> Job:
        return make_job("read the list of files", self._catalogue.files)

    def _find_file(self, request: FindFile) -> Job:
        return make_job("read the list of files", lambda: self._find(request))

    def _find(self, request: FindFile) -> FileEntry | None:
        if request.file_id != NO_FILE_ID:
            return self._catalogue.file(request.file_id)
        try:
            return self._catalogue.file_named(request.file_name)
        except UnicodeEncodeError:
            return None

    def _open_stored(self, request: OpenStored) -> Job:
        return make_job("read a stored file", lambda: self._open(request.file_id))

    def _open(self, file_id: bytes) -> Source:
        entry = self._catalogue.file(file_id)
        if entry is None:
            raise unknown_file()
        files = self._folders.files
        try:
            fd = files.open(file_id.hex())
        except FileNotFoundError:
            text = f"{entry.file_name!r} is in the list but gone from the server's disk; its administrator has a backup"
            raise StorageError(text) from None
        source = FileSource(fd, entry.file_name, files.io, hashing=False)
        if source.size != entry.size:
            source.close()
            raise StorageError(f"{entry.file_name!r} is damaged on the server's disk: its size changed")
        return source

    def _open_local(self, _: OpenLocal) -> Result:
        raise UsageError("a server sends no files of its user")


def _open_folder(folder: Path, *, portable: bool | None) -> tuple[FolderLock, Folders, Catalogue]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FolderLock(folder)
    except OSError as error:
        raise storage_error(error, f"use the data folder {folder}") from error
    try:
        folders = Folders(folder, portable=portable)
        try:
            return lock, folders, Catalogue(open_database(folder / DATABASE))
        except BaseException:
            folders.close()
            raise
    except OSError as error:
        lock.release()
        raise storage_error(error, f"use the data folder {folder}") from error
    except BaseException:
        lock.release()
        raise
