"""Losses round by round: how much of them is random, and when a queue has overflowed."""

from __future__ import annotations

from math import isqrt
from typing import Final

MILLION: Final = 1_000_000
OVERFLOW: Final = 30_000  # parts per million above twice the usual loss: a queue was full
FLOOD: Final = 200_000  # parts per million above twice the usual loss: far more was sent than the path carries
OVERFLOW_PACKETS: Final = 8  # and more than so many: few packets make no ratio
LOSS_ROUNDS: Final = 16  # of which the better quarter shows the random loss
FEW_ROUNDS: Final = 4
LOSS_MADE_UP: Final = 90  # percent of the random loss: all of it would never come down again
MAX_LOSS: Final = 200_000  # parts per million of random loss that are made up for


class Losses:
    """What the last rounds lost.

    has_overflowed: the last round lost far more than the better rounds before it; random loss is in all of them.
    is_flooded: so much more that the bandwidth must be wrong. made_up: parts per million to send on top of it.
    """

    __slots__ = ("_fading", "_ratios", "has_overflowed", "is_flooded", "made_up")

    def __init__(self) -> None:
        self.has_overflowed = False
        self.is_flooded = False
        self.made_up = 0
        self._ratios: list[int] = []  # of the last LOSS_ROUNDS, parts per million
        self._fading = (0, 0)  # (acked, lost) bytes of rounds without a queue

    def on_round(self, acked: int, lost: int, datagram_size: int) -> None:
        """Judge the bytes of one round."""
        ratios = self._ratios
        ratio = lost * MILLION // (acked + lost) if lost else 0
        usual = sorted(ratios)[len(ratios) // 4] if len(ratios) >= FEW_ROUNDS else MILLION
        ratios.append(ratio)
        del ratios[:-LOSS_ROUNDS]
        self.is_flooded = ratio > 2 * usual + FLOOD
        self.has_overflowed = ratio > 2 * usual + OVERFLOW and lost > OVERFLOW_PACKETS * datagram_size

    def count_random(self, acked: int, lost: int) -> None:
        """Take the losses of a round without a queue for random."""
        old_acked, old_lost = self._fading
        self._fading = (old_acked * 7 // 8 + acked, old_lost * 7 // 8 + lost)

    def make_up(self, packets: int) -> None:
        """Set `made_up` for a path that carries so many packets in a round."""
        acked, lost = self._fading
        loss = min(lost * MILLION // (acked + lost), MAX_LOSS) if lost else 0
        # The maximum of many rates is already about two standard deviations above their mean.
        self.made_up = max(0, loss * LOSS_MADE_UP // 100 - 2 * isqrt(loss * MILLION // max(packets, 1)))
