"""Uploads, as the server sees them: from OPEN to COMMITTED."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from udpchat.config import MAX_FILE_NAME, MAX_FILE_SIZE
from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.events import FileShared, TransferFailed, UploadBegan
from udpchat.files.ports import AbortPart, ClosePart, CommitPart, CreatePart, FileEntry, PartCreated, PartFailed
from udpchat.files.receiving import Incoming
from udpchat.protocol.events import DataReceived, RecordReceived
from udpchat.protocol.members import Session
from udpchat.protocol.service import Desk, clip
from udpchat.wire.records import Cancel, Commit, Committed, Open, Opened


class Announcer(Protocol):
    """Tells rooms of files; the chat service does."""

    def objection(self, session: Session, room: str) -> str | None:
        """Why somebody cannot send files to a room; None when they can."""
        ...

    def announce(
        self, session: Session, room: str, entry: FileEntry, then: Callable[[StorageError | None], None]
    ) -> None:
        """Make a stored file a message of a room; then: called when it is one, or could not be."""
        ...


@dataclass(slots=True)
class Upload:
    """One upload of one session. incoming is None until the part is made. room: empty for the lobby."""

    session: Session
    file_name: str
    size: int
    room: str = ""
    incoming: Incoming | None = None
    is_committing: bool = False
    commit: tuple[RecordReceived, Commit] | None = None  # came before all bytes did
    waiting: list[RecordReceived] = field(default_factory=list)  # OPENs that came before the part was made


class Uploads:
    """All uploads of a server, by session and by the id the client gave. announcer: tells rooms of stored files."""

    def __init__(self, desk: Desk, max_uploads: int, announcer: Announcer) -> None:
        self._desk = desk
        self._announcer = announcer
        self._max_uploads = max_uploads
        self._uploads: dict[tuple[bytes, bytes], Upload] = {}  # by connection id and upload id
        self._by_transfer: dict[tuple[bytes, int], Upload] = {}  # by connection id and transfer id
        self._last_transfer = 0

    # -- records -------------------------------------------------------------------------------------------------------

    def on_open(self, received: RecordReceived, session: Session, record: Open) -> None:
        """Make a part, or find the one that is there; a repetition gets the same answer."""
        if (fault := _name_fault(record.file_name)) is not None:
            self._desk.refuse(received, ErrorCode.NAME_NOT_ALLOWED, fault)
            return
        if record.size > MAX_FILE_SIZE:
            self._desk.refuse(received, ErrorCode.TOO_LARGE, f"a file has at most {MAX_FILE_SIZE} bytes")
            return
        if (fault := self._announcer.objection(session, record.room)) is not None:
            self._desk.refuse(received, ErrorCode.NOT_IN_ROOM, fault)
            return
        key = (received.connection_id, record.upload_id)
        upload = self._uploads.get(key)
        if upload is not None and upload.size != record.size:
            self._desk.refuse(received, ErrorCode.SOURCE_CHANGED, "this upload began with another size; start anew")
            return
        if upload is not None:
            if upload.incoming is None:
                self._wait(upload, received)
            else:
                self._answer_opened(received, upload.incoming)
            return
        if sum(1 for connection_id, _ in self._uploads if connection_id == key[0]) >= self._max_uploads:
            self._desk.refuse(received, ErrorCode.TOO_MANY_TRANSFERS, f"at most {self._max_uploads} uploads at once")
            return
        upload = self._uploads[key] = Upload(session, record.file_name, record.size, record.room, waiting=[received])
        request = CreatePart(0, record.upload_id, session.identity, session.nick, record.file_name, record.size)
        self._desk.ask(request, lambda result, _: self._on_created(key, upload, result))

    def _wait(self, upload: Upload, received: RecordReceived) -> None:
        if len(upload.waiting) < self._max_uploads:
            upload.waiting.append(received)

    def _on_created(self, key: tuple[bytes, bytes], upload: Upload, result: PartCreated | StorageError) -> None:
        waiting, upload.waiting = upload.waiting, []
        is_gone = self._uploads.get(key) is not upload
        if isinstance(result, StorageError):
            self._uploads.pop(key, None)
            for received in waiting:
                self._desk.refuse(received, result.code, result.text)
            return
        if result.committed is not None or is_gone:
            if result.committed is None:
                self._desk.ask(ClosePart(key[1]))
            elif not is_gone:
                del self._uploads[key]
                self._answer_again(upload, key[1], result.committed, waiting)
            return
        self._begin(key, upload, result, waiting)

    def _answer_again(self, upload: Upload, upload_id: bytes, entry: FileEntry, waiting: list[RecordReceived]) -> None:
        """It was committed before. Perhaps we died before the room was told, so it is told now, unless it knows."""

        def on_shared(error: StorageError | None) -> None:
            for received in waiting:
                if error is not None:
                    self._desk.refuse(received, error.code, error.text)
                else:
                    self._answer_committed(received, upload_id, entry)

        self._announcer.announce(upload.session, upload.room, entry, on_shared)

    def _begin(
        self, key: tuple[bytes, bytes], upload: Upload, created: PartCreated, waiting: list[RecordReceived]
    ) -> None:
        connection_id, upload_id = key
        self._last_transfer += 1
        transfer_id = self._last_transfer

        def on_failed(error: StorageError) -> None:
            self._fail(connection_id, upload_id, upload, error)

        incoming = Incoming(self._desk, connection_id, transfer_id, upload_id, upload.size, created.present, on_failed)
        try:
            incoming.begin()
        except RefusedError as error:
            del self._uploads[key]
            self._desk.ask(ClosePart(upload_id))
            for received in waiting:
                self._desk.refuse(received, ErrorCode(error.code), error.text)
            return
        upload.incoming = incoming
        self._by_transfer[(connection_id, transfer_id)] = upload
        self._desk.tell(UploadBegan(upload.session.nick, upload.file_name, upload.size))
        for received in waiting:
            self._answer_opened(received, incoming)

    def _answer_opened(self, received: RecordReceived, incoming: Incoming) -> None:
        answer = Opened(incoming.transfer_id, incoming.limit, incoming.present)
        self._desk.send(received.connection_id, answer, received.request_id)

    def on_data(self, data: DataReceived) -> bool:
        """Bytes of an upload; False when they belong to none."""
        upload = self._by_transfer.get((data.connection_id, data.transfer_id))
        if upload is None or upload.incoming is None:
            return False
        upload.incoming.on_data(data)
        if upload.commit is not None and upload.incoming.is_complete:
            self._commit(*upload.commit, upload)
        return True

    def on_commit(self, received: RecordReceived, record: Commit) -> None:
        """The client has sent all bytes: once they are here, compare, store, answer."""
        key = (received.connection_id, record.upload_id)
        upload = self._uploads.get(key)
        if upload is None or upload.incoming is None:
            self._desk.refuse(received, ErrorCode.UNKNOWN_TRANSFER, "COMMIT of an upload that was not opened")
        elif not upload.incoming.is_complete:
            upload.commit = (received, record)
        elif not upload.is_committing:
            self._commit(received, record, upload)

    def _commit(self, received: RecordReceived, record: Commit, upload: Upload) -> None:
        upload.is_committing = True
        self._desk.ask(
            CommitPart(0, record.upload_id, record.md5),
            lambda result, _: self._on_committed(received, upload, record, result),
        )

    def _on_committed(
        self,
        received: RecordReceived,
        upload: Upload,
        record: Commit,
        result: FileEntry | StorageError,
    ) -> None:
        self._forget(received.connection_id, record.upload_id, upload)
        if isinstance(result, StorageError):
            self._desk.refuse(received, result.code, result.text)
            self._desk.tell(TransferFailed(0, upload.session.nick, upload.file_name, result.code, result.text))
            return

        def on_shared(error: StorageError | None) -> None:
            self._on_shared(received, upload, record, result, error)

        self._announcer.announce(upload.session, upload.room, result, on_shared)

    def _on_shared(
        self, received: RecordReceived, upload: Upload, record: Commit, entry: FileEntry, error: StorageError | None
    ) -> None:
        """The file is in the room's history; or not, and the client asks again."""
        if error is not None:
            self._desk.refuse(received, error.code, error.text)
            return
        self._answer_committed(received, record.upload_id, entry)
        self._desk.tell(FileShared(upload.session.nick, entry, record.md5))

    def _answer_committed(self, received: RecordReceived, upload_id: bytes, entry: FileEntry) -> None:
        answer = Committed(upload_id, entry.file_id, entry.md5, entry.stored_at, entry.file_name)
        self._desk.send(received.connection_id, answer, received.request_id)

    def on_cancel(self, connection_id: bytes, record: Cancel) -> bool:
        """The client gives an upload up; False when it is not an upload."""
        upload = self._by_transfer.get((connection_id, record.transfer_id))
        if upload is None or upload.incoming is None or upload.is_committing:
            return upload is not None
        upload_id = upload.incoming.part_id
        self._forget(connection_id, upload_id, upload)
        self._desk.ask(AbortPart(0, upload_id), lambda _result, _now: None)
        self._desk.tell(TransferFailed(0, upload.session.nick, upload.file_name, record.code, record.text))
        return True

    # -- trouble -------------------------------------------------------------------------------------------------------

    def on_part_failed(self, failed: PartFailed) -> bool:
        """Bytes could not be written; False when the part is not of an upload."""
        found = [(key, upload) for key, upload in self._uploads.items() if key[1] == failed.part_id]
        for (connection_id, upload_id), upload in found:
            self._fail(connection_id, upload_id, upload, failed.error)
        return bool(found)

    def _fail(self, connection_id: bytes, upload_id: bytes, upload: Upload, error: StorageError) -> None:
        incoming = upload.incoming
        if self._uploads.get((connection_id, upload_id)) is not upload or incoming is None:
            return
        self._desk.send(connection_id, Cancel(incoming.transfer_id, error.code, clip(error.text)))
        self._forget(connection_id, upload_id, upload)
        self._desk.ask(AbortPart(0, upload_id), lambda _result, _now: None)
        self._desk.tell(TransferFailed(0, upload.session.nick, upload.file_name, error.code, error.text))

    def on_closed(self, connection_id: bytes) -> None:
        """The connection is gone: its parts stay for when the client comes back."""
        for key in [key for key in self._uploads if key[0] == connection_id]:
            upload = self._uploads.pop(key)
            if upload.incoming is not None:
                self._by_transfer.pop((connection_id, upload.incoming.transfer_id), None)
                if not upload.is_committing:
                    self._desk.ask(ClosePart(key[1]))

    def _forget(self, connection_id: bytes, upload_id: bytes, upload: Upload) -> None:
        self._uploads.pop((connection_id, upload_id), None)
        if upload.incoming is not None:
            upload.incoming.end()
            self._by_transfer.pop((connection_id, upload.incoming.transfer_id), None)


def _name_fault(file_name: str) -> str | None:
    if not file_name.strip():
        return "a file needs a name"
    if len(file_name.encode()) > MAX_FILE_NAME:
        return f"a file name has at most {MAX_FILE_NAME} bytes"
    return None
