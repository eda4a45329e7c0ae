"""Packets that were declared lost and arrived after all: wait longer for the next ones (RFC 8985 section 7.2)."""

from __future__ import annotations

from udpchat.arq.in_flight import InFlight, SentRun
from udpchat.config import PACKET_THRESHOLD

MAX_THRESHOLD = 64  # packets; the widest reordering that is waited for
RUNS_KEPT = 256  # runs declared lost that a late ACK may still prove alive


class Reordering:
    """The packet threshold, and the losses that a late ACK may prove wrong.

    threshold: packets sent later whose arrival makes an earlier one lost; it widens with the reordering that is seen.
    """

    __slots__ = ("_lost", "_timed", "threshold")

    def __init__(self) -> None:
        self.threshold = PACKET_THRESHOLD
        self._lost = InFlight()
        self._timed: dict[int, SentRun] = {}  # those of stop-and-wait, by number: they are in no order with the others

    def remember(self, lost: list[SentRun]) -> None:
        """These were declared lost just now; but for timed ones, their numbers are above those of all before."""
        for run in lost:
            if run.is_timed:
                self._timed[run.first] = run
            else:
                self._lost.add(run)
        while len(self._timed) > RUNS_KEPT:
            del self._timed[next(iter(self._timed))]
        while len(self._lost) > RUNS_KEPT and (oldest := self._lost.oldest()) is not None:
            self._lost.take(oldest.first, oldest.stop)

    def none_from(self, start: int) -> bool:
        """Nothing that was declared lost has this packet number or a higher one."""
        newest = self._lost.newest()
        return (newest is None or newest.stop <= start) and not self._timed

    def take_late(self, start: int, stop: int, largest_acked: int) -> list[SentRun]:
        """Packets numbered start to stop - 1 were acknowledged: those of them that had been declared lost."""
        late = self._lost.take(start, stop) if self._lost else []
        for run in late:
            behind = largest_acked - run.first + 1
            self.threshold = min(MAX_THRESHOLD, max(self.threshold, behind + 1))
        if self._timed:
            late += [self._timed.pop(number) for number in list(self._timed) if start <= number < stop]
        return late
