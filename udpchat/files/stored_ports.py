"""What the file service of a server asks of storage beside ports.py: lists, stored files, who has them.

request         answer
ListFiles       tuple of FileEntry, oldest first
FindFile        FileEntry, or None when there is none that this person may see
ListMembers     tuple of MemberInfo
OpenStored      Stored
MarkFile        FileEntry, or None when nothing changed
ListMarks       tuple of FileMark, oldest first
DeleteFile      FileEntry as it was
SetAside        FileEntry as it was
ExpireFiles     tuple of FileEntry as they were
FindUnannounced tuple of FileEntry, oldest first
NoteAnnounced   None
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from udpchat.config import MAX_FOLDER_MEMBERS, MAX_STORED_FILES
from udpchat.files.audience import NOBODY
from udpchat.files.members import WHOLE, MemberInfo
from udpchat.files.ports import FileEntry
from udpchat.protocol.ports import Source, StoreRequest
from udpchat.wire.numbers import FileState

NO_FILE_ID = bytes(16)  # in FindFile: by name


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: files of these rooms (by normal name, see chat/names.py), their own, and those for them are there.

    Everything else does not exist for them, in no list and by no name. is_operator: at the server's own terminal, where
    the whole disk is there to be looked after.
    """

    person_id: int
    rooms: frozenset[str]
    is_operator: bool = False


OPERATOR: Final = Viewer(NOBODY, frozenset(), is_operator=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored file, or a member of a stored folder, open for sending. member: None for the whole."""

    entry: FileEntry
    source: Source
    member: MemberInfo | None = None


@dataclass(frozen=True, slots=True)
class FileMark:
    """How far a file is with one person. at: wall clock since 1970 [us]."""

    person_id: int
    nick: str
    state: FileState
    at: int


@dataclass(frozen=True, slots=True)
class ListFiles(StoreRequest):
    """Files that somebody may see, those that are being received included. room: only of that one.

    after, count: a page of stored files, those whose sequence is above `after`, `count` at most. The last page has
    fewer, and those that are being received behind them: it is shorter than count, or ends with one of those.
    """

    request_id: int
    viewer: Viewer
    room: str = ""
    after: int = 0
    count: int = MAX_STORED_FILES + 1


@dataclass(frozen=True, slots=True)
class FindFile(StoreRequest):
    """One file that somebody may see.

    file_id: 16 bytes, also that of the upload that a stored file was; all zero: the newest of that name.
    """

    request_id: int
    viewer: Viewer
    file_id: bytes
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class ListMembers(StoreRequest):
    """What is in a stored folder, from member number `first` on, `count` members at most."""

    request_id: int
    file_id: bytes
    first: int = 0
    count: int = MAX_FOLDER_MEMBERS


@dataclass(frozen=True, slots=True)
class OpenStored(StoreRequest):
    """A stored file, for sending. number: of the member of a folder that is wanted alone."""

    request_id: int
    file_id: bytes
    number: int = WHOLE


@dataclass(frozen=True, slots=True)
class MarkFile(StoreRequest):
    """A file has come further with somebody; never back, but DECLINED and then fetched all the same is VERIFIED.

    at: wall clock since 1970 [us]. Answered None when the person had come as far before, or owns the file.
    """

    request_id: int
    file_id: bytes
    person_id: int
    nick: str
    state: FileState
    at: int


@dataclass(frozen=True, slots=True)
class ListMarks(StoreRequest):
    """How far a file is with everybody."""

    request_id: int
    file_id: bytes


@dataclass(frozen=True, slots=True)
class DeleteFile(StoreRequest):
    """Remove a stored file, or an upload that is not complete; who still reads it reads on."""

    request_id: int
    file_id: bytes


@dataclass(frozen=True, slots=True)
class SetAside(StoreRequest):
    """Take a file off the list that is not what was stored any more; its bytes are kept for a human to look at."""

    request_id: int
    file_id: bytes


@dataclass(frozen=True, slots=True)
class ExpireFiles(StoreRequest):
    """Remove files that have been stored, and uploads that nobody went on with, for longer than the limits say.

    now: wall clock since 1970 [us].
    """

    request_id: int
    now: int


@dataclass(frozen=True, slots=True)
class FindUnannounced(StoreRequest):
    """Stored files of which it is not written down that they are messages."""

    request_id: int


@dataclass(frozen=True, slots=True)
class NoteAnnounced(StoreRequest):
    """These files are messages; those that are gone are ignored."""

    request_id: int
    file_ids: tuple[bytes, ...]
