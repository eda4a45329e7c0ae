"""A folder of the user that is open for sending: the bytes of all its files, one behind the other."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from udpchat.errors import ErrorCode, StorageError
from udpchat.files.members import EMPTY_MD5, Index, folder_md5
from udpchat.store.fileio import FileIO
from udpchat.store.scan import Scan
from udpchat.store.sources import HashedSource, Reader, changed
from udpchat.store.trees import Tree
from udpchat.store.trouble import storage_error

MAX_OPEN_MEMBERS: Final = 64  # of a folder that is read


class MemberMd5s:
    """The MD5 of each member, and of the folder: a `RunningMd5`."""

    __slots__ = ("_index", "_md5", "_md5s", "_stop", "hashed")

    def __init__(self, index: Index) -> None:
        self.hashed = 0
        self._index = index
        self._md5s: list[bytes] = []
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._stop = 0
        self._begin()

    def feed(self, view: memoryview) -> None:
        """See `RunningMd5`."""
        while view:
            piece = view[: self._stop - self.hashed]
            self._md5.update(piece)
            self.hashed += len(piece)
            view = view[len(piece) :]
            if self.hashed == self._stop:
                self._md5s.append(self._md5.digest())
                self._begin()

    def digest(self) -> bytes:
        """See `RunningMd5`."""
        return folder_md5(self._md5s)

    def _begin(self) -> None:
        """Go on to the next member that has bytes."""
        index, number = self._index, len(self._md5s)
        while number < len(index) and not index[number].size:
            self._md5s.append(EMPTY_MD5)
            number += 1
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._stop = index.span(number)[1] if number < len(index) else index.size


class Members:
    """The files of a folder, opened as they are needed; those used last stay open. Used by one thread at a time.

    tree: belongs to this from now on. on_changed: what to say of a file, by its path, that is not what it was.
    """

    __slots__ = ("_io", "_on_changed", "_open", "_scan", "tree")

    def __init__(self, tree: Tree, scan: Scan, io: FileIO, on_changed: Callable[[str], StorageError]) -> None:
        self.tree = tree
        self._scan = scan
        self._io = io
        self._on_changed = on_changed
        self._open: OrderedDict[int, int] = OrderedDict()  # descriptors, the one used last at the end

    def clone(self) -> Members:
        """The same files, for another thread."""
        return Members(self.tree.clone(), self._scan, self._io, self._on_changed)

    def read(self, offset: int, view: memoryview) -> int:
        """Fill view from offset on, as far as there are bytes. StorageError when a file is not what it was."""
        index, done = self._scan.index, 0
        total = min(len(view), index.size - offset)
        number = index.member_at(offset) if total > 0 else 0
        while done < total:
            start, stop = index.span(number)
            if start < stop:
                count = min(stop - offset - done, total - done)
                self._read(number, offset + done - start, view[done : done + count])
                done += count
            number += 1
        return done

    def check(self) -> None:
        """StorageError when any file is not what it was."""
        for number, member in enumerate(self._scan.index):
            if not member.is_directory:
                status = self.tree.status(self._scan.local_path(number))
                if status is None:
                    raise self._on_changed(member.path)
                self._check(number, status)

    def close(self) -> None:
        """Close all files and the folder."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()
        self.tree.close()

    def _read(self, number: int, offset: int, view: memoryview) -> None:
        try:
            fd = self._descriptor(number)
            count = self._io.read_at(fd, offset, view)
            if offset + count >= self._scan.index[number].size:
                self._check(number, os.fstat(fd))  # between this look and the first nobody has changed it
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise self._on_changed(self._scan.index[number].path) from error
            raise storage_error(error, f"read {self._scan.index[number].path!r}") from error
        if count < len(view):
            raise self._on_changed(self._scan.index[number].path)

    def _descriptor(self, number: int) -> int:
        held = self._open.get(number)
        if held is not None:
            self._open.move_to_end(number)
            return held
        while len(self._open) >= MAX_OPEN_MEMBERS:
            os.close(self._open.popitem(last=False)[1])
        fd = self.tree.open(self._scan.local_path(number))
        try:
            self._check(number, os.fstat(fd))
        except StorageError:
            os.close(fd)
            raise
        self._open[number] = fd
        return fd

    def _check(self, number: int, status: os.stat_result) -> None:
        member = self._scan.index[number]
        is_same = (status.st_size, status.st_mtime_ns) == (member.size, self._scan.stamps[number])
        if not (is_same and stat.S_ISREG(status.st_mode)):
            raise self._on_changed(member.path)


class TreeSource(HashedSource):
    """A `Source` over the files of a folder. tree: belongs to this from now on.

    hashing: the MD5 runs along with the reading; no use for folders whose MD5 is known. on_changed: see `Members`.
    """

    __slots__ = ("_is_closed", "_members", "_trouble")

    def __init__(
        self,
        tree: Tree,
        scan: Scan,
        name: str,
        io: FileIO,
        *,
        hashing: bool = True,
        on_changed: Callable[[str], StorageError] = changed,
    ) -> None:
        super().__init__(name, scan.index.size, MemberMd5s(scan.index) if hashing else None)
        self._members = Members(tree, scan, io, on_changed)
        self._is_closed = False
        self._trouble: StorageError | None = None

    def read_into(self, offset: int, view: memoryview) -> int:
        """See `Source`. Why it read fewer bytes is what its digest is answered with."""
        if self._trouble is not None:
            return 0
        try:
            count = self._members.read(offset, view)
        except StorageError as error:
            self._trouble = error
            return 0
        self._passed(offset, view[:count])
        return count

    def let_go(self) -> None:
        """See `HashedSource`."""
        if not self._is_closed:
            self._is_closed = True
            self._members.close()

    def fork(self) -> Reader:
        """See `HashedSource`."""
        if self._is_closed:
            raise StorageError(f"{self.name!r} is closed already", ErrorCode.CANCELLED)
        if self._trouble is not None:
            raise self._trouble
        return MembersReader(self._members.clone())


class MembersReader:
    """A `Reader` of a folder."""

    __slots__ = ("_members",)

    def __init__(self, members: Members) -> None:
        self._members = members

    def read(self, offset: int, view: memoryview) -> None:
        """See `Reader`."""
        self._members.read(offset, view)

    def check(self) -> None:
        """See `Reader`."""
        self._members.check()

    def close(self) -> None:
        """See `Reader`."""
        self._members.close()
