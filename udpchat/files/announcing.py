"""Stored files become messages, each once, also when the server dies between the two."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.config import SECOND
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.audience import Addressee, Audience
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import DeleteFile, FindUnannounced, NoteAnnounced
from udpchat.protocol.members import Session
from udpchat.protocol.service import AT_ONCE, Desk

NOTE_INTERVAL = SECOND  # in which many files are written down together; a crash costs one more question for each
RETRY = 60 * SECOND  # after storage could not say what an earlier run has left


class Announcing:
    """Announces what is stored; at the start, what an earlier run stored and did not announce."""

    def __init__(self, desk: Desk, audience: Audience) -> None:
        self._desk = desk
        self._audience = audience
        self._look_at: int | None = AT_ONCE
        self._note_at: int | None = None
        self._announced: list[bytes] = []  # ids of files, not written down yet

    def announce(self, session: Session, entry: FileEntry, then: Callable[[StorageError | None], None]) -> None:
        """Make a stored file a message, unless it is one; a file for a room that its owner has left goes.

        then: called when it is one, or could not be.
        """

        def on_told(error: StorageError | None) -> None:
            if error is None:
                self._announced.append(entry.file_id)
                self._note_at = AT_ONCE if self._note_at is None else self._note_at
            elif error.code == ErrorCode.NOT_IN_ROOM:
                self._desk.ask(DeleteFile(0, entry.file_id), lambda _result, _now: None)
            then(error)

        addressee = Addressee(entry.room, entry.recipient_id, entry.recipient)
        self._audience.announce(session, addressee, entry, on_told)

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do."""
        return min((at for at in (self._look_at, self._note_at) if at is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Find what is to be announced; write down what was."""
        if self._look_at is not None and now >= self._look_at:
            self._look_at = None
            self._desk.ask(FindUnannounced(0), self._on_found)
        if self._note_at is not None and now >= self._note_at:
            if self._announced:
                noted, self._announced = tuple(self._announced), []
                self._desk.ask(NoteAnnounced(0, noted), lambda _result, _now: None)
                self._note_at = now + NOTE_INTERVAL
            else:
                self._note_at = None

    def _on_found(self, result: tuple[FileEntry, ...] | StorageError, now: int) -> None:
        if isinstance(result, StorageError):
            self._look_at = now + RETRY
            return
        for entry in result:
            owner = Session(b"", entry.owner, b"", entry.owner_nick, 0, entry.owner_id)
            self.announce(owner, entry, lambda _error: None)
