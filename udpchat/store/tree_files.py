"""Makes the files of a folder that is received: in a worker, for a disk may take a millisecond for each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from udpchat.config import KIB, TRANSFER_CREDIT
from udpchat.errors import StorageError
from udpchat.files.members import Index
from udpchat.store.fileio import FileIO
from udpchat.store.trees import Tree
from udpchat.store.waiting import Piece, joined
from udpchat.wire.numbers import MemberFlag

LARGE: Final = 256 * KIB  # files from this size on are made before their bytes come, which then need not wait
MADE_AHEAD: Final = 2 * TRANSFER_CREDIT  # how far, in bytes: no sender is further ahead of what is durable
_PLAIN: Final = 0o666  # less the umask, as all files of the user
_EXECUTABLE: Final = 0o777


@dataclass(frozen=True, slots=True)
class Places:
    """The members of a tree. paths: where they lie. exists: for each, whether its file is known to be there."""

    index: Index = field(default_factory=lambda: Index(()))
    paths: tuple[str, ...] = ()
    exists: bytearray = field(default_factory=bytearray)


class FileMaker:
    """Makes files and directories; of one worker at a time.

    changed: directories with new names that are perhaps not durable.
    """

    __slots__ = ("_io", "_next", "changed", "places", "tree")

    def __init__(self, tree: Tree, io: FileIO) -> None:
        self.tree = tree
        self.places = Places()
        self.changed: set[str] = set()
        self._io = io
        self._next = 0  # members below are not made ahead any more

    def start(self, places: Places) -> None:
        """All members are known."""
        self.places = places
        self._next = 0

    def write(self, number: int, pieces: Iterable[Piece]) -> None:
        """Write bytes of a member, whose file is made when there is none."""
        exists = self.places.exists
        fd = open_regular(self.tree, self.places.paths[number]) if exists[number] else self._create(number)
        try:
            for offset, data in joined(pieces):
                self._io.write_at(fd, offset, memoryview(data))
        finally:
            os.close(fd)
        exists[number] = True

    def make_ahead(self, reached: int) -> None:
        """Make the files of large members that begin not far behind reached, a place in the whole folder."""
        index, exists = self.places.index, self.places.exists
        while self._next < len(index) and index.span(self._next)[0] < reached + MADE_AHEAD:
            if index[self._next].size >= LARGE and not exists[self._next]:
                self._make_empty(self._next)
            self._next += 1

    def make_rest(self) -> list[int]:
        """Make directories, and files without bytes, which are returned by number."""
        made = []
        for number, member in enumerate(self.places.index):
            if member.is_directory:
                self._make_way(self.places.paths[number])
            elif not member.size and not self.places.exists[number]:
                self._make_empty(number)
                made.append(number)
        return made

    def set_times(self) -> None:
        """Give everything the time of its last change."""
        index, paths = self.places.index, self.places.paths
        # What lies in a directory comes behind it, and would change its time again.
        for number in range(len(index) - 1, -1, -1):
            if index[number].modified:
                self.tree.set_time(paths[number], index[number].modified)

    def _make_empty(self, number: int) -> None:
        os.close(self._create(number))
        self.places.exists[number] = True

    def _create(self, number: int) -> int:
        """A new file, and the directories above it."""
        path, flags = self.places.paths[number], self.places.index[number].flags
        mode = _EXECUTABLE if flags & MemberFlag.EXECUTABLE else _PLAIN
        above = path.rpartition("/")[0]
        try:
            fd = self.tree.create(path, mode)
        except FileNotFoundError:
            self._make_way(above)
            fd = self.tree.create(path, mode)
        except FileExistsError:  # of before a restart, and not in the journal
            self.tree.remove(path)
            fd = self.tree.create(path, mode)
        self.changed.add(above)
        return fd

    def _make_way(self, path: str) -> None:
        """Make a directory of the tree and those above it."""
        names = path.split("/")
        for count in range(2, len(names) + 1):  # the first is the tree itself
            here = "/".join(names[:count])
            try:
                self.tree.make_directory(here)
            except FileExistsError:
                continue
            self.changed.add(here.rpartition("/")[0])


def open_regular(tree: Tree, path: str) -> int:
    """Descriptor of a file of a tree, to write. StorageError when it is anything else."""
    fd = tree.open_to_write(path)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise StorageError(f"{tree.root / path} is not a regular file any more; move it away and try again")
    return fd
