"""What the file service tells the application, at the server and at the client. Times are wall clock [us]."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.files.ports import FileEntry


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
    """A transfer ended without a whole file. request_id: of the client's verb; 0 at the server."""

    request_id: int
    nick: str
    file_name: str
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class SendingTuned:
    """The server sends us files this way from now on. window: packets, 0 as many as congestion control says."""

    request_id: int
    arq: str
    congestion: str
    window: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer of ours is, in bytes that the other end has (upload) or that we have (download)."""

    request_id: int
    file_name: str
    done: int
    size: int


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file of ours is stored at the server. md5_sent and md5_stored are equal. started, finished: `now` [us]."""

    request_id: int
    file_name: str
    size: int
    md5_sent: bytes
    md5_stored: bytes
    file_id: bytes
    started: int
    finished: int


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file is stored here. path: where. started, finished: `now` [us]."""

    request_id: int
    file_name: str
    size: int
    md5_offered: bytes
    md5_stored: bytes
    path: str
    started: int
    finished: int


@dataclass(frozen=True, slots=True)
class FileList:
    """The files of the server, oldest first."""

    request_id: int
    files: tuple[FileEntry, ...]
