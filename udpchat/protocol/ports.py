"""What the services ask of storage, and what storage answers.

A service emits a `StoreRequest`; whoever runs it hands the request to a `Store` and brings the answer back as
`complete(request.request_id, result, now)`. Any request may be answered with a `StorageError` instead of its result.
Requests that nobody waits for (`WritePart`, `ClosePart`, `CloseSource`) have request id 0 and are answered only by bad
news: when their result is not None, it goes to `complete(0, result, now)`.

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

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, TypeAlias

from udpchat.errors import StorageError, UsageError

NO_REQUEST = 0  # request id of what nobody waits for
NO_FILE_ID = bytes(16)  # in FindFile: by name


class Source(Protocol):
    """Bytes to send: an open file. Used on one thread, the one that runs the core."""

    @property
    def size(self) -> int:
        """Bytes it had when it was opened."""
        ...

    def read_into(self, offset: int, view: memoryview) -> int:
        """Fill view with the bytes from offset on; bytes read. Fewer than asked: the file shrank or cannot be read.

        What is read for the first time in order goes into the running MD5.
        """
        ...

    def close(self) -> None:
        """Give the file back; a second call does nothing."""
        ...


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
class CreatePart:
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
class WritePart:
    """Write bytes at an offset, at once; bytes that are there already are not written again.

    data is valid only during the call that performs this.
    """

    request_id: ClassVar[int] = NO_REQUEST
    part_id: bytes
    offset: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class SyncPart:
    """Make what was written so far durable: the data first, then the journal."""

    request_id: int
    part_id: bytes


@dataclass(frozen=True, slots=True)
class CommitPart:
    """Compare the MD5 and make the part a file. Asked again, the same entry is the answer. md5: 16 bytes."""

    request_id: int
    part_id: bytes
    md5: bytes


@dataclass(frozen=True, slots=True)
class AbortPart:
    """Forget a part and its bytes. Unknown and committed parts are left alone."""

    request_id: int
    part_id: bytes


@dataclass(frozen=True, slots=True)
class ClosePart:
    """One user of a part is gone; when it was the last, the part is made durable and its file is closed.

    To be sent once for every `PartCreated` that is followed by neither commit nor abort, also when it came too late.
    After commit and abort it does nothing.
    """

    request_id: ClassVar[int] = NO_REQUEST
    part_id: bytes


@dataclass(frozen=True, slots=True)
class ListFiles:
    """All files."""

    request_id: int


@dataclass(frozen=True, slots=True)
class FindFile:
    """One file. file_id: 16 bytes; all zero: the newest of that name."""

    request_id: int
    file_id: bytes
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class OpenStored:
    """A stored file, for sending."""

    request_id: int
    file_id: bytes


@dataclass(frozen=True, slots=True)
class OpenLocal:
    """A file of the user, for sending. path: as the user gave it."""

    request_id: int
    path: str


@dataclass(frozen=True, slots=True)
class DigestSource:
    """The MD5 of a whole source; only what was not hashed while it was read is read again.

    Answered with SOURCE_CHANGED when the file's size or time of change is not what it was when it was opened.
    """

    request_id: int
    source: Source


@dataclass(frozen=True, slots=True)
class CloseSource:
    """Close a source."""

    request_id: ClassVar[int] = NO_REQUEST
    source: Source


StoreRequest: TypeAlias = (
    CreatePart
    | WritePart
    | SyncPart
    | CommitPart
    | AbortPart
    | ClosePart
    | ListFiles
    | FindFile
    | OpenStored
    | OpenLocal
    | DigestSource
    | CloseSource
)
Result: TypeAlias = (
    PartCreated
    | PartSynced
    | PartFailed
    | FileEntry
    | tuple[FileEntry, ...]
    | Source
    | LocalFile
    | bytes
    | StorageError
    | None
)


# -- how requests are performed ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """The slow half of a request: `job.finish(job.run())` is its result.

    run: does the work, in the store's one worker thread, in the order of submission; failures are part of the outcome.
    finish: takes in the outcome on the thread that submitted and gives what goes to `complete`.
    """

    run: Callable[[], object]
    finish: Callable[[object], Result]


class Store(Protocol):
    """Performs requests. Called on the thread that runs the core."""

    def submit(self, request: StoreRequest) -> Result | Job:
        """The result of what is quick, a job for what is slow."""
        ...

    def close(self) -> None:
        """Give everything back; to be called when no job is left."""
        ...


def perform(store: Store, request: StoreRequest) -> Result:
    """The result of a request, here and now: for tools, simulators and tests."""
    answer = store.submit(request)
    if isinstance(answer, Job):
        return answer.finish(answer.run())
    return answer


def number_request(request: StoreRequest, request_id: int) -> StoreRequest:
    """The same request under a request id; UsageError for those that nobody waits for."""
    if isinstance(request, WritePart | ClosePart | CloseSource):
        raise UsageError(f"{type(request).__name__} is not answered")
    return replace(request, request_id=request_id)
