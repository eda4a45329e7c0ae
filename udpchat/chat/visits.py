"""How long somebody may be here for one command: while it goes on, and some time more."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from udpchat.chat.hall import Hall, Seat
from udpchat.config import SECOND

VISIT: Final = 15 * 60 * SECOND  # after its last request, while no file is on its way


class Visits:
    """The visitors, each looked at when it may have been here for too long."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._heap: list[tuple[int, bytes]] = []  # one entry each: when to look at a connection

    def begin(self, connection_id: bytes, now: int) -> None:
        """A visitor is here."""
        heappush(self._heap, (now + VISIT, connection_id))

    def next_timeout(self) -> int | None:
        """When to look at somebody."""
        while self._heap and self._hall.find(self._heap[0][1]) is None:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_over(self, now: int) -> list[Seat]:
        """Those whose visit is over; what they were here for must be done."""
        over = []
        while (at := self.next_timeout()) is not None and at <= now:
            connection_id = heappop(self._heap)[1]
            seat = self._hall.find(connection_id)
            if seat is not None:
                left = VISIT if self._is_busy(connection_id) else seat.last_seen + VISIT - self._hall.wall(now)
                if left > 0:
                    heappush(self._heap, (now + left, connection_id))
                else:
                    over.append(seat)
        return over

    def _is_busy(self, connection_id: bytes) -> bool:
        """Whether a file is on its way, either way, or another service keeps it."""
        if self._hall.desk.members.is_kept(connection_id):
            return True
        connection = self._hall.desk.endpoint.find(connection_id)
        return connection is not None and (
            connection.receiver.transfer_count > 0 or not connection.transmitter.transfers.is_idle
        )
