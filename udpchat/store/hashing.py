"""Hashes of bytes that are fed in order: MD5 of a file, or of each member of a folder, and SHA-256 of each block.

Every byte goes through each of the two once. What is known already, from a journal, is passed over.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Final

from udpchat.arq.ranges import RangeSet
from udpchat.config import BLOCK_SIZE
from udpchat.errors import UsageError
from udpchat.files.blocks import HASH_SIZE, NO_ROOT, block_count, block_span
from udpchat.files.members import EMPTY_MD5, NO_MD5, Index, MemberInfo, folder_md5

MD5_SIZE: Final = 16  # bytes

_BLOCK: Final = "block"
_MEMBER: Final = "member"


def index_of_file(size: int) -> Index:
    """A plain file seen as a folder of one member."""
    return Index((MemberInfo("", size),))


class RunningHash:
    """The hashes of a file or folder of `index.size` bytes.

    position: how many bytes have been fed or passed over. hashes: the SHA-256 of each block up to the last that is
    known, md5s: the MD5 of each member; zeros for what is not known. Whoever feeds it has it alone; one other thread
    may call `take_losses`, `take` and `hold_back` meanwhile.
    """

    __slots__ = (
        "_losses",
        "_md5",
        "_member",
        "_member_stop",
        "_notes",
        "_sha256",
        "_stop",
        "hashes",
        "index",
        "md5s",
        "position",
    )

    position: int
    _md5: hashlib._Hash | None
    _sha256: hashlib._Hash | None
    _member: int
    _member_stop: int
    _stop: int

    def __init__(self, index: Index, hashes: bytearray | None = None, md5s: bytearray | None = None) -> None:
        self.index = index
        self.hashes = bytearray() if hashes is None else hashes
        self.md5s = md5s or bytearray(MD5_SIZE * len(index))
        if len(self.md5s) != MD5_SIZE * len(index):
            raise UsageError(f"{len(self.md5s)} bytes of MD5s for {len(index)} members")
        self._notes: deque[tuple[str, int, bytes]] = deque()
        self._losses: deque[tuple[range, range]] = deque()
        self._seek()

    # -- in order ------------------------------------------------------------------------------------------------------

    def feed(self, view: memoryview) -> None:
        """Take in the bytes at `position`."""
        stop = self.position + len(view)
        if stop < self._stop:  # the common case: one call of each
            if self._md5 is not None:
                self._md5.update(view)
            if self._sha256 is not None:
                self._sha256.update(view)
            self.position = stop
            return
        if stop > self.index.size:
            raise UsageError(f"bytes up to {stop} of a file that has {self.index.size}")
        start, base = self.position, self.position
        while start < stop:
            piece = view[start - base : self._stop - base]
            if self._md5 is not None:
                self._md5.update(piece)
            if self._sha256 is not None:
                self._sha256.update(piece)
            start += len(piece)
            self.position = start
            if start == self._stop:
                self._cross()

    def pass_over(self, stop: int) -> None:
        """Go on, up to stop at most, as far as all hashes are known and no bytes are needed."""
        while self._md5 is None and self._sha256 is None and self.position < stop:
            self.position = min(stop, self._stop)
            if self.position == self._stop:
                self._cross()

    def _cross(self) -> None:
        """A member or a block, or both, end at `position`."""
        if self.position == self._member_stop:
            if self._md5 is not None:
                self._note_md5(self._member, self._md5.digest())
            self._enter_member(self._member + 1)
        if self.position % BLOCK_SIZE == 0 or self.position == self.index.size:
            if self._sha256 is not None:
                self._note_block((self.position - 1) // BLOCK_SIZE, self._sha256.digest())
            self._enter_block()
        self._stop = min(self._member_stop, self._block_stop)

    def _enter_member(self, number: int) -> None:
        count = len(self.index)
        while number < count and self.index[number].size == 0:
            if not self.has_md5(number):
                self._note_md5(number, EMPTY_MD5)
            number += 1
        self._member = number
        self._member_stop = self.index.span(number)[1] if number < count else self.index.size
        is_needed = number < count and not self.has_md5(number)
        self._md5 = hashlib.md5(usedforsecurity=False) if is_needed else None

    def _enter_block(self) -> None:
        number = self.position // BLOCK_SIZE
        is_needed = self.position < self.index.size and not self.has_block(number)
        self._sha256 = hashlib.sha256() if is_needed else None

    @property
    def _block_stop(self) -> int:
        return min((self.position // BLOCK_SIZE + 1) * BLOCK_SIZE, self.index.size)

    def _seek(self) -> None:
        """Begin at the first byte that something is not known of."""
        member = _first_unknown(self.md5s, MD5_SIZE, len(self.index))
        block = _first_unknown(self.hashes, HASH_SIZE, block_count(self.index.size))
        start = self.index.span(member)[0] if member < len(self.index) else self.index.size
        if block * BLOCK_SIZE < start:
            # All members before `member` are known: of the one that this is in the middle of, only blocks are wanted.
            start = block * BLOCK_SIZE
            member = self.index.member_at(start)
        self.position = start
        self._enter_member(member)
        self._enter_block()
        self._stop = min(self._member_stop, self._block_stop)

    # -- what is known -------------------------------------------------------------------------------------------------

    @property
    def is_done(self) -> bool:
        """Whether all is known."""
        return self.position == self.index.size

    def has_block(self, number: int) -> bool:
        """Whether the SHA-256 of a block is known."""
        return self.block(number) not in {b"", NO_ROOT}

    def block(self, number: int) -> bytes:
        """The SHA-256 of a block."""
        return bytes(self.hashes[number * HASH_SIZE : (number + 1) * HASH_SIZE])

    def has_md5(self, number: int) -> bool:
        """Whether the MD5 of a member is known."""
        return self.md5(number) != NO_MD5

    def md5(self, number: int) -> bytes:
        """The MD5 of a member."""
        return bytes(self.md5s[number * MD5_SIZE : (number + 1) * MD5_SIZE])

    def digest(self, *, is_folder: bool) -> bytes:
        """The MD5 of the whole; all must be hashed."""
        return folder_md5((bytes(self.md5s),)) if is_folder else bytes(self.md5s)

    @property
    def has_news(self) -> bool:
        """Whether `take` has anything to give."""
        return bool(self._notes)

    def take_losses(self) -> tuple[RangeSet, RangeSet]:
        """Blocks and members, by number, that have been forgotten since this was asked last; to be asked before `take`.

        Those that are known again are among them, and in what `take` gives.
        """
        blocks, members = RangeSet(), RangeSet()
        while self._losses:
            lost_blocks, lost_members = self._losses.popleft()
            blocks.add(lost_blocks.start, lost_blocks.stop)
            members.add(lost_members.start, lost_members.stop)
        return blocks, members

    def take(self) -> tuple[dict[int, bytes], dict[int, bytes]]:
        """Hashes of blocks and MD5s of members, by number, that have become known since this was asked last."""
        blocks: dict[int, bytes] = {}
        md5s: dict[int, bytes] = {}
        while self._notes:
            kind, number, digest = self._notes.popleft()
            if kind == _BLOCK and self.block(number) == digest:  # unless it was forgotten again
                blocks[number] = digest
            elif kind == _MEMBER and self.md5(number) == digest:
                md5s[number] = digest
        return blocks, md5s

    def take_back(
        self,
        lost_blocks: Iterable[tuple[int, int]],
        lost_members: Iterable[tuple[int, int]],
        blocks: dict[int, bytes],
        md5s: dict[int, bytes],
    ) -> None:
        """What `take_losses` and `take` gave was of no use; it is given again."""
        self._losses.extend((range(*run), range(0)) for run in lost_blocks)
        self._losses.extend((range(0), range(*run)) for run in lost_members)
        self._notes.extend((_BLOCK, number, digest) for number, digest in blocks.items())
        self._notes.extend((_MEMBER, number, digest) for number, digest in md5s.items())

    def hold_back(
        self, durable: RangeSet, blocks: dict[int, bytes], md5s: dict[int, bytes]
    ) -> tuple[dict[int, bytes], dict[int, bytes]]:
        """Of what `take` gave, that which is of durable bytes only; the rest is given again."""
        kept_blocks, kept_md5s = {}, {}
        for number, digest in blocks.items():
            if durable.covers(*block_span(number, self.index.size)):
                kept_blocks[number] = digest
            else:
                self._notes.append((_BLOCK, number, digest))
        for number, digest in md5s.items():
            if durable.covers(*self.index.span(number)):
                kept_md5s[number] = digest
            else:
                self._notes.append((_MEMBER, number, digest))
        return kept_blocks, kept_md5s

    def forget(self, start: int, stop: int) -> None:
        """These bytes are not there any more: nothing is known of their blocks and members from now on."""
        blocks = range(start // BLOCK_SIZE, block_count(stop))
        members = range(self.index.member_at(start), self.index.member_at(stop - 1) + 1)
        known = slice(blocks.start * HASH_SIZE, min(blocks.stop * HASH_SIZE, len(self.hashes)))
        self.hashes[known] = bytes(max(known.stop - known.start, 0))
        self.md5s[members.start * MD5_SIZE : members.stop * MD5_SIZE] = bytes(len(members) * MD5_SIZE)
        is_member_lost = self._md5 is None and self._member in members
        is_block_lost = self._sha256 is None and self.position // BLOCK_SIZE in blocks
        if start < self.position or is_member_lost or (is_block_lost and self.position % BLOCK_SIZE):
            self._seek()
        elif is_block_lost:  # the MD5 may run on: it has seen what is before
            self._enter_block()
        self._losses.append((blocks, members))

    def _note_md5(self, number: int, digest: bytes) -> None:
        self.md5s[number * MD5_SIZE : (number + 1) * MD5_SIZE] = digest
        self._notes.append((_MEMBER, number, digest))

    def _note_block(self, number: int, digest: bytes) -> None:
        self.hashes += bytes(max(number * HASH_SIZE - len(self.hashes), 0))
        self.hashes[number * HASH_SIZE : (number + 1) * HASH_SIZE] = digest
        self._notes.append((_BLOCK, number, digest))


def _first_unknown(table: bytearray, width: int, count: int) -> int:
    """The first of count places of a table that is empty or beyond its end; count when there is none."""
    nothing = bytes(width)
    place = table.find(nothing)
    while place != -1 and place % width:
        place = table.find(nothing, place + 1)
    return min(place if place != -1 else len(table), count * width) // width
