"""From a part that is whole to a stored file; where the MD5 is another, the damaged blocks are asked for again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Final, Protocol

from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MAX_REPAIRS
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.blocks import HASH_SIZE, block_count
from udpchat.files.ports import CheckPart, CommitPart, CompareBlocks, FileEntry, PartChecked
from udpchat.protocol.service import Desk
from udpchat.wire.records import Blocks, WantBlocks

MAX_HASHES: Final = 1_024  # in one BLOCKS
SLICE: Final = CHECK_SLICE // BLOCK_SIZE * HASH_SIZE  # bytes of hashes compared at once: others wait for the disk

CANNOT_REPAIR = "the MD5 of what arrived is not the MD5 of what was sent, and no block of it tells where: send it anew"
NO_HASHES = "the MD5 of what arrived is not the MD5 of what was sent, and the hashes of its blocks make no sense"
STILL_WRONG = f"the MD5 of what arrived is not the MD5 of what was sent, {MAX_REPAIRS} times: send it anew"

Ranges = Iterable[tuple[int, int]]


class Filling(Protocol):
    """The part that is to become a file; see receiving.py."""

    connection_id: bytes
    transfer_id: int
    part_id: bytes
    size: int

    @property
    def is_complete(self) -> bool:
        """All bytes are there."""
        ...

    def lose(self, damaged: Ranges) -> None:
        """These bytes are wrong and gone; they are sent again."""
        ...


class _State(Enum):
    FILLING = auto()  # bytes are missing
    COMMITTING = auto()
    COMPARING = auto()  # the sender's hashes come, and are compared
    OVER = auto()


class Finish:
    """One part on its way to be a file. md5: as the sender says. then: told once how it ended."""

    def __init__(self, desk: Desk, part: Filling, md5: bytes, then: Callable[[FileEntry | StorageError], None]) -> None:
        self._desk = desk
        self._part = part
        self._md5 = md5
        self._then = then
        self._state = _State.FILLING
        self._is_stopped = False
        self._repairs = 0
        self._next_block = 0  # number of the first block whose hash has not come
        self._uncompared: deque[tuple[int, bytes]] = deque()  # slices, the first of which storage is at
        self._damaged: list[tuple[int, int]] = []
        self.finished_at = 0  # when storage answered last [us]

    @property
    def is_committing(self) -> bool:
        """Storage is at it, and `then` is called with what comes of it."""
        return self._state is _State.COMMITTING

    def on_complete(self) -> None:
        """All bytes are there, perhaps again."""
        if self._state is _State.FILLING:
            self._state = _State.COMMITTING
            self._commit()

    def _commit(self) -> None:
        self._desk.ask(CommitPart(0, self._part.part_id, self._md5), self._on_committed)

    def _check(self) -> None:
        self._desk.ask(CheckPart(0, self._part.part_id), self._on_checked)

    def stop(self) -> None:
        """Nobody sends anything any more; what storage is at is still told."""
        self._is_stopped = True
        if self._state is not _State.COMMITTING:
            self._state = _State.OVER

    def _on_checked(self, result: PartChecked | StorageError, now: int) -> None:  # noqa: ARG002 - an Answer
        if isinstance(result, StorageError):
            self._end(result)
        elif result.damaged and self._is_stopped:
            self._end(StorageError("what arrived was damaged on the disk: send it again", ErrorCode.INCOMPLETE))
        elif result.damaged:
            self._refill(result.damaged)
        elif result.is_done:
            self._commit()
        else:
            self._check()

    def _refill(self, damaged: Ranges) -> None:
        self._state = _State.FILLING
        self._part.lose(damaged)
        if self._part.is_complete:  # storage had not lost anything that was there
            self.on_complete()

    def _on_committed(self, result: FileEntry | PartChecked | StorageError, now: int) -> None:
        if isinstance(result, PartChecked):  # much is to be read back first
            self._check()
            return
        self.finished_at = now
        may_repair = isinstance(result, StorageError) and result.code == ErrorCode.DIGEST_MISMATCH and self._part.size
        if not may_repair or self._is_stopped:
            self._end(result)
        elif self._repairs == MAX_REPAIRS:
            self._end(StorageError(STILL_WRONG, ErrorCode.DIGEST_MISMATCH))
        else:
            self._state, self._next_block, self._damaged = _State.COMPARING, 0, []
            self._repairs += 1
            self._uncompared.clear()
            self._desk.send(self._part.connection_id, WantBlocks(self._part.transfer_id))

    def on_blocks(self, record: Blocks) -> None:
        """The next hashes; to be in order and without a gap."""
        if self._state is not _State.COMPARING or self._next_block == block_count(self._part.size):
            return
        count, odd = divmod(len(record.hashes), HASH_SIZE)
        last = self._next_block + count
        if (
            odd
            or not 0 < count <= MAX_HASHES
            or record.first != self._next_block
            or last > block_count(self._part.size)
        ):
            self._end(StorageError(NO_HASHES, ErrorCode.DIGEST_MISMATCH))
            return
        self._next_block = last
        is_idle = not self._uncompared
        for place in range(0, len(record.hashes), SLICE):
            self._uncompared.append((record.first + place // HASH_SIZE, record.hashes[place : place + SLICE]))
        if is_idle:
            self._compare()

    def _compare(self) -> None:
        self._desk.ask(CompareBlocks(0, self._part.part_id, *self._uncompared[0]), self._on_compared)

    def _on_compared(self, result: tuple[tuple[int, int], ...] | StorageError, now: int) -> None:  # noqa: ARG002 - an Answer
        if self._state is not _State.COMPARING:
            return
        if isinstance(result, StorageError):
            self._end(result)
            return
        self._damaged.extend(result)
        self._uncompared.popleft()
        if self._uncompared:
            self._compare()
            return
        if self._next_block < block_count(self._part.size):
            return
        if not self._damaged:
            self._end(StorageError(CANNOT_REPAIR, ErrorCode.DIGEST_MISMATCH))
            return
        self._refill(self._damaged)

    def _end(self, result: FileEntry | StorageError) -> None:
        self._state = _State.OVER
        self._then(result)
