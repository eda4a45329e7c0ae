"""The bytes of a folder that is received: a hidden tree of files beside the place where it shall be.

A worker makes the files; bytes that come before wait in memory, so the thread that runs the core never waits for a disk
that makes a file. What is made durable together costs one call for the whole file system where there is one that can be
trusted, otherwise one for each file.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from udpchat.arq.ranges import RangeSet
from udpchat.errors import StorageError, UsageError
from udpchat.files.members import Index
from udpchat.store.fileio import FileIO, file_io
from udpchat.store.folders import OnKept
from udpchat.store.layout import lay_out
from udpchat.store.libc import sync_file_system
from udpchat.store.part_rows import Runs
from udpchat.store.tree_files import FileMaker, Places, open_regular
from udpchat.store.trees import Tree, is_directory
from udpchat.store.waiting import Waiting, lay_over

MAX_OPEN_FILES: Final = 16  # of a tree that is written: large ones, most of which come in order
FILES_AT_ONCE: Final = 1_000  # that one sync makes: not much more than a second's work for slow disks
FEW: Final = 8  # files that are synced one by one, so as not to wait for what other programs have written


class TreeBody:
    """The `Body` of a folder; see checking.py.

    root: the folder where the tree is, which must exist. name: of the tree in it, made when it is missing.
    """

    __slots__ = (
        "_dirty",
        "_guard",
        "_io",
        "_lock",
        "_maker",
        "_open",
        "_places",
        "_reading",
        "_waiting",
        "_writing",
        "name",
    )

    def __init__(self, root: Path, name: str, *, portable: bool | None = None) -> None:
        self.name = name
        self._writing: Tree | None = Tree(root, portable=portable)  # of the thread that runs the core
        self._reading = self._writing.clone()  # of all threads that read, who take turns by the lock
        self._lock = threading.RLock()
        self._io: FileIO = file_io(portable=self._writing.portable)
        self._maker = FileMaker(self._writing.clone(), self._io)  # of the worker that makes bytes durable
        self._places = Places()
        self._waiting = Waiting()
        self._open: OrderedDict[int, int] = OrderedDict()  # descriptors, the one used last at the end
        self._guard = threading.Lock()  # of what is dirty; never held for long
        self._dirty: set[int] = set()  # members that have bytes which are perhaps not durable

    # -- in a worker, before bytes come --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Make an empty tree; one that is there already is removed first: without a journal nothing in it is known."""
        tree = self._maker.tree
        tree.remove_all(self.name)
        tree.make_directory(self.name)
        tree.sync("")

    def lay_out(self, index: Index, present: Runs = ()) -> Runs:
        """All members are known. present: what the journal says is there; what of it really is."""
        places = Places(index, tuple(f"{self.name}/{path}" for path in lay_out(index)), bytearray(len(index)))
        tree = self._maker.tree
        status = tree.status(self.name)
        if status is None:
            tree.make_directory(self.name)
            tree.sync("")
            present = ()
        elif not is_directory(status):
            raise StorageError(f"{tree.root / self.name} is not a directory any more; move it away and try again")
        present = _really_there(tree, places, present)
        self._maker.start(places)
        self._maker.make_ahead(present[-1][1] if present else 0)
        self._places = places
        return present

    # -- on the thread that runs the core ------------------------------------------------------------------------------

    def write_at(self, offset: int, view: memoryview) -> None:
        """See `Body`."""
        places, tree = self._places, self._writing
        if offset + len(view) > places.index.size:
            raise UsageError(f"bytes of a folder whose members are not known: {offset}")
        if tree is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        while view:
            number = places.index.member_at(offset)
            start, stop = places.index.span(number)
            piece = view[: stop - offset]
            if places.exists[number] and number not in self._waiting:
                self._io.write_at(self._descriptor(tree, number), offset - start, piece)
                self._note(number)  # afterwards: a sync that has taken the list meanwhile may have come too early
            else:
                self._waiting.add(number, offset - start, piece)
            offset += len(piece)
            view = view[len(piece) :]

    def _descriptor(self, tree: Tree, number: int) -> int:
        held = self._open.get(number)
        if held is None:
            while len(self._open) >= MAX_OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
            held = self._open[number] = open_regular(tree, self._places.paths[number])
        else:
            self._open.move_to_end(number)
        return held

    # -- in a worker ---------------------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """See `Body`."""
        return self._writing is None

    def read_at(self, offset: int, view: memoryview) -> int:
        """See `Body`."""
        index = self._places.index
        done, total = 0, min(len(view), index.size - offset)
        while done < total:
            number = index.member_at(offset + done)
            start, stop = index.span(number)
            piece = view[done : done + min(stop - offset, total) - done]
            count = self._read_member(number, offset + done - start, piece)
            done += count
            if count < len(piece):
                return done
        return done

    def _read_member(self, number: int, offset: int, view: memoryview) -> int:
        waiting = self._waiting.pieces(number)  # first: what is not here any more is in the file
        count = 0
        if self._places.exists[number]:
            try:
                with self._lock:
                    fd = self._reading.open(self._places.paths[number])
            except FileNotFoundError:
                return 0
            try:
                count = self._io.read_at(fd, offset, view)
            finally:
                os.close(fd)
        return lay_over(waiting, offset, view, count)

    def sync_data(self) -> Runs:
        """See `Body`."""
        return self._sync(self._io.sync_data, FILES_AT_ONCE)

    def sync(self) -> None:
        """See `Body`."""
        self._sync(self._io.sync, len(self._places.index))

    def _sync(self, call: Callable[[int], None], most: int) -> Runs:
        """Make at most so many files, and make durable what is in files; what still waits."""
        left = self._make_files(most)
        maker = self._maker
        with self._guard:
            dirty, self._dirty = self._dirty, set()
        changed, maker.changed = maker.changed, set()
        if len(dirty) + len(changed) > FEW and self._with_directory("", sync_file_system):
            return left
        for number in dirty:
            fd = maker.tree.open_to_write(self._places.paths[number])
            try:
                call(fd)
            finally:
                os.close(fd)
        for path in changed:
            self._with_directory(path, os.fsync)
        return left

    def _make_files(self, most: int) -> Runs:
        """Write what waits of so many members; where the rest lies."""
        index, numbers = self._places.index, self._waiting.numbers()
        for number in numbers[:most]:
            with self._waiting.taken(number) as pieces:
                self._maker.write(number, pieces)
            self._note(number)
        with self._guard:
            last = max(self._dirty, default=-1)
        if last >= 0:
            self._maker.make_ahead(index.span(last)[1])
        return self._waiting.runs(numbers[most:], index)

    def _note(self, number: int) -> None:
        with self._guard:
            self._dirty.add(number)

    def _with_directory(self, path: str, call: Callable[[int], object]) -> object:
        """Call with a descriptor of a directory, where there are such."""
        fd = self._maker.tree.open_directory(path)
        if fd is None:
            return None
        try:
            return call(fd)
        finally:
            os.close(fd)

    def finish(self, modified: int) -> None:
        """All bytes are in files: make what has none, and give everything the time of its last change.

        modified: of the folder itself [us since 1970], 0 when it is not known.
        """
        for number in self._maker.make_rest():
            self._note(number)
        self._maker.set_times()
        if modified:
            self._maker.tree.set_time(self.name, modified)

    def move_to(self, target: str, on_kept: OnKept) -> None:
        """Give the whole tree its name, beside where it is; FileExistsError when the name is taken."""
        self._close_files()  # Windows moves no directory with open files
        self._maker.tree.move_directory(self.name, target, on_kept)

    def close(self) -> None:
        """See `Body`."""
        with self._lock:
            if self._writing is not None:
                self._close_files()
                self._writing.close()
                self._writing = None
                self._reading.close()
                self._maker.tree.close()
                self._waiting.clear()

    def _close_files(self) -> None:
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()


def _really_there(tree: Tree, places: Places, present: Runs) -> Runs:
    """What of these bytes is on the disk; notes the files that are."""
    kept = RangeSet(present)
    for number in _members_in(places.index, present):
        start, stop = places.index.span(number)
        status = tree.status(places.paths[number])
        length = status.st_size if status is not None and stat.S_ISREG(status.st_mode) else 0
        if length:
            places.exists[number] = True
        if start + length < stop:
            kept.remove(start + length, stop)
    return tuple(kept)


def _members_in(index: Index, runs: Runs) -> Iterator[int]:
    """Numbers of the members that have bytes in runs, ascending."""
    done = 0
    for start, stop in runs:
        number = max(index.member_at(start), done)
        while number < len(index) and index.span(number)[0] < stop:
            if index[number].size:
                yield number
            number += 1
        done = number


def check_room(folder: Path, size: int) -> None:
    """OSError (ENOSPC) when the disk has not so many bytes."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
