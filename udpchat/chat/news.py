"""How people hear of one another: at once while they are few; in a crowd all news of a second together, in turns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from udpchat.chat.hall import Hall, Seat
from udpchat.config import LOBBY, MILLISECOND, SECOND
from udpchat.protocol.members import fold
from udpchat.wire.records import Record, encode_record

CROWD: Final = 200  # users, above which news is gathered: told one by one, 5,000 who join cost 12 million datagrams
GATHERING: Final = 1 * SECOND  # until what is gathered is told, in a round that takes
ROUND: Final = 200 * MILLISECOND  # at most: told to 5,000 in one go, copies in their queues took 6 kB for each
TURN: Final = 10 * MILLISECOND  # of a round
LEAST_TURN: Final = 50  # people who are told in one turn, or more, so that a round ends
AT_ONCE: Final = 0  # a deadline that has passed


@dataclass(frozen=True, slots=True)
class _Item:
    """An encoded record for the members of a room (empty: for all), but not for one connection."""

    encoded: bytes
    room: str
    but: bytes


class _Round:
    """What was gathered, and who has not heard it yet. first: see News. least: people who are told in one turn."""

    def __init__(self, hall: Hall, items: list[_Item], first: dict[bytes, int], least: int) -> None:
        self._hall = hall
        self._items = items
        self._first = first
        self._rooms = {item.room for item in items}
        self._shared: dict[frozenset[str], bytes] = {}  # by the rooms that the recipients have among these
        self._waiting = list(hall)
        self._turn = max(least, -(-len(self._waiting) * TURN // ROUND))

    def tell_some(self) -> bool:
        """Tell a part of those who wait; False when that was the last."""
        some, self._waiting = self._waiting[: self._turn], self._waiting[self._turn :]
        for seat in some:
            if self._hall.find(seat.connection_id) is not None and (encoded := self._content(seat)):
                self._hall.tell_news(seat, encoded)
        return bool(self._waiting)

    def _content(self, seat: Seat) -> bytes:
        if (start := self._first.get(seat.connection_id)) is not None:
            return _joined(self._items[start:], seat)
        mine = seat.rooms & self._rooms
        if mine not in self._shared:
            self._shared[mine] = _joined(self._items, seat)
        return self._shared[mine]


class News:
    """Tells everybody, or the members of a room, in one order. crowd, least_turn: as the constants."""

    def __init__(self, hall: Hall) -> None:
        self.crowd = CROWD
        self.least_turn = LEAST_TURN
        self._hall = hall
        self._gathered: list[_Item] = []
        self._first: dict[bytes, int] = {}  # which of them concern a connection that some are about: from this one on
        self._round: _Round | None = None
        self._due: int | None = None  # None: as soon as the time is known, for whoever brings news does not bring it

    def tell(self, record: Record, *, room: str, but: bytes, is_first: bool) -> None:
        """Send a record to all or to a room, but not to one connection; is_first: that is new, and hears later news."""
        if not self._gathered and self._round is None and self._hall.user_count <= self.crowd:
            if room:
                self._hall.tell_room(room, record, but=but)
            else:
                self._hall.tell_all(record, but=but)
            return
        if but:
            self._first.setdefault(but, len(self._gathered) if is_first else 0)
        self._gathered.append(_Item(encode_record(record), "" if fold(room) == LOBBY else fold(room), but))

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do."""
        if not self._gathered and self._round is None:
            return None
        return AT_ONCE if self._due is None else self._due

    def handle_timeout(self, now: int) -> None:
        """Send what was gathered to those whose turn it is, when it is time."""
        if self._due is None and self._gathered:
            self._due = now + GATHERING
        if self._due is None or now < self._due:
            return
        if self._round is None:
            self._round = _Round(self._hall, self._gathered, self._first, self.least_turn)
            self._gathered, self._first = [], {}
        if self._round.tell_some():
            self._due = now + TURN
        else:
            self._round, self._due = None, None


def _joined(items: Iterable[_Item], seat: Seat) -> bytes:
    """What somebody is to hear of these."""
    mine = (item for item in items if item.but != seat.connection_id and (not item.room or item.room in seat.rooms))
    return b"".join(item.encoded for item in mine)
