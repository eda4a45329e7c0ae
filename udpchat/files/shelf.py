"""What one person may see of the stored files, and the few requests about them that one connection may have open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from udpchat.config import PRIVATE_NAME
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.audience import Audience
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import FindFile, Viewer
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session
from udpchat.protocol.ports import StoreRequest
from udpchat.protocol.service import Desk

_WORDS: Final[dict[int, str]] = {
    ErrorCode.TAKEN_OVER: "it goes on over another connection",
    ErrorCode.UNKNOWN_FILE: "it was deleted, or its time was over",
    ErrorCode.NAME_NOT_ALLOWED: "a name in it cannot be",
    ErrorCode.TOO_LARGE: "it is larger than a file may be, or than was announced",
    ErrorCode.NO_SPACE: "the disk is full",
    ErrorCode.DIGEST_MISMATCH: "its MD5 is not the MD5 that was sent",
    ErrorCode.STORAGE_FAILED: "the disk could not read or write it",
    ErrorCode.CANCELLED: "it was cancelled",
    ErrorCode.SOURCE_CHANGED: "it changed while it was being sent",
    ErrorCode.INCOMPLETE: "some of it is missing",
    ErrorCode.DECLINED: "its recipient does not want it",
}


class Shelf:
    """The stored files as people ask for them. audience: who knows who may see what. limit: questions at once."""

    def __init__(self, desk: Desk, audience: Audience, limit: int) -> None:
        self.audience = audience
        self._desk = desk
        self._limit = limit
        self._asked: Counter[bytes] = Counter()  # by connection: questions that storage has not answered

    def viewer(self, session: Session) -> Viewer:
        """What somebody may see now."""
        return Viewer(session.person_id, self.audience.rooms(session))

    def ask(self, received: RecordReceived, request: StoreRequest, then: Callable[[Any], None]) -> None:
        """Ask storage for somebody; what it refuses is refused to them, and so is too much at once."""
        connection_id = received.connection_id
        if self._asked[connection_id] >= self._limit:
            text = "too many of your questions about files wait for the disk; wait for them"
            self._desk.refuse(received, ErrorCode.TOO_MANY_REQUESTS, text)
            return
        self._asked[connection_id] += 1

        def answer(result: Any, now: int) -> None:  # noqa: ARG001 - an Answer
            self._asked[connection_id] -= 1
            if not self._asked[connection_id]:
                del self._asked[connection_id]
            if isinstance(result, StorageError):
                self._desk.refuse(received, result.code, result.text)
            else:
                then(result)

        self._desk.ask(request, answer)

    def find(
        self,
        received: RecordReceived,
        session: Session,
        file_id: bytes,
        then: Callable[[FileEntry], None],
        file_name: str = "",
    ) -> None:
        """The file that somebody means, when they may see it; to others it is refused as one that was never there."""

        def on_found(entry: FileEntry | None) -> None:
            if entry is None:
                text = f"the server has no file {file_name or file_id.hex()}"
                self._desk.refuse(received, ErrorCode.UNKNOWN_FILE, text)
            else:
                then(entry)

        self.ask(received, FindFile(0, self.viewer(session), file_id, file_name), on_found)


def discreet(entry: FileEntry) -> FileEntry:
    """An entry as the people at the server are told of it: of a private file not the name."""
    return replace(entry, file_name=PRIVATE_NAME) if entry.recipient_id else entry


def discreet_words(code: int) -> str:
    """Why the transfer of a private file ended, for the people at the server: other words may have its name in them."""
    return _WORDS.get(code, f"it ended with error {code}")


def why_damaged(entry: FileEntry) -> str:
    """What people are told who want a file that is not what was stored."""
    if entry.path:  # it lies where its owner can do with it what he wants
        return f"{entry.owner_nick} has changed it and left its time as it was; it is being read again"
    return f"the server's copy of it is damaged: {entry.owner_nick} has to send it again"
