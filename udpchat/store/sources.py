"""Files that are open for sending: read into the packet buffer, never mapped, hashed as they pass."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from udpchat.config import MAX_FILE_SIZE, MIB
from udpchat.errors import ErrorCode, StorageError, UsageError
from udpchat.files.ports import DigestSource, LocalFile
from udpchat.protocol.ports import Job, Source
from udpchat.store.fileio import FileIO
from udpchat.store.parts import make_job
from udpchat.store.refusals import no_local_file
from udpchat.store.trouble import storage_error

_CLOSED: Final = -1


class FileSource:
    """A `Source` over an open file, which it owns.

    hashing: the MD5 runs along with the reading; no use for files whose MD5 is known.
    """

    __slots__ = ("_fd", "_hashed", "_io", "_md5", "_modified", "name", "size")

    def __init__(self, fd: int, name: str, io: FileIO, *, hashing: bool) -> None:
        status = os.fstat(fd)
        self.name = name
        self.size = status.st_size
        self._modified = status.st_mtime_ns
        self._fd = fd
        self._io = io
        self._md5 = hashlib.md5(usedforsecurity=False) if hashing else None
        self._hashed = 0

    def read_into(self, offset: int, view: memoryview) -> int:
        """See `Source`."""
        if offset + len(view) > self.size:
            view = view[: max(self.size - offset, 0)]
        try:
            count = self._io.read_at(self._fd, offset, view)
        except OSError:
            return 0
        if self._md5 is not None and offset <= self._hashed < offset + count:
            self._md5.update(view[self._hashed - offset : count])
            self._hashed = offset + count
        return count

    def close(self) -> None:
        """See `Source`."""
        if self._fd != _CLOSED:
            os.close(self._fd)
            self._fd = _CLOSED

    def digest_job(self) -> Job | StorageError:
        """A job for the MD5 of the whole. The source may be read and closed meanwhile."""
        if self._fd == _CLOSED:
            return StorageError(f"{self.name!r} is closed already", ErrorCode.CANCELLED)
        try:
            fd = os.dup(self._fd)
        except OSError as error:
            return storage_error(error, f"read {self.name!r}")
        md5 = hashlib.md5(usedforsecurity=False) if self._md5 is None else self._md5.copy()
        hashed = self._hashed

        def work() -> bytes:
            try:
                return self._digest(fd, md5, hashed)
            finally:
                os.close(fd)

        return make_job(f"read {self.name!r}", work)

    def _digest(self, fd: int, md5: hashlib._Hash, hashed: int) -> bytes:
        self._check_unchanged(fd)
        buffer = memoryview(bytearray(min(MIB, self.size - hashed)))
        while hashed < self.size:
            count = self._io.read_at(fd, hashed, buffer[: self.size - hashed])
            if count == 0:
                raise self._changed()
            md5.update(buffer[:count])
            hashed += count
        self._check_unchanged(fd)
        return md5.digest()

    def _check_unchanged(self, fd: int) -> None:
        status = os.fstat(fd)
        if (status.st_size, status.st_mtime_ns) != (self.size, self._modified):
            raise self._changed()

    def _changed(self) -> StorageError:
        return StorageError(f"{self.name!r} changed while it was being sent; send it again", ErrorCode.SOURCE_CHANGED)


def open_user_file(path: str, io: FileIO) -> LocalFile:
    """A file of the user, for sending. Symbolic links are followed: it is the user's word."""
    place = Path(path).expanduser()
    try:
        # Without O_NONBLOCK the open of a FIFO waits for a writer.
        fd = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except IsADirectoryError:
        raise _directory(path) from None
    except FileNotFoundError:
        raise no_local_file(path) from None
    except OSError as error:
        if place.is_dir():  # what Windows calls a refused permission
            raise _directory(path) from None
        raise storage_error(error, f"open {path}") from error
    except ValueError:
        raise StorageError(f"{path!r} cannot be the name of a file", ErrorCode.NAME_NOT_ALLOWED) from None
    try:
        _check_sendable(path, os.fstat(fd))
    except StorageError:
        os.close(fd)
        raise
    source = FileSource(fd, place.name, io, hashing=True)
    return LocalFile(source, place.name, source.size)


def digest_source(request: DigestSource) -> Job | StorageError:
    """Perform DigestSource on a source of this module."""
    return _own(request.source).digest_job()


def _own(source: Source) -> FileSource:
    if not isinstance(source, FileSource):
        raise UsageError("this source was not opened here")
    return source


def _check_sendable(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _directory(path)
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(f"{path} is a pipe or a device, not a file; copy what it gives into a file and send that")
    if status.st_size > MAX_FILE_SIZE:
        raise StorageError(f"{path} is too large to be sent", ErrorCode.TOO_LARGE)


def _directory(path: str) -> StorageError:
    return StorageError(f"{path} is a folder; pack it into one file (zip, tar) and send that")
