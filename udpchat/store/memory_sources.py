"""Bytes in memory as sources, and what is asked of a source beside reading."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

from udpchat.config import CHECK_SLICE
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.files.blocks import block_count, block_span
from udpchat.files.local_ports import ReadAhead
from udpchat.files.members import Index, folder_md5
from udpchat.files.ports import CloseSource, DigestSource, HashBlocks
from udpchat.protocol.ports import Lane, Source
from udpchat.store.memory_chat import Handler, later

Data: TypeAlias = bytes | bytearray


class MemorySource:
    """A `Source` over bytes. index: of a folder, whose MD5 is made of its members'. is_same: nobody changed it."""

    __slots__ = ("data", "hashed", "index", "is_same", "name")

    def __init__(
        self, name: str, data: Data, index: Index | None = None, is_same: Callable[[], bool] = lambda: True
    ) -> None:
        self.name = name
        self.data = data
        self.index = index
        self.is_same = is_same
        self.hashed = 0  # bytes that the MD5 has run over beside sending

    @property
    def size(self) -> int:
        """See `Source`."""
        return len(self.data)

    def read_into(self, offset: int, view: memoryview) -> int:
        """See `Source`."""
        piece = self.data[offset : offset + len(view)]
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """See `Source`."""


def source_handlers() -> dict[type, Handler]:
    """What performs the requests about sources."""
    return {
        DigestSource: later(_digest, Lane.CHECKING),
        HashBlocks: later(_hash_blocks, Lane.CHECKING),
        ReadAhead: later(_read_ahead, Lane.CHECKING),
        CloseSource: lambda request: request.source.close(),
    }


def digest_of(data: Data, index: Index | None) -> bytes:
    """MD5 of a file, or of a folder."""
    return md5_of(data) if index is None else folder_md5(member_md5s(data, index))


def member_md5s(data: Data, index: Index) -> list[bytes]:
    """MD5s of all members."""
    return [md5_of(data[slice(*index.span(number))]) for number in range(len(index))]


def md5_of(data: Data) -> bytes:
    """MD5 of some bytes."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def hashes_of(data: Data, first: int, count: int) -> bytes:
    """SHA-256 of blocks, from number first on; those beyond the end have none."""
    size = len(data)
    numbers = range(first, min(first + count, block_count(size)))
    return b"".join(hashlib.sha256(data[slice(*block_span(number, size))]).digest() for number in numbers)


def _digest(request: DigestSource) -> bytes:
    source = _own(request.source)
    if not source.is_same():
        text = f"{source.name!r} changed while it was being sent; send it again"
        raise StorageError(text, ErrorCode.SOURCE_CHANGED)
    return digest_of(source.data, source.index)


def _hash_blocks(request: HashBlocks) -> bytes:
    return hashes_of(_own(request.source).data, request.first, request.count)


def _read_ahead(request: ReadAhead) -> bool:
    source = _own(request.source)
    source.hashed = min(source.hashed + CHECK_SLICE, source.size)
    return source.hashed >= min(request.stop, source.size)


def _own(source: Source) -> MemorySource:
    if not isinstance(source, MemorySource):
        raise UsageError("this source was not opened here")
    return source
