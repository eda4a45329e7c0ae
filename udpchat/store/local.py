"""The storage of a client: files of the user that are sent, and downloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from udpchat.errors import UsageError
from udpchat.files.ports import (
    AbortPart,
    ClosePart,
    CloseSource,
    CommitPart,
    CreatePart,
    DigestSource,
    OpenLocal,
    SyncPart,
    WritePart,
)
from udpchat.protocol.ports import Job, Result, StoreRequest
from udpchat.store.downloads import Downloads
from udpchat.store.fileio import file_io, posix_capable
from udpchat.store.parts import PartTable, make_job
from udpchat.store.sources import digest_source, open_user_file

Handler: TypeAlias = Callable[..., Result | Job]


class LocalStore:
    """Performs the requests of a client. The `path` of the entry that a commit gives says where the download lies.

    downloads: folder for what names no other; made when needed. clock: wall clock since 1970 [us]. portable: None
    decides by what the system can do.
    """

    __slots__ = ("_downloads", "_handlers", "_io", "_parts")

    def __init__(self, downloads: Path, *, clock: Callable[[], int], portable: bool | None = None) -> None:
        self._io = file_io(portable=not posix_capable() if portable is None else portable)
        self._downloads = Downloads(downloads, clock, portable=portable)
        self._parts = PartTable(self._downloads)
        self._handlers: dict[type, Handler] = {
            WritePart: self._parts.write,
            CreatePart: self._parts.create,
            SyncPart: self._parts.sync,
            CommitPart: self._parts.commit,
            AbortPart: self._parts.abort,
            ClosePart: self._parts.close_part,
            OpenLocal: self._open_local,
            DigestSource: digest_source,
            CloseSource: lambda request: request.source.close(),
        }

    def submit(self, request: StoreRequest) -> Result | Job:
        """See `udpchat.protocol.ports.Store`."""
        handler = self._handlers.get(type(request))
        if handler is None:
            raise UsageError(f"a client keeps no list of files: {type(request).__name__}")
        return handler(request)

    def close(self) -> None:
        """Close everything. Nothing is written first: stopping and crashing leave the same behind."""
        self._parts.close()
        self._downloads.close()

    def _open_local(self, request: OpenLocal) -> Job:
        return make_job(f"open {request.path}", lambda: open_user_file(request.path, self._io))
