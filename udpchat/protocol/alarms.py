"""When connections want to be woken, many of them at once."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

MIN_STALE = 64  # outdated entries that are not worth clearing away


class Alarms:
    """Two deadlines for each connection, by its id: a near one and a far one. Absolute times [us].

    Near ones (loss, copies, ACKs) come and go with every packet, far ones (silence, an old key) stay for a minute. They
    are kept apart so that a line whose ACK came leaves no wake-up behind: with one deadline for both, each delivery of
    a line cost a wake-up that found nothing to do, of about 25 us.

    A near deadline that moves to a later time is left where it is: most move with every packet, and whoever is woken
    early finds nothing to do.
    """

    __slots__ = ("_far", "_heap", "_near")

    def __init__(self) -> None:
        self._near: dict[bytes, int] = {}
        self._far: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []  # these, and outdated ones

    def __len__(self) -> int:
        return len(self._heap)

    def near(self, connection_id: bytes, deadline: int | None) -> None:
        """Set the near deadline, None for none. Only an earlier one moves the wake-up."""
        near = self._near
        scheduled = near.get(connection_id)
        if deadline is None:
            if scheduled is not None:
                del near[connection_id]
                self._clear_stale()
        elif scheduled is None or deadline < scheduled:
            near[connection_id] = deadline
            heappush(self._heap, (deadline, connection_id))
            self._clear_stale()

    def far(self, connection_id: bytes, deadline: int | None) -> None:
        """Set the far deadline. Only an earlier one moves the wake-up, and None leaves it to find nothing to do."""
        scheduled = self._far.get(connection_id)
        if deadline is not None and (scheduled is None or deadline < scheduled):
            self._far[connection_id] = deadline
            heappush(self._heap, (deadline, connection_id))
            self._clear_stale()

    def has_far(self, connection_id: bytes) -> bool:
        """The far deadline is set and has not passed."""
        return connection_id in self._far

    def forget(self, connection_id: bytes) -> None:
        """Drop both."""
        self._near.pop(connection_id, None)
        self._far.pop(connection_id, None)
        self._clear_stale()

    def next_due(self, now: int) -> bytes | None:
        """Whose deadline has passed, one after another; that deadline is forgotten with it."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            deadline, connection_id = heappop(heap)
            for deadlines in (self._near, self._far):
                if deadlines.get(connection_id) == deadline:
                    del deadlines[connection_id]
                    return connection_id
        return None

    def next_timeout(self) -> int | None:
        """The earliest deadline of all."""
        heap, near, far = self._heap, self._near, self._far
        while heap:
            deadline, connection_id = heap[0]
            if near.get(connection_id) == deadline or far.get(connection_id) == deadline:
                return deadline
            heappop(heap)
        return None

    def _clear_stale(self) -> None:
        """Outdated entries must not pile up: not while connections go on, and not when many of them end."""
        if len(self._heap) > MIN_STALE + 2 * (len(self._near) + len(self._far)):
            self._heap = [(at, name) for deadlines in (self._near, self._far) for name, at in deadlines.items()]
            heapify(self._heap)
