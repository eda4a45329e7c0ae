"""What a query means among the files that everybody may see: those that are shared, and those of the lobby.

The database compares, without holding other threads up, and no longer than a query may take: names come from an index
that has nothing else in it.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from typing import Any, Final

from udpchat.config import LOBBY, SEARCH_BUDGET, SECOND
from udpchat.files.blocks import NO_ROOT
from udpchat.peers.patterns import fold, words_of
from udpchat.peers.ports import SearchShared, SharedFile
from udpchat.store.database import snapshot
from udpchat.store.shared_rows import path_of
from udpchat.store.stored_rules import room_key
from udpchat.wire.numbers import FileFlag, QueryKind

STEPS: Final = 1_000  # of SQLite's machine between two looks at the clock: some hundred names

EVERYBODYS: Final = "room_key = ?"
BESIDE: Final = "+room_key = ?"  # with the plus there is no index for it: that of what follows is better

_COLUMNS: Final = "file_id, file_name, place, size, md5, content, members, flags"


class SharedSearch:
    """Answers queries, on a connection of its own."""

    __slots__ = ("_connection", "_end", "_room")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._end = 0.0  # of the time that the query has [s]
        self._room = room_key(LOBBY)

    def find(self, request: SearchShared, budget: int = SEARCH_BUDGET) -> tuple[SharedFile, ...]:
        """What is meant, in no order; what was found so far when the time [us] is over."""
        condition, values = _condition(request.kind, request.pattern)
        if not condition:
            return ()
        self._end = time.monotonic() + budget / SECOND
        self._connection.set_progress_handler(self._is_over, STEPS)
        try:
            with snapshot(self._connection):
                query = f"SELECT sequence FROM files WHERE {condition} LIMIT ?"
                found = list(self._sequences(query, self._room, *values, request.limit))
                self._connection.set_progress_handler(None, 0)  # of what was found all is told
                query = f"SELECT {_COLUMNS} FROM files WHERE sequence = ?"
                rows = (self._connection.execute(query, (each,)).fetchone() for each in found)
                return tuple(map(_shared_file, rows))
        finally:
            self._connection.set_progress_handler(None, 0)

    def _sequences(self, query: str, *values: object) -> Iterator[int]:
        try:
            for (sequence,) in self._connection.execute(query, values):
                yield int(sequence)
        except sqlite3.OperationalError:
            if time.monotonic() < self._end:
                raise

    def _is_over(self) -> bool:
        return time.monotonic() >= self._end


def _condition(kind: QueryKind, pattern: str) -> tuple[str, tuple[object, ...]]:
    """What of a file is compared with what, after its room. Nothing: no file can be meant.

    A pattern with a slash in it means a path; words may stand anywhere in it.
    """
    if "\0" in pattern or not _is_text(pattern):
        return "", ()
    folded = fold(pattern)
    is_path = "/" in folded
    column = "find_key" if is_path else "name_key"
    match kind:
        case QueryKind.EXACT:
            return f"{EVERYBODYS if is_path else BESIDE} AND {column} = ?", (folded,)
        case QueryKind.GLOB:
            return f"{EVERYBODYS} AND {column} GLOB ?", (folded.replace("[", "[[]"),)
        case QueryKind.WORDS:
            words = words_of(pattern)
            conditions = [EVERYBODYS, *["instr(find_key, ?)"] * len(words)]
            return " AND ".join(conditions), tuple(sorted(words, key=len, reverse=True))
        case QueryKind.MD5:
            return f"{BESIDE} AND md5 = ?", (bytes.fromhex(pattern),)
        case QueryKind.ROOT:
            root = bytes.fromhex(pattern)
            return (f"{BESIDE} AND content = ?", (root,)) if root != NO_ROOT else ("", ())


def _is_text(pattern: str) -> bool:
    with contextlib.suppress(UnicodeEncodeError):
        return bool(pattern.encode())
    return False


def _shared_file(row: tuple[Any, ...]) -> SharedFile:
    file_id, file_name, place, size, md5, content, members, flags = row
    name = file_name if place is None else path_of(place)
    return SharedFile(name, size, md5, content or NO_ROOT, members, FileFlag(flags), file_id)
