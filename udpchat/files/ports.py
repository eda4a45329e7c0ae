"""What file services ask of storage, and what storage answers; see protocol/ports.py.

Requests that nobody waits for (`WritePart`, `ClosePart`, `CloseSource`) have request id 0 and are answered only by bad
news.

    request         answer
    CreatePart      PartCreated
    AddMembers      None
    WritePart       None; PartFailed when it could not be written
    SyncPart        PartSynced
    CheckPart       PartChecked
    CommitPart      FileEntry; PartChecked when much is to be read back first
    CompareBlocks   tuple of byte ranges that were wrong, and are not there any more
    AbortPart       None
    ClosePart       None
    CloseSource     None
    DigestSource    bytes, the MD5 of the whole
    HashBlocks      bytes, the SHA-256 of each block

What only a server is asked is in stored_ports.py, what only a client is asked in local_ports.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from udpchat.errors import StorageError
from udpchat.files.members import MemberInfo
from udpchat.protocol.ports import NO_REQUEST, Source, StoreRequest
from udpchat.wire.numbers import PLAIN_FILE, FileFlag, FileState

# -- answers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Media:
    """What a file's content is, found by looking at it.

    name: as image/png, empty when unknown. width, height: of an image [pixels], 0 when unknown.
    """

    name: str = ""
    width: int = 0
    height: int = 0


UNKNOWN_MEDIA: Final = Media()


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file or folder that is stored whole, or, in lists, one that is still being received.

    file_id, md5: 16 bytes. stored_at, modified, expires_at: wall clock since 1970 [us]; 0 for unknown and never.
    owner: public key. owner_id, recipient_id: persons, see chat/ports.py. room: as it is shown; empty: it is for the
    person `recipient`. file_name: display text. path: where a download lies on this machine; empty on a server.
    members: of a folder. root: of its blocks, see blocks.py. present: bytes that are there.
    sequence: where in the list of a server it stands, later files higher; 0 of what is being received.
    delivered, verified, opened: how many people; state: STORED, or of a private one how far it is with its recipient.
    """

    file_id: bytes
    file_name: str
    size: int
    md5: bytes
    stored_at: int
    owner: bytes
    owner_nick: str
    path: str = ""
    owner_id: int = 0
    room: str = ""
    recipient_id: int = 0
    recipient: str = ""
    modified: int = 0
    flags: FileFlag = PLAIN_FILE
    members: int = 0
    root: bytes = b""
    media: Media = UNKNOWN_MEDIA
    expires_at: int = 0
    state: FileState = FileState.STORED
    present: int = 0
    delivered: int = 0
    verified: int = 0
    opened: int = 0
    sequence: int = field(default=0, compare=False)

    @property
    def is_folder(self) -> bool:
        """Many files, with an index."""
        return bool(self.flags & FileFlag.FOLDER)


@dataclass(frozen=True, slots=True)
class PartCreated:
    """A part that takes bytes.

    present: half-open byte ranges that are there already, ascending (after a restart: those that are durable).
    is_indexed: all members of the folder are known. is_checked: nothing of what is there needs `CheckPart`.
    committed: the entry, when the part was committed before; nothing more is to be written then.
    """

    part_id: bytes
    present: tuple[tuple[int, int], ...]
    committed: FileEntry | None = None
    is_indexed: bool = False
    is_checked: bool = True


@dataclass(frozen=True, slots=True)
class PartSynced:
    """What of a part survives a power cut.

    durable_bytes: how many bytes. durable_prefix: how many of them from the start on, without a hole.
    """

    part_id: bytes
    durable_bytes: int
    durable_prefix: int


@dataclass(frozen=True, slots=True)
class PartChecked:
    """A slice of what was there has been read. damaged: byte ranges that were wrong, and are not there any more."""

    part_id: bytes
    damaged: tuple[tuple[int, int], ...]
    is_done: bool


@dataclass(frozen=True, slots=True)
class PartFailed:
    """Bytes of a part could not be written; the part takes no more."""

    part_id: bytes
    error: StorageError


# -- requests ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreatePart(StoreRequest):
    """Make room for a file or folder that will arrive in pieces. The same part id is the same part, for ever.

    part_id: 16 bytes made by the client; an id that another owner uses, or that was used with another size, is refused.
    owner: public key. modified, flags, members, room, recipient...: as in FileEntry. Servers check their limits.
    folder: where a download shall end; empty: the default folder. Servers ignore it.
    """

    request_id: int
    part_id: bytes
    owner: bytes
    owner_nick: str
    file_name: str
    size: int
    folder: str = ""
    modified: int = 0
    flags: FileFlag = PLAIN_FILE
    members: int = 0
    owner_id: int = 0
    room: str = ""
    recipient_id: int = 0
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class AddMembers(StoreRequest):
    """The next members of the folder that a part is, from number `first` on; those that are known are not added again.

    A client makes the tree's files when all are known, and takes bytes only then. Answered NAME_NOT_ALLOWED,
    TOO_LARGE or INCOMPLETE when the index cannot be: a path that leads out, sizes that do not add up.
    """

    request_id: int
    part_id: bytes
    first: int
    members: tuple[MemberInfo, ...]


@dataclass(frozen=True, slots=True)
class WritePart(StoreRequest):
    """Write bytes at an offset, at once; bytes that are there already are not written again.

    data is valid only during the call that performs this.
    """

    part_id: bytes
    offset: int
    data: memoryview
    request_id: int = field(default=NO_REQUEST, init=False)


@dataclass(frozen=True, slots=True)
class SyncPart(StoreRequest):
    """Make what was written so far durable: the data first, then the journal of ranges, block hashes and MD5s."""

    request_id: int
    part_id: bytes


@dataclass(frozen=True, slots=True)
class CheckPart(StoreRequest):
    """Read a slice of what was there when the part was opened, compare it with the journal's hashes, hash it for MD5.

    To be asked again until it is done; bytes are taken meanwhile.
    """

    request_id: int
    part_id: bytes


@dataclass(frozen=True, slots=True)
class CommitPart(StoreRequest):
    """Compare the MD5 and make the part a file. Asked again, the same entry is the answer. md5: 16 bytes.

    When much of the part was not hashed yet (the members of a folder came after their bytes), the answer is that the
    check is not done: `CheckPart` is to be asked until it is, and then this again.
    After DIGEST_MISMATCH the part is still there: `CompareBlocks` finds what is wrong, or `AbortPart` ends it.
    """

    request_id: int
    part_id: bytes
    md5: bytes


@dataclass(frozen=True, slots=True)
class CompareBlocks(StoreRequest):
    """Compare the part, as it is on the disk, with the sender's SHA-256 of its blocks, from number `first` on.

    What differs is taken out of the part, to be sent again.
    """

    request_id: int
    part_id: bytes
    first: int
    hashes: bytes


@dataclass(frozen=True, slots=True)
class AbortPart(StoreRequest):
    """Forget a part and its bytes. Unknown and committed parts are left alone."""

    request_id: int
    part_id: bytes


@dataclass(frozen=True, slots=True)
class ClosePart(StoreRequest):
    """One user of a part is gone; when it was the last, the part is made durable and its file is closed.

    To be sent once for every `PartCreated` that is followed by neither commit nor abort, also when it came too late.
    After commit and abort it does nothing.
    """

    part_id: bytes
    request_id: int = field(default=NO_REQUEST, init=False)


@dataclass(frozen=True, slots=True)
class DigestSource(StoreRequest):
    """The MD5 of a whole source, of a folder that of its members' MD5s.

    Only what was not hashed while it was read is read again.
    Answered with SOURCE_CHANGED when a file's size or time of change is not what it was when it was opened.
    """

    request_id: int
    source: Source


@dataclass(frozen=True, slots=True)
class HashBlocks(StoreRequest):
    """The SHA-256 of count blocks of a source, from number `first` on; it is read for that.

    with_md5: of a source whose MD5 nobody needed the MD5 runs along. When all its blocks have been asked for in order,
    from the first on, DigestSource reads nothing again.
    """

    request_id: int
    source: Source
    first: int
    count: int
    with_md5: bool = False


@dataclass(frozen=True, slots=True)
class CloseSource(StoreRequest):
    """Close a source."""

    source: Source
    request_id: int = field(default=NO_REQUEST, init=False)
