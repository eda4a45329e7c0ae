"""What the file service of a client asks of storage beside ports.py: files of the user, and its list of transfers.

request         answer
OpenLocal       LocalFile
ReadAhead       bool: the MD5 has come to the stop
ClaimTransfer   Transfer
SaveTransfer    None
ListTransfers   tuple of Transfer, in their order
EndTransfer     None
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from udpchat.files.members import WHOLE, Index
from udpchat.protocol.ports import NO_REQUEST, Source, StoreRequest
from udpchat.wire.numbers import PLAIN_FILE, FileFlag, Priority


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file or folder of the user, open for sending.

    file_name: last component of its path, display text. modified: wall clock since 1970 [us]. index: of a folder.
    mark: changes whenever a file does (sizes, times of change), to notice that between two runs. left_out: links that
    lead out of the folder, things that are no files, and what is udpchat's own, relative paths.
    """

    source: Source
    file_name: str
    size: int
    modified: int = 0
    flags: FileFlag = PLAIN_FILE
    index: Index | None = None
    mark: bytes = b""
    left_out: tuple[str, ...] = ()


class Direction(Enum):
    """Which way a transfer goes."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


class Wish(Enum):
    """What the user wants of a transfer."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that is not finished, as it is written down: what is needed to go on after a restart.

    part_id: upload id or part id, 16 bytes. number: short, for people; 0 until it is written down. server: public key.
    path: the user's file (absolute), or the folder where a download ends. file_id: of a download, once it is known.
    member: of a folder, or WHOLE. mark: see LocalFile. rate: bytes a second at most, 0 any. place: order among those
    that wait, smaller first. done: bytes of it that had arrived when it was written down last. text: why it rests.
    """

    part_id: bytes
    direction: Direction
    server: bytes
    path: str
    file_name: str
    nick: str = ""
    room: str = ""
    to: str = ""
    file_id: bytes = bytes(16)
    member: int = WHOLE
    size: int = 0
    mark: bytes = b""
    wish: Wish = Wish.RUN
    priority: Priority = Priority.NORMAL
    rate: int = 0
    place: int = 0
    done: int = 0
    number: int = 0
    added_at: int = 0
    text: str = ""
    is_elsewhere: bool = False  # another program of this user is at it now


@dataclass(frozen=True, slots=True)
class OpenLocal(StoreRequest):
    """A file or folder of the user, for sending. path: as the user gave it."""

    request_id: int
    path: str


@dataclass(frozen=True, slots=True)
class ReadAhead(StoreRequest):
    """Let the MD5 of a source run over a slice of the bytes before `stop`: the server has them, they are not sent.

    To be asked again until it is answered True; bytes are sent meanwhile.
    """

    request_id: int
    source: Source
    stop: int


@dataclass(frozen=True, slots=True)
class ClaimTransfer(StoreRequest):
    """Write a transfer down and make it this program's; the answer is what was written down.

    When an unfinished one is the same (server, direction, path, room or person, file_id or file_name, member; of an
    upload the mark too), that one is gone on with: its part_id, number and wishes are in the answer. A transfer that
    another living program is at is answered with is_elsewhere, and is not ours.
    """

    request_id: int
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class SaveTransfer(StoreRequest):
    """Write down what has changed, by part_id; unknown ones are ignored. Nobody waits for it."""

    transfer: Transfer
    request_id: int = field(default=NO_REQUEST, init=False)


@dataclass(frozen=True, slots=True)
class ListTransfers(StoreRequest):
    """All unfinished transfers with a server; also what other programs have changed. server: empty for all servers."""

    request_id: int
    server: bytes = b""


@dataclass(frozen=True, slots=True)
class EndTransfer(StoreRequest):
    """A transfer is finished or given up: it is not written down any more. Nobody waits for it."""

    part_id: bytes
    request_id: int = field(default=NO_REQUEST, init=False)
