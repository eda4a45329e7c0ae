"""Answers to WANT_BLOCKS: the hash of every block of a source, and whether the source is still what it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MAX_REPAIRS
from udpchat.errors import StorageError
from udpchat.files.blocks import HASH_SIZE, NO_ROOT, block_count, block_root
from udpchat.files.members import NO_MD5
from udpchat.files.ports import DigestSource, HashBlocks
from udpchat.protocol.ports import Source, StoreRequest
from udpchat.protocol.service import Desk
from udpchat.wire.records import Blocks

BLOCKS_AT_ONCE: Final = CHECK_SLICE // BLOCK_SIZE  # hashed in one go
LONG_ANSWERS: Final = 1  # message channel of block hashes


@dataclass(frozen=True, slots=True)
class Known:
    """What a source was when it was stored. root: of its blocks, or NO_ROOT; md5: of one without a root.

    on_damaged: called when it is something else now.
    """

    on_damaged: Callable[[], None]
    root: bytes = NO_ROOT
    md5: bytes = NO_MD5


class Sending(Protocol):
    """What is being sent; see sending.py."""

    connection_id: bytes
    transfer_id: int
    size: int
    source: Source


class BlockAnswers:
    """One answer at a time, and not more of them than a receiver makes repairs: each reads the whole source, once.

    It is read a slice after the other: who gives the transfer up leaves one slice to be read at most. known: None of
    what only its owner can judge. Of a source that is damaged no answer is complete: a receiver that had all hashes
    would think that nothing is wrong. on_failed: called when the source cannot be read.
    """

    def __init__(
        self, desk: Desk, sending: Sending, known: Known | None, on_failed: Callable[[StorageError], None]
    ) -> None:
        self._desk = desk
        self._sending = sending
        self._known = known
        self._on_failed = on_failed
        self._answers = 0  # times that all hashes were asked for
        self._next: int | None = None  # block whose hash is sent next; None: of no
        self._hashes = bytearray()  # those that were sent, of a source that is known
        self._is_stopped = False

    @property
    def is_under_way(self) -> bool:
        """An answer is not complete."""
        return self._next is not None

    def on_wanted(self) -> None:
        """Somebody wants all hashes, as the source is now."""
        if self._next is not None or self._answers == MAX_REPAIRS or self._is_stopped:
            return
        self._answers += 1
        self._next = 0
        self._hashes.clear()
        self._hash()

    def stop(self) -> None:
        """Say nothing more."""
        self._is_stopped = True
        self._next = None

    def _hash(self) -> None:
        sending, first = self._sending, self._next
        if self._is_stopped or first is None:
            return
        count = min(BLOCKS_AT_ONCE, block_count(sending.size) - first)
        if count <= 0:
            self._next = None
            return
        request = HashBlocks(0, sending.source, first, count, with_md5=self._has_md5_only)
        self._ask(request, lambda hashes: self._on_hashed(Blocks(sending.transfer_id, first, hashes)))

    def _ask(self, request: StoreRequest, then: Callable[[bytes], None]) -> None:
        """The next question about the source, unless nobody wants to know any more when it is answered."""

        def answer(result: bytes | StorageError, now: int) -> None:  # noqa: ARG001 - an Answer
            if self._is_stopped:
                return
            if isinstance(result, StorageError):
                self._fail(result)
            else:
                then(result)

        self._desk.ask(request, answer)

    def _on_hashed(self, blocks: Blocks) -> None:
        known, size = self._known, self._sending.size
        self._next = blocks.first + len(blocks.hashes) // HASH_SIZE
        self._hashes += blocks.hashes
        if known is None or self._next < block_count(size):
            self._say(blocks)
        elif self._has_md5_only:
            # It ran along: nothing is read again.
            request = DigestSource(0, self._sending.source)
            self._ask(request, lambda md5: self._say_last(blocks, known, is_right=md5 == known.md5))
        else:
            is_right = known.root in {NO_ROOT, block_root(size, bytes(self._hashes))}
            self._say_last(blocks, known, is_right=is_right)

    def _say_last(self, blocks: Blocks, known: Known, *, is_right: bool) -> None:
        if is_right:
            self._say(blocks)
        else:
            known.on_damaged()

    def _say(self, blocks: Blocks) -> None:
        self._desk.send(self._sending.connection_id, blocks, channel=LONG_ANSWERS)
        self._hash()

    @property
    def _has_md5_only(self) -> bool:
        known = self._known
        return known is not None and known.root == NO_ROOT and known.md5 != NO_MD5

    def _fail(self, error: StorageError) -> None:
        self._next = None
        self._on_failed(error)
