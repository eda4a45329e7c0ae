"""Uploads, as the server sees them: from OPEN to COMMITTED."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.announcing import Announcing
from udpchat.files.audience import Addressee, Objection
from udpchat.files.events import FileShared, TransferFailed, UploadBegan
from udpchat.files.indexing import Indexing
from udpchat.files.ports import AbortPart, ClosePart, FileEntry, PartCreated, PartFailed
from udpchat.files.receiving import Incoming
from udpchat.files.shares import Shares
from udpchat.files.shelf import Shelf, discreet, discreet_words
from udpchat.files.stored_ports import FindFile
from udpchat.files.tasks import DISK_TROUBLE
from udpchat.files.upload import Upload, open_objection
from udpchat.files.upload_table import Key, UploadTable
from udpchat.protocol.events import DataReceived, RecordReceived
from udpchat.protocol.members import Session, fold
from udpchat.protocol.service import Desk, clip
from udpchat.wire.numbers import FileFlag, Priority
from udpchat.wire.records import Blocks, Cancel, Commit, Committed, Member, Open, Opened, Pace

ELSEWHERE = "this upload goes on over another connection of yours"


class Uploads:
    """All uploads of a server, by session and by the id the client gave.

    shelf: what people may see. shares: of the server's rate. on_left: told when an upload stays behind unfinished.
    """

    def __init__(
        self,
        desk: Desk,
        shelf: Shelf,
        shares: Shares,
        announcing: Announcing,
        max_uploads: int,
        on_left: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._shelf = shelf
        self._shares = shares
        self._announcing = announcing
        self._max_uploads = max_uploads
        self._on_left = on_left
        self._uploads = UploadTable()
        self._last_transfer = 0

    # -- OPEN ----------------------------------------------------------------------------------------------------------

    def on_open(self, received: RecordReceived, session: Session, record: Open) -> None:
        """Make a part, or find the one that is there; a repetition gets the same answer."""
        if (objection := open_objection(record)) is not None:
            self._desk.refuse(received, objection.code, objection.text)
            return
        key = (received.connection_id, record.upload_id)
        if (upload := self._uploads.find(key)) is not None:
            self._open_again(received, upload, record)
        elif self._uploads.count(key[0]) >= self._max_uploads:
            self._desk.refuse(received, ErrorCode.TOO_MANY_TRANSFERS, f"at most {self._max_uploads} uploads at once")
        else:
            upload = Upload(session, record, [received])
            self._uploads.add(key, upload)
            address = self._shelf.audience.address
            address(session, record.room, record.to, lambda result: self._on_addressed(key, upload, result))

    def _open_again(self, received: RecordReceived, upload: Upload, record: Open) -> None:
        if not upload.is_for_same(record):
            self._desk.refuse(received, ErrorCode.SOURCE_CHANGED, "this upload began as another file; start anew")
        elif upload.incoming is not None:
            self._answer_opened(received, upload, upload.incoming)
            self._shares.repeat((received.connection_id, upload.incoming.transfer_id))
        elif len(upload.waiting) < self._max_uploads:
            upload.waiting.append(received)
        else:
            self._desk.refuse(received, ErrorCode.TOO_MANY_REQUESTS, "your last OPEN is not answered yet")

    def _on_addressed(self, key: Key, upload: Upload, result: Addressee | Objection | StorageError) -> None:
        if not self._uploads.holds(key, upload):
            return
        if isinstance(result, Addressee):
            self._create(key, upload, result)
        elif isinstance(result, Objection) and upload.record.to:
            self._look_back(key, upload, result)
        else:
            self._drop(key, upload, result.code, result.text)

    def _look_back(self, key: Key, upload: Upload, objection: Objection) -> None:
        """Nobody of that name can be reached now. An upload that began before goes on: it knows whom it is for."""

        def on_found(result: FileEntry | StorageError | None, now: int) -> None:  # noqa: ARG001 - an Answer
            if not self._uploads.holds(key, upload):
                return
            if (
                isinstance(result, FileEntry)
                and result.recipient_id
                and result.owner == upload.session.identity
                and fold(result.recipient) == fold(upload.record.to)
            ):
                self._create(key, upload, Addressee("", result.recipient_id, result.recipient))
            else:
                self._drop(key, upload, objection.code, objection.text)

        self._desk.ask(FindFile(0, self._shelf.viewer(upload.session), upload.part_id), on_found)

    def _create(self, key: Key, upload: Upload, addressee: Addressee) -> None:
        """Make the part, in place of whoever of the same person is at it."""
        if not self._uploads.holds(key, upload):
            return
        upload.addressee = addressee
        rivals = [(other, rival) for other, rival in self._uploads.of_part(key[1]) if _is_rival(rival, upload)]
        for _, rival in rivals:
            if rival.is_committing:
                rival.followers.append(lambda: self._create(key, upload, addressee))
                return
        # The new one comes before the old one goes, so that the part stays open and nothing of it is read again.
        self._desk.ask(upload.create(addressee), lambda result, _: self._on_created(key, upload, result))
        for other, rival in rivals:
            self._end(other, rival, ErrorCode.TAKEN_OVER, ELSEWHERE)

    def _on_created(self, key: Key, upload: Upload, result: PartCreated | StorageError) -> None:
        is_gone = not self._uploads.holds(key, upload)
        if isinstance(result, StorageError):
            if not is_gone:
                self._drop(key, upload, result.code, result.text)
        elif result.committed is not None:
            if not is_gone:
                self._uploads.remove(key, upload)
                self._answer_again(upload, result.committed)
        elif is_gone:
            self._desk.ask(ClosePart(upload.part_id))
        else:
            self._begin(key, upload, result)

    def _begin(self, key: Key, upload: Upload, created: PartCreated) -> None:
        self._last_transfer += 1
        transfer_id, size = self._last_transfer, upload.record.size

        def on_failed(error: StorageError) -> None:
            self._fail(key, upload, error)

        incoming = Incoming(self._desk, key[0], transfer_id, upload.part_id, size, created, on_failed)
        try:
            incoming.begin()
        except RefusedError as error:
            self._desk.ask(ClosePart(upload.part_id))
            self._on_left()
            self._drop(key, upload, error.code, error.text)
            return
        upload.incoming = incoming
        self._uploads.number(key[0], transfer_id, upload)
        if upload.is_folder and not created.is_indexed:
            part_id, members = upload.part_id, upload.record.members
            upload.indexing = Indexing(
                self._desk, part_id, members, size, lambda error: self._on_indexed(key, upload, error)
            )
        self._desk.tell(UploadBegan(upload.session.nick, upload.shown_name, size))
        waiting, upload.waiting = upload.waiting, []
        for received in waiting:
            self._answer_opened(received, upload, incoming)
        self._shares.add(
            (key[0], transfer_id),
            lambda rate: self._pace(key[0], transfer_id, rate),
            lambda: incoming.received.total,
        )

    def _pace(self, connection_id: bytes, transfer_id: int, rate: int) -> None:
        self._desk.send(connection_id, Pace(transfer_id, rate, Priority.NORMAL))

    def _answer_opened(self, received: RecordReceived, upload: Upload, incoming: Incoming) -> None:
        flags = FileFlag.INDEXED if upload.is_folder and upload.indexing is None else FileFlag(0)
        answer = Opened(incoming.transfer_id, incoming.limit, flags, tuple(incoming.received))
        self._desk.send(received.connection_id, answer, received.request_id)

    def _answer_again(self, upload: Upload, entry: FileEntry) -> None:
        """It was committed before. Perhaps we died before anybody was told, so it is told now, unless it was."""

        def on_told(error: StorageError | None) -> None:
            for received in upload.waiting:
                self._answer_committed(received, upload, entry, error)

        self._announcing.announce(upload.session, entry, on_told)

    # -- bytes and members ---------------------------------------------------------------------------------------------

    def on_data(self, data: DataReceived) -> None:
        """Bytes of an upload; those that belong to none are dropped."""
        upload = self._uploads.find_transfer(data.connection_id, data.transfer_id)
        if upload is not None and upload.incoming is not None:
            upload.incoming.on_data(data)

    def on_member(self, received: RecordReceived, record: Member) -> None:
        """A member of a folder; one that nobody waits for is ignored."""
        upload = self._uploads.find_transfer(received.connection_id, record.transfer_id)
        if upload is not None and upload.indexing is not None:
            upload.indexing.on_member(record)

    def _on_indexed(self, key: Key, upload: Upload, error: StorageError | None) -> None:
        if not self._uploads.holds(key, upload):
            return
        if error is not None:
            self._fail(key, upload, error, is_hopeless=error.code in _BAD_INDEX)
            return
        upload.indexing = None
        self._try_commit(key, upload)

    def on_blocks(self, received: RecordReceived, record: Blocks) -> None:
        """Hashes that we asked for, to repair an upload."""
        upload = self._uploads.find_transfer(received.connection_id, record.transfer_id)
        if upload is not None and upload.incoming is not None:
            upload.incoming.on_blocks(record)

    # -- COMMIT --------------------------------------------------------------------------------------------------------

    def on_commit(self, received: RecordReceived, record: Commit) -> None:
        """The client has sent all bytes: once they are here, compare, store, answer."""
        key = (received.connection_id, record.upload_id)
        upload = self._uploads.find(key)
        if upload is None or upload.incoming is None:
            self._desk.refuse(received, ErrorCode.UNKNOWN_TRANSFER, "COMMIT of an upload that was not opened")
        elif len(upload.commits) >= self._max_uploads:
            self._desk.refuse(received, ErrorCode.TOO_MANY_REQUESTS, "your last COMMIT is not answered yet")
        else:
            upload.commits.append(received)
            upload.md5 = record.md5 if upload.md5 is None else upload.md5
            self._try_commit(key, upload)

    def _try_commit(self, key: Key, upload: Upload) -> None:
        md5 = upload.md5
        if md5 is not None and upload.incoming is not None and upload.indexing is None:
            upload.incoming.commit(md5, lambda result: self._on_committed(key, upload, md5, result))

    def _on_committed(self, key: Key, upload: Upload, md5: bytes, result: FileEntry | StorageError) -> None:
        is_gone = not self._uploads.holds(key, upload)
        self._forget(key, upload)
        if isinstance(result, StorageError):
            if result.code == ErrorCode.DIGEST_MISMATCH and not is_gone:  # else who comes back may repair it
                self._abort(upload)
            else:
                self._leave(upload)
            for received in upload.commits:
                self._desk.refuse(received, result.code, result.text)
            self._tell_failed(upload, result.code, result.text)
        else:
            entry = result

            def on_told(error: StorageError | None) -> None:
                for received in upload.commits:
                    self._answer_committed(received, upload, entry, error)
                if error is None:
                    self._desk.tell(FileShared(upload.session.nick, discreet(entry), md5))

            self._announcing.announce(upload.session, entry, on_told)
        for follow in upload.followers:
            follow()

    def _answer_committed(
        self, received: RecordReceived, upload: Upload, entry: FileEntry, error: StorageError | None
    ) -> None:
        """The file is in the history of its room; or not, and the client asks again."""
        if error is not None:
            self._desk.refuse(received, error.code, error.text)
            return
        answer = Committed(upload.part_id, entry.file_id, entry.md5, entry.stored_at, entry.file_name)
        self._desk.send(received.connection_id, answer, received.request_id)

    # -- the end of one ------------------------------------------------------------------------------------------------

    def on_cancel(self, connection_id: bytes, record: Cancel) -> bool:
        """The client gives an upload up or, with NO_ERROR, lets it rest; False when it is not an upload."""
        upload = self._uploads.find_transfer(connection_id, record.transfer_id)
        if upload is None or upload.is_committing:
            return upload is not None
        self._forget((connection_id, upload.part_id), upload)
        if record.code == ErrorCode.NO_ERROR:
            self._leave(upload)
            return True
        self._abort(upload)
        self._tell_failed(upload, record.code, record.text)
        return True

    def cancel(self, part_id: bytes, code: ErrorCode, text: str) -> bool:
        """Somebody else ends an upload, whose part stays; False when it is being made a file just now."""
        found = self._uploads.of_part(part_id)
        if any(upload.is_committing for _, upload in found):
            return False
        for key, upload in found:
            self._end(key, upload, code, text)
            self._tell_failed(upload, code, text)
        return True

    def on_part_failed(self, failed: PartFailed) -> None:
        """Bytes could not be written."""
        for key, upload in self._uploads.of_part(failed.part_id):
            self._fail(key, upload, failed.error)

    def on_closed(self, connection_id: bytes) -> None:
        """The connection is gone: its parts stay for when the client comes back."""
        for key, upload in self._uploads.of_connection(connection_id):
            is_committing = upload.is_committing
            self._forget(key, upload)
            if not is_committing:
                self._leave(upload)

    def _fail(self, key: Key, upload: Upload, error: StorageError, *, is_hopeless: bool = False) -> None:
        """It cannot go on. What is there stays, for when the disk has room again; unless it is hopeless."""
        if not self._uploads.holds(key, upload) or upload.incoming is None:
            return
        self._desk.send(key[0], Cancel(upload.incoming.transfer_id, error.code, clip(error.text)))
        self._forget(key, upload)
        if is_hopeless:
            self._abort(upload)
        else:
            self._leave(upload)
        self._tell_failed(upload, error.code, error.text)

    def _end(self, key: Key, upload: Upload, code: ErrorCode, text: str) -> None:
        """Tell the client that its upload is over here; the part stays."""
        if upload.incoming is None:
            self._drop(key, upload, code, text)
            return
        self._desk.send(key[0], Cancel(upload.incoming.transfer_id, code, clip(text)))
        self._forget(key, upload)
        self._leave(upload)

    def _drop(self, key: Key, upload: Upload, code: int, text: str) -> None:
        """It never began. Of trouble with the disk the people at the server hear as well."""
        self._uploads.remove(key, upload)
        if code in DISK_TROUBLE:
            self._tell_failed(upload, code, text)
        for received in upload.waiting:
            self._desk.refuse(received, ErrorCode(code), text)

    def _leave(self, upload: Upload) -> None:
        if upload.incoming is not None:
            self._desk.ask(ClosePart(upload.part_id))
            self._on_left()

    def _abort(self, upload: Upload) -> None:
        self._desk.ask(AbortPart(0, upload.part_id), lambda _result, _now: None)

    def _forget(self, key: Key, upload: Upload) -> None:
        self._uploads.remove(key, upload)
        if upload.incoming is not None:
            upload.incoming.end()
            self._shares.remove((key[0], upload.incoming.transfer_id))

    def _tell_failed(self, upload: Upload, code: int, text: str) -> None:
        words = discreet_words(code) if upload.record.to else text
        self._desk.tell(TransferFailed(0, upload.session.nick, upload.shown_name, code, words))


_BAD_INDEX = (ErrorCode.NAME_NOT_ALLOWED, ErrorCode.TOO_LARGE, ErrorCode.INCOMPLETE)


def _is_rival(other: Upload, upload: Upload) -> bool:
    """Whether another session of the same person is at the same upload."""
    is_same = other.part_id == upload.part_id and other.session.identity == upload.session.identity
    return is_same and other is not upload
