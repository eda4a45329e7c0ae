"""Downloads, as the server sees them: from FETCH to RECEIVED."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.events import FileDelivered, TransferFailed
from udpchat.files.ports import CloseSource, FileEntry, FindFile, OpenStored
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session
from udpchat.protocol.ports import Source
from udpchat.protocol.service import Desk, clip
from udpchat.wire.records import Cancel, Credit, Fetch, Offer, Received

DOWNLOAD_IDS = 2**31  # transfer ids of downloads start here, so that they never meet those of uploads


@dataclass(slots=True)
class Download:
    """One file on its way to one client."""

    session: Session
    entry: FileEntry
    source: Source
    present: tuple[tuple[int, int], ...]
    is_sending: bool = False


class Downloads:
    """All downloads of a server, by connection and transfer id."""

    def __init__(self, desk: Desk, max_downloads: int) -> None:
        self._desk = desk
        self._max_downloads = max_downloads
        self._downloads: dict[tuple[bytes, int], Download] = {}
        self._opening: dict[bytes, int] = {}  # requests that wait for storage, by connection
        self._last_transfer = DOWNLOAD_IDS

    def on_fetch(self, received: RecordReceived, session: Session, record: Fetch) -> None:
        """Find the file, open it, offer it."""
        connection_id = received.connection_id
        if self._running(connection_id) >= self._max_downloads:
            self._desk.refuse(
                received, ErrorCode.TOO_MANY_TRANSFERS, f"at most {self._max_downloads} downloads at once"
            )
            return
        self._opening[connection_id] = self._opening.get(connection_id, 0) + 1
        self._desk.ask(
            FindFile(0, record.file_id, record.file_name),
            lambda result, _: self._on_found(received, session, record, result),
        )

    def is_busy(self, connection_id: bytes) -> bool:
        """Files are being sent on this connection, or are about to be."""
        return self._running(connection_id) > 0

    def _running(self, connection_id: bytes) -> int:
        return sum(1 for key in self._downloads if key[0] == connection_id) + self._opening.get(connection_id, 0)

    def _on_found(
        self, received: RecordReceived, session: Session, record: Fetch, result: FileEntry | StorageError | None
    ) -> None:
        if isinstance(result, FileEntry):
            entry = result
            self._desk.ask(
                OpenStored(0, entry.file_id),
                lambda source, _: self._on_opened(received, session, record, entry, source),
            )
            return
        self._opened(received.connection_id)
        if result is None:
            name = record.file_name or record.file_id.hex()
            self._desk.refuse(received, ErrorCode.UNKNOWN_FILE, f"the server has no file {name}")
        else:
            self._desk.refuse(received, result.code, result.text)

    def _opened(self, connection_id: bytes) -> None:
        left = self._opening.pop(connection_id) - 1
        if left:
            self._opening[connection_id] = left

    def _on_opened(
        self, received: RecordReceived, session: Session, record: Fetch, entry: FileEntry, source: Source | StorageError
    ) -> None:
        connection_id = received.connection_id
        self._opened(connection_id)
        if isinstance(source, StorageError):
            self._desk.refuse(received, source.code, source.text)
            return
        connection = self._desk.endpoint.find(connection_id)
        if connection is None or not connection.is_alive:
            self._desk.ask(CloseSource(source))
            return
        self._last_transfer += 1
        self._downloads[(connection_id, self._last_transfer)] = Download(session, entry, source, record.present)
        offer = Offer(self._last_transfer, entry.file_id, entry.size, entry.md5, entry.file_name)
        connection.send_record(offer, received.request_id)

    def on_credit(self, received: RecordReceived, record: Credit) -> None:
        """The client takes bytes: the first credit starts the transfer."""
        key = (received.connection_id, record.transfer_id)
        download, connection = self._downloads.get(key), self._desk.endpoint.find(key[0])
        if download is None or connection is None:
            return
        if download.is_sending:
            connection.transmitter.transfers.raise_limit(record.transfer_id, record.limit)
            return
        download.is_sending = True
        size = download.entry.size
        try:
            connection.send_transfer(record.transfer_id, size, download.source, record.limit, download.present)
        except RefusedError as error:
            self._desk.send(key[0], Cancel(record.transfer_id, error.code, clip(error.text)))
            self._end(key)

    def on_received(self, received: RecordReceived, record: Received) -> None:
        """The client has the whole file on its disk."""
        download = self._end((received.connection_id, record.transfer_id))
        if download is not None:
            self._desk.tell(FileDelivered(download.session.nick, download.entry, record.md5))

    def on_cancel(self, connection_id: bytes, record: Cancel) -> None:
        """The client gives a download up; unknown transfers are ignored."""
        if (download := self._end((connection_id, record.transfer_id))) is not None:
            self._failed(download, record.code, record.text)

    def on_source_failed(self, connection_id: bytes, transfer_id: int) -> None:
        """A stored file gave fewer bytes than it has."""
        if (download := self._end((connection_id, transfer_id))) is not None:
            text = "the stored file cannot be read"
            self._desk.send(connection_id, Cancel(transfer_id, ErrorCode.STORAGE_FAILED, text))
            self._failed(download, ErrorCode.STORAGE_FAILED, text)

    def on_closed(self, connection_id: bytes) -> None:
        """The connection is gone."""
        for key in [key for key in self._downloads if key[0] == connection_id]:
            self._end(key)

    def _failed(self, download: Download, code: int, text: str) -> None:
        self._desk.tell(TransferFailed(0, download.session.nick, download.entry.file_name, code, text))

    def _end(self, key: tuple[bytes, int]) -> Download | None:
        download = self._downloads.pop(key, None)
        if download is not None:
            if (connection := self._desk.endpoint.find(key[0])) is not None:
                connection.transmitter.transfers.stop(key[1])
            self._desk.ask(CloseSource(download.source))
        return download
