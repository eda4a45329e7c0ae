"""One upload, as the server sees it, and what an OPEN may ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from udpchat.config import MAX_FILE_NAME, MAX_FILE_SIZE, MAX_FOLDER_MEMBERS, PRIVATE_NAME
from udpchat.errors import ErrorCode
from udpchat.files.audience import Addressee, Objection
from udpchat.files.indexing import Indexing
from udpchat.files.ports import CreatePart
from udpchat.files.receiving import Incoming
from udpchat.files.stored_ports import NO_FILE_ID
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session
from udpchat.wire.numbers import FileFlag
from udpchat.wire.records import Open

TAKEN_FLAGS = FileFlag.FOLDER | FileFlag.EXECUTABLE  # of an OPEN; the others are the server's to set


@dataclass(slots=True)
class Upload:
    """One upload of one session.

    waiting: OPENs that are not answered. addressee: None until it is known. incoming: None until the part is made.
    indexing: of a folder whose index the server does not have. commits: COMMITs that are not answered; md5: of the
    first. followers: called when storage is done with the part, one way or the other.
    """

    session: Session
    record: Open
    waiting: list[RecordReceived]
    addressee: Addressee | None = None
    incoming: Incoming | None = None
    indexing: Indexing | None = None
    commits: list[RecordReceived] = field(default_factory=list)
    md5: bytes | None = None
    followers: list[Callable[[], None]] = field(default_factory=list)

    @property
    def connection_id(self) -> bytes:
        """Of its session."""
        return self.session.connection_id

    @property
    def part_id(self) -> bytes:
        """The id that the client gave."""
        return self.record.upload_id

    @property
    def is_folder(self) -> bool:
        """Many files, with an index."""
        return bool(self.record.flags & FileFlag.FOLDER)

    @property
    def is_committing(self) -> bool:
        """Storage makes it a file just now."""
        return self.incoming is not None and self.incoming.is_committing

    @property
    def shown_name(self) -> str:
        """For the people at the server, who are not to see what is private."""
        return PRIVATE_NAME if self.record.to else self.record.file_name

    def is_for_same(self, record: Open) -> bool:
        """Whether an OPEN repeats this one."""
        return _essence(self.record) == _essence(record)

    def create(self, addressee: Addressee) -> CreatePart:
        """What storage is asked for."""
        record, session = self.record, self.session
        private = FileFlag.PRIVATE if addressee.person_id else FileFlag(0)
        return CreatePart(
            0,
            record.upload_id,
            session.identity,
            session.nick,
            record.file_name,
            record.size,
            modified=record.modified,
            flags=FileFlag(record.flags) & TAKEN_FLAGS | private,
            members=record.members if self.is_folder else 0,
            owner_id=session.person_id,
            room=addressee.room,
            recipient_id=addressee.person_id,
            recipient=addressee.nick,
        )


def open_objection(record: Open) -> Objection | None:
    """Why an OPEN cannot be, whoever sends it."""
    if record.upload_id == NO_FILE_ID:
        return Objection(
            ErrorCode.NAME_NOT_ALLOWED, "the id of an upload is random, and not zero: nobody could ask for it"
        )
    if not record.file_name.strip():
        return Objection(ErrorCode.NAME_NOT_ALLOWED, "a file needs a name")
    if len(record.file_name.encode()) > MAX_FILE_NAME:
        text = f"a file name has at most {MAX_FILE_NAME} bytes of text; rename it and send it again"
        return Objection(ErrorCode.NAME_NOT_ALLOWED, text)
    if record.size > MAX_FILE_SIZE:
        return Objection(ErrorCode.TOO_LARGE, f"a file has at most {MAX_FILE_SIZE} bytes")
    if record.flags & FileFlag.FOLDER and record.members > MAX_FOLDER_MEMBERS:
        text = f"a folder has at most {MAX_FOLDER_MEMBERS} files and folders in it; send its parts one by one"
        return Objection(ErrorCode.TOO_LARGE, text)
    if record.flags & FileFlag.FOLDER and record.size and not record.members:
        return Objection(ErrorCode.INCOMPLETE, "a folder with nothing in it has no bytes")
    return None


def _essence(record: Open) -> tuple[object, ...]:
    """What must not change when an upload is opened again."""
    return record.size, record.members, record.flags & FileFlag.FOLDER, record.file_name, record.room, record.to
