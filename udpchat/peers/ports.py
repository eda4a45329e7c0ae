"""What the peer service and whoever runs a node ask of storage; see `udpchat.protocol.ports`.

request         answer
SearchShared    tuple of SharedFile
ScanShare       ShareScanned
"""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.protocol.ports import StoreRequest
from udpchat.wire.numbers import PLAIN_FILE, FileFlag, QueryKind

NO_ROOT = bytes(32)  # block root of what was not hashed by blocks yet
NO_FILE_ID = bytes(16)  # of what only has a name


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file or folder that this node shares. size: bytes, of all members together.

    file_name: where it lies below the shared folder, parts separated by "/"; of what was uploaded its name. root: block
    root, of a folder see content.py, or NO_ROOT. file_id: what FETCH calls it.
    """

    file_name: str
    size: int
    md5: bytes
    root: bytes = NO_ROOT
    members: int = 0
    flags: FileFlag = PLAIN_FILE
    file_id: bytes = NO_FILE_ID


@dataclass(frozen=True, slots=True)
class SearchShared(StoreRequest):
    """What is shared here that a query means? Answered with a tuple of SharedFile, at most `limit`.

    The pattern has no fault (`udpchat.peers.patterns`).
    """

    request_id: int
    kind: QueryKind
    pattern: str
    limit: int


@dataclass(frozen=True, slots=True)
class ShareScanned:
    """How far the look at the shared folder has come.

    is_done: everything that is there was looked at, and read where that was needed. files, folders: that are shared
    now. read: files that were read in this look, left: files that are still to be read, as far as that is known,
    left_bytes: their bytes. gone: files and folders that were shared and are not there any more. left_out: what is not
    shared, by reason in words, each with its number.
    """

    is_done: bool
    files: int = 0
    folders: int = 0
    read: int = 0
    left: int = 0
    left_bytes: int = 0
    gone: int = 0
    left_out: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ScanShare(StoreRequest):
    """Look at another slice of the shared folder, and read of it what is new or has changed.

    To be asked again until it is done; asked after that, the next look begins. Answered with a StorageError when the
    folder cannot be read: what is known of it stays known, and the next look begins anew.
    """

    request_id: int
