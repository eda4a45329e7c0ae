"""What the file service tells the application, at the server and at the client. Times are wall clock [us]."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from udpchat.files.local_ports import Transfer
from udpchat.files.members import MemberInfo
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import FileMark
from udpchat.wire.numbers import FileState


class Phase(Enum):
    """What a transfer of ours does now."""

    QUEUED = "queued"  # others go first
    CHECKING = "checking"  # files are being looked at, or the server is being asked
    RUNNING = "running"
    WAITING = "waiting"  # the connection is lost, the server has no room, or another program of ours is at it
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class FileShared:
    """A file was stored whole by somebody. md5_sent: as the sender said it; at a client the stored one."""

    nick: str
    entry: FileEntry
    md5_sent: bytes


@dataclass(frozen=True, slots=True)
class FileDelivered:
    """A client has stored a file it fetched from us. md5_received: what it has."""

    nick: str
    entry: FileEntry
    md5_received: bytes


@dataclass(frozen=True, slots=True)
class UploadBegan:
    """Somebody began to upload."""

    nick: str
    file_name: str
    size: int


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """A transfer ended without a whole file. request_id: of the client's verb; 0 at the server.

    is_remote: it is the disk of the other end that failed. number: of one that rests, with what has arrived; else 0.
    """

    request_id: int
    nick: str
    file_name: str
    code: int
    text: str
    is_remote: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class SendingTuned:
    """The server sends us files this way from now on. window: packets, 0 as many as congestion control says."""

    request_id: int
    arq: str
    congestion: str
    window: int


@dataclass(frozen=True, slots=True)
class FileRemoved:
    """A stored file is gone, at the server. nick: who deleted it; empty: nobody did, and text says why.

    text: empty: its time was over.
    """

    nick: str
    entry: FileEntry
    text: str = ""


@dataclass(frozen=True, slots=True)
class FileMarked:
    """A file of ours has come further with somebody; at the server: any file. at: the server's wall clock [us]."""

    file_id: bytes
    file_name: str
    nick: str
    state: FileState
    at: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer of ours is, in bytes that the other end has (upload) or that we have (download).

    request_id: 0 while nobody of this program waits for it. transfer: as it is written down.
    members, members_done: of a folder, once they are known.
    """

    request_id: int
    file_name: str
    done: int
    size: int
    transfer: Transfer
    phase: Phase = Phase.RUNNING
    members: int = 0
    members_done: int = 0


@dataclass(frozen=True, slots=True)
class TransferResting:
    """A transfer of ours does not go on for now. It is not lost.

    text: why. is_tried_again: there is no room for it, and it goes on by itself; else it was paused.
    """

    request_id: int
    transfer: Transfer
    text: str
    is_tried_again: bool = False


@dataclass(frozen=True, slots=True)
class TransfersAdopted:
    """Transfers of earlier runs that go on here now, those that are paused included.

    request_id: 0 for those of another program, which died while this one ran.
    """

    request_id: int
    transfers: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file or folder of ours is stored at the server. md5_sent and md5_stored are equal.

    started, finished: `now` [us]. members: of a folder. left_out: what of it was not sent, see LocalFile.
    resumed: bytes that the server had already, on this connection; earlier: when this program began.
    """

    request_id: int
    file_name: str
    size: int
    md5_sent: bytes
    md5_stored: bytes
    file_id: bytes
    started: int
    finished: int
    members: int = 0
    left_out: tuple[str, ...] = ()
    resumed: int = 0
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file or folder is stored here. path: where. started, finished: `now` [us]. members: of a folder.

    resumed, earlier: bytes that were here already; see Uploaded.
    """

    request_id: int
    file_name: str
    size: int
    md5_offered: bytes
    md5_stored: bytes
    path: str
    started: int
    finished: int
    file_id: bytes = bytes(16)
    members: int = 0
    resumed: int = 0
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class FileList:
    """The files of the server, oldest first."""

    request_id: int
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class MemberList:
    """What is in a folder of the server."""

    request_id: int
    members: tuple[MemberInfo, ...]


@dataclass(frozen=True, slots=True)
class MarkList:
    """How far a file is with everybody, oldest first."""

    request_id: int
    marks: tuple[FileMark, ...]


@dataclass(frozen=True, slots=True)
class FileDone:
    """A request about a file that has nothing else to say is done: MARK, DELETE_FILE."""

    request_id: int
