"""Calls of Linux that Python does not offer; elsewhere, and where a file system has them not, they say so."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final

_HONEST_SYNCFS: Final = (5, 8)  # version of Linux from which on syncfs reports what could not be written
_NO_REPLACE: Final = 1  # RENAME_NOREPLACE of linux/fs.h
_KEEP_SIZE: Final = 1  # FALLOC_FL_KEEP_SIZE of linux/falloc.h
_UNKNOWN: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})
_FUSE: Final = 0x65735546  # FUSE_SUPER_MAGIC of linux/magic.h: its syncfs succeeds and tells the program behind nothing
_STATFS_SIZE: Final = 256  # bytes: more than struct statfs has anywhere; it begins with the magic number


def sync_file_system(fd: int) -> bool:
    """Return when the whole file system that fd is on is durable. False: nothing was done; this system cannot."""
    version = re.match(r"(\d+)\.(\d+)", os.uname().release) if sys.platform == "linux" else None
    if version is None or (int(version[1]), int(version[2])) < _HONEST_SYNCFS:
        return False
    call = _function("syncfs")
    if call is None or _magic(fd) in {None, _FUSE}:
        return False
    try:
        call(fd)
    except OSError as error:
        if error.errno in _UNKNOWN:
            return False
        raise
    return True


def _magic(fd: int) -> int | None:
    """Which kind of file system this is; None when nobody knows."""
    call = _function("fstatfs")
    if call is None:
        return None
    import ctypes  # noqa: PLC0415 - as below

    buffer = ctypes.create_string_buffer(_STATFS_SIZE)
    try:
        call(fd, buffer)
    except OSError as error:
        if error.errno in _UNKNOWN or error.errno == errno.EOVERFLOW:  # 32 bits do not hold the numbers of a large disk
            return None
        raise
    return int.from_bytes(buffer.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder) & 0xFFFF_FFFF


def rename_without_replacing(name: str, new_name: str, folder: int) -> bool:
    """Rename in an open directory; FileExistsError when the name is taken. False: nothing was done; it cannot be."""
    call = _function("renameat2")
    if call is None:
        return False
    try:
        call(folder, os.fsencode(name), folder, os.fsencode(new_name), _NO_REPLACE)
    except OSError as error:
        if error.errno in _UNKNOWN:
            return False
        raise
    return True


def can_preallocate(fd: int) -> bool:
    """Whether the file system of an open, empty file hands out blocks before they are written.

    Where it does not, posix_fallocate of the C library writes to every block instead, for minutes.
    """
    call = _function("fallocate")
    if call is None:
        return True
    import ctypes  # noqa: PLC0415 - as below

    try:
        call(fd, _KEEP_SIZE, ctypes.c_longlong(0), ctypes.c_longlong(1))
    except OSError as error:
        return error.errno not in _UNKNOWN
    return True


@cache
def _function(name: str) -> Callable[..., None] | None:
    """A function of the C library that gives 0 or sets errno."""
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - many clients never receive a folder

    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        return None

    def call(*arguments: Any) -> None:
        if function(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return call
