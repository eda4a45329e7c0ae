"""Blocks of 1 MiB: SHA-256 of each says which part of a file is damaged, all together what its content is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from udpchat.config import BLOCK_SIZE

HASH_SIZE: Final = 32  # bytes of a SHA-256
NO_ROOT: Final = bytes(HASH_SIZE)


def block_count(size: int) -> int:
    """Blocks of a file of size bytes; the last may be shorter."""
    return -(-size // BLOCK_SIZE)


def block_span(number: int, size: int) -> tuple[int, int]:
    """Where a block of a file of size bytes begins and ends."""
    return number * BLOCK_SIZE, min((number + 1) * BLOCK_SIZE, size)


def block_root(size: int, hashes: bytes) -> bytes:
    """SHA-256 over the size (u64) and the hashes of all blocks in order: what this content is, on any machine."""
    return hashlib.sha256(size.to_bytes(8, "big") + hashes).digest()


def differing(size: int, first: int, theirs: bytes, ours: bytes) -> Iterator[tuple[int, int]]:
    """Byte ranges of the blocks, from number first on, whose hashes are not the same; neighbours are joined."""
    start = stop = 0
    for place in range(0, max(len(theirs), len(ours)), HASH_SIZE):
        if theirs[place : place + HASH_SIZE] == ours[place : place + HASH_SIZE]:
            continue
        left, right = block_span(first + place // HASH_SIZE, size)
        if left == stop and stop > start:
            stop = right
            continue
        if stop > start:
            yield start, stop
        start, stop = left, right
    if stop > start:
        yield start, stop
