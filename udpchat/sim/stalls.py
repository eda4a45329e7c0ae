"""Times in which a host or a relay is not scheduled: a seeded process that says when such a time is over."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final

from udpchat.protocol.datagrams import Address

MAX_STALL: Final = 25_000  # us; the longest that a loaded desktop system keeps a ready process waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class StallSpec:
    """How often and for how long nothing runs; both lengths are exponential.

    mean_interval: between the end of a stall and the next [us]; 0 is never. mean_length, longest: of a stall [us].
    """

    mean_interval: int = 0
    mean_length: int = 0
    longest: int = MAX_STALL

    def __post_init__(self) -> None:
        if self.mean_interval < 0 or self.mean_length < 0 or self.longest < 0:
            raise ValueError("an interval and a length are not negative")


NO_STALLS: Final = StallSpec()


class Stalls:
    """The stalls of one place, one after another from a seed."""

    __slots__ = ("_end", "_random", "_spec", "_start")

    def __init__(self, spec: StallSpec, seed: int | str, origin: int = 0) -> None:
        self._spec = spec
        self._random = Random(f"stalls {seed}")
        self._start = self._end = origin
        self._advance()

    def release(self, now: int) -> int:
        """When what comes at now is let through: now, or the end of the stall [us]; now may not go back."""
        if not self._spec.mean_interval:
            return now
        while now >= self._end:
            self._advance()
        return max(now, self._end) if now >= self._start else now

    def _advance(self) -> None:
        spec, random = self._spec, self._random
        if spec.mean_interval:
            self._start = self._end + 1 + int(random.expovariate(1 / spec.mean_interval))
            length = int(random.expovariate(1 / spec.mean_length)) if spec.mean_length else 0
            self._end = self._start + min(length, spec.longest)


class Absence:
    """The stalls of a host, and the datagrams that wait for the end of the present one."""

    __slots__ = ("held", "stalls")

    def __init__(self, stalls: Stalls) -> None:
        self.stalls = stalls
        self.held: deque[tuple[Address, bytes]] = deque()
