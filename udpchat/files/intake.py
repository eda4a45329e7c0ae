"""Transfers that the user asks for, until they are written down: their files are looked at, then they are claimed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from udpchat.errors import StorageError
from udpchat.files.events import Phase, Progress
from udpchat.files.exchange import Exchange
from udpchat.files.local_ports import ClaimTransfer, Direction, LocalFile, OpenLocal, Transfer
from udpchat.files.ports import CloseSource


@dataclass(slots=True, eq=False)
class Wanted:
    """What somebody asked for. draft: what is known of it. file: of an upload, once it is open.

    pace: the rate and the priority, as far as they were given: also one that was begun before has these then.
    """

    request_id: int
    draft: Transfer
    pace: dict[str, Any]
    file: LocalFile | None = None


Accept = Callable[[Wanted, Transfer], None]  # what was asked for, and what is written down
Refuse = Callable[[Wanted, StorageError], None]


class Intake:
    """One after the other, so that they are written down in the order they were asked for.

    accept, refuse: called with each, when it is written down or cannot be.
    """

    def __init__(self, exchange: Exchange, accept: Accept, refuse: Refuse) -> None:
        self._exchange = exchange
        self._accept = accept
        self._refuse = refuse
        self._waiting: deque[Wanted] = deque()
        self._current: Wanted | None = None

    def __len__(self) -> int:
        return len(self._waiting) + (self._current is not None)

    def add(self, wanted: Wanted) -> None:
        """Somebody asks for a transfer."""
        self._waiting.append(wanted)
        self.go_on()

    def go_on(self) -> None:
        """Take the next one, as soon as it is known which server it is for."""
        if self._current is not None or not self._waiting or not self._exchange.server:
            return
        wanted = self._current = self._waiting.popleft()
        wanted.draft = replace(wanted.draft, server=self._exchange.server, nick=self._exchange.nick)
        if wanted.draft.direction is Direction.UPLOAD and wanted.file is None:
            self._exchange.ask(OpenLocal(0, wanted.draft.path), lambda result, _: self._on_local(wanted, result))
        else:
            self._claim(wanted)

    def drop(self) -> None:
        """Nobody waits for these any more; one that is just being written down is accepted all the same."""
        self._waiting.clear()

    def progress(self) -> list[Progress]:
        """All that are not written down yet."""
        waiting = ([self._current] if self._current is not None else []) + list(self._waiting)
        return [
            Progress(each.request_id, each.draft.file_name, 0, each.draft.size, each.draft, Phase.CHECKING)
            for each in waiting
        ]

    def open_requests(self) -> frozenset[int]:
        """Verbs that wait for one of these."""
        return frozenset(each.request_id for each in (*self._waiting, self._current) if each is not None)

    def _on_local(self, wanted: Wanted, result: LocalFile | StorageError) -> None:
        if isinstance(result, StorageError):
            self._end(wanted, result)
            return
        wanted.file = result
        wanted.draft = replace(wanted.draft, file_name=result.file_name, size=result.size, mark=result.mark)
        self._claim(wanted)

    def _claim(self, wanted: Wanted) -> None:
        self._exchange.ask(ClaimTransfer(0, wanted.draft), lambda result, _: self._end(wanted, result))

    def _end(self, wanted: Wanted, result: Transfer | StorageError) -> None:
        self._current = None
        if isinstance(result, StorageError):
            close(self._exchange, wanted)
            self._refuse(wanted, result)
        else:
            self._accept(wanted, result)
        self.go_on()


def close(exchange: Exchange, wanted: Wanted) -> None:
    """Nobody needs its file."""
    if wanted.file is not None:
        exchange.ask(CloseSource(wanted.file.source))
        wanted.file = None
