"""Congestion control: how much may be in flight, and how fast it leaves. Pure arithmetic on ACK samples."""

from __future__ import annotations

from udpchat.arq.congestion.base import AckSample, CongestionController
from udpchat.arq.congestion.bbr import Bbr
from udpchat.arq.congestion.cubic import Cubic
from udpchat.arq.congestion.fixed import ROOM_FOR_MESSAGES, Fixed
from udpchat.arq.congestion.newreno import NewReno
from udpchat.config import CONTROLLERS, INITIAL_WINDOW_PACKETS
from udpchat.errors import UsageError

__all__ = ["CONTROLLERS", "AckSample", "Bbr", "CongestionController", "Cubic", "Fixed", "NewReno", "make_controller"]


def make_controller(name: str, datagram_size: int, now: int, window: int = 0) -> CongestionController:
    """A fresh controller of that name; UsageError when there is none.

    window: packets of file data with "fixed", 0 for the usual.
    """
    match name:
        case "bbr":
            return Bbr(datagram_size, now)
        case "newreno":
            return NewReno(datagram_size)
        case "cubic":
            return Cubic(datagram_size)
        case "fixed":
            return Fixed(datagram_size, packets=(window or INITIAL_WINDOW_PACKETS) + ROOM_FOR_MESSAGES)
    raise UsageError(f"no congestion control is called {name!r}; there are {', '.join(CONTROLLERS)}")
