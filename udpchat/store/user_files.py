"""Files and folders of the user, opened for sending. Symbolic links are followed here: it is the user's word."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from udpchat.config import MAX_FILE_SIZE
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.local_ports import LocalFile
from udpchat.store.fileio import FileIO
from udpchat.store.names import FALLBACK, readable_name
from udpchat.store.refusals import no_local_file
from udpchat.store.scan import is_executable, mark_of, microseconds, scan
from udpchat.store.sources import FileSource
from udpchat.store.tree_source import TreeSource
from udpchat.store.trees import Tree
from udpchat.store.trouble import storage_error
from udpchat.wire.numbers import PLAIN_FILE, FileFlag


def open_user_file(path: str, io: FileIO, *, portable: bool | None = None) -> LocalFile:
    """A file or folder of the user, for sending. StorageError says what is wrong with it."""
    try:
        place = Path(path)
        if place.is_dir():
            return _open_folder(path, place, io, portable=portable)
        return _open_file(path, place, io)
    except FileNotFoundError:
        raise no_local_file(path) from None
    except OSError as error:
        raise storage_error(error, f"open {path}") from error
    except ValueError:  # a name with a NUL in it
        raise StorageError(f"{path!r} cannot be the name of a file", ErrorCode.NAME_NOT_ALLOWED) from None


def _open_file(path: str, place: Path, io: FileIO) -> LocalFile:
    # Without O_NONBLOCK the open of a FIFO waits for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(place, flags)
    try:
        status = os.fstat(fd)
        _check_sendable(path, status)
        source = FileSource(fd, place.name, io, hashing=True)
    except BaseException:
        os.close(fd)
        raise
    flag = FileFlag.EXECUTABLE if is_executable(status) else PLAIN_FILE
    name, mark = readable_name(place.name), mark_of(source.size, status.st_mtime_ns)
    return LocalFile(source, name, source.size, microseconds(status), flag, None, mark)


def _open_folder(path: str, place: Path, io: FileIO, *, portable: bool | None) -> LocalFile:
    tree = Tree(place, portable=portable)
    try:
        modified = microseconds(place.stat())
        found = scan(tree, path)
        source = TreeSource(tree, found, path, io)
    except BaseException:
        tree.close()
        raise
    name = readable_name(place.name if place.name not in ("", "..") else place.resolve().name) or FALLBACK
    return LocalFile(source, name, source.size, modified, FileFlag.FOLDER, found.index, found.mark, found.left_out)


def _check_sendable(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(f"{path} is a pipe or a device, not a file; copy what it gives into a file and send that")
    if status.st_size > MAX_FILE_SIZE:
        raise StorageError(f"{path} is too large to be sent", ErrorCode.TOO_LARGE)
