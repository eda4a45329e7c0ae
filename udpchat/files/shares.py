"""The rate of a whole server, divided among all transfers that run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from udpchat.config import MILLISECOND, SECOND
from udpchat.protocol.service import AT_ONCE

Key = tuple[bytes, int]  # connection id, transfer id
SetRate = Callable[[int], None]  # bytes a second; 0: any number

SLOWEST = 1_024  # bytes a second: however many there are, each gets somewhere
DIVIDE_INTERVAL = 250 * MILLISECOND  # however often transfers come, go and change their minds
LOOK_INTERVAL = SECOND
QUIET_LOOKS = 5  # without a byte: then it does not run, and its share is for others


@dataclass(slots=True)
class _Share:
    """What one transfer may have. limit: its own, 0 none; rate: as it was told last, None before.

    progress: bytes of it that have come; done: at the last look; quiet: looks since they grew.
    """

    set_rate: SetRate
    progress: Callable[[], int]
    limit: int = 0
    rate: int | None = None
    done: int = 0
    quiet: int = 0

    @property
    def is_quiet(self) -> bool:
        return self.quiet >= QUIET_LOOKS


class Shares:
    """Divides a rate evenly; what one may not use goes to the others. rate: bytes a second, 0 for any number.

    What one transfer does costs the others next to nothing: all are looked at once in DIVIDE_INTERVAL at most, and each
    is told a new share no more often.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._shares: dict[Key, _Share] = {}
        self._look_at: int | None = None
        self._divide_at: int | None = None
        self._divided_at = -DIVIDE_INTERVAL

    def add(self, key: Key, set_rate: SetRate, progress: Callable[[], int]) -> None:
        """A transfer begins to run; set_rate is called whenever its share changes, for the first time now.

        progress: tells how many bytes of it have come.
        """
        share = self._shares[key] = _Share(set_rate, progress)
        if self._rate:
            _give(share, self._cut(0, self._rate // len(self._shares)))
            self._divide_soon()
            if self._look_at is None:
                self._look_at = AT_ONCE

    def remove(self, key: Key) -> None:
        """A transfer runs no more; one that is unknown is ignored."""
        if self._shares.pop(key, None) is not None:
            self._divide_soon()

    def set_limit(self, key: Key, limit: int) -> None:
        """A transfer must not have more than its own limit [bytes/s], 0: it may have any."""
        share = self._shares.get(key)
        if share is None or share.limit == limit:
            return
        share.limit = limit
        if not self._rate or (share.rate is not None and 0 < limit < share.rate):
            _give(share, limit)
        self._divide_soon()

    def repeat(self, key: Key) -> None:
        """Tell a transfer its share once more, for it begins anew at the other end."""
        if (share := self._shares.get(key)) is not None and share.rate:
            share.set_rate(share.rate)

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When to look at who rests, or to divide."""
        return min((at for at in (self._look_at, self._divide_at) if at is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """What rests, for its client has paused it or its disk is slow, holds nothing back from the others."""
        if self._look_at is not None and now >= self._look_at:
            self._look_at = now + LOOK_INTERVAL if self._shares else None
            self._look()
            self._divide_soon()
        if self._divide_at is not None and now >= self._divide_at:
            self._divide_at, self._divided_at = None, now
            self._divide()

    def _look(self) -> None:
        for share in self._shares.values():
            done = share.progress()
            share.quiet = 0 if done != share.done else share.quiet + 1
            share.done = done

    def _divide_soon(self) -> None:
        if self._rate and self._shares and self._divide_at is None:
            self._divide_at = self._divided_at + DIVIDE_INTERVAL

    # -- dividing ------------------------------------------------------------------------------------------------------

    def _divide(self) -> None:
        """The tightest first: what they leave of an even share is for those after them."""
        busy = [share for share in self._shares.values() if not share.is_quiet]
        left, waiting = self._rate, len(busy)
        for share in sorted(busy, key=lambda share: share.limit or float("inf")):
            rate = self._cut(share.limit, left // waiting)
            _give(share, rate)
            left, waiting = max(left - rate, 0), waiting - 1
        for share in self._shares.values():
            if share.is_quiet:  # what it will have when it goes on
                _give(share, self._cut(share.limit, self._rate // (len(busy) + 1)))

    @staticmethod
    def _cut(limit: int, even: int) -> int:
        even = max(even, SLOWEST)
        return min(limit or even, even)


def _give(share: _Share, rate: int) -> None:
    if rate != share.rate and (rate or share.rate is not None):  # no limit needs no word at the start
        share.set_rate(rate)
    share.rate = rate
