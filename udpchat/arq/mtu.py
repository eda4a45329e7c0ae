"""The largest datagram that a path carries, found by probing (RFC 8899, DPLPMTUD)."""

from __future__ import annotations

from typing import Final

from udpchat.config import BASE_DATAGRAM, SECOND

MAX_PROBES: Final = 3  # of one size, before it is taken not to pass (RFC 8899 section 5.1.2)
MIN_STEP: Final = 16  # bytes; a smaller gain is not worth a probe
RAISE_TIMER: Final = 600 * SECOND  # then a path that carried less is tried again (RFC 8899 section 5.1.1)
BLACK_HOLE_PACKETS: Final = 3  # large packets lost while only smaller ones arrive


class PathMtu:
    """Search for the datagram size of one path; a new path gets a new one. Sizes are bytes of UDP payload.

    Whoever sends probes asks `next_probe` whenever it may send, and reports what became of each; there is never more
    than one in flight. The ceiling is tried first, then sizes are halved between what passed and what did not.
    """

    __slots__ = (
        "_base",
        "_ceiling",
        "_datagram_size",
        "_failures",
        "_in_flight",
        "_lost_count",
        "_lost_size",
        "_raise_at",
        "_size",
        "_smaller_arrived",
        "_upper",
    )

    def __init__(self, base: int = BASE_DATAGRAM, ceiling: int = BASE_DATAGRAM) -> None:
        self._base = min(base, ceiling)
        self._ceiling = ceiling
        self._datagram_size = self._base
        self._upper = ceiling  # the largest size that may still pass
        self._size = ceiling if ceiling > base else 0  # being tried; 0: the search is over
        self._failures = 0  # probes of that size that were lost
        self._in_flight = False
        self._raise_at: int | None = None
        self._lost_size = 0  # smallest of the large packets lost since a large one arrived; 0 when none was
        self._lost_count = 0
        self._smaller_arrived = False  # since the first of those was lost

    def anew(self) -> PathMtu:
        """The same search from the start, for another path."""
        return PathMtu(self._base, self._ceiling)

    @property
    def datagram_size(self) -> int:
        """The largest size known to pass."""
        return self._datagram_size

    @property
    def is_searching(self) -> bool:
        """Whether a larger size may still be found now."""
        return self._size > 0

    # -- probing -------------------------------------------------------------------------------------------------------

    def next_probe(self, now: int) -> int | None:
        """The size of a probe to send now; it counts as in flight until it is reported acknowledged or lost."""
        if self._in_flight:
            return None
        if not self.is_searching:
            if self._datagram_size >= self._ceiling:
                return None
            if self._raise_at is None:
                self._raise_at = now + RAISE_TIMER
            if now < self._raise_at:
                return None
            self._search(self._ceiling, self._ceiling)
        self._in_flight = True
        return self._size

    def is_resting(self, now: int) -> bool:
        """`next_probe` has nothing to tell now, and would change nothing."""
        if self._in_flight:
            return True
        return not self._size and (self._datagram_size >= self._ceiling or now < (self._raise_at or 0))

    def next_timeout(self) -> int | None:
        """When `next_probe` starts the next search; None while one runs, or when there is nothing left to find."""
        return self._raise_at

    def on_probe_acked(self, size: int) -> None:
        """A probe of this size arrived; also one that was reported lost before."""
        self.on_packet_acked(size)
        if self._datagram_size < size <= self._ceiling:
            self._datagram_size = size
            self._search(max(self._upper, size))

    def on_probe_lost(self, size: int) -> None:
        """A probe of this size was lost; that is no sign of congestion."""
        if not self._in_flight or size != self._size:
            return
        self._in_flight = False
        self._failures += 1
        if self._failures >= MAX_PROBES:
            self._search(size - 1)

    def _search(self, upper: int, first: int = 0) -> None:
        """Search up to upper; begin with the size first, or in the middle."""
        self._upper = upper
        if first:
            self._size = first
        elif upper - self._datagram_size >= MIN_STEP:
            self._size = (self._datagram_size + upper + 1) // 2
        else:
            self._size = 0
        self._failures = 0
        self._in_flight = False
        self._raise_at = None

    # -- sizes that pass no more ---------------------------------------------------------------------------------------

    def on_too_large(self, size: int | None = None) -> None:
        """The system refused to send a datagram of this size (EMSGSIZE); without one: of the size in use.

        A refused probe ends the search of its size. A refused packet of a size that passed before means that the path
        has changed: back to the base.
        """
        refused = self._datagram_size if size is None else size
        if refused <= self._datagram_size:
            self._datagram_size = self._base
        self._forget_losses()
        self._search(max(self._base, min(self._upper, refused - 1)))

    def on_packet_acked(self, size: int) -> None:
        """A packet, not a probe, of this size arrived."""
        if not self._lost_size:
            return
        if size >= self._lost_size:
            self._forget_losses()
        else:
            self._smaller_arrived = True

    def on_packets_lost(self, size: int, count: int) -> None:
        """Packets, not probes, of this size were lost.

        Falls back to the base when three larger ones are lost and, since the first of them, only smaller ones arrived:
        the path has become a black hole for the size in use (RFC 8899 section 4.3). Decided here, not when the smaller
        one is reported, because the same ACK may go on to report a larger one.
        """
        if not self._base < size <= self._datagram_size:
            return  # small, or sent before the size in use fell
        self._lost_size = min(self._lost_size or size, size)
        self._lost_count += count
        if self._smaller_arrived and self._lost_count >= BLACK_HOLE_PACKETS:
            self._datagram_size = self._base
            upper = max(self._base, min(self._upper, self._lost_size - 1))
            self._forget_losses()
            self._search(upper)

    def _forget_losses(self) -> None:
        self._lost_size = self._lost_count = 0
        self._smaller_arrived = False
