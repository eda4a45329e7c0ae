"""What is forgotten: messages older than the administrator wants to keep, and guests of long ago who left none."""

from __future__ import annotations

from udpchat.chat.hall import Hall
from udpchat.chat.ports import PruneMessages, SaveProgress
from udpchat.config import SECOND
from udpchat.errors import StorageError

INTERVAL = 3_600 * SECOND  # between two looks at messages
GUESTS_INTERVAL = 24 * INTERVAL  # between two looks at guests, where messages are kept for ever
GUESTS_START = 60 * SECOND  # after the start: a server that comes back has other things to do
GUESTS_AGE = 90 * 24 * INTERVAL  # since a guest was here last


class Retention:
    """Asks storage after the start and now and then."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._due = 0
        self._is_new = not hall.config.keep_history  # guests are looked at when the start is over

    def next_timeout(self) -> int:
        """When storage is to be looked through."""
        return self._due

    def handle_timeout(self, now: int) -> None:
        """Forget what is too old."""
        if now < self._due:
            return
        if self._is_new:
            self._is_new, self._due = False, now + GUESTS_START
            return
        age = self._hall.config.keep_history
        self._due = now + (INTERVAL if age else GUESTS_INTERVAL)
        wall = self._hall.wall(now)
        # Who is here is not forgotten, however silent.
        present = tuple((seat.person.person_id, seat.seen, wall) for seat in self._hall.everybody())
        if present:
            self._hall.desk.ask(SaveProgress(0, present), lambda _result, _now: None)
        self._forget(wall - age if age else 0, wall - GUESTS_AGE)

    def _forget(self, before: int, guests_before: int) -> None:
        """Storage forgets a number of messages at a time, so that what people say need not wait for long."""

        def answer(count: int | StorageError, _now: int) -> None:
            # What fails now is done an hour later.
            if not isinstance(count, StorageError) and count > 0:
                self._forget(before, guests_before)

        self._hall.desk.ask(PruneMessages(0, before, guests_before), answer)
