"""Files put together from the chunks of a capture: parts on disk while it is read, then whole files with digests.

What a hostile capture can cost is bounded: parts hold no more than the bytes of the capture (holes take no room), and
there are limits for their number, for offsets and for separate runs.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udpchat.arq.ranges import RangeSet
from udpchat.capture.records import Announced, Conversation
from udpchat.errors import StorageError
from udpchat.files.members import Index, folder_md5

MAX_CONVERSATIONS: Final = 1_024
MAX_PARTS: Final = 4_096
MAX_RUNS: Final = 65_536  # separate runs of one part
MAX_OFFSET: Final = 2**40  # bytes: no file that was captured whole is larger
BUFFER: Final = 64 * 1024  # bytes of a part that are written at once
READ: Final = 2**20

TransferKey = tuple[bytes, bool, int]  # connection id, from the server, transfer id


class Part:
    """The bytes of one transfer that were seen; where two packets disagree about a byte the first one wins.

    has: which bytes. OSError as the disk has it.
    """

    __slots__ = ("_at", "_path", "_pending", "has")

    def __init__(self, path: Path) -> None:
        self.has = RangeSet()
        self._path = path
        self._pending = bytearray()  # bytes that belong at _at
        self._at = 0

    def add(self, offset: int, chunk: bytes) -> bool:
        """Take in a chunk; False when it cannot be believed or the part is in too many pieces."""
        stop = offset + len(chunk)
        if stop > MAX_OFFSET or len(self.has) >= MAX_RUNS:
            return False
        for start, end in tuple(self.has.missing(offset, stop)):
            self._put(start, chunk[start - offset : end - offset])
        self.has.add(offset, stop)
        return True

    def _put(self, offset: int, piece: bytes) -> None:
        if self._at + len(self._pending) != offset or len(self._pending) >= BUFFER:
            self.flush()
            self._at = offset
        self._pending += piece

    def flush(self) -> None:
        """Write what waits. The file is opened each time: there may be more parts than open files are allowed."""
        if not self._pending:
            return
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(fd, "wb") as file:
            file.seek(self._at)
            file.write(self._pending)
        self._pending.clear()

    def pieces(self) -> Iterator[bytes]:
        """The bytes from the first to the last that was seen, zeros where there is a hole."""
        self.flush()
        if not self.has:
            return
        with self._path.open("rb") as file:
            while piece := file.read(READ):
                yield piece


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a capture has of a file. size: None when no record told it. missing: byte ranges that were not seen.

    md5: of the bytes, or of a folder's members, when none is missing. md5_sent, md5_stored: what the two ends said.
    present: ranges that the receiver had before this transfer, so that nobody sent them. is_folder: many files, one
    behind the other; index: which, when the capture has all of it.
    """

    connection_id: bytes
    transfer_id: int
    from_server: bool
    name: str
    size: int | None
    seen: int
    missing: tuple[tuple[int, int], ...]
    present: tuple[tuple[int, int], ...]
    md5: bytes | None
    md5_sent: bytes | None
    md5_stored: bytes | None
    part: Part
    is_folder: bool = False
    index: Index | None = None

    @property
    def is_complete(self) -> bool:
        """Every byte was seen."""
        return self.md5 is not None

    @property
    def is_genuine(self) -> bool:
        """Complete, and no end said another MD5."""
        said = {self.md5_sent, self.md5_stored} - {None}
        return self.is_complete and said <= {self.md5}


class Transfers:
    """The parts of all transfers of a capture, in a folder that is the caller's to remove.

    ignored: chunks that were not taken, by reason.
    """

    def __init__(self, folder: Path) -> None:
        self.ignored: Counter[str] = Counter()
        self._folder = folder
        self._conversations: dict[bytes, Conversation] = {}
        self._parts: dict[TransferKey, Part] = {}
        self._begun: dict[tuple[bool, bytes], Part] = {}  # by end and file key: what another connection may go on with

    def on_message(self, connection_id: bytes, from_server: bool, channel: int, offset: int, content: bytes) -> None:
        """Content of a channel, in plaintext."""
        conversation = self._conversations.get(connection_id)
        if conversation is None:
            if len(self._conversations) >= MAX_CONVERSATIONS:
                self.ignored["too-many-connections"] += 1
                return
            conversation = self._conversations[connection_id] = Conversation()
        conversation.feed(from_server, channel, offset, content)

    def on_chunk(self, connection_id: bytes, from_server: bool, transfer_id: int, offset: int, chunk: bytes) -> None:
        """Bytes of a file, in plaintext. StorageError."""
        if not chunk:
            return
        part = self._part((connection_id, from_server, transfer_id))
        if part is None:
            self.ignored["too-many-transfers"] += 1
            return
        try:
            if not part.add(offset, chunk):
                self.ignored["unbelievable-offset"] += 1
        except OSError as error:
            raise _trouble(self._folder, error) from error

    def _part(self, key: TransferKey) -> Part | None:
        part = self._parts.get(key)
        if part is None:
            announced = self._announced(key)
            part = self._earlier(announced)
            if part is None:
                if len(self._parts) >= MAX_PARTS:
                    return None
                part = Part(self._folder / f"part-{len(self._parts)}")
            if announced is not None:
                self._begun[announced.from_server, announced.file_key] = part
            self._parts[key] = part
        return part

    def _earlier(self, announced: Announced | None) -> Part | None:
        """The part that this transfer goes on with: the same upload, or a file of which the client has bytes."""
        if announced is None or (announced.from_server and not announced.present):
            return None
        return self._begun.get((announced.from_server, announced.file_key))

    def _announced(self, key: TransferKey) -> Announced | None:
        connection_id, from_server, transfer_id = key
        conversation = self._conversations.get(connection_id)
        announced = conversation.transfers.get(transfer_id) if conversation is not None else None
        return announced if announced is not None and announced.from_server is from_server else None

    def recovered(self) -> Iterator[Recovered]:
        """All files, in the order in which they began; empty ones after those with bytes. StorageError."""
        # Of an upload over several connections the last one knows the outcome.
        seen = {part: key for key, part in self._parts.items()}
        indexes = self._indexes()
        for part, key in seen.items():
            yield self._recovered(key, part, self._announced(key), indexes)
        for connection_id, conversation in self._conversations.items():
            for announced in conversation.transfers.values():
                key = (connection_id, announced.from_server, announced.transfer_id)
                if key not in self._parts and self._earlier(announced) is None:
                    part = Part(self._folder / "none")
                    yield self._recovered(key, part, announced, indexes)

    def _indexes(self) -> dict[tuple[bool, bytes], Index]:
        """Indexes of folders that were seen whole, by end and file key: later connections need not repeat one."""
        return {
            (each.from_server, each.file_key): index
            for conversation in self._conversations.values()
            for each in conversation.transfers.values()
            if (index := each.index) is not None and index.size == each.size
        }

    def _recovered(
        self, key: TransferKey, part: Part, announced: Announced | None, indexes: dict[tuple[bool, bytes], Index]
    ) -> Recovered:
        connection_id, from_server, transfer_id = key
        size = announced.size if announced is not None else None
        is_folder = announced is not None and announced.members is not None
        index = indexes.get((from_server, announced.file_key)) if announced is not None and is_folder else None
        missing = tuple(part.has.missing(0, part.has.last if size is None else size))
        is_whole = size is not None and not missing and part.has.last <= size
        try:
            md5 = _digest(part, index, is_folder=is_folder) if is_whole else None
        except OSError as error:
            raise _trouble(self._folder, error) from error
        return Recovered(
            connection_id=connection_id,
            transfer_id=transfer_id,
            from_server=from_server,
            name=announced.name if announced is not None else "",
            size=size,
            seen=part.has.total,
            missing=missing,
            present=announced.present if announced is not None else (),
            md5=md5,
            md5_sent=announced.md5_sent if announced is not None else None,
            md5_stored=announced.md5_stored if announced is not None else None,
            part=part,
            is_folder=is_folder,
            index=index,
        )


def _digest(part: Part, index: Index | None, *, is_folder: bool) -> bytes | None:
    """MD5 as the protocol has it; None of a folder whose index is not known."""
    if not is_folder:
        return _md5(part.pieces())
    if index is None:
        return None
    return folder_md5(_md5(pieces) for _, pieces in slices(part, index))


def slices(part: Part, index: Index) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Number and bytes of each member in order, each to be read to its end before the next; short where bytes lack."""
    pieces = part.pieces()
    rest = memoryview(b"")

    def read(left: int) -> Iterator[bytes]:
        nonlocal rest
        while left > 0 and (rest or (rest := memoryview(next(pieces, b"")))):
            piece, rest = rest[:left], rest[left:]
            left -= len(piece)
            yield bytes(piece)

    for number, member in enumerate(index):
        yield number, read(member.size)


def _md5(pieces: Iterator[bytes]) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _trouble(folder: Path, error: OSError) -> StorageError:
    return StorageError(f"cannot write to {folder}: {error.strerror or error}; make room or choose another place")
