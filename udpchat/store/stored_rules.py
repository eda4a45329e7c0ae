"""What holds for stored files in whichever store: who sees them, what they are called, how far they have come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from udpchat.chat.names import normal
from udpchat.config import LOBBY
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.audience import NOBODY
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import Viewer
from udpchat.protocol.members import fold
from udpchat.store.names import name_key, numbered
from udpchat.store.part_rows import PartInfo
from udpchat.wire.numbers import FileState

REACHED: Final = (FileState.DELIVERED, FileState.VERIFIED, FileState.OPENED)  # each includes those before it


@dataclass(frozen=True, slots=True)
class Tally:
    """How many people have come how far with a file; those who came further are among those before."""

    delivered: int = 0
    verified: int = 0
    opened: int = 0


def room_key(room: str) -> str:
    """What makes two names of rooms the same; of no room nothing."""
    return fold(normal(room))


class Sight:
    """What somebody may see."""

    __slots__ = ("is_operator", "person_id", "rooms")

    def __init__(self, viewer: Viewer) -> None:
        self.is_operator = viewer.is_operator
        self.person_id = viewer.person_id
        # By key. The lobby is everybody's; "" is no room, but what private files have instead of one.
        self.rooms = frozenset(map(room_key, (*viewer.rooms, LOBBY))) - {""}

    def covers(self, entry: FileEntry | PartInfo) -> bool:
        """Whether a file, or one that arrives, is there for them."""
        if self.is_operator or (entry.room and room_key(entry.room) in self.rooms):
            return True
        return self.person_id != NOBODY and self.person_id in (entry.owner_id, entry.recipient_id)


def audience_of(room: str, owner_id: int, recipient_id: int) -> str:
    """Among whom the name of a file is unique: those of a room, or two people.

    With one list of names for all, the number that a name gets would tell of files that one may not see.
    """
    if room:
        return f"room {room_key(room)}"
    return "people {} {}".format(*sorted((owner_id, recipient_id)))


def free_name(file_name: str, is_taken: Callable[[str], bool]) -> str:
    """The name, with a number when it is taken. is_taken: asked for the key of a name, see `name_key`.

    Few questions, also when thousands are called the same; where files were deleted a later number may be found.
    """

    def taken(number: int) -> bool:
        return is_taken(name_key(numbered(file_name, number) if number > 1 else file_name))

    if not taken(1):
        return file_name
    low, high = 1, 2  # low is taken; high will be free
    while taken(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if taken(middle):
            low = middle
        else:
            high = middle
    return numbered(file_name, high)


def comes_further(before: FileState | None, state: FileState) -> bool:
    """Whether a mark changes anything. before: None when the person has none for this file."""
    if state is FileState.DECLINED:
        return before is None or before is FileState.DELIVERED
    if state not in REACHED:
        return False
    if before is FileState.DECLINED:
        return state is not FileState.DELIVERED  # fetched all the same; bytes alone are no change of mind
    return before is None or state > before


def count_marks(states: Iterable[FileState]) -> Tally:
    """How many people have come how far."""
    reached = [state for state in states if state in REACHED]
    delivered, verified, opened = (sum(state >= level for state in reached) for level in REACHED)
    return Tally(delivered, verified, opened)


def shown_state(entry: FileEntry, person_id: int, state: FileState) -> FileState:
    """The state of a file after a mark: of a private one that of its recipient."""
    return state if entry.recipient_id == person_id != NOBODY else entry.state


def not_stored_yet(file_name: str) -> StorageError:
    """Somebody wants what is still arriving."""
    return StorageError(f"{file_name!r} is still being uploaded; try again when it is complete", ErrorCode.INCOMPLETE)


def no_member(file_name: str) -> StorageError:
    """Somebody wants a member of a folder alone that is not there, or that is a folder."""
    return StorageError(f"{file_name!r} has no such file inside; ask for its list again", ErrorCode.UNKNOWN_FILE)


def part_id_taken() -> StorageError:
    """Somebody calls an upload what a stored file is called."""
    return StorageError("this transfer id belongs to a stored file; start the transfer again")
