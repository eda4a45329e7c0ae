"""The storage of a client: files of the user that are sent, downloads, and the list of transfers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from udpchat.errors import UsageError
from udpchat.files.local_ports import ClaimTransfer, EndTransfer, ListTransfers, OpenLocal, ReadAhead, SaveTransfer
from udpchat.files.ports import CloseSource, DigestSource, HashBlocks
from udpchat.protocol.ports import Job, Lane, Result, StoreRequest
from udpchat.store.downloads import Downloads
from udpchat.store.fileio import file_io, posix_capable
from udpchat.store.jobs import make_job
from udpchat.store.parts import PartTable
from udpchat.store.sources import digest_source, hash_blocks, read_ahead
from udpchat.store.transfer_schema import TransferDatabase
from udpchat.store.transfers import TransferTable
from udpchat.store.user_files import open_user_file

Handler: TypeAlias = Callable[..., Result | Job]


class LocalStore:
    """Performs the requests of a client. The `path` of the entry that a commit gives says where the download lies.

    downloads: folder for what names no other; made when needed. clock: wall clock since 1970 [us]. home: where
    transfers and the journals of downloads are written down; None: nowhere, then none outlives this object. portable:
    None decides by what the system can do.
    """

    __slots__ = ("_database", "_handlers", "_io", "_parts", "_portable", "_transfers")

    def __init__(
        self,
        downloads: Path,
        *,
        clock: Callable[[], int],
        home: Path | None = None,
        portable: bool | None = None,
    ) -> None:
        self._portable = not posix_capable() if portable is None else portable
        self._io = file_io(portable=self._portable)
        self._database = TransferDatabase(home)
        self._parts = PartTable(Downloads(downloads, self._database, clock, portable=portable))
        self._transfers = TransferTable(self._database, clock)
        self._handlers: dict[type[StoreRequest], Handler] = {
            **self._parts.handlers(),
            OpenLocal: self._open_local,
            DigestSource: digest_source,
            ReadAhead: read_ahead,
            HashBlocks: hash_blocks,
            CloseSource: lambda request: request.source.close(),
            ClaimTransfer: self._transfers.claim,
            SaveTransfer: self._transfers.save,
            ListTransfers: self._transfers.list,
            EndTransfer: self._transfers.end,
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
        self._transfers.close()
        self._database.close()

    def _open_local(self, request: OpenLocal) -> Job:
        def work() -> object:
            return open_user_file(request.path, self._io, portable=self._portable)

        return make_job(f"open {request.path}", work, lane=Lane.READING)  # large folders take their time
