"""The deadlines of a connection's life: handshake, silence, age of the key, closing."""

from __future__ import annotations

from udpchat.config import CLOSING_PROBES, SECOND, Config

MAX_PATIENCE = 1 * SECOND  # between two PINGs of a client that awaits bytes
MAX_DOUBLINGS = 10


class KeyTimer:
    """When the sending key is too old, and when a previous receiving key is to be forgotten."""

    __slots__ = ("_forget_at", "_interval", "_packets", "_rekey_at")

    def __init__(self, config: Config, now: int) -> None:
        self._packets = config.rekey_packets
        self._interval = config.rekey_interval
        self._rekey_at = now + config.rekey_interval
        self._forget_at: int | None = None

    def is_due(self, now: int, packets_sealed: int = 0) -> bool:
        """The sending key is too old, or has sealed too many packets."""
        return now >= self._rekey_at or packets_sealed >= self._packets

    def on_rekeyed(self, now: int) -> None:
        """The sending key is new, or there is none to change."""
        self._rekey_at = now + self._interval

    def keep_stale(self, now: int, probe_timeout: int) -> None:
        """The peer's key changed: the old one opens stragglers for three probe timeouts (RFC 9001 section 6.5)."""
        if self._forget_at is None:
            self._forget_at = now + CLOSING_PROBES * probe_timeout

    def take_stale(self, now: int) -> bool:
        """True once, when the previous receiving key is to be forgotten."""
        if self._forget_at is None or now < self._forget_at:
            return False
        self._forget_at = None
        return True

    def next_timeout(self) -> int:
        """The earlier of both."""
        return self._rekey_at if self._forget_at is None else min(self._rekey_at, self._forget_at)


class Clock:
    """Every reason to wake up a connection that is not loss recovery. Times are absolute [us]."""

    __slots__ = (
        "_close_again_at",
        "_fed",
        "_half_open_until",
        "_heard",
        "_idle_timeout",
        "_keep_alive",
        "_pings",
        "_sent",
        "close_due",
        "closing_until",
        "keys",
    )

    def __init__(self, config: Config, now: int, *, is_client: bool) -> None:
        self.close_due = False
        self.closing_until: int | None = None
        self._close_again_at: int | None = None
        self._half_open_until = now + config.half_open_timeout
        self._idle_timeout = config.idle_timeout
        self._keep_alive = config.keep_alive if is_client else None  # one end is enough
        self._heard = now
        self._sent = now
        self._fed = now  # when the peer last sent something that must be acknowledged, or was asked for it
        self._pings = 0  # that asked for it since
        self.keys = KeyTimer(config, now)

    def on_heard(self, now: int, *, eliciting: bool) -> None:
        """An authentic packet arrived; eliciting: it must be acknowledged."""
        self._heard = now
        if eliciting:
            self._fed, self._pings = now, 0

    def on_sent(self, now: int) -> None:
        """A datagram went out."""
        self._sent = now

    def on_close_sent(self, now: int, probe_timeout: int) -> None:
        """CLOSE was sent: stragglers are answered for three probe timeouts (RFC 9000 section 10.2).

        It is also sent again at each of them, until the other end has confirmed: a peer that sends nothing would
        otherwise learn of a lost CLOSE only when it has been idle for long.
        """
        self.close_due = False
        self._close_again_at = now + probe_timeout
        if self.closing_until is None:
            self.closing_until = now + CLOSING_PROBES * probe_timeout

    def is_closed(self, now: int) -> bool:
        """The time for closing is over; until then this says when CLOSE is due again."""
        if self._close_again_at is not None and now >= self._close_again_at:
            self.close_due, self._close_again_at = True, None
        return self.closing_until is not None and now >= self.closing_until

    def next_closing_timeout(self) -> int | None:
        """When to call `is_closed`."""
        deadlines = (self._close_again_at, self.closing_until)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def is_dead(self, now: int, *, half_open: bool) -> bool:
        """The other end has been silent for too long."""
        return now >= self._life_ends(half_open=half_open)

    def take_ping(self, now: int, patience: int | None) -> bool:
        """Whether a client must show where it is: nothing has crossed for so long that a NAT might forget us, or bytes
        are awaited and do not come, as when a NAT has given us another address and the server does not know.

        patience: how long silence is normal while bytes are awaited [us]; None when none are.
        """
        deadline = self._ping_deadline(patience)
        if deadline is None or now < deadline:
            return False
        if patience is not None:
            self._fed = now
            self._pings += 1
        return True

    def _ping_deadline(self, patience: int | None) -> int | None:
        if self._keep_alive is None:
            return None
        deadline = max(self._heard, self._sent) + self._keep_alive
        if patience is None:
            return deadline
        return min(deadline, self._fed + min(patience << min(self._pings, MAX_DOUBLINGS), MAX_PATIENCE))

    def next_timeout(self, patience: int | None, *, half_open: bool) -> int:
        """The earliest of these deadlines; patience as in `take_ping`."""
        earliest = min(self._life_ends(half_open=half_open), self.keys.next_timeout())
        ping = self._ping_deadline(patience)
        return earliest if ping is None else min(earliest, ping)

    def _life_ends(self, *, half_open: bool) -> int:
        return self._half_open_until if half_open else self._heard + self._idle_timeout
