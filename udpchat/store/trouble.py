"""Turns what the operating system and SQLite complain about into words for the user."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import Final

from udpchat.errors import ErrorCode, StorageError

_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_ADVICE: Final = {
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "the disk is mounted read-only; mount it for writing",
    errno.ENOENT: "check that it exists",
    errno.EEXIST: "something else has its name; move that away",
    errno.EISDIR: "something else has its name; move that away",
    errno.EXDEV: "files cannot be moved from one file system to another; put both places on one",
    errno.EIO: "the disk reports errors; check it before you go on",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ELOOP: "it is a symbolic link, and those are not followed here",
    errno.ENAMETOOLONG: "the name is too long for this disk",
}


def storage_error(error: OSError | sqlite3.Error, doing: str) -> StorageError:
    """What went wrong and what to do about it. doing: what was tried, as in "write to report.pdf"."""
    if isinstance(error, sqlite3.Error):
        return _database_error(error, doing)
    if error.errno in _FULL:
        text = f"cannot {doing}: the disk is full or over its quota; free some space and try again"
        return StorageError(text, ErrorCode.NO_SPACE)
    number = error.errno if error.errno is not None else 0
    reason = os.strerror(number) if number else str(error)
    advice = _ADVICE.get(number)
    return StorageError(f"cannot {doing}: {reason}" + (f"; {advice}" if advice else ""))


def _database_error(error: sqlite3.Error, doing: str) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what extended result codes add
    if code == sqlite3.SQLITE_FULL:
        text = f"cannot {doing}: the disk of the database is full; free some space and try again"
        return StorageError(text, ErrorCode.NO_SPACE)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StorageError(f"cannot {doing}: another program holds the database; close it and try again")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StorageError(f"cannot {doing}: the database is damaged ({error}); restore it from a backup")
    return StorageError(f"cannot {doing}: the database says: {error}")
