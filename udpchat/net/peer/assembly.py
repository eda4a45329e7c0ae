"""A download that is put together block by block, in the storage of this user: written down, resumed, made a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from udpchat.arq.ranges import RangeSet
from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MAX_REPAIRS, MIB
from udpchat.crypto.identity import Identity
from udpchat.errors import ErrorCode, RefusedError, StorageError
from udpchat.files.blocks import HASH_SIZE, block_count, block_span
from udpchat.files.local_ports import ClaimTransfer, Direction, EndTransfer, ListTransfers, SaveTransfer, Transfer, Wish
from udpchat.files.pieces import PiecesOffered
from udpchat.files.ports import (
    AbortPart,
    CheckPart,
    ClosePart,
    CommitPart,
    CompareBlocks,
    CreatePart,
    FileEntry,
    PartChecked,
    PartCreated,
    PartFailed,
    SyncPart,
    WritePart,
)
from udpchat.net.home import Home, wall_clock
from udpchat.protocol.ports import Job, Lane, StoreRequest
from udpchat.store.local import LocalStore

ELSEWHERE: Final = "another program of yours is at this transfer; it goes on there"
SYNC_AFTER: Final = 16 * MIB  # bytes, after which they are made durable
MOST_UNSYNCED: Final = 64 * MIB  # bytes: then the disk is waited for
SLICE: Final = CHECK_SLICE // BLOCK_SIZE  # blocks compared at once


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched. server: as it is written down. folder: where it is to end."""

    server: bytes
    file_id: bytes
    file_name: str
    size: int
    md5: bytes
    folder: Path
    nick: str


class Assembly:
    """One part of this user's downloads, which is written block by block. StorageError from whatever it does."""

    def __init__(self, home: Path, wanted: Wanted) -> None:
        self.transfer: Transfer | None = None
        self._wanted = wanted
        self._owner = Identity(Home(home).identity()).public
        self._store = LocalStore(wanted.folder, clock=wall_clock, home=home)
        self._workers: dict[Lane, ThreadPoolExecutor] = {}
        self._part_id = b""
        self._present = RangeSet()
        self._is_open = False
        self._unsynced = 0
        self._is_syncing = False
        self._jobs: set[asyncio.Future[Any]] = set()
        self._repairs = 0

    # -- the beginning -------------------------------------------------------------------------------------------------

    async def claim(self) -> None:
        """Write it down, or go on with what was written down. RefusedError: another program is at it."""
        wanted = self._wanted
        draft = Transfer(
            os.urandom(16),
            Direction.DOWNLOAD,
            wanted.server,
            str(wanted.folder),
            wanted.file_name,
            nick=wanted.nick,
            file_id=wanted.file_id,
            size=wanted.size,
        )
        claimed: Transfer = await self._ask(ClaimTransfer(1, draft))
        if claimed.is_elsewhere:
            raise RefusedError(ErrorCode.TOO_MANY_TRANSFERS, ELSEWHERE)
        self.transfer = replace(claimed, size=wanted.size, wish=Wish.RUN, text="")
        self._part_id = claimed.part_id
        self._save()

    async def open(self, offered: PiecesOffered) -> tuple[int, ...] | FileEntry:
        """Open the part; the numbers of the blocks that are not here, or the file when all was done before."""
        wanted = self._wanted
        created: PartCreated = await self._ask(
            CreatePart(
                1,
                self._part_id,
                self._owner,
                "",
                offered.file_name,
                wanted.size,
                str(wanted.folder),
                offered.modified,
                offered.flags,
            )
        )
        if created.committed is not None:
            return created.committed
        self._is_open = True
        present = self._present = RangeSet(created.present)
        spans = ((number, *block_span(number, wanted.size)) for number in range(block_count(wanted.size)))
        return tuple(number for number, start, stop in spans if any(True for _ in present.missing(start, stop)))

    @property
    def done(self) -> int:
        """Bytes that are here."""
        return self._present.total

    # -- blocks --------------------------------------------------------------------------------------------------------

    @property
    def is_behind(self) -> bool:
        """The disk is slower than what comes in."""
        return self._unsynced > MOST_UNSYNCED

    def write(self, number: int, data: bytearray) -> None:
        """Write a block. It is durable a while later."""
        start, _ = block_span(number, self._wanted.size)
        result = self._store.submit(WritePart(self._part_id, start, memoryview(data)))
        if isinstance(result, PartFailed):
            raise result.error
        self._present.add(start, start + len(data))
        self._unsynced += len(data)

    @property
    def is_sync_due(self) -> bool:
        """Much was written, and is to be made durable."""
        return self._unsynced >= SYNC_AFTER and not self._is_syncing

    async def sync(self) -> None:
        """Make durable what was written; nothing happens while that goes on."""
        if not self._is_syncing:
            self._is_syncing, length = True, self._unsynced
            try:
                await self._ask(SyncPart(1, self._part_id))
            finally:
                self._is_syncing = False
            self._unsynced -= length
            self._save()

    async def compare(self, hashes: bytes) -> tuple[int, ...]:
        """The blocks that are here and are not what these hashes say; they are taken out."""
        wrong: list[int] = []
        for first in range(0, block_count(self._wanted.size), SLICE):
            part = hashes[first * HASH_SIZE : (first + SLICE) * HASH_SIZE]
            wrong += self._lost(await self._ask(CompareBlocks(1, self._part_id, first, part)))
        return tuple(wrong)

    def _lost(self, ranges: Sequence[tuple[int, int]]) -> list[int]:
        for start, stop in ranges:
            self._present.remove(start, stop)
        return [number for start, stop in ranges for number in range(start // BLOCK_SIZE, block_count(stop))]

    # -- the end -------------------------------------------------------------------------------------------------------

    async def commit(self, hashes: bytes) -> FileEntry | tuple[int, ...]:
        """Make it a file, when the MD5 is right; otherwise the blocks that are wrong, and are not here any more."""
        while True:
            try:
                result = await self._ask(CommitPart(1, self._part_id, self._wanted.md5))
            except StorageError as error:
                self._repairs += 1
                if error.code != ErrorCode.DIGEST_MISMATCH or self._repairs > MAX_REPAIRS:
                    raise
                if wrong := await self.compare(hashes):
                    return wrong
                raise
            if isinstance(result, FileEntry):
                self._is_open = False
                await self.forget()
                return result
            checked = result
            while isinstance(checked, PartChecked) and not checked.is_done and not checked.damaged:
                checked = await self._ask(CheckPart(1, self._part_id))
            if isinstance(checked, PartChecked) and checked.damaged:
                return tuple(self._lost(checked.damaged))

    async def forget(self) -> None:
        """It is not written down any more."""
        await self._ask(EndTransfer(self._part_id))

    async def drop(self) -> None:
        """The user has given it up: nothing of it stays."""
        self._is_open = False
        await self._ask(AbortPart(1, self._part_id))
        await self.forget()

    async def wish(self) -> Wish:
        """What the user wants of it, who may have said so to another program."""
        for row in await self._ask(ListTransfers(1)):
            if row.part_id == self._part_id:
                return Wish(row.wish)
        return Wish.RUN

    async def close(self) -> None:
        """Keep what has arrived, and close."""
        try:
            await asyncio.gather(*self._jobs, return_exceptions=True)
            if self._is_open:
                self._save()
                await self._ask(ClosePart(self._part_id))
        finally:
            for worker in self._workers.values():
                await asyncio.get_running_loop().run_in_executor(None, worker.shutdown)
            self._store.close()

    def _save(self) -> None:
        if self.transfer is not None:
            self.transfer = replace(self.transfer, done=self.done)
            result = self._store.submit(SaveTransfer(self.transfer))
            if isinstance(result, Job):  # nobody waits for it: a later run would begin a little earlier
                self._worker(result.lane).submit(result.run)

    async def _ask(self, request: StoreRequest) -> Any:
        result = self._store.submit(request)
        if isinstance(result, Job):
            job = asyncio.ensure_future(self._perform(result))  # it ends, whoever waits for it
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)
            result = await asyncio.shield(job)
        if isinstance(result, StorageError):
            raise result
        return result

    async def _perform(self, job: Job) -> Any:
        loop = asyncio.get_running_loop()
        return job.finish(await loop.run_in_executor(self._worker(job.lane), job.run))

    def _worker(self, lane: Lane) -> ThreadPoolExecutor:
        if lane not in self._workers:
            self._workers[lane] = ThreadPoolExecutor(1, f"udpchat-{lane.value}")
        return self._workers[lane]
