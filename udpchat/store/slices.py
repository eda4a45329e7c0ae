"""A run of bytes inside a stored file, as a source of its own: a member of a folder that is wanted alone."""

from __future__ import annotations

import os
from typing import Final

from udpchat.errors import ErrorCode, StorageError
from udpchat.store.fileio import FileIO
from udpchat.store.sources import HashedSource, Reader, changed

_CLOSED: Final = -1


class SliceSource(HashedSource):
    """A `Source` over a part of an open file, which it owns. start, size: of the part."""

    __slots__ = ("_fd", "_io", "_start")

    def __init__(self, fd: int, name: str, io: FileIO, start: int, size: int) -> None:
        super().__init__(name, size, None)  # the MD5 of what is stored is known
        self._fd = fd
        self._io = io
        self._start = start

    def read_into(self, offset: int, view: memoryview) -> int:
        """See `Source`."""
        view = view[: max(self.size - offset, 0)]
        try:
            return self._io.read_at(self._fd, self._start + offset, view)
        except OSError:
            return 0

    def let_go(self) -> None:
        """See `HashedSource`."""
        if self._fd != _CLOSED:
            os.close(self._fd)
            self._fd = _CLOSED

    def fork(self) -> Reader:
        """See `HashedSource`."""
        if self._fd == _CLOSED:
            raise StorageError(f"{self.name!r} is closed already", ErrorCode.CANCELLED)
        return _SliceReader(os.dup(self._fd), self.name, self._io, self._start)


class _SliceReader:
    """A `Reader` of a part of an open file, which it owns."""

    __slots__ = ("_fd", "_io", "_name", "_start")

    def __init__(self, fd: int, name: str, io: FileIO, start: int) -> None:
        self._fd = fd
        self._name = name
        self._io = io
        self._start = start

    def read(self, offset: int, view: memoryview) -> None:
        """See `Reader`."""
        if self._io.read_at(self._fd, self._start + offset, view) < len(view):
            raise changed(self._name)

    def check(self) -> None:
        """What is stored does not change."""

    def close(self) -> None:
        """See `Reader`."""
        os.close(self._fd)
