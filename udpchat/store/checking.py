"""The hashes of a part: fed as bytes arrive, caught up and compared with the journal by reading back.

One thread at a time works with them. The thread that runs the core feeds what it writes, unless they are `lent`: then
a worker reads back. Two workers take turns by the lock, which also keeps the file open under them.
"""

from __future__ import annotations

import errno
import hashlib
import threading
from typing import Final, Protocol

from udpchat.arq.ranges import RangeSet
from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MAX_CATCH_UP
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.blocks import HASH_SIZE, NO_ROOT, block_span
from udpchat.files.members import Index
from udpchat.store.hashing import MD5_SIZE, RunningHash
from udpchat.store.part_rows import Runs

UNLIMITED: Final = 2**63  # bytes


class Body(Protocol):
    """The bytes of a part on the disk. Everything may raise OSError and StorageError.

    One thread writes while others read back and sync.
    """

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        ...

    def write_at(self, offset: int, view: memoryview) -> None:
        """Write all of view at offset; on the thread that runs the core."""
        ...

    def read_at(self, offset: int, view: memoryview) -> int:
        """Fill view from offset on; bytes read, fewer than asked only when bytes are gone."""
        ...

    def sync_data(self) -> Runs:
        """Return when the bytes are durable but for the runs that are returned: call again for those."""
        ...

    def sync(self) -> None:
        """Return when all bytes and all that is known about the files are durable."""
        ...

    def close(self) -> None:
        """Give the descriptors back; a second call does nothing."""
        ...


class PartHashing:
    """What is known of the content of a part, and what has to be read back to know it.

    index: None while the members of a folder are not known; then nothing is hashed. hashes, md5s: from a journal, of
    nothing but what is there; all those blocks are compared with the disk, beside the transfer. lent: how many
    jobs have it now. losses: what turned out to be wrong, in order; see `Part`.
    """

    __slots__ = ("_cursor", "_journalled", "lent", "lock", "losses", "running")

    def __init__(self, index: Index | None, hashes: bytearray, md5s: bytearray | None) -> None:
        self.running = None if index is None else RunningHash(index, hashes, md5s)
        self.lent = 0
        self.lock = threading.Lock()
        self.losses: list[tuple[int, int]] = []
        self._cursor = 0  # blocks below are compared
        self._journalled = len(hashes) // HASH_SIZE
        self._advance()

    @property
    def index(self) -> Index | None:
        """All members, once they are known."""
        return None if self.running is None else self.running.index

    def start(self, index: Index) -> None:
        """All members are known; hash from now on."""
        self.running = RunningHash(index)

    # -- on the thread that runs the core, when it is not lent ---------------------------------------------------------

    def feed(self, offset: int, view: memoryview) -> None:
        """Bytes were written that were not there; they are hashed when it is their turn."""
        running = self.running
        if running is not None and self.lent == 0 and running.position == offset:
            running.feed(view)

    def catch_up(self, body: Body, present: RangeSet) -> None:
        """Read back what a filled hole has left to be hashed, a bounded piece of it; large debts are for the worker."""
        running = self.running
        if running is None or self.lent or not self.is_verified or running.position not in present:
            return
        stop = present.run_at(running.position)[1]
        running.pass_over(stop)
        if 0 < stop - running.position <= CHECK_SLICE:
            view = memoryview(bytearray(min(stop - running.position, MAX_CATCH_UP)))
            running.feed(view[: body.read_at(running.position, view)])

    # -- by whoever has it ---------------------------------------------------------------------------------------------

    @property
    def is_verified(self) -> bool:
        """Whether no block is left whose journalled hash was not compared with the disk."""
        return self._cursor >= self._journalled

    def debt(self, present: RangeSet) -> int:
        """Bytes from the hashes' position on that are there and not hashed."""
        running = self.running
        if running is None or running.position not in present:
            return 0
        stop = present.run_at(running.position)[1]
        running.pass_over(stop)
        return stop - running.position

    # -- in a worker, under the lock -----------------------------------------------------------------------------------

    def read_back(self, body: Body, present: RangeSet, budget: int = CHECK_SLICE, *, verify: bool = True) -> None:
        """Hash what is there and not hashed, about budget bytes; verify: compare journalled blocks on the way.

        What is wrong leaves `present` and is in `losses`. StorageError when bytes are gone.
        """
        running = self.running
        if running is None:
            return
        buffer = memoryview(bytearray(BLOCK_SIZE))
        while budget > 0:
            debt = self.debt(present)  # this may pass over what is known
            if verify and not self.is_verified and (debt == 0 or self._cursor < running.position // BLOCK_SIZE):
                budget -= self._compare(running, body, present, self._cursor, buffer)
                self._advance()
            elif debt:
                budget -= self._hash_piece(running, body, present, buffer, verify=verify)
            else:
                return

    def differing(self, body: Body, present: RangeSet, size: int, first: int, hashes: bytes) -> RangeSet:
        """The blocks of a file of size bytes that are there, and not what these hashes say; they leave `present`."""
        damage = RangeSet()
        buffer = memoryview(bytearray(BLOCK_SIZE))
        for place in range(0, len(hashes), HASH_SIZE):
            start, stop = block_span(first + place // HASH_SIZE, size)
            if start < stop and present.covers(start, stop):
                view = _read(body, start, buffer[: stop - start])
                if view is None or hashlib.sha256(view).digest() != hashes[place : place + HASH_SIZE]:
                    self._lose(start, stop, present)
                    damage.add(start, stop)
        return damage

    def _lose(self, start: int, stop: int, present: RangeSet) -> None:
        """These bytes are wrong."""
        present.remove(start, stop)
        self.losses.append((start, stop))  # first: what is written down as forgotten must not be among what is there
        if self.running is not None:
            self.running.forget(start, stop)

    def _hash_piece(
        self, running: RunningHash, body: Body, present: RangeSet, buffer: memoryview, *, verify: bool
    ) -> int:
        """Hash from the position on, where there is something, up to the end of the block at most; bytes read."""
        position = running.position
        number = position // BLOCK_SIZE
        if verify and self._cursor <= number < self._journalled and running.has_block(number):
            read = self._compare(running, body, present, number, buffer)
            if running.position == position and position in present:
                running.feed(buffer[position - number * BLOCK_SIZE : read])
            self._advance()
            return read
        stop = min(present.run_at(position)[1], block_span(number, running.index.size)[1])
        view = _read(body, position, buffer[: stop - position])
        if view is not None:
            running.feed(view)
        elif verify:
            self._lose(position, stop, present)
        else:
            raise StorageError("an unfinished file cannot be read back from the disk", ErrorCode.DIGEST_MISMATCH)
        return stop - position

    def _compare(self, running: RunningHash, body: Body, present: RangeSet, number: int, buffer: memoryview) -> int:
        """Compare a block that is there with its known hash; bytes read."""
        self._cursor = number + 1
        start, stop = block_span(number, running.index.size)
        view = _read(body, start, buffer[: stop - start])
        if view is None or hashlib.sha256(view).digest() != running.block(number):
            self._lose(start, stop, present)
        return stop - start

    def _advance(self) -> None:
        """Pass over blocks that cannot be compared."""
        running = self.running
        if running is None:
            self._cursor = self._journalled
            return
        while self._cursor < self._journalled and not running.has_block(self._cursor):
            self._cursor += 1


def keep_covered(index: Index, present: RangeSet, hashes: bytearray, md5s: bytearray) -> None:
    """Strike out hashes of what is not there: a journal may be older in one place than in another.

    The MD5 of a member that has bytes in a block without a hash goes, too: with nothing to compare them with, only
    hashing them again tells whether they are still right.
    """
    known = RangeSet()  # bytes of blocks with a hash
    for number in range(len(hashes) // HASH_SIZE):
        place = slice(number * HASH_SIZE, (number + 1) * HASH_SIZE)
        start, stop = block_span(number, index.size)
        if start >= stop or not present.covers(start, stop):
            hashes[place] = bytes(HASH_SIZE)
        elif hashes[place] != NO_ROOT:
            known.add(start, stop)
    for number in range(len(index)):
        if not known.covers(*index.span(number)):
            md5s[number * MD5_SIZE : (number + 1) * MD5_SIZE] = bytes(MD5_SIZE)


def _read(body: Body, offset: int, view: memoryview) -> memoryview | None:
    """The bytes from offset on; None when the disk cannot read them: then they are as good as wrong."""
    try:
        count = body.read_at(offset, view)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return None
    if count != len(view):
        raise StorageError("an unfinished file became shorter on the disk; send it again", ErrorCode.INCOMPLETE)
    return view
