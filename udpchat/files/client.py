"""Files, as a client sees them: verbs that return a request id, events that answer them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from udpchat.errors import ErrorCode, RefusedError, StorageError, UsageError
from udpchat.files.events import Downloaded, FileList, Progress, TransferFailed, Uploaded
from udpchat.files.ports import (
    AbortPart,
    CloseSource,
    CommitPart,
    CreatePart,
    DigestSource,
    FileEntry,
    LocalFile,
    OpenLocal,
    PartCreated,
    PartFailed,
)
from udpchat.files.receiving import Incoming
from udpchat.protocol.connection import Connection
from udpchat.protocol.events import (
    ConnectionClosed,
    ConnectionEvent,
    ConnectionOpened,
    DataReceived,
    RecordReceived,
    SourceFailed,
    TransferSent,
)
from udpchat.protocol.requests import Requests
from udpchat.protocol.service import Desk, clip
from udpchat.wire.records import (
    Cancel,
    Commit,
    Committed,
    Credit,
    Fetch,
    File,
    ListFiles,
    Offer,
    Open,
    Opened,
    Received,
    Record,
)

MAX_LIST = 1_000_000  # files in an answer that is still incomplete
NO_FILE_ID = bytes(16)


@dataclass(slots=True)
class Put:
    """An upload of ours. transfer_id is 0 until the server has opened it."""

    file: LocalFile
    upload_id: bytes
    transfer_id: int = 0
    started: int = 0
    md5: bytes = b""


@dataclass(slots=True)
class Get:
    """A download of ours. offer and incoming are None until the server has made an offer."""

    file_name: str
    folder: str
    part_id: bytes
    offer: Offer | None = None
    incoming: Incoming | None = None
    started: int = 0
    is_committing: bool = False


class FileClient:
    """One person's transfers. requests: shared by all services of the client."""

    handles: frozenset[type] = frozenset({Opened, Committed, Credit, Cancel, File, Offer})

    def __init__(self, desk: Desk, requests: Requests, owner: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._desk = desk
        self._requests = requests
        self._owner = owner
        self._random_bytes = random_bytes
        self._connection_id = b""
        self._puts: dict[int, Put] = {}  # by request id
        self._opening: dict[int, str] = {}  # paths of puts whose file is not open yet
        self._gets: dict[int, Get] = {}
        self._lists: dict[int, list[FileEntry]] = {}

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def put(self, path: str, upload_id: bytes | None = None, room: str = "") -> int:
        """Upload a file for a room, the lobby by default; answered by Progress and then Uploaded or TransferFailed.

        upload_id: of an earlier try of the same file, to go on where that ended.
        """
        self._require_connection()
        request_id = self._requests.start(self._on_refused)
        chosen = upload_id or self._random_bytes(16)
        self._opening[request_id] = path
        self._desk.ask(OpenLocal(0, path), lambda result, _: self._on_local(request_id, chosen, room, result))
        return request_id

    def get(self, file_name: str, folder: str = "", file_id: bytes = NO_FILE_ID) -> int:
        """Download a file into a folder; answered by Progress and then Downloaded or TransferFailed."""
        self._require_connection()
        request_id = self._requests.start(self._on_refused)
        self._gets[request_id] = Get(file_name, folder, self._random_bytes(16))
        self._send(Fetch(file_id, file_name, ()), request_id)
        return request_id

    def list_files(self) -> int:
        """Ask what files the server has; answered by FileList."""
        self._require_connection()
        request_id = self._requests.start(self._on_refused, self._on_listed)
        self._lists[request_id] = []
        self._send(ListFiles(), request_id)
        return request_id

    def cancel(self, request_id: int) -> None:
        """Give a transfer up; answered by TransferFailed, unless its last byte is on its way to the disk."""
        if not self._is_committing(request_id):
            self._fail(request_id, ErrorCode.CANCELLED, "cancelled", tell_server=True)

    def progress(self) -> list[Progress]:
        """How far every running transfer is."""
        connection = self._connection()
        found = []
        for request_id, put in self._puts.items():
            transfer = connection.transmitter.transfers.find(put.transfer_id) if connection is not None else None
            done = transfer.acked_bytes if transfer is not None else put.file.size if put.md5 else 0
            found.append(Progress(request_id, put.file.file_name, done, put.file.size))
        for request_id, get in self._gets.items():
            if get.offer is not None:
                done = get.incoming.received.total if get.incoming is not None else 0
                found.append(Progress(request_id, get.offer.file_name, done, get.offer.size))
        return found

    # -- uploads -------------------------------------------------------------------------------------------------------

    def _on_local(self, request_id: int, upload_id: bytes, room: str, result: LocalFile | StorageError) -> None:
        if isinstance(result, StorageError):
            self._fail(request_id, result.code, result.text, tell_server=False)
            return
        if self._opening.pop(request_id, None) is None:
            self._desk.ask(CloseSource(result.source))
            return
        self._puts[request_id] = Put(result, upload_id)
        self._send(Open(upload_id, result.size, result.file_name, room), request_id)

    def _on_opened(self, request_id: int, opened: Opened, now: int) -> None:
        put, connection = self._puts.get(request_id), self._connection()
        if put is None or connection is None or put.transfer_id:
            return
        put.transfer_id, put.started = opened.transfer_id, now
        try:
            connection.send_transfer(opened.transfer_id, put.file.size, put.file.source, opened.limit, opened.present)
        except (RefusedError, UsageError) as error:
            self._fail(request_id, ErrorCode.TOO_MANY_TRANSFERS, str(error), tell_server=True)

    def _on_sent(self, transfer_id: int) -> None:
        for request_id, put in self._puts.items():
            if put.transfer_id == transfer_id:
                self._digest(request_id, put)
                return

    def _digest(self, request_id: int, put: Put) -> None:
        def on_digest(result: bytes | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            if request_id not in self._puts:
                return
            if isinstance(result, StorageError):
                self._fail(request_id, result.code, result.text, tell_server=True)
                return
            put.md5 = result
            self._send(Commit(put.upload_id, result), request_id)

        self._desk.ask(DigestSource(0, put.file.source), on_digest)

    def _on_committed(self, request_id: int, committed: Committed, now: int) -> None:
        put = self._puts.pop(request_id, None)
        if put is None:
            return
        self._requests.finish(request_id)
        self._stop_sending(put)
        md5 = put.md5 or committed.md5  # already there before we sent a byte: nothing of ours to compare
        self._desk.tell(
            Uploaded(
                request_id,
                committed.file_name,
                put.file.size,
                md5,
                committed.md5,
                committed.file_id,
                put.started or now,
                now,
            )
        )

    # -- downloads -----------------------------------------------------------------------------------------------------

    def _on_offer(self, request_id: int, offer: Offer, now: int) -> None:
        get = self._gets.get(request_id)
        if get is None or get.offer is not None:
            return
        if any(
            other.offer is not None and other.offer.transfer_id == offer.transfer_id for other in self._gets.values()
        ):
            text = "the server offered two files under one number"
            self._fail(request_id, ErrorCode.PROTOCOL_VIOLATION, text, tell_server=False)
            return
        get.offer, get.started = offer, now
        request = CreatePart(0, get.part_id, self._owner, "", offer.file_name, offer.size, get.folder)
        self._desk.ask(request, lambda result, _: self._on_created(request_id, get, offer, result))

    def _on_created(self, request_id: int, get: Get, offer: Offer, result: PartCreated | StorageError) -> None:
        if isinstance(result, StorageError):
            self._fail(request_id, result.code, result.text, tell_server=True)
            return
        if request_id not in self._gets:
            self._abort(get.part_id)
            return

        def on_failed(error: StorageError) -> None:
            self._fail(request_id, error.code, error.text, tell_server=True)

        get.incoming = Incoming(
            self._desk, self._connection_id, offer.transfer_id, get.part_id, offer.size, result.present, on_failed
        )
        try:
            get.incoming.begin()
        except RefusedError as error:
            self._fail(request_id, error.code, error.text, tell_server=True)
            return
        if get.incoming.is_complete:
            self._commit(request_id, get, offer)
        else:
            self._desk.send(self._connection_id, Credit(offer.transfer_id, get.incoming.limit))

    def _on_data(self, data: DataReceived) -> None:
        for request_id, get in self._gets.items():
            if get.incoming is not None and get.offer is not None and get.offer.transfer_id == data.transfer_id:
                get.incoming.on_data(data)
                if get.incoming.is_complete:
                    self._commit(request_id, get, get.offer)
                return

    def _commit(self, request_id: int, get: Get, offer: Offer) -> None:
        if get.is_committing:
            return
        get.is_committing = True

        def on_committed(result: FileEntry | StorageError, now: int) -> None:
            if isinstance(result, StorageError):
                self._fail(request_id, result.code, result.text, tell_server=True)
                return
            del self._gets[request_id]
            self._requests.finish(request_id)
            if get.incoming is not None:
                get.incoming.end()
            self._desk.send(self._connection_id, Received(offer.transfer_id, result.md5))
            event = Downloaded(
                request_id, offer.file_name, offer.size, offer.md5, result.md5, result.path, get.started, now
            )
            self._desk.tell(event)

        self._desk.ask(CommitPart(0, get.part_id, offer.md5), on_committed)

    # -- what the connection tells -------------------------------------------------------------------------------------

    def on_event(self, event: ConnectionEvent, now: int) -> None:  # noqa: ARG002 - the Service protocol
        """Bytes, their arrival at the other end, and the end of everything."""
        match event:
            case DataReceived():
                self._on_data(event)
            case TransferSent(_, transfer_id):
                self._on_sent(transfer_id)
            case SourceFailed(_, transfer_id, _):
                text = "the file became shorter, or could not be read, while it was being sent"
                for request_id in [key for key, put in self._puts.items() if put.transfer_id == transfer_id]:
                    self._fail(request_id, ErrorCode.SOURCE_CHANGED, text, tell_server=True)
            case ConnectionOpened(connection_id, _, _, _):
                self._connection_id = connection_id
            case ConnectionClosed(_, code, reason, _):
                self._lists.clear()
                for request_id in [*self._opening, *self._puts, *self._gets]:
                    if not self._is_committing(request_id):
                        self._fail(request_id, code, reason, tell_server=False)

    def on_record(self, received: RecordReceived, now: int) -> None:
        """Something the server says about files."""
        request_id = received.request_id
        match received.record:
            case Opened() as opened:
                self._on_opened(request_id, opened, now)
            case Committed() as committed:
                self._on_committed(request_id, committed, now)
            case Offer() as offer:
                self._on_offer(request_id, offer, now)
            case Credit(transfer_id, limit):
                if (connection := self._connection()) is not None:
                    connection.transmitter.transfers.raise_limit(transfer_id, limit)
            case Cancel() as cancel:
                self._on_cancel(cancel)
            case File() as file:
                files = self._lists.get(request_id)
                if files is not None and len(files) < MAX_LIST:
                    files.append(_entry(file))

    def on_part_failed(self, failed: PartFailed, now: int) -> None:  # noqa: ARG002 - called by the host
        """The disk refused bytes of a download."""
        for request_id in [key for key, get in self._gets.items() if get.part_id == failed.part_id]:
            self._fail(request_id, failed.error.code, failed.error.text, tell_server=True)

    def _on_cancel(self, cancel: Cancel) -> None:
        puts = [key for key, put in self._puts.items() if put.transfer_id == cancel.transfer_id]
        gets = [
            key
            for key, get in self._gets.items()
            if get.offer is not None and get.offer.transfer_id == cancel.transfer_id
        ]
        for request_id in [*puts, *gets] if cancel.transfer_id else ():
            if not self._is_committing(request_id):
                self._fail(request_id, cancel.code, cancel.text, tell_server=False)

    def _on_listed(self, request_id: int) -> None:
        self._desk.tell(FileList(request_id, tuple(self._lists.pop(request_id, ()))))

    def _on_refused(self, request_id: int, code: int, text: str) -> None:
        if self._lists.pop(request_id, None) is not None:
            self._desk.tell(TransferFailed(request_id, "", "", code, text))
        self._fail(request_id, code, text, tell_server=False)

    # -- endings -------------------------------------------------------------------------------------------------------

    def _is_committing(self, request_id: int) -> bool:
        get = self._gets.get(request_id)
        return get is not None and get.is_committing

    def _abort(self, part_id: bytes) -> None:
        self._desk.ask(AbortPart(0, part_id), lambda _result, _now: None)

    def _fail(self, request_id: int, code: int, text: str, *, tell_server: bool) -> None:
        """A transfer ends without a whole file."""
        self._requests.finish(request_id)
        put, get = self._puts.pop(request_id, None), self._gets.pop(request_id, None)
        if put is not None:
            transfer_id, name = put.transfer_id, put.file.file_name
            self._stop_sending(put)
        elif get is not None:
            transfer_id, name = (get.offer.transfer_id if get.offer is not None else 0), get.file_name
            if get.incoming is not None:
                get.incoming.end()
                self._abort(get.part_id)
        elif request_id in self._opening:
            transfer_id, name = 0, self._opening.pop(request_id)
        else:
            return
        if tell_server and transfer_id:
            self._desk.send(self._connection_id, Cancel(transfer_id, code, clip(text)))
        self._desk.tell(TransferFailed(request_id, "", name, code, text))

    def _stop_sending(self, put: Put) -> None:
        connection = self._desk.endpoint.find(self._connection_id)
        if connection is not None:
            connection.transmitter.transfers.stop(put.transfer_id)
        self._desk.ask(CloseSource(put.file.source))

    def _connection(self) -> Connection | None:
        connection = self._desk.endpoint.find(self._connection_id)
        return connection if connection is not None and connection.is_alive else None

    def _require_connection(self) -> None:
        if self._connection() is None:
            raise UsageError("there is no connection")

    def _send(self, record: Record, request_id: int) -> None:
        self._desk.send(self._connection_id, record, request_id)


def _entry(file: File) -> FileEntry:
    return FileEntry(file.file_id, file.file_name, file.size, file.md5, file.stored_at, b"", file.owner)
