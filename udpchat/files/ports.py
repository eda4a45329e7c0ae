"""What file services ask of storage, and what storage answers; see protocol/ports.py.

Requests that nobody waits for (`WritePart`, `ClosePart`, `CloseSource`) have request id 0 and are answered only by bad
news.

    request         answer
    CreatePart      PartCreated
    WritePart       None; PartFailed when it could not be written
    SyncPart        PartSynced
    CommitPart      FileEntry
    AbortPart       None
    ClosePart       None
    ListFiles       tuple of FileEntry, oldest first
    FindFile        FileEntry, or None when there is no such file
    OpenStored      Source
    OpenLocal       LocalFile
    DigestSource    bytes, the MD5 of the whole
    CloseSource     None
"""

from __future__ import annotations

from dataclasses import dataclass, field

from udpchat.errors import StorageError
from udpchat.protocol.ports import NO_REQUEST, Source, StoreRequest

NO_FILE_ID = bytes(16)  # in FindFile: by name

# -- answers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file that is stored whole.

    file_id, md5: 16 bytes. stored_at: wall clock since 1970 [us]. owner: public key. file_name: display text.
    path: where a download lies on this machine; empty on a server.
    """

    file_id: bytes
    file_name: str
    size: int
    md5: bytes
    stored_at: int
    owner: bytes
    owner_nick: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class PartCreated:
    """A part that takes bytes.

    present: half-open byte ranges that are there already, ascending (after a restart: those that are durable).
    committed: the entry, when the part was committed before; nothing more is to be written then.
    """

    part_id: bytes
    present: tuple[tuple[int, int], ...]
    committed: FileEntry | None = None


@dataclass(frozen=True, slots=True)
class PartSynced:
    """What of a part survives a power cut.

    durable_bytes: how many bytes. durable_prefix: how many of them from the start on, without a hole.
    """

    part_id: bytes
    durable_bytes: int
    durable_prefix: int


@dataclass(frozen=True, slots=True)
class PartFailed:
    """Bytes of a part could not be written; the part takes no more."""

    part_id: bytes
    error: StorageError


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the user, open for sending. file_name: last component of its path, display text."""

    source: Source
    file_name: str
    size: int


# -- requests ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreatePart(StoreRequest):
    """Make room for a file that will arrive in pieces. The same part id is the same part, for ever.

    part_id: 16 bytes made by the client; an id that another owner uses, or that was used with another size, is refused.
    owner: public key.
    folder: where a download shall end; empty: the default folder. Servers ignore it.
    """

    request_id: int
    part_id: bytes
    owner: bytes
    owner_nick: str
    file_name: str
    size: int
    folder: str = ""


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
    """Make what was written so far durable: the data first, then the journal."""

    request_id: int
    part_id: bytes


@dataclass(frozen=True, slots=True)
class CommitPart(StoreRequest):
    """Compare the MD5 and make the part a file. Asked again, the same entry is the answer. md5: 16 bytes."""

    request_id: int
    part_id: bytes
    md5: bytes


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
class ListFiles(StoreRequest):
    """All files."""

    request_id: int


@dataclass(frozen=True, slots=True)
class FindFile(StoreRequest):
    """One file. file_id: 16 bytes; all zero: the newest of that name."""

    request_id: int
    file_id: bytes
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class OpenStored(StoreRequest):
    """A stored file, for sending."""

    request_id: int
    file_id: bytes


@dataclass(frozen=True, slots=True)
class OpenLocal(StoreRequest):
    """A file of the user, for sending. path: as the user gave it."""

    request_id: int
    path: str


@dataclass(frozen=True, slots=True)
class DigestSource(StoreRequest):
    """The MD5 of a whole source; only what was not hashed while it was read is read again.

    Answered with SOURCE_CHANGED when the file's size or time of change is not what it was when it was opened.
    """

    request_id: int
    source: Source


@dataclass(frozen=True, slots=True)
class CloseSource(StoreRequest):
    """Close a source."""

    source: Source
    request_id: int = field(default=NO_REQUEST, init=False)
