"""Lines to a crowd leave in rounds, so that those said close together share a datagram.

A line to 500 people costs a server 500 datagrams and as many ACKs. When lines come faster than that can be done, each
would make the next ones later. So after a line to a crowd the next one waits for as long as the round of the former is
reckoned to take; what is said meanwhile goes out together. Nobody waits below a hundred people, nor at a slow pace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from udpchat.chat.ports import Message
from udpchat.config import MICROSECOND

MIN_CROWD = 100  # people to whom a line goes; below it none waits
COST = 80 * MICROSECOND  # of one datagram with its ACK, twice what is measured: half the processor is for other things


class Rounds:
    """When messages go out. Those that follow one that waits wait as well: the order is everybody's."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._free_at = 0

    def offer(self, message: Message, people: int, now: int) -> bool:
        """Whether a message may go out now; else it waits for `take_due`. people: to whom it goes."""
        if self._waiting or (people >= MIN_CROWD and now < self._free_at):
            self._waiting.append(message)
            return False
        self._charge(people, now)
        return True

    def next_timeout(self) -> int | None:
        """When the next round begins."""
        return self._free_at if self._waiting else None

    def take_due(self, now: int) -> Iterator[Message]:
        """All that waits, when it is time."""
        if self._waiting and now >= self._free_at:
            waiting, self._waiting = self._waiting, deque()
            yield from waiting

    def round_of(self, people: int, now: int) -> None:
        """What waited has gone out, to so many people."""
        self._charge(people, now)

    def _charge(self, people: int, now: int) -> None:
        if people >= MIN_CROWD:
            self._free_at = now + people * COST
