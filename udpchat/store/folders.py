"""A folder that files are made in and named, never over one another and never through a symbolic link.

On POSIX everything happens relative to the folder's descriptor, so nobody can swap the folder for another in between;
a file gets its final name by `link`, which refuses to overwrite. The portable way joins paths and reserves the name
with an exclusive create before it moves the file there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from udpchat.errors import StorageError
from udpchat.store.fileio import FileIO, file_io, posix_capable
from udpchat.store.libc import rename_without_replacing

OnKept: TypeAlias = Callable[[os.stat_result], None]  # told what the system knows of what keeps a name free

PRIVATE: Final = 0o600
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_PLAIN: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Folder:
    """An open folder.

    path: must exist. follow: it may be a symbolic link itself (the user's own folders). portable: None decides by what
    the system can do. mode: of files made in it, less the umask. Methods take the name
    of one file in it and may raise OSError.
    """

    __slots__ = ("_fd", "_mode", "io", "path", "portable")

    def __init__(self, path: Path, *, follow: bool = False, portable: bool | None = None, mode: int = PRIVATE) -> None:
        self._mode = mode
        self.path = path
        self.portable = not posix_capable() if portable is None else portable
        self.io: FileIO = file_io(portable=self.portable)
        self._fd: int | None = None
        if not self.portable:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
            self._fd = os.open(path, flags)
        elif not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))

    def create(self, name: str) -> int:
        """Descriptor of a new, empty file for reading and writing. FileExistsError when there is one."""
        return os.open(self._at(name), os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN, self._mode, dir_fd=self._fd)

    def open(self, name: str, *, write: bool = False) -> int:
        """Descriptor of a file that is there; only regular files are opened."""
        flags = (os.O_RDWR if write else os.O_RDONLY) | _PLAIN | getattr(os, "O_NONBLOCK", 0)
        fd = os.open(self._at(name), flags, dir_fd=self._fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise StorageError(f"{self.path / name} is not a regular file; move it away and try again")
        return fd

    def status(self, name: str) -> os.stat_result | None:
        """What the system knows about a name (links are not followed); None when there is no such name."""
        try:
            return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        """All names in the folder, sorted."""
        return sorted(os.listdir(self.path if self._fd is None else self._fd))

    def place(self, name: str, target: Folder, new_name: str, on_kept: OnKept | None = None) -> None:
        """Name a file in target; FileExistsError when the name is taken. The old name may stay: remove it then.

        on_kept: called when, for a moment, an empty file keeps the new name free.
        """
        if not self.portable:
            try:
                os.link(name, new_name, src_dir_fd=self._fd, dst_dir_fd=target._fd, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
            else:
                return
        if self._renamed(name, target, new_name):
            return
        fd = target.create(new_name)
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        try:
            if on_kept is not None:
                on_kept(status)
            self.replace(name, target, new_name)
        except BaseException:
            target.remove(new_name)
            raise

    def _renamed(self, name: str, target: Folder, new_name: str) -> bool:
        """Rename where that refuses a name that is taken; False: nothing was done, for it cannot be refused."""
        if os.name != "posix":
            os.rename(self._at(name), target._at(new_name))
            return True
        return self._fd is not None and target is self and rename_without_replacing(name, new_name, self._fd)

    def replace(self, name: str, target: Folder, new_name: str) -> None:
        """Move a file to a name in target, over what is there."""
        os.replace(self._at(name), target._at(new_name), src_dir_fd=self._fd, dst_dir_fd=target._fd)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens when there is none."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._fd)

    def sync(self) -> None:
        """Make the names durable. Windows has no such thing and needs none."""
        if self._fd is not None:
            os.fsync(self._fd)

    def write_whole(self, name: str, data: bytes) -> None:
        """Replace a small file, durably and at once: afterwards it is the old one or the new one."""
        draft = f"{name}.new"
        self.remove(draft)
        fd = self.create(draft)
        try:
            self.io.write_at(fd, 0, memoryview(data))
            self.io.sync(fd)
        finally:
            os.close(fd)
        self.replace(draft, self, name)
        self.sync()

    def read_whole(self, name: str, limit: int) -> bytes | None:
        """A small file; None when there is none. StorageError when it has more than limit bytes."""
        try:
            fd = self.open(name)
        except FileNotFoundError:
            return None
        try:
            buffer = bytearray(limit + 1)
            count = self.io.read_at(fd, 0, memoryview(buffer))
        finally:
            os.close(fd)
        if count > limit:
            raise StorageError(f"{self.path / name} is larger than anything udpchat writes there; move it away")
        return bytes(buffer[:count])

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _at(self, name: str) -> str:
        if not name or name in {".", ".."} or "/" in name or "\0" in name or (os.altsep and os.sep in name):
            raise ValueError(f"not the name of a file: {name!r}")
        return name if self._fd is not None else str(self.path / name)
