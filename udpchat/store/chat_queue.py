"""What chat writes: in the order it was asked, and what waits together is one transaction.

A commit waits for the disk once, however much is in it. So under load many lines share one wait, and a single line
waits for nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, TypeAlias

from udpchat.errors import StorageError
from udpchat.protocol.ports import Job, Lane
from udpchat.store.database import transaction
from udpchat.store.failpoints import reach
from udpchat.store.jobs import as_result
from udpchat.store.trouble import storage_error

MAX_GROUP: Final = 256  # pieces of work in one transaction: at 0.1 ms each, 25 ms

Work: TypeAlias = Callable[[], object]

# What one piece of work does wrong by itself, and what leaves the transaction as it was before that piece.
_ITS_OWN: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)


@dataclass(slots=True)
class _Group:
    """Work that becomes one transaction. work: what is done, and what to tell the user was tried."""

    work: list[tuple[Work, str]] = field(default_factory=list)
    outcomes: list[object] | None = None


class WriteQueue:
    """Makes jobs of work on a connection, which it alone uses, in the thread of the messages' lane.

    Work may raise StorageError, which is its outcome and undoes what it did; the others of its transaction stay. When
    the transaction fails, nothing of it happened, and all of them have failed.
    """

    __slots__ = ("_connection", "_lock", "_next")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = Lock()
        self._next = _Group()  # takes work until it is full or its first job runs

    def submit(self, work: Work, doing: str) -> Job:
        """A job for work. doing: what to tell the user was tried, when it fails."""
        with self._lock:
            if len(self._next.work) == MAX_GROUP:
                self._next = _Group()
            group, number = self._next, len(self._next.work)
            group.work.append((work, doing))
        return Job(lambda: self._run(group, number), as_result, Lane.MESSAGES)

    def _run(self, group: _Group, number: int) -> object:
        if group.outcomes is None:
            with self._lock:
                if self._next is group:
                    self._next = _Group()
            group.outcomes = self._perform(group.work)
        return group.outcomes[number]

    def _perform(self, items: list[tuple[Work, str]]) -> list[object]:
        try:
            with transaction(self._connection):
                outcomes = [self._outcome(work, doing) for work, doing in items]
                reach("chat-written")
        except sqlite3.Error as error:
            return [storage_error(error, doing) for _, doing in items]
        reach("chat-committed")
        return outcomes

    def _outcome(self, work: Work, doing: str) -> object:
        self._connection.execute("SAVEPOINT piece")
        try:
            outcome = work()
        except StorageError as error:
            outcome = error
        except _ITS_OWN as error:
            outcome = storage_error(error, doing)
        except (UnicodeEncodeError, OverflowError) as error:
            outcome = StorageError(f"cannot {doing}: {error}")
        else:
            self._connection.execute("RELEASE piece")
            return outcome
        self._connection.execute("ROLLBACK TO piece")
        self._connection.execute("RELEASE piece")
        return outcome
