"""A folder and everything below it, entered name by name: no symbolic link is ever followed on the way.

Paths are relative, their names separated by "/", and never lead out. The POSIX way holds directories open, so that
nobody can put a link in their place meanwhile; the portable way looks at every name before it uses it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Final

from udpchat.store.fileio import posix_capable
from udpchat.store.folders import OnKept
from udpchat.store.libc import rename_without_replacing

MAX_OPEN_DIRECTORIES: Final = 32
_BINARY: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _BINARY
_MOUNT_POINT: Final = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: what Windows calls a junction


class Tree:
    """An open folder; used by one thread at a time.

    root: must exist, and may be a symbolic link itself: it is the user's word. portable: None decides by what the
    system can do. Methods may raise OSError; a link on the way is ELOOP or ENOTDIR.
    """

    __slots__ = ("_fd", "_open", "portable", "root")

    def __init__(self, root: Path, *, portable: bool | None = None) -> None:
        self.root = root
        self.portable = not posix_capable() if portable is None else portable
        self._open: OrderedDict[str, int] = OrderedDict()  # directories below, the one used last at the end
        self._fd: int | None = None
        if not self.portable:
            self._fd = os.open(root, _DIRECTORY)
        elif not root.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))

    def clone(self, path: str = "") -> Tree:
        """The same folder, or one below it, for another thread."""
        other = Tree.__new__(Tree)
        other.root, other.portable = self.root.joinpath(*path.split("/")) if path else self.root, self.portable
        other._open = OrderedDict()
        other._fd = self.open_directory(path)
        return other

    def close(self) -> None:
        """Give all descriptors back; a second call does nothing."""
        self.forget()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def forget(self) -> None:
        """Hold no directory open but the root: after one was moved."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    def open(self, path: str) -> int:
        """Descriptor of a file for reading. Pipes and devices do not block; what they are the caller sees by fstat."""
        return self._open_file(path, os.O_RDONLY)

    def open_to_write(self, path: str) -> int:
        """Descriptor of a file that is there, for reading and writing."""
        return self._open_file(path, os.O_RDWR)

    def create(self, path: str, mode: int) -> int:
        """Descriptor of a new, empty file. FileExistsError when the name is taken. mode: less the umask."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
        name, folder = self._locate(path)
        return os.open(name, flags, mode, dir_fd=folder)

    def status(self, path: str) -> os.stat_result | None:
        """What the system knows about a name (links are not followed); None when there is no such name."""
        try:
            name, folder = self._locate(path)
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def entries(self, path: str, limit: int) -> list[tuple[str, os.stat_result]]:
        """Names in a directory, sorted, and what they are; not many more than limit. path: empty for the root."""
        found: list[tuple[str, os.stat_result]] = []
        folder = self._directory(path)
        with os.scandir(self._at(path) if folder is None else folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # removed just now
                    found.append((entry.name, entry.stat(follow_symlinks=False)))
                if len(found) > limit:
                    break
        found.sort(key=lambda pair: pair[0])
        return found

    def names(self) -> list[str]:
        """All names in the root."""
        return os.listdir(self.root if self._fd is None else self._fd)

    def is_readable(self, path: str) -> bool:
        """Whether a file or directory may be read by this program."""
        name, folder = self._locate(path)
        effective = os.access in os.supports_effective_ids
        return os.access(name, os.R_OK, dir_fd=folder, effective_ids=effective)

    def make_directory(self, path: str) -> None:
        """Make a directory; FileExistsError when there is anything of that name."""
        name, folder = self._locate(path)
        os.mkdir(name, dir_fd=folder)

    def set_time(self, path: str, modified: int) -> None:
        """Set the time of the last change [us since 1970]; a time that this system does not know is left out."""
        name, folder = self._locate(path)
        follow = os.utime not in os.supports_follow_symlinks
        with contextlib.suppress(OverflowError):
            os.utime(name, ns=(modified * 1_000, modified * 1_000), dir_fd=folder, follow_symlinks=follow)

    def make_executable(self, path: str) -> None:
        """Let all who may read a file run it."""
        if os.name == "posix":
            fd = self.open(path)
            try:
                mode = stat.S_IMODE(os.fstat(fd).st_mode)
                os.fchmod(fd, mode | (mode & 0o444) >> 2)
            except PermissionError:  # a disk that has no such permissions: exFAT
                pass
            finally:
                os.close(fd)

    def move_directory(self, path: str, new_path: str, on_kept: OnKept | None = None) -> None:
        """Give a directory another name; FileExistsError when there is anything of that name.

        on_kept: called when, for a moment, an empty directory keeps the new name free.
        """
        self.forget()
        name, folder = self._locate(path)
        new_name, new_folder = self._locate(new_path)
        if os.name != "posix":
            os.rename(name, new_name)  # refuses a name that is taken
            return
        if folder is not None and folder == new_folder and rename_without_replacing(name, new_name, folder):
            return
        # POSIX moves over what is there when it is an empty directory: so the name is taken by one of ours first.
        os.mkdir(new_name, dir_fd=new_folder)
        try:
            if on_kept is not None:
                on_kept(os.stat(new_name, dir_fd=new_folder, follow_symlinks=False))
            os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)
        except BaseException as error:
            with contextlib.suppress(OSError):  # somebody has put something into it already
                os.rmdir(new_name, dir_fd=new_folder)
            if isinstance(error, OSError) and error.errno == errno.ENOTEMPTY:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name) from error
            raise

    def remove(self, path: str) -> None:
        """Remove a file; nothing happens when there is none."""
        with contextlib.suppress(FileNotFoundError):
            name, folder = self._locate(path)
            os.unlink(name, dir_fd=folder)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; nothing happens when there is none."""
        held = self._open.pop(path, None)
        if held is not None:
            os.close(held)
        with contextlib.suppress(FileNotFoundError):
            name, folder = self._locate(path)
            os.rmdir(name, dir_fd=folder)

    def remove_all(self, path: str) -> None:
        """Remove a directory with all that is in it, or a file; nothing happens when there is none."""
        status = self.status(path)
        if status is None:
            return
        if not is_directory(status):
            self.remove(path)
            return
        waiting = [path]  # no recursion: hostile trees are deep
        while waiting:
            here = waiting[-1]
            inner = []
            for name, each in self.entries(here, limit=2**31):
                if is_directory(each):
                    inner.append(f"{here}/{name}")
                else:
                    self.remove(f"{here}/{name}")
            if inner:
                waiting.extend(inner)
            else:
                waiting.pop()
                self.remove_directory(here)

    def sync(self, path: str) -> None:
        """Make the names in a directory durable. Windows has no such thing and needs none. path: empty for the root."""
        folder = self._directory(path)
        if folder is not None:
            os.fsync(folder)

    def open_directory(self, path: str) -> int | None:
        """A descriptor of a directory, where the system has such. path: empty for the root."""
        folder = self._directory(path)
        return None if folder is None else os.dup(folder)

    def _open_file(self, path: str, flags: int) -> int:
        name, folder = self._locate(path)
        if folder is None and is_link(os.lstat(name)):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        return os.open(name, flags | _NO_FOLLOW | _BINARY | getattr(os, "O_NONBLOCK", 0), dir_fd=folder)

    def _locate(self, path: str) -> tuple[str, int | None]:
        """How to name what lies at path to the system, and relative to which descriptor."""
        above, _, name = path.rpartition("/")
        _check_name(name)
        folder = self._directory(above)
        return (self._at(path) if folder is None else name), folder

    def _directory(self, path: str) -> int | None:
        if self._fd is None:
            self._check_way(path)
            return None
        if not path:
            return self._fd
        held = self._open.get(path)
        if held is not None:
            self._open.move_to_end(path)
            return held
        known = path
        while known and known not in self._open:
            known = known.rpartition("/")[0]
        return self._enter(known, path[len(known) + 1 if known else 0 :])

    def _enter(self, known: str, rest: str) -> int:
        """Go down from a directory that is open; each one on the way is opened without following links."""
        assert self._fd is not None
        fd, path = self._open.get(known, self._fd), known
        for name in rest.split("/"):
            _check_name(name)
            fd = os.open(name, _DIRECTORY | _NO_FOLLOW, dir_fd=fd)
            path = f"{path}/{name}" if path else name
            self._open[path] = fd
            if len(self._open) > MAX_OPEN_DIRECTORIES:
                os.close(self._open.popitem(last=False)[1])
        return fd

    def _check_way(self, path: str) -> None:
        place = self.root
        for name in path.split("/") if path else ():
            _check_name(name)
            place = place / name
            if not is_directory(os.lstat(place)):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))

    def _at(self, path: str) -> str:
        return str(self.root.joinpath(*path.split("/"))) if path else str(self.root)


def is_directory(status: os.stat_result) -> bool:
    """Whether this is a directory, and no link to one in whatever form."""
    return stat.S_ISDIR(status.st_mode) and not is_link(status)


def is_link(status: os.stat_result) -> bool:
    """Whether this leads elsewhere."""
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _MOUNT_POINT


def _check_name(name: str) -> None:
    if not name or name in {".", ".."} or "\0" in name or "/" in name or (os.sep != "/" and os.sep in name):
        raise ValueError(f"not the name of a file: {name!r}")
