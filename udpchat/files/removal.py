"""Files that go: deleted by those who may, or declined by the one they were for."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.errors import ErrorCode, StorageError
from udpchat.files.downloads import Downloads
from udpchat.files.events import FileRemoved
from udpchat.files.ports import FileEntry
from udpchat.files.shelf import Shelf, discreet
from udpchat.files.states import States
from udpchat.files.stored_ports import DeleteFile
from udpchat.files.uploads import Uploads
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import FileState
from udpchat.wire.records import DeleteFile as DeleteRecord
from udpchat.wire.records import Done, Mark

BUSY = "the file is being stored just now; try again in a moment"

Then = Callable[[FileEntry | StorageError], None]


class Removal:
    """Removes files, with what is under way of them."""

    def __init__(self, desk: Desk, shelf: Shelf, uploads: Uploads, downloads: Downloads, states: States) -> None:
        self._desk = desk
        self._shelf = shelf
        self._uploads = uploads
        self._downloads = downloads
        self._states = states

    def on_delete(self, received: RecordReceived, session: Session, record: DeleteRecord) -> None:
        """DELETE_FILE: answered by Done or Refused."""

        def on_found(entry: FileEntry) -> None:
            if not self._may_delete(session, entry):
                text = f"{entry.file_name} is {entry.owner_nick}'s: only the owner and administrators may delete it"
                self._desk.refuse(received, ErrorCode.NOT_ALLOWED, text)
                return
            self.delete(entry.file_id, session.nick, then)

        def then(result: FileEntry | StorageError) -> None:
            if isinstance(result, StorageError):
                self._desk.refuse(received, result.code, result.text)
            else:
                self._desk.send(received.connection_id, Done(), received.request_id)

        self._shelf.find(received, session, record.file_id, on_found)

    def _may_delete(self, session: Session, entry: FileEntry) -> bool:
        if self._shelf.audience.is_admin(session):
            return True
        if entry.owner_id:
            return entry.owner_id == session.person_id
        return entry.owner == session.identity  # stored before persons were

    def delete(self, file_id: bytes, nick: str, then: Then) -> None:
        """Remove a file or an unfinished upload; what is under way of it ends. nick: who wants it."""
        self._remove(file_id, nick, ErrorCode.CANCELLED, f"{nick} has deleted it", then)

    def on_declined(self, received: RecordReceived, session: Session, record: Mark, at: int) -> None:
        """MARK with DECLINED: a file that was for one person goes, also when not all of it is here. at: wall [us]."""

        def on_found(entry: FileEntry) -> None:
            if entry.recipient_id != session.person_id:
                self._states.on_mark(received, session, record, at)
            elif entry.state is FileState.RECEIVING:
                self._decline(received, session, entry, lambda: self._states.tell(session, entry, declined, at))
            else:  # the mark first: when the file cannot be removed now, it is declined all the same
                self._states.ask(received, session, entry, declined, at, lambda: on_marked(entry))

        def on_marked(entry: FileEntry) -> None:
            self._decline(received, session, entry, lambda: None)

        declined = FileState.DECLINED
        self._shelf.find(received, session, record.file_id, on_found)

    def _decline(
        self, received: RecordReceived, session: Session, entry: FileEntry, on_gone: Callable[[], None]
    ) -> None:
        def then(result: FileEntry | StorageError) -> None:
            if isinstance(result, StorageError):
                self._desk.refuse(received, result.code, result.text)
            else:
                on_gone()
                self._desk.send(received.connection_id, Done(), received.request_id)

        text = f"{session.nick} does not want {entry.file_name}"
        self._remove(entry.file_id, session.nick, ErrorCode.DECLINED, text, then)

    def _remove(self, file_id: bytes, nick: str, code: ErrorCode, text: str, then: Then) -> None:
        if not self._uploads.cancel(file_id, code, text):
            then(StorageError(BUSY, ErrorCode.TRY_LATER))
            return

        def answer(result: FileEntry | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            if not isinstance(result, StorageError):
                self._downloads.on_gone(file_id, "the file was deleted")
                self._desk.tell(FileRemoved(nick, discreet(result)))
            then(result)

        self._desk.ask(DeleteFile(0, file_id), answer)
