"""Records about files; times are wall clock since 1970 [us], sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.wire.layout import Ranges
from udpchat.wire.numbers import RecordType
from udpchat.wire.record_types import RecordBase, record


@record(RecordType.OPEN)
@dataclass(frozen=True, slots=True)
class Open(RecordBase):
    """I want to upload a file of `size` bytes. The same upload_id is the same upload. room: empty for the lobby."""

    upload_id: bytes
    size: int
    file_name: str
    room: str = ""


@record(RecordType.OPENED)
@dataclass(frozen=True, slots=True)
class Opened(RecordBase):
    """Go on. limit: DATA may be sent below this offset [bytes]. present: byte ranges that are there already."""

    transfer_id: int
    limit: int
    present: Ranges


@record(RecordType.CREDIT)
@dataclass(frozen=True, slots=True)
class Credit(RecordBase):
    """More room. limit: DATA may be sent below this offset [bytes]."""

    transfer_id: int
    limit: int


@record(RecordType.COMMIT)
@dataclass(frozen=True, slots=True)
class Commit(RecordBase):
    """All is sent; this is its MD5."""

    upload_id: bytes
    md5: bytes


@record(RecordType.COMMITTED)
@dataclass(frozen=True, slots=True)
class Committed(RecordBase):
    """The file is stored, durably. stored_at: the server's wall clock since 1970 [us]."""

    upload_id: bytes
    file_id: bytes
    md5: bytes
    stored_at: int
    file_name: str


@record(RecordType.CANCEL)
@dataclass(frozen=True, slots=True)
class Cancel(RecordBase):
    """A transfer ends here. code: an ErrorCode, or a number of a later version."""

    transfer_id: int
    code: int
    text: str


@record(RecordType.LIST_FILES)
@dataclass(frozen=True, slots=True)
class ListFiles(RecordBase):
    """Which files are there? Answered by File records and Finished."""


@record(RecordType.FILE)
@dataclass(frozen=True, slots=True)
class File(RecordBase):
    """A file that can be fetched. size in bytes; stored_at: the server's wall clock since 1970 [us]."""

    file_id: bytes
    size: int
    md5: bytes
    stored_at: int
    owner: str
    file_name: str


@record(RecordType.FETCH)
@dataclass(frozen=True, slots=True)
class Fetch(RecordBase):
    """I want a file, by id or, when that is all zero, by name. present: byte ranges that are there already."""

    file_id: bytes
    file_name: str
    present: Ranges


@record(RecordType.OFFER)
@dataclass(frozen=True, slots=True)
class Offer(RecordBase):
    """It will come as this transfer once there is credit. size in bytes."""

    transfer_id: int
    file_id: bytes
    size: int
    md5: bytes
    file_name: str


@record(RecordType.RECEIVED)
@dataclass(frozen=True, slots=True)
class Received(RecordBase):
    """The file is stored at the client; this is its MD5."""

    transfer_id: int
    md5: bytes


@record(RecordType.SHARED)
@dataclass(frozen=True, slots=True)
class Shared(RecordBase):
    """There is a new file in a room: a message like Line. size in bytes."""

    sequence: int
    sent_at: int
    file_id: bytes
    size: int
    md5: bytes
    room: str
    owner: str
    file_name: str


@record(RecordType.TUNE)
@dataclass(frozen=True, slots=True)
class Tune(RecordBase):
    """Send me files this way. window: packets, 0 as congestion control says. Answered by Tuned or Refused."""

    window: int
    arq: str
    congestion: str


@record(RecordType.TUNED)
@dataclass(frozen=True, slots=True)
class Tuned(RecordBase):
    """Files are sent to you this way from now on. window: packets, 0 as congestion control says."""

    window: int
    arq: str
    congestion: str
