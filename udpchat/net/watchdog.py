"""Is the server still there, and do we still reach it from the address that we have?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from udpchat.config import SECOND
from udpchat.errors import ErrorCode
from udpchat.net.driver import Driver
from udpchat.protocol.endpoint import ClientEndpoint

PATIENCE: Final = 1.0  # seconds of silence, while something is waited for, after which the server is asked
REST: Final = 5.0  # seconds between two looks while nothing is waited for
REDIAL_AFTER: Final = 3  # silent looks, after which another socket is tried: our own address may have changed
REDIAL_EVERY: Final = 10  # silent looks between two further tries
DOUBT: Final = 3.0  # seconds of silence, after ICMP said that the port is closed, after which that is believed
LOUD: Final = 5.0  # seconds of silence after which the application is told


@dataclass(frozen=True, slots=True)
class FellSilent:
    """Nothing was heard from the server for some time [us], though it was asked; the connection is not given up."""

    silent_for: int


@dataclass(frozen=True, slots=True)
class HeardAgain:
    """The server has answered after such a silence [us]."""

    silent_for: int


class Watchdog:
    """Looks after one session. is_waiting: whether an answer is waited for. redial: gets another socket.

    tell: takes FellSilent, once in a silence, and HeardAgain.
    """

    def __init__(
        self,
        endpoint: ClientEndpoint,
        driver: Driver,
        is_waiting: Callable[[], bool],
        redial: Callable[[], None],
        tell: Callable[[FellSilent | HeardAgain], None],
    ) -> None:
        self._endpoint = endpoint
        self._driver = driver
        self._is_waiting = is_waiting
        self._redial = redial
        self._tell = tell
        self._silent = 0  # looks in a row at which something was waited for and nothing had come
        self._silence = Silence()
        self._look_timer: asyncio.TimerHandle | None = None
        self._doubt_timer: asyncio.TimerHandle | None = None
        self._looks_soon = False
        self._look_later(REST)

    def watch(self) -> None:
        """An answer is waited for from now on."""
        if not self._looks_soon:
            self._look_later(PATIENCE)

    def port_closed(self) -> None:
        """ICMP says that nobody listens where our server was.

        ICMP can be forged, and the first may tell of a server that restarts: it is believed when the server is silent.
        """
        if self._doubt_timer is None and self._ping():
            heard = self._driver.datagram_bytes[0]
            self._doubt_timer = asyncio.get_running_loop().call_later(DOUBT, self._decide, heard)

    def close(self) -> None:
        """The session is over."""
        for timer in (self._look_timer, self._doubt_timer):
            if timer is not None:
                timer.cancel()

    def _look_later(self, seconds: float) -> None:
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._looks_soon = seconds < REST
        heard = self._driver.datagram_bytes[0]
        self._look_timer = asyncio.get_running_loop().call_later(seconds, self._look, heard)

    def _look(self, heard: int) -> None:
        """heard: bytes received at the last look. The server that does not know us answers a PING with RESET."""
        is_silent = self._driver.datagram_bytes[0] == heard
        if is_silent and self._is_expecting() and self._ping():
            self._silent += 1
            if self._silent % REDIAL_EVERY == REDIAL_AFTER:
                self._redial()
        else:
            self._silent = 0
        news = self._silence.look(asyncio.get_running_loop().time(), self._silent, is_heard=not is_silent)
        if news is not None:
            self._tell(news)
        self._look_later(PATIENCE if self._is_expecting() else REST)

    def _is_expecting(self) -> bool:
        connection = self._endpoint.connection
        return self._is_waiting() or (
            connection is not None and connection.transmitter.recovery.in_flight.bytes_in_flight > 0
        )

    def _decide(self, heard: int) -> None:
        self._doubt_timer = None
        connection = self._endpoint.connection
        if self._driver.datagram_bytes[0] == heard and connection is not None and connection.is_alive:
            text = "the server is gone: its machine answers that the port is closed"
            connection.abandon(ErrorCode.IDLE_TIMEOUT, text, remote=False)
            self._driver.act()

    def _ping(self) -> bool:
        connection = self._endpoint.connection
        if connection is None or self._endpoint.find(connection.connection_id) is None or not connection.is_alive:
            return False
        connection.transmitter.ping_due = True
        self._driver.act()
        return True


class Silence:
    """How long nothing was heard, and whether that was told."""

    __slots__ = ("_is_told", "_since")

    def __init__(self) -> None:
        self._since = 0.0  # seconds, of the loop's clock
        self._is_told = False

    def look(self, now: float, silent: int, *, is_heard: bool) -> FellSilent | HeardAgain | None:
        """What there is to tell. silent: looks in a row that heard nothing. The connection may be gone instead."""
        if silent == 1:
            self._since = now - PATIENCE
        lasted = round((now - self._since) * SECOND)
        if not silent:
            was_told, self._is_told = self._is_told, False
            return HeardAgain(lasted) if was_told and is_heard else None
        if self._is_told or now - self._since < LOUD:
            return None
        self._is_told = True
        return FellSilent(lasted)
