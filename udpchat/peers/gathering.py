"""A file from several holders at once: which block is asked of whom next."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from udpchat.config import BLOCK_SIZE, MILLISECOND, SECOND

LEAST_IN_HAND: Final = 2  # blocks that a holder is asked for at once: while one comes, the next one is known
MOST_IN_HAND: Final = 64  # blocks: that much memory may a holder take
SLACK: Final = 50 * MILLISECOND  # from the last byte of a block to the question for another, beside the round trip
MOST_AT: Final = 2  # holders that a block is asked of at once
SOONER: Final = 4, 5  # a block is asked of a second holder who has it in so much of the time
WEIGHT: Final = 4  # the newest block counts as one in so many in the rate


@dataclass(slots=True)
class _Holder:
    """One that gives. owes: block by block in the order asked. rate: bytes a second, 0 not known.

    since: when it began with the block that it is at [us].
    """

    owes: list[int] = field(default_factory=list)
    rate: int = 0
    since: int = 0

    def time_for(self, blocks: int, spent: int = 0) -> float:
        """How long it takes to give so many more [us]; of one that is not known nothing can be said.

        spent: on the first of them [us]; who takes longer for it than it did before takes as long again.
        """
        each = BLOCK_SIZE * SECOND / self.rate if self.rate else float("inf")
        return blocks * each - spent if spent < each else float(blocks * spent)


class Gathering:
    """Shares out the blocks of one file. wanted: the numbers of those that are not here.

    Low numbers go first: they are hashed in order. Holders are called by numbers.
    """

    def __init__(self, wanted: Iterable[int]) -> None:
        self._waiting = sorted(set(wanted))  # asked of nobody
        self._at: dict[int, list[int]] = {}  # the holders that a block is asked of
        self._holders: dict[int, _Holder] = {}
        self.repeated = 0  # blocks that came twice

    @property
    def is_complete(self) -> bool:
        """Every block has come."""
        return not self._waiting and not self._at

    @property
    def holders(self) -> tuple[int, ...]:
        """Those that give."""
        return tuple(self._holders)

    def owed(self, holder: int) -> tuple[int, ...]:
        """What a holder was asked for and has not given."""
        return tuple(self._holders[holder].owes) if holder in self._holders else ()

    def rate(self, holder: int) -> int:
        """Bytes a second, as of the last blocks; 0: not known."""
        return self._holders[holder].rate if holder in self._holders else 0

    # -- who is there --------------------------------------------------------------------------------------------------

    def join(self, holder: int) -> None:
        """A holder gives blocks from now on."""
        self._holders.setdefault(holder, _Holder())

    def leave(self, holder: int) -> None:
        """A holder gives none any more: what it owes is for the others."""
        gone = self._holders.pop(holder, None)
        for number in gone.owes if gone is not None else ():
            if number not in self._at:  # another was sooner
                continue
            self._at[number].remove(holder)
            if not self._at[number]:
                del self._at[number]
                insort(self._waiting, number)

    # -- what comes ----------------------------------------------------------------------------------------------------

    def on_block(self, holder: int, number: int, now: int) -> bool:
        """A block has come; whether it is the first that has, and to be kept. What nobody asked for is not."""
        giver = self._holders.get(holder)
        if giver is None or number not in giver.owes:
            return False
        giver.owes.remove(number)
        sample = BLOCK_SIZE * SECOND // max(now - giver.since, 1)
        giver.rate = sample if not giver.rate else giver.rate + (sample - giver.rate) // WEIGHT
        giver.since = now
        if number not in self._at:  # another was sooner
            self.repeated += 1
            return False
        del self._at[number]
        return True

    def reopen(self, numbers: Iterable[int]) -> None:
        """These are not here after all."""
        for number in numbers:
            if number not in self._at and number not in self._waiting:
                insort(self._waiting, number)

    # -- what is asked -------------------------------------------------------------------------------------------------

    def next_blocks(self, holder: int, now: int, rtt: int) -> tuple[int, ...]:
        """What to ask a holder for now. rtt: to it [us].

        So much that it never waits for us: what travels in a round trip, and a block. At the end, when all is asked
        for, it gets what others owe and it would have sooner.
        """
        asked = self._holders.get(holder)
        if asked is None:
            return ()
        if not asked.owes:
            asked.since = now
        room = max(0, self._hand(asked, rtt) - len(asked.owes))
        chosen, self._waiting = self._waiting[:room], self._waiting[room:]
        for number in chosen:
            self._at[number] = [holder]
        asked.owes += chosen
        if not chosen and not asked.owes and (late := self._latest(holder, asked, now, rtt)) is not None:
            self._at[late].append(holder)
            asked.owes.append(late)
            chosen = [late]
        return tuple(chosen)

    @staticmethod
    def _hand(holder: _Holder, rtt: int) -> int:
        travelling = -(-holder.rate * (rtt + SLACK) // (SECOND * BLOCK_SIZE))
        return min(max(LEAST_IN_HAND, 1 + travelling), MOST_IN_HAND)

    def _latest(self, holder: int, asked: _Holder, now: int, rtt: int) -> int | None:
        """The block that would come last of all, when this holder has it sooner."""
        found: list[tuple[float, int]] = []
        for other, owing in self._holders.items():
            if other == holder:
                continue
            for place, number in enumerate(owing.owes, start=1):
                if number in self._at and len(self._at[number]) < MOST_AT:
                    found.append((owing.time_for(place, now - owing.since), number))
        if not found:
            return None
        time, number = max(found)
        ours = asked.time_for(1) + rtt
        share, whole = SOONER
        return number if ours * whole < time * share else None
