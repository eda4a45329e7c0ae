"""Which messages this run of a client has told its application, so that none is told twice after a login."""

from __future__ import annotations

from array import array
from bisect import bisect_left

MAX_TOLD = 262_144  # sequences that are remembered of each, of the person of now and of those before; the oldest go


class Told:
    """Sequences, which no two messages of a server share. 8 bytes for each."""

    def __init__(self) -> None:
        self._now = array("Q")  # to the person of now, in order
        self._before = array("Q")  # to the persons before, in order

    def add(self, sequence: int) -> bool:
        """A message has come; False when it was told already, to the person that we were before."""
        place = bisect_left(self._before, sequence)
        if place < len(self._before) and self._before[place] == sequence:
            return False
        self._now.append(sequence)
        if len(self._now) > MAX_TOLD:
            del self._now[: MAX_TOLD // 2]
        return True

    def change(self) -> None:
        """We are another person from now on, whose messages may be older than those that were told."""
        both = sorted({*self._before, *self._now})
        self._before, self._now = array("Q", both[-MAX_TOLD:]), array("Q")

    def forget(self) -> None:
        """The server has other data: its sequences mean other messages."""
        self._before, self._now = array("Q"), array("Q")
