"""Reading and writing at offsets of open files: the POSIX way and one that works everywhere.

Both classes do the same; which one is used is chosen once, by `file_io`. Descriptors may be shared by two threads.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from typing import Final, Protocol

from udpchat.config import MIB
from udpchat.store.libc import can_preallocate

_NO_FALLOCATE: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})


class FileIO(Protocol):
    """What the store does with an open file. Everything may raise OSError."""

    def read_at(self, fd: int, offset: int, view: memoryview) -> int:
        """Fill view from offset on; bytes read, fewer than asked only at the end of the file."""
        ...

    def write_at(self, fd: int, offset: int, view: memoryview) -> None:
        """Write all of view at offset."""
        ...

    def reserve(self, fd: int, size: int, *, folder: str, spare: int) -> None:
        """Make the file size bytes long; ENOSPC at once when the disk has not so much and spare bytes more.

        What the file has of the disk already is not asked for again.
        """
        ...

    def sync_data(self, fd: int) -> None:
        """Return when the bytes are durable."""
        ...

    def sync(self, fd: int) -> None:
        """Return when the bytes and all that is known about the file are durable."""
        ...


class PosixIO:
    """pread and pwrite: no file position that threads could share."""

    __slots__ = ()

    def read_at(self, fd: int, offset: int, view: memoryview) -> int:
        """See FileIO."""
        done = os.preadv(fd, [view], offset)
        while 0 < done < len(view):
            more = os.preadv(fd, [view[done:]], offset + done)
            if more == 0:
                break
            done += more
        return done

    def write_at(self, fd: int, offset: int, view: memoryview) -> None:
        """See FileIO."""
        done = os.pwrite(fd, view, offset)
        while done < len(view):
            done += os.pwrite(fd, view[done:], offset + done)

    def reserve(self, fd: int, size: int, *, folder: str, spare: int) -> None:
        """See FileIO."""
        _check_space(fd, folder, size, spare)
        allocate = getattr(os, "posix_fallocate", None)
        if allocate is not None and size and can_preallocate(fd):
            try:
                allocate(fd, 0, size)
            except OSError as error:
                if error.errno not in _NO_FALLOCATE:
                    raise
        os.ftruncate(fd, size)

    def sync_data(self, fd: int) -> None:
        """See FileIO."""
        if hasattr(os, "fdatasync"):
            os.fdatasync(fd)
        else:
            self.sync(fd)

    def sync(self, fd: int) -> None:
        """See FileIO."""
        os.fsync(fd)
        _flush_drive(fd)


class PortableIO:
    """Seek, then read or write, one at a time: for systems without pread and pwrite."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def read_at(self, fd: int, offset: int, view: memoryview) -> int:
        """See FileIO."""
        done = 0
        with self._lock:
            os.lseek(fd, offset, os.SEEK_SET)
            while done < len(view):
                piece = os.read(fd, min(len(view) - done, MIB))
                if not piece:
                    break
                view[done : done + len(piece)] = piece
                done += len(piece)
        return done

    def write_at(self, fd: int, offset: int, view: memoryview) -> None:
        """See FileIO."""
        done = 0
        with self._lock:
            os.lseek(fd, offset, os.SEEK_SET)
            while done < len(view):
                done += os.write(fd, view[done:])

    def reserve(self, fd: int, size: int, *, folder: str, spare: int) -> None:
        """See FileIO."""
        _check_space(fd, folder, size, spare)
        os.ftruncate(fd, size)

    def sync_data(self, fd: int) -> None:
        """See FileIO."""
        os.fsync(fd)

    def sync(self, fd: int) -> None:
        """See FileIO."""
        os.fsync(fd)


def posix_capable() -> bool:
    """Whether this system has all that the POSIX path calls."""
    calls = all(hasattr(os, name) for name in ("preadv", "pwrite", "link", "O_NOFOLLOW", "O_DIRECTORY"))
    return calls and {os.open, os.link, os.unlink, os.rename, os.stat} <= os.supports_dir_fd


def file_io(*, portable: bool) -> FileIO:
    """The implementation to use."""
    return PortableIO() if portable else PosixIO()


def _check_space(fd: int, folder: str, size: int, spare: int) -> None:
    status = os.fstat(fd)
    held = status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size
    if shutil.disk_usage(folder).free < max(size - held, 0) + spare:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _flush_drive(fd: int) -> None:
    # On macOS fsync leaves the bytes in the drive's cache.
    try:
        import fcntl  # noqa: PLC0415 - POSIX only, and this module must import everywhere
    except ImportError:
        return
    flush = getattr(fcntl, "F_FULLFSYNC", None)
    if flush is not None:
        fcntl.fcntl(fd, flush)
