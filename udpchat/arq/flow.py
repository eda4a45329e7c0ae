"""The receive window: how many bytes the peer may have in flight towards us."""

from __future__ import annotations

from udpchat.config import GRANULARITY, INITIAL_RECEIVE_WINDOW, INITIAL_RTT, MAX_RECEIVE_WINDOW, MAX_SERVER_WINDOW

HEADROOM = 4  # of what arrives in a round trip


class WindowBudget:
    """Bytes by which the windows of all connections of a server together may exceed their initial sizes."""

    __slots__ = ("_left",)

    def __init__(self, total: int = MAX_SERVER_WINDOW) -> None:
        self._left = total

    @property
    def left(self) -> int:
        """Bytes that may still be claimed."""
        return self._left

    def claim(self, wanted: int) -> int:
        """As many of the wanted bytes as there are left; they are the caller's until given back."""
        granted = max(0, min(wanted, self._left))
        self._left -= granted
        return granted

    def give_back(self, claimed: int) -> None:
        """Return what was claimed before."""
        self._left += claimed


class ReceiveWindow:
    """The window of one connection.

    It grows when more than a quarter of it arrives within a round trip, once by HEADROOM, and to HEADROOM times what
    arrives in one: a sender that doubles each round trip has twice as much in flight by the time it hears of it.
    `maximum` and the budget bound it.
    """

    __slots__ = (
        "_budget",
        "_epoch",
        "_epoch_bytes",
        "_has_grown",
        "_initial",
        "_maximum",
        "_round_trip",
        "_size",
    )

    def __init__(
        self,
        initial: int = INITIAL_RECEIVE_WINDOW,
        maximum: int = MAX_RECEIVE_WINDOW,
        budget: WindowBudget | None = None,
    ) -> None:
        self._initial = self._size = min(initial, maximum)
        self._maximum = maximum
        self._budget = WindowBudget(maximum) if budget is None else budget
        self._round_trip = INITIAL_RTT
        self._epoch = 0  # when the round trip that is being measured began
        self._epoch_bytes = 0  # received since then
        self._has_grown = False  # since then

    @property
    def window(self) -> int:
        """Bytes to advertise."""
        return self._size

    def update_rtt(self, smoothed_rtt: int) -> None:
        """Measure over this time [us]."""
        self._round_trip = max(smoothed_rtt, GRANULARITY)

    def on_received(self, size: int, now: int) -> None:
        """Take in the arrival of size bytes."""
        if now - self._epoch >= self._round_trip:
            self._epoch = now
            self._epoch_bytes = 0
            self._has_grown = False
        self._epoch_bytes += size
        if HEADROOM * self._epoch_bytes > self._size and self._size < self._maximum:
            self._grow()

    def _grow(self) -> None:
        wanted = HEADROOM * self._epoch_bytes
        if not self._has_grown:
            self._has_grown = True
            wanted = max(wanted, HEADROOM * self._size)
        if wanted > self._size:
            self._size += self._budget.claim(min(wanted, self._maximum) - self._size)

    def shrink(self) -> None:
        """Go back to the initial size, so that others may grow: nothing large is expected, or the connection ends."""
        self._budget.give_back(self._size - self._initial)
        self._size = self._initial
