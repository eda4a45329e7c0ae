"""NewReno as RFC 9002 section 7 and appendix B have it."""

from __future__ import annotations

from typing import Final

from udpchat.arq.congestion.base import AckSample
from udpchat.arq.congestion.window import WindowController

LOSS_REDUCTION: Final = (1, 2)  # of the window after a loss (RFC 9002 section B.1)


class NewReno(WindowController):
    """Doubles per round trip, then adds one datagram per round trip; halves on loss."""

    name = "newreno"

    def _grow(self, sample: AckSample) -> None:
        self.congestion_window += self._datagram_size * sample.acked_bytes // self.congestion_window

    def _reduce(self) -> None:
        part, whole = LOSS_REDUCTION
        self._threshold = self.congestion_window * part // whole
        self.congestion_window = max(self._threshold, self._minimum_window)
