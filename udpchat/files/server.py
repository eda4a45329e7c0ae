"""The server's file service: hands records and bytes to uploads and downloads, answers the list."""

from __future__ import annotations

from collections import Counter
from itertools import chain

from udpchat.config import Config
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.downloads import Downloads
from udpchat.files.ports import FileEntry, PartFailed
from udpchat.files.ports import ListFiles as ListStored
from udpchat.files.tuning import on_tune
from udpchat.files.uploads import Announcer, Uploads
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, DataReceived, RecordReceived, SourceFailed
from udpchat.protocol.service import Desk
from udpchat.wire.records import Cancel, Commit, Credit, Fetch, File, Finished, ListFiles, Open, Received, Tune


class FileServer:
    """Files of a server. Everything needs a session. announcer: tells rooms of stored files."""

    handles: frozenset[type] = frozenset({Open, Commit, Cancel, ListFiles, Fetch, Credit, Received, Tune})

    def __init__(self, desk: Desk, config: Config, announcer: Announcer) -> None:
        self._desk = desk
        self._uploads = Uploads(desk, config.max_transfers, announcer)
        self._downloads = Downloads(desk, config.max_transfers)
        self._max_lists = config.max_lists
        self._listing: Counter[bytes] = Counter()  # lists that storage was asked for, by connection

    def on_event(self, event: ConnectionEvent, now: int) -> None:  # noqa: ARG002 - the Service protocol
        """Bytes, and the end of connections."""
        match event:
            case DataReceived():
                self._uploads.on_data(event)
            case SourceFailed(connection_id, transfer_id, _):
                self._downloads.on_source_failed(connection_id, transfer_id)
            case ConnectionClosed(connection_id, _, _, _):
                self._uploads.on_closed(connection_id)
                self._downloads.on_closed(connection_id)

    def on_record(self, received: RecordReceived, now: int) -> None:
        """A request."""
        session = self._desk.members.find(received.connection_id)
        if session is None:
            self._desk.refuse(received, ErrorCode.NOT_JOINED, "join first")
            return
        match received.record:
            case Open() as record:
                self._uploads.on_open(received, session, record)
            case Commit() as record:
                self._uploads.on_commit(received, record)
            case Fetch() as record:
                self._downloads.on_fetch(received, session, record)
            case Credit() as record:
                self._downloads.on_credit(received, record)
            case Received() as record:
                self._downloads.on_received(received, record)
            case Cancel() as record:
                if not self._uploads.on_cancel(received.connection_id, record):
                    self._downloads.on_cancel(received.connection_id, record)
            case ListFiles():
                self._on_list(received)
            case Tune() as record:
                on_tune(self._desk, received, record, now, is_sending=self._downloads.is_busy(received.connection_id))

    def on_part_failed(self, failed: PartFailed, now: int) -> None:  # noqa: ARG002 - called by the host
        """The disk refused bytes of an upload."""
        self._uploads.on_part_failed(failed)

    def _on_list(self, received: RecordReceived) -> None:
        asked = self._listing[received.connection_id]
        if asked >= self._max_lists:
            self._desk.refuse(received, ErrorCode.TOO_MANY_REQUESTS, "too many lists were asked for; wait for them")
            return
        self._listing[received.connection_id] = asked + 1
        self._desk.ask(ListStored(0), lambda result, _: self._on_listed(received, result))

    def _on_listed(self, received: RecordReceived, result: tuple[FileEntry, ...] | StorageError) -> None:
        self._listing[received.connection_id] -= 1
        if not self._listing[received.connection_id]:
            del self._listing[received.connection_id]
        if isinstance(result, StorageError):
            self._desk.refuse(received, result.code, result.text)
            return
        files = (
            File(entry.file_id, entry.size, entry.md5, entry.stored_at, entry.owner_nick, entry.file_name)
            for entry in result
        )
        self._desk.send_list(received, chain(files, (Finished(len(result)),)))
