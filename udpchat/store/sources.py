"""Files that are open for sending: read into the packet buffer, never mapped, hashed as they pass."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from typing import Final, Protocol

from udpchat.config import BLOCK_SIZE, CHECK_SLICE, MIB
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.files.blocks import block_count, block_span
from udpchat.files.local_ports import ReadAhead
from udpchat.files.ports import DigestSource, HashBlocks
from udpchat.protocol.ports import Job, Lane, Result, Source
from udpchat.store.fileio import FileIO
from udpchat.store.jobs import as_result, make_job

_CLOSED: Final = -1


class Reader(Protocol):
    """The bytes of a source for a worker thread. Methods may raise OSError."""

    def read(self, offset: int, view: memoryview) -> None:
        """Fill view. StorageError (SOURCE_CHANGED) when the bytes are not those that the source had at first."""
        ...

    def check(self) -> None:
        """StorageError (SOURCE_CHANGED) when anything is not as it was when the source was opened."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class RunningMd5(Protocol):
    """An MD5 that takes the bytes of a source in order. hashed: how many it has taken."""

    hashed: int

    def feed(self, view: memoryview) -> None:
        """Take the next bytes."""
        ...

    def digest(self) -> bytes:
        """MD5 of the whole; once all bytes were taken."""
        ...


class PlainMd5:
    """The MD5 of a single file."""

    __slots__ = ("_md5", "hashed")

    def __init__(self) -> None:
        self.hashed = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    def feed(self, view: memoryview) -> None:
        """See `RunningMd5`."""
        self._md5.update(view)
        self.hashed += len(view)

    def digest(self) -> bytes:
        """See `RunningMd5`."""
        return self._md5.digest()


class HashedSource:
    """A source whose MD5 runs along with the reading, and what is asked of one beside reading.

    The MD5 belongs to the thread that runs the core, or, while jobs are on their way, to the worker. A job opens what
    it reads when its turn comes: those that wait hold nothing, and of a source that is closed by then nothing is read.
    """

    __slots__ = ("_along", "_front", "_jobs", "_lock", "_md5", "name", "size")

    def __init__(self, name: str, size: int, md5: RunningMd5 | None) -> None:
        self.name = name
        self.size = size
        self._md5 = md5
        self._along: PlainMd5 | None = None  # runs along with blocks, for one whose MD5 is not wanted otherwise
        self._front = 0  # of what was read for sending
        self._jobs = 0  # that are on their way and need the MD5
        self._lock = threading.Lock()  # of what is open: workers fork it, the thread that runs the core closes it

    def close(self) -> None:
        """See `Source`."""
        with self._lock:
            self.let_go()

    def let_go(self) -> None:
        """Close what is open; a second call does nothing."""
        raise NotImplementedError

    def fork(self) -> Reader:
        """The same bytes for a worker thread; StorageError when the source is closed."""
        raise NotImplementedError

    def digest_job(self) -> Job:
        """A job for the MD5 of the whole. The source may be read and closed meanwhile."""
        md5 = self._md5 or self._along or PlainMd5()

        def work(reader: Reader) -> bytes:
            reader.check()
            self._run(md5, reader, self.size)
            reader.check()
            return md5.digest()

        return self._hashing_job(work)

    def ahead_job(self, stop: int) -> Job | StorageError:
        """A job that lets the MD5 run over a slice; True once it has come to stop, and to all that was sent."""
        md5 = self._md5
        if md5 is None:
            return StorageError(f"nobody needs the MD5 of {self.name!r}")

        def finish(outcome: object) -> Result:
            if isinstance(outcome, StorageError):
                return outcome
            # Past the front the MD5 waits for the sender, which takes it along: bytes are not read twice from there on.
            return md5.hashed >= min(max(stop, self._front), self.size)

        return self._hashing_job(
            lambda reader: self._run(md5, reader, min(md5.hashed + CHECK_SLICE, self.size)), finish
        )

    def blocks_job(self, first: int, count: int, *, with_md5: bool = False) -> Job:
        """A job for the SHA-256 of blocks; those beyond the end have none. with_md5: see `HashBlocks`."""
        last = min(first + count, block_count(self.size))
        if with_md5 and first == 0:
            self._along = PlainMd5()
        along = self._along if with_md5 else None

        def work(reader: Reader) -> bytes:
            buffer = memoryview(bytearray(min(BLOCK_SIZE, self.size)))
            hashes = []
            for number in range(first, last):
                start, stop = block_span(number, self.size)
                block = buffer[: stop - start]
                reader.read(start, block)
                hashes.append(hashlib.sha256(block).digest())
                if along is not None and along.hashed == start:
                    along.feed(block)
            return b"".join(hashes)

        return self._reading_job(work)

    def _passed(self, offset: int, view: memoryview) -> None:
        """Bytes were read for sending."""
        stop = offset + len(view)
        self._front = max(self._front, stop)
        md5 = self._md5
        if md5 is not None and offset <= md5.hashed < stop and not self._jobs:
            md5.feed(view[md5.hashed - offset :])

    @staticmethod
    def _run(md5: RunningMd5, reader: Reader, stop: int) -> None:
        buffer = memoryview(bytearray(min(MIB, max(stop - md5.hashed, 0))))
        while md5.hashed < stop:
            piece = buffer[: stop - md5.hashed]
            reader.read(md5.hashed, piece)
            md5.feed(piece)

    def _hashing_job(self, work: Callable[[Reader], object], finish: Callable[[object], Result] = as_result) -> Job:
        """A job that the MD5 is lent to."""

        def take(outcome: object) -> Result:
            self._jobs -= 1
            return finish(outcome)

        self._jobs += 1
        return self._reading_job(work, take)

    def _reading_job(self, work: Callable[[Reader], object], finish: Callable[[object], Result] = as_result) -> Job:
        def run() -> object:
            with self._lock:
                reader = self.fork()
            try:
                return work(reader)
            finally:
                reader.close()

        return make_job(f"read {self.name!r}", run, finish, lane=Lane.CHECKING)


class FileSource(HashedSource):
    """A `Source` over an open file, which it owns.

    hashing: the MD5 runs along with the reading; no use for files whose MD5 is known.
    """

    __slots__ = ("_fd", "_io", "_modified")

    def __init__(self, fd: int, name: str, io: FileIO, *, hashing: bool) -> None:
        status = os.fstat(fd)
        super().__init__(name, status.st_size, PlainMd5() if hashing else None)
        self._modified = status.st_mtime_ns
        self._fd = fd
        self._io = io

    def read_into(self, offset: int, view: memoryview) -> int:
        """See `Source`."""
        if offset + len(view) > self.size:
            view = view[: max(self.size - offset, 0)]
        try:
            count = self._io.read_at(self._fd, offset, view)
        except OSError:
            return 0
        self._passed(offset, view[:count])
        return count

    def let_go(self) -> None:
        """See `HashedSource`."""
        if self._fd != _CLOSED:
            os.close(self._fd)
            self._fd = _CLOSED

    def fork(self) -> Reader:
        """See `HashedSource`."""
        if self._fd == _CLOSED:
            raise StorageError(f"{self.name!r} is closed already", ErrorCode.CANCELLED)
        return FileReader(os.dup(self._fd), self.name, self._io, self.size, self._modified)


class FileReader:
    """A `Reader` of an open file, which it owns. modified: time of the last change when it was opened [ns]."""

    __slots__ = ("_fd", "_io", "_modified", "_name", "_size")

    def __init__(self, fd: int, name: str, io: FileIO, size: int, modified: int) -> None:
        self._fd = fd
        self._name = name
        self._io = io
        self._size = size
        self._modified = modified

    def read(self, offset: int, view: memoryview) -> None:
        """See `Reader`."""
        if self._io.read_at(self._fd, offset, view) < len(view):
            raise changed(self._name)
        self.check()

    def check(self) -> None:
        """See `Reader`."""
        status = os.fstat(self._fd)
        if (status.st_size, status.st_mtime_ns) != (self._size, self._modified):
            raise changed(self._name)

    def close(self) -> None:
        """See `Reader`."""
        os.close(self._fd)


def digest_source(request: DigestSource) -> Job:
    """Perform DigestSource on a source of this kind."""
    return _own(request.source).digest_job()


def hash_blocks(request: HashBlocks) -> Job:
    """Perform HashBlocks on a source of this kind."""
    return _own(request.source).blocks_job(request.first, request.count, with_md5=request.with_md5)


def read_ahead(request: ReadAhead) -> Job | StorageError:
    """Perform ReadAhead on a source of this kind."""
    return _own(request.source).ahead_job(request.stop)


def changed(name: str) -> StorageError:
    """A file is not what it was when sending began."""
    return StorageError(f"{name!r} changed while it was being sent; send it again", ErrorCode.SOURCE_CHANGED)


def _own(source: Source) -> HashedSource:
    if not isinstance(source, HashedSource):
        raise UsageError("this source was not opened here")
    return source
