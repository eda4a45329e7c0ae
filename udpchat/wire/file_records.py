"""Records about files; times are wall clock since 1970 [us], sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.wire.layout import Ranges
from udpchat.wire.numbers import RecordType
from udpchat.wire.record_types import RecordBase, record


@record(RecordType.OPEN)
@dataclass(frozen=True, slots=True)
class Open(RecordBase):
    """I want to upload a file or folder of `size` bytes. The same upload_id is the same upload.

    modified: wall clock since 1970 [us], 0 unknown, here and below. members: of a folder, 0 for a file. flags: bits of
    FileFlag. room: empty for the lobby. to: the one user it is for, instead of a room.
    """

    upload_id: bytes
    size: int
    modified: int
    members: int
    flags: int
    file_name: str
    room: str = ""
    to: str = ""


@record(RecordType.OPENED)
@dataclass(frozen=True, slots=True)
class Opened(RecordBase):
    """Go on. limit: DATA may be sent below this offset [bytes]. present: byte ranges that are there already.

    flags: INDEXED when the server has the whole index of the folder.
    """

    transfer_id: int
    limit: int
    flags: int
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
    """All is sent; this is its MD5, of a folder that of the MD5s of its members."""

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
    """Which files are there? Answered by File records and Finished. room: empty for all that one may see."""

    room: str = ""


@record(RecordType.FILE)
@dataclass(frozen=True, slots=True)
class File(RecordBase):
    """A file that can be fetched, or that is being uploaded. size, present in bytes; times: the server's wall clock.

    delivered, verified, opened: how many people. flags: bits of FileFlag; state: a FileState, or a number of a later
    version.
    """

    file_id: bytes
    size: int
    md5: bytes
    stored_at: int
    expires_at: int
    present: int
    width: int
    height: int
    members: int
    delivered: int
    verified: int
    opened: int
    flags: int
    state: int
    media: str
    owner: str
    room: str
    to: str
    file_name: str


@record(RecordType.FETCH)
@dataclass(frozen=True, slots=True)
class Fetch(RecordBase):
    """I want a file, by id or, when that is all zero, by name. present: byte ranges that are there already.

    number: of the member of a folder that is wanted alone, or WHOLE. flags: INDEXED when we have the folder's index.
    """

    file_id: bytes
    number: int
    flags: int
    file_name: str
    present: Ranges


@record(RecordType.OFFER)
@dataclass(frozen=True, slots=True)
class Offer(RecordBase):
    """It will come as this transfer once there is credit. size in bytes. root: of its blocks, zero for a member."""

    transfer_id: int
    file_id: bytes
    size: int
    md5: bytes
    root: bytes
    modified: int
    members: int
    flags: int
    media: str
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
    """There is a new file in a room, or for one user: a message like Line or Private. size in bytes."""

    sequence: int
    sent_at: int
    file_id: bytes
    size: int
    md5: bytes
    width: int
    height: int
    members: int
    flags: int
    media: str
    room: str
    owner: str
    to: str
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


@record(RecordType.MEMBER)
@dataclass(frozen=True, slots=True)
class Member(RecordBase):
    """One file or folder inside a folder. Its bytes follow those of the member before. flags: bits of MemberFlag."""

    transfer_id: int
    number: int
    size: int
    modified: int
    md5: bytes
    flags: int
    path: str


@record(RecordType.LIST_MEMBERS)
@dataclass(frozen=True, slots=True)
class ListMembers(RecordBase):
    """What is in this folder? Answered by Member records and Finished."""

    file_id: bytes


@record(RecordType.WANT_BLOCKS)
@dataclass(frozen=True, slots=True)
class WantBlocks(RecordBase):
    """Your MD5 is another than mine: send the hashes of all blocks. Answered by Blocks records."""

    transfer_id: int


@record(RecordType.BLOCKS)
@dataclass(frozen=True, slots=True)
class Blocks(RecordBase):
    """SHA-256 of blocks, 32 bytes each, from number `first` on."""

    transfer_id: int
    first: int
    hashes: bytes


@record(RecordType.MISSING)
@dataclass(frozen=True, slots=True)
class Missing(RecordBase):
    """I do not hold these bytes after all: send them again."""

    transfer_id: int
    ranges: Ranges


@record(RecordType.PACE)
@dataclass(frozen=True, slots=True)
class Pace(RecordBase):
    """Send me this transfer so fast at most. rate: bytes a second, 0 for any number. priority: a Priority."""

    transfer_id: int
    rate: int
    priority: int


@record(RecordType.MARK)
@dataclass(frozen=True, slots=True)
class Mark(RecordBase):
    """What I did with a file. state: OPENED or DECLINED."""

    file_id: bytes
    state: int


@record(RecordType.STATE)
@dataclass(frozen=True, slots=True)
class State(RecordBase):
    """How far a file is with somebody. at: the server's wall clock since 1970 [us]."""

    file_id: bytes
    at: int
    state: int
    nick: str
    file_name: str


@record(RecordType.LIST_STATES)
@dataclass(frozen=True, slots=True)
class ListStates(RecordBase):
    """How far is a file with everybody? Answered by State records and Finished."""

    file_id: bytes


@record(RecordType.DELETE_FILE)
@dataclass(frozen=True, slots=True)
class DeleteFile(RecordBase):
    """Remove a file of mine, or, for administrators, of anybody. Answered by Done."""

    file_id: bytes
