"""Whom files are for: what the file service asks of the chat, which knows rooms and people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from udpchat.errors import ErrorCode, StorageError
from udpchat.files.ports import FileEntry
from udpchat.protocol.members import Session

NOBODY = 0  # person id of nobody: the file is for a room


@dataclass(frozen=True, slots=True)
class Addressee:
    """A room, or one person. room: its name as it is shown, empty when it is for a person."""

    room: str
    person_id: int = NOBODY
    nick: str = ""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why somebody cannot send there."""

    code: ErrorCode
    text: str


class Audience(Protocol):
    """Who may see what, and who is to hear of it; the chat service knows."""

    def address(
        self, session: Session, room: str, nick: str, then: Callable[[Addressee | Objection | StorageError], None]
    ) -> None:
        """Whom a file is for that this person sends to a room (empty: the lobby), or, when nick is given, to a person.

        then: called once, perhaps at once; not when the session has ended meanwhile.
        """
        ...

    def announce(
        self, session: Session, addressee: Addressee, entry: FileEntry, then: Callable[[StorageError | None], None]
    ) -> None:
        """Make a stored file a message of its room, or a private one; then: called when it is one, or could not be."""
        ...

    def leave_word(self, session: Session, entry: FileEntry, text: str, at: int) -> None:
        """Let the owner of a file, who is not here, find a private line of this person when they are back; once.

        at: wall clock [us].
        """
        ...

    def rooms(self, session: Session) -> frozenset[str]:
        """Rooms whose files this person may see, by normal name (chat/names.py), the lobby among them."""
        ...

    def is_admin(self, session: Session) -> bool:
        """Whether this person may delete what is not theirs."""
        ...
