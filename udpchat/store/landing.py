"""How a download lies on the disk while it arrives, and how it gets its name when it is whole.

A file is a hidden file, a folder a hidden tree, in the folder where it shall end.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

from udpchat.arq.ranges import RangeSet
from udpchat.config import MAX_FILE_NAME, MIB
from udpchat.files.members import Index
from udpchat.store.checking import Body, keep_covered
from udpchat.store.folders import Folder, OnKept
from udpchat.store.layout import lay_out
from udpchat.store.names import UNFINISHED, export_name, numbered, shortened
from udpchat.store.part_journal import PartJournal
from udpchat.store.part_rows import PartInfo, PartRow, unpack_runs
from udpchat.store.partfile import FileBody, Part, load_part
from udpchat.store.tree_part import TreeBody, check_room
from udpchat.store.trees import Tree, is_directory
from udpchat.wire.numbers import FileFlag

SHARED: Final = 0o666  # less the umask: downloads look like all other files of the user
MAX_NUMBERED: Final = 10_000  # names that are tried


class Landing(Protocol):
    """One download on the disk. Runs in a worker; everything may raise OSError and StorageError."""

    def begin(self) -> Body:
        """Room for a new part; what is under its hidden name goes: without a journal nothing in it is known."""
        ...

    def resume(self, journal: PartJournal, row: PartRow) -> Part:
        """A part that goes on, with what of it is on the disk; nothing is put in the place of what is missing."""
        ...

    def make_room(self, part: Part) -> None:
        """Room for what is missing, once no journal says that it is there: a crash would leave zeros for it."""
        ...

    def dress(self, part: Part) -> None:
        """A part is whole: give it what else belongs to it, durably."""
        ...

    def candidates(self) -> Iterator[str]:
        """Names that are free."""
        ...

    def place(self, part: Part, target: str, on_kept: OnKept) -> None:
        """Give a part its name and close it; FileExistsError when the name is taken. on_kept: see `Folder.place`."""
        ...

    def is_placed(self, journal: PartJournal, row: PartRow, kept: str) -> bool:
        """Whether what is under the name that the journal knows is this download.

        kept: see `kept_mark`. What only kept the name free is removed, nothing else: it may be the user's.
        """
        ...

    def settle(self) -> None:
        """Make the new name durable."""
        ...

    def clean(self) -> None:
        """Remove what is under the hidden name."""
        ...


def landing_of(info: PartInfo, *, portable: bool | None) -> Landing:
    """The landing of a file or folder; it ends in `info.folder`, an absolute path."""
    return TreeLanding(info, portable=portable) if info.is_folder else FileLanding(info, portable=portable)


def hidden_name(info: PartInfo) -> str:
    """Name of what holds the bytes of a download while it arrives."""
    end = f".{info.part_id.hex()}{UNFINISHED}"
    return f".{shortened(export_name(info.file_name), MAX_FILE_NAME - 1 - len(end))}{end}"


class FileLanding:
    """The `Landing` of a single file."""

    __slots__ = ("_info", "_name", "_portable")

    def __init__(self, info: PartInfo, *, portable: bool | None) -> None:
        self._info = info
        self._name = hidden_name(info)
        self._portable = portable

    def begin(self) -> Body:
        """See `Landing`."""
        with closing(self._folder()) as folder:
            folder.remove(self._name)
            fd = folder.create(self._name)
            try:
                folder.io.reserve(fd, self._info.size, folder=str(folder.path), spare=0)
                folder.sync()
            except BaseException:
                os.close(fd)
                folder.remove(self._name)
                raise
            return FileBody(folder, self._name, fd)

    def resume(self, journal: PartJournal, row: PartRow) -> Part:
        """See `Landing`."""
        with closing(self._folder()) as folder:
            try:
                fd = folder.open(self._name, write=True)
            except FileNotFoundError:
                fd = folder.create(self._name)
            try:
                return load_part(journal, row, FileBody(folder, self._name, fd), os.fstat(fd).st_size)
            except BaseException:
                os.close(fd)
                raise

    def make_room(self, part: Part) -> None:
        """See `Landing`."""
        assert isinstance(part.body, FileBody), part.body
        part.body.make_room(self._info.size, spare=0)

    def dress(self, part: Part) -> None:
        """See `Landing`."""
        info = self._info
        if info.modified or info.flags & FileFlag.EXECUTABLE:
            with closing(Tree(Path(info.folder), portable=self._portable)) as tree:
                if info.flags & FileFlag.EXECUTABLE:
                    tree.make_executable(self._name)
                if info.modified:
                    tree.set_time(self._name, info.modified)
            part.sync()

    def candidates(self) -> Iterator[str]:
        """See `Landing`."""
        with closing(self._folder()) as folder:
            yield from free_names(self._info.file_name, folder.status, folder.names)

    def place(self, part: Part, target: str, on_kept: OnKept) -> None:
        """See `Landing`."""
        part.close()  # Windows does not move open files
        with closing(self._folder()) as folder:
            folder.place(self._name, folder, target, on_kept)

    def is_placed(self, journal: PartJournal, row: PartRow, kept: str) -> bool:  # noqa: ARG002 - that of a tree needs it
        """See `Landing`."""
        with closing(self._folder()) as folder:
            target, part = folder.status(row.target), folder.status(self._name)
            if target is None:
                return False
            if part is not None:
                if (target.st_dev, target.st_ino) == (part.st_dev, part.st_ino):
                    return True
                if target.st_size == 0 and stat.S_ISREG(target.st_mode) and kept_mark(target) == kept:
                    folder.remove(row.target)
                return False
            is_alike = stat.S_ISREG(target.st_mode) and target.st_size == self._info.size
            return is_alike and _md5_of(folder, row.target) == row.md5

    def settle(self) -> None:
        """See `Landing`."""
        with closing(self._folder()) as folder:
            folder.sync()

    def clean(self) -> None:
        """See `Landing`."""
        try:
            folder = self._folder()
        except FileNotFoundError:
            return
        with closing(folder):
            folder.remove(self._name)

    def _folder(self) -> Folder:
        return Folder(Path(self._info.folder), follow=True, portable=self._portable, mode=SHARED)


class TreeLanding:
    """The `Landing` of a folder."""

    __slots__ = ("_info", "_name", "_portable", "_root")

    def __init__(self, info: PartInfo, *, portable: bool | None) -> None:
        self._info = info
        self._root = Path(info.folder)
        self._name = hidden_name(info)
        self._portable = portable

    def begin(self) -> Body:
        """See `Landing`."""
        check_room(self._root, self._info.size)
        body = TreeBody(self._root, self._name, portable=self._portable)
        try:
            body.begin()
        except BaseException:
            body.close()
            raise
        return body

    def resume(self, journal: PartJournal, row: PartRow) -> Part:
        """See `Landing`."""
        info = self._info
        index = journal.index(info.part_id, info.members)
        if index is None or not info.members:
            return Part(info, self.begin())
        body = TreeBody(self._root, self._name, portable=self._portable)
        try:
            present = body.lay_out(index, unpack_runs(row.ranges, info.size))
            hashes, md5s = journal.hashes(info.part_id), journal.md5s(info.part_id)
            keep_covered(index, RangeSet(present), hashes, md5s)
            return Part(info, body, present, index, hashes, md5s)
        except BaseException:
            body.close()
            raise

    def make_room(self, part: Part) -> None:
        """See `Landing`."""
        check_room(self._root, self._info.size - part.ranges.total)

    def dress(self, part: Part) -> None:
        """See `Landing`."""
        _tree_of(part).finish(self._info.modified)
        part.sync()

    def candidates(self) -> Iterator[str]:
        """See `Landing`."""
        with closing(Tree(self._root, portable=self._portable)) as tree:
            yield from free_names(self._info.file_name, tree.status, tree.names)

    def place(self, part: Part, target: str, on_kept: OnKept) -> None:
        """See `Landing`."""
        _tree_of(part).move_to(target, on_kept)
        part.close()

    def is_placed(self, journal: PartJournal, row: PartRow, kept: str) -> bool:
        """See `Landing`."""
        with closing(Tree(self._root, portable=self._portable)) as tree:
            target = tree.status(row.target)
            if target is None or not is_directory(target):
                return False
            if tree.status(self._name) is not None:
                if kept_mark(target) == kept and not tree.entries(row.target, limit=1):
                    tree.remove_directory(row.target)
                return False
            index = journal.index(self._info.part_id, self._info.members)
            return index is not None and _is_tree(tree, row.target, index)

    def settle(self) -> None:
        """See `Landing`."""
        with closing(Tree(self._root, portable=self._portable)) as tree:
            tree.sync("")

    def clean(self) -> None:
        """See `Landing`."""
        try:
            tree = Tree(self._root, portable=self._portable)
        except FileNotFoundError:
            return
        with closing(tree):
            tree.remove_all(self._name)


def kept_mark(status: os.stat_result) -> str:
    """By which an empty file or directory that keeps a name free is known again as long as nobody touches it.

    An inode may be used again, but not with the same time of change. Who ends between making it and noting its mark,
    where names are kept free at all, leaves it behind: better than to remove an empty file of the user.
    """
    return f"{status.st_dev:x} {status.st_ino:x} {status.st_ctime_ns:x}"


def free_names(display: str, status: Callable[[str], object], names: Callable[[], Iterable[str]]) -> Iterator[str]:
    """The safe form of a name, then with numbers: those that nothing has. names: all that are taken, asked for once."""
    name = export_name(display)
    if status(name) is None:
        yield name
    taken = frozenset(names())
    for number in range(2, MAX_NUMBERED + 1):
        candidate = numbered(name, number)
        if candidate not in taken:
            yield candidate


def _tree_of(part: Part) -> TreeBody:
    assert isinstance(part.body, TreeBody), part.body
    return part.body


def _is_tree(tree: Tree, name: str, index: Index) -> bool:
    """Whether all members are where they belong, with the sizes that they have. The rename was of a whole tree."""
    for member, path in zip(index, lay_out(index), strict=True):
        status = tree.status(f"{name}/{path}")
        if status is None or is_directory(status) != member.is_directory:
            return False
        if not member.is_directory and status.st_size != member.size:
            return False
    return True


def _md5_of(folder: Folder, name: str) -> bytes:
    md5 = hashlib.md5(usedforsecurity=False)
    buffer = memoryview(bytearray(MIB))
    offset = 0
    fd = folder.open(name)
    try:
        while count := folder.io.read_at(fd, offset, buffer):
            md5.update(buffer[:count])
            offset += count
    finally:
        os.close(fd)
    return md5.digest()
