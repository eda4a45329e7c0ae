"""The RTT of dense traffic: how much of it is the path's own, and how long a queue has been standing."""

from __future__ import annotations

from typing import Final

from udpchat.config import MILLISECOND, SECOND

EVIDENCE: Final = 100 * MILLISECOND  # so long no RTT may be small before a queue is believed where there is noise
EVIDENCE_ROUNDS: Final = 16
SHAKEN: Final = 4  # times the jitter: what dense traffic is late by where the RTT jumps
DECAY: Final = 8  # rounds in which a latency that is no longer seen is forgotten where there is noise
ACCEPT_INTERVAL: Final = 5 * SECOND  # between two latencies taken for the path's own: another flow's queue moves


class Latency:
    """value: RTT above the smallest that is no queue [us]; standing_rtt: smallest RTT of the last rounds [us]."""

    __slots__ = ("_accepted_at", "_minima", "standing_rtt", "value")

    def __init__(self) -> None:
        self.value = 0
        self.standing_rtt = 0
        self._minima: list[tuple[int, int]] = []  # (end, smallest RTT) of the last EVIDENCE_ROUNDS
        self._accepted_at = -ACCEPT_INTERVAL

    def accept(self, latency: int, jitter: int, now: int) -> bool:
        """Take a latency for the path's own, until a smaller one is seen; False: not twice in a row."""
        if now - self._accepted_at < ACCEPT_INTERVAL and latency > SHAKEN * jitter:
            return False
        self._accepted_at = now
        self.value = max(0, latency)
        return True

    def on_round(self, rtt: int, now: int, *, is_noisy: bool) -> None:
        """Take in the smallest RTT of a round."""
        minima = self._minima
        minima.append((now, rtt))
        del minima[:-EVIDENCE_ROUNDS]
        since = now - EVIDENCE if is_noisy else now - 1
        self.standing_rtt = min(value for at, value in minima if at > since)

    def decay(self, min_rtt: int, *, is_noisy: bool) -> None:
        """Forget what is more than the rounds show."""
        excess = self.value - max(0, self.standing_rtt - min_rtt)
        if excess > 0:
            self.value -= excess // DECAY if is_noisy else excess
