"""How far people are: kept while they are here, saved together every few seconds and when somebody leaves."""

from __future__ import annotations

from collections.abc import Iterable

from udpchat.chat.hall import Hall, Seat
from udpchat.chat.ports import Person, SaveProgress
from udpchat.config import SECOND
from udpchat.errors import StorageError

SAVE_INTERVAL = 5 * SECOND  # between two saves; a crash costs the memory of what was confirmed since the last one
KEPT_PER_PLACE = 2  # people whose progress is remembered, of those here and of those who have left, for each place

Entry = tuple[int, int, int]  # person id, newest message confirmed, last seen


class ProgressKeeper:
    """What each person has confirmed, also where storage does not know it yet. limit: how many people."""

    def __init__(self, hall: Hall, limit: int) -> None:
        self._hall = hall
        self._limit = limit
        self._confirmed: dict[int, int] = {}  # by person id, the one heard of last at the end
        self._dirty: dict[int, tuple[int, int]] = {}  # by person id: confirmed, last seen
        self._due: int | None = None
        self._is_saving = False
        self._is_late = False  # something is to be saved as soon as that is done

    def confirmed(self, person: Person) -> int:
        """The newest message that somebody has confirmed; 0: none."""
        return max(person.delivered, self._confirmed.get(person.person_id, 0))

    def note(self, seat: Seat, now: int) -> None:
        """A seat has come further; it is saved with the next ones."""
        self._remember(seat, seat.last_seen or seat.session.joined_at)
        self._wake(now)

    def save(self, seat: Seat, now: int) -> None:
        """A seat has come or goes; save at once."""
        self._remember(seat, self._hall.wall(now))
        self._flush()

    def next_timeout(self) -> int | None:
        """When something is to be saved."""
        return self._due

    def handle_timeout(self, now: int) -> None:
        """Save, when it is time."""
        if self._due is not None and now >= self._due:
            self._flush()

    def _remember(self, seat: Seat, last_seen: int) -> None:
        person_id = seat.person.person_id
        seen = max(seat.seen, self._confirmed.pop(person_id, 0))
        self._confirmed[person_id] = seen
        if len(self._confirmed) > self._limit:
            del self._confirmed[next(iter(self._confirmed))]
        self._mark((person_id, seen, last_seen))

    def _mark(self, entry: Entry) -> None:
        person_id, seen, last_seen = entry
        known_seen, known_last = self._dirty.get(person_id, (0, 0))
        self._dirty[person_id] = max(seen, known_seen), max(last_seen, known_last)
        if len(self._dirty) > self._limit:
            del self._dirty[next(iter(self._dirty))]

    def _wake(self, now: int) -> None:
        if self._due is None:
            self._due = now + SAVE_INTERVAL

    def _flush(self) -> None:
        """Save what is not saved. One request at a time: when many leave at once, the next one takes all the others."""
        self._due = None
        if self._is_saving:
            self._is_late = True
        elif self._dirty:
            people = tuple((person_id, *known) for person_id, known in self._dirty.items())
            self._dirty.clear()
            self._is_saving, self._is_late = True, False
            self._hall.desk.ask(SaveProgress(0, people), lambda result, now: self._on_saved(people, result, now))

    def _on_saved(self, people: tuple[Entry, ...], result: StorageError | None, now: int) -> None:
        self._is_saving = False
        if result is not None:
            self._again(people, now)
        elif self._is_late:
            self._flush()

    def _again(self, people: Iterable[Entry], now: int) -> None:
        """The disk refused: try with the next ones, for it may have room then."""
        for entry in people:
            self._mark(entry)
        self._wake(now)
