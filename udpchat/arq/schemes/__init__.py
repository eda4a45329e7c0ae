"""How file data is repeated: selective repeat, Go-Back-N or stop-and-wait. For lessons and comparisons.

The sender plays the scheme. The wire is the same for all of them, and so is the receiver, which keeps what comes out of
order: what a scheme would have thrown away there is sent again all the same, and its acknowledgments do not count.
Chat and control are repeated selectively whatever the scheme, so they never wait for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from udpchat.arq.in_flight import InFlight, Kind
from udpchat.arq.schemes.go_back import GoBackTransfer
from udpchat.arq.sender import SendTransfer
from udpchat.config import ARQ_SCHEMES, INITIAL_WINDOW_PACKETS, MAX_BURST_SEGMENTS, PACKET_THRESHOLD
from udpchat.errors import UsageError

__all__ = ["SELECTIVE_REPEAT", "GoBackTransfer", "Scheme", "make_scheme"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What is asked of the sender of file data.

    window: packets of file data in flight at most, 0 for as many as congestion control says. transfer: keeps the state
    of one file. is_timed: a packet is lost when its timer says so, and only then (`Recovery.wait_timeout`).
    packet_threshold: packets sent later whose arrival makes an earlier one lost, as long as no reordering was seen.
    """

    name: str
    window: int = 0
    transfer: type[SendTransfer] = SendTransfer
    is_timed: bool = False
    packet_threshold: int = PACKET_THRESHOLD

    @property
    def is_selective(self) -> bool:
        """Just what was lost is sent again, and a copy ahead of need is part of the game."""
        return self.transfer is SendTransfer and not self.is_timed

    def room(self, in_flight: InFlight) -> int:
        """Packets of file data that may leave now, as far as the window goes; more than a burst is not asked for."""
        if not self.window:
            return MAX_BURST_SEGMENTS
        return max(0, self.window - sum(run.count for run in in_flight if run.kind is Kind.DATA))


# What comes out of order the textbook receiver throws away, and asks for the one that is missing.
AT_ONCE = 1
SELECTIVE_REPEAT = Scheme(name="selective-repeat")


@lru_cache
def make_scheme(name: str, window: int = 0, congestion: str = "") -> Scheme:
    """The scheme of that name; UsageError when there is none. Stop-and-wait has a window of 1 whatever is asked for.

    congestion: with "fixed", a window of 0 is the usual one.
    """
    if congestion == "fixed":
        window = window or INITIAL_WINDOW_PACKETS
    match name:
        case "selective-repeat":
            return Scheme(name=name, window=window)
        case "go-back-n":
            return Scheme(name=name, window=window, transfer=GoBackTransfer, packet_threshold=AT_ONCE)
        case "stop-and-wait":
            return Scheme(name=name, window=1, is_timed=True)
    raise UsageError(f"no ARQ scheme is called {name!r}; there are {', '.join(ARQ_SCHEMES)}")
