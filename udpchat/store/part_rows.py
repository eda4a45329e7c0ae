"""What a journal says about files that are still arriving, as values."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from udpchat.files.ports import CreatePart
from udpchat.wire.numbers import PLAIN_FILE, FileFlag

Runs: TypeAlias = tuple[tuple[int, int], ...]  # half-open, ascending, disjoint

LATEST: Final = 2**63 - 1  # time that a database can hold [us]; the wire carries any u64

_RUN: Final = struct.Struct(">QQ")


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What was said about a file before its first byte came. See `CreatePart`."""

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

    @property
    def is_folder(self) -> bool:
        """Many files, with an index."""
        return bool(self.flags & FileFlag.FOLDER)

    @classmethod
    def of(cls, request: CreatePart) -> PartInfo:
        """What a request says."""
        return cls(
            request.part_id,
            request.owner,
            request.owner_nick,
            request.file_name,
            request.size,
            request.folder,
            min(request.modified, LATEST),
            request.flags,
            request.members,
            request.owner_id,
            request.room,
            request.recipient_id,
            request.recipient,
        )


@dataclass(frozen=True, slots=True)
class PartRow:
    """The journal of a part, without blocks and members.

    ranges: what is durable, packed; see `unpack_runs`. md5, file_id, target, root: set when the part was verified: what
    it is, and the name it has or is about to get (a server's is the file id). touched_at: wall clock of the last entry
    [us].
    """

    info: PartInfo
    ranges: bytes
    md5: bytes | None
    file_id: bytes | None
    target: str
    root: bytes
    touched_at: int

    @property
    def present(self) -> int:
        """Bytes that are durable."""
        return sum(stop - start for start, stop in unpack_runs(self.ranges, self.info.size))


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What a sync has to write down.

    runs: all that is durable. blocks: new ones, number and SHA-256. md5s: of members that are complete now, number and
    MD5. lost_blocks, lost_members: half-open ranges of numbers whose hashes are not right any more; they go first.
    """

    runs: Runs
    blocks: Sequence[tuple[int, bytes]] = ()
    md5s: Sequence[tuple[int, bytes]] = ()
    lost_blocks: Runs = ()
    lost_members: Runs = ()


def pack_runs(runs: Iterable[tuple[int, int]]) -> bytes:
    """Runs as they lie in a journal."""
    return b"".join(_RUN.pack(start, stop) for start, stop in runs)


def unpack_runs(data: bytes, limit: int) -> Runs:
    """Runs from a journal, as far as they lie below limit (the length of the file); none when the record is damaged."""
    if len(data) % _RUN.size:
        return ()
    return clip_runs(_RUN.iter_unpack(data), limit)


def clip_runs(runs: Iterable[tuple[int, int]], limit: int) -> Runs:
    """Runs below limit; none at all when they are not ascending and disjoint."""
    kept: list[tuple[int, int]] = []
    previous = -1
    for start, stop in runs:
        if not previous < start < stop:
            return ()
        previous = stop
        if start < limit:
            kept.append((start, min(stop, limit)))
    return tuple(kept)
