"""Bytes of a folder that is received whose files are not made yet: making one may take the disk a millisecond.

They wait in memory until a worker makes the files. They are not durable, so there are never more of them than a sender
may be ahead of what is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from udpchat.arq.ranges import RangeSet
from udpchat.config import MIB
from udpchat.files.members import Index
from udpchat.store.part_rows import Runs

Piece: TypeAlias = tuple[int, bytes]  # where it begins in its member, and the bytes


class Waiting:
    """Pieces by number of the member, each in the order in which they came: a later one may correct an earlier one.

    One thread adds, one worker takes, others look.
    """

    __slots__ = ("_guard", "_pieces", "_taken")

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._pieces: dict[int, list[Piece]] = {}
        self._taken: dict[int, list[Piece]] = {}  # of the member whose file is just being written

    def __contains__(self, number: int) -> bool:
        """Whether bytes of a member wait, also while they are being written."""
        with self._guard:
            return number in self._pieces or number in self._taken

    def add(self, number: int, offset: int, view: memoryview) -> None:
        """Keep a copy of bytes of a member, from offset on."""
        piece = (offset, bytes(view))
        with self._guard:
            self._pieces.setdefault(number, []).append(piece)

    def numbers(self) -> list[int]:
        """The members of which bytes wait, ascending."""
        with self._guard:
            return sorted(self._pieces)

    def pieces(self, number: int) -> Sequence[Piece]:
        """What waits of a member."""
        with self._guard:
            return (*self._taken.get(number, ()), *self._pieces.get(number, ()))

    @contextmanager
    def taken(self, number: int) -> Iterator[Sequence[Piece]]:
        """What waits of a member, to be written now; when that raises, it goes on waiting."""
        with self._guard:
            pieces = self._taken[number] = self._pieces.pop(number, [])
        try:
            yield pieces
        except BaseException:
            with self._guard:
                self._pieces[number] = pieces + self._pieces.get(number, [])
                del self._taken[number]
            raise
        with self._guard:
            del self._taken[number]

    def runs(self, numbers: Iterable[int], index: Index) -> Runs:
        """Where in the whole folder the bytes lie that wait of these members."""
        runs = RangeSet()
        for number in numbers:
            start, _ = index.span(number)
            for offset, data in self.pieces(number):
                runs.add(start + offset, start + offset + len(data))
        return tuple(runs)

    def clear(self) -> None:
        """Forget everything."""
        with self._guard:
            self._pieces.clear()


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same bytes in fewer pieces, of 1 MiB and little more."""
    start, length, group = 0, 0, list[bytes]()
    for offset, data in pieces:
        if group and (offset != start + length or length >= MIB):
            yield start, b"".join(group)
            group.clear()
        if not group:
            start, length = offset, 0
        group.append(data)
        length += len(data)
    if group:
        yield start, b"".join(group)


def lay_over(pieces: Iterable[Piece], offset: int, view: memoryview, count: int) -> int:
    """Put pieces over what was read of a file from offset on; bytes of view that are right then.

    count: bytes that were read.
    """
    right = RangeSet(((0, count),) if count else ())
    for start, data in pieces:
        left, stop = max(start, offset), min(start + len(data), offset + len(view))
        if left < stop:
            view[left - offset : stop - offset] = data[left - start : stop - start]
            right.add(left - offset, stop - offset)
    return right.run_at(0)[1] if 0 in right else 0
