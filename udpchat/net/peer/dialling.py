"""The neighbours that a node wants: names become addresses, keys are pinned as a client pins them, wishes change."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from udpchat.errors import ErrorCode, UsageError
from udpchat.net.home import Home, wall_clock
from udpchat.peers.events import DialFailed, NeighbourCame
from udpchat.peers.node import PeerHost
from udpchat.peers.roster import NO_KEY
from udpchat.peers.settings import NeighbourConfig
from udpchat.protocol.datagrams import Address

RESOLVE_AGAIN: Final = 10.0  # seconds until a name that is not known is looked up again


@dataclass(slots=True)
class Wanted:
    """A neighbour that is wanted. address: None while its name is not known. failure: why it is none now.

    is_given_up: it is not tried again. is_due: its name is to be looked up, but not before `resolve_at`, of the loop's
    clock [s].
    """

    config: NeighbourConfig
    address: Address | None = None
    failure: DialFailed | None = None
    is_given_up: bool = False
    is_due: bool = True
    resolve_at: float = 0.0


class Dialling:
    """Keeps what a node dials as it is wanted. act: hands out what the core has to say.

    tell: told DialFailed of names that nobody knows. is_plaintext: nobody shows a key.
    """

    def __init__(
        self,
        host: PeerHost,
        home: Home,
        now: Callable[[], int],
        act: Callable[[], None],
        tell: Callable[[DialFailed], None],
    ) -> None:
        self._host = host
        self._home = home
        self._now = now
        self._act = act
        self._tell = tell
        self._wanted: list[Wanted] = []

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """What is wanted, and how it is with it."""
        return tuple(self._wanted)

    async def want(self, neighbours: Iterable[NeighbourConfig]) -> None:
        """Want these from now on, and no others."""
        before = {each.config: each for each in self._wanted}
        self._wanted = [before.get(config, Wanted(config)) for config in neighbours]
        await self.go_on()

    async def go_on(self) -> None:
        """Look names up that are due, dial what is not dialled, hang up what is not wanted."""
        time = asyncio.get_running_loop().time()
        due = [each for each in self._wanted if each.is_due and each.resolve_at <= time]
        await asyncio.gather(*map(self._resolve, due))
        self._reconcile()

    def on_came(self, event: NeighbourCame) -> bool:
        """A neighbour is there; True when its key is pinned just now."""
        wanted = self._find(event.address) if event.was_dialled else None
        if wanted is None:
            return False
        wanted.failure = None
        if event.key == NO_KEY or wanted.config.key:
            return False
        pins = self._home.trust.pins()
        if any(wanted.config.place in pin.addresses and pin.key == event.key for pin in pins):
            return False
        self._home.trust.add(wanted.config.place, event.key, wall_clock())
        return all(pin.key != event.key for pin in pins)

    def on_failed(self, event: DialFailed) -> bool:
        """A neighbour cannot be reached, or says no; whether that is news. One with a name may be elsewhere by now."""
        if (wanted := self._find(event.address)) is None:
            return False
        before, wanted.failure = wanted.failure, event
        if event.wait is None:
            wanted.is_given_up = True
        elif not _is_number(wanted.config.host):
            wanted.is_due = True
        return before is None or (before.code, before.reason) != (event.code, event.reason)

    def _find(self, address: Address) -> Wanted | None:
        return next((each for each in self._wanted if each.address == address), None)

    async def _resolve(self, wanted: Wanted) -> None:
        config, loop = wanted.config, asyncio.get_running_loop()
        wanted.resolve_at = loop.time() + RESOLVE_AGAIN
        try:
            found = await loop.getaddrinfo(config.host, config.port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a name"
            text = f"cannot find the host {config.host}: {reason}"
            failure = DialFailed((config.host, config.port), ErrorCode.IDLE_TIMEOUT, text, int(RESOLVE_AGAIN * 1e6))
            is_news = wanted.failure is None or wanted.failure.reason != text
            wanted.failure = failure
            if is_news:
                self._tell(failure)
            return
        wanted.is_due = False
        host, port, *more = found[0][4]
        zone = f"%{more[1]}" if len(more) == 2 and more[1] else ""  # an address of IPv6 for one link only
        wanted.address = f"{host}{zone}", int(port)

    def _reconcile(self) -> None:
        dialled = set(self._host.dialled)
        meant = {each.address: each for each in self._wanted if each.address is not None and not each.is_given_up}
        for address in dialled - meant.keys():
            self._host.hang_up(address)
        for address, wanted in meant.items():
            if address not in dialled:
                with contextlib.suppress(UsageError):  # it was just hung up: the next time, then
                    self._host.dial(address, self._now(), self._expected_key(wanted.config))
        self._act()

    def _expected_key(self, config: NeighbourConfig) -> bytes:
        """The key that the file names, in full or as its fingerprint; else the one that is pinned; else any."""
        if config.key:
            return bytes.fromhex(config.key.replace("-", ""))
        pins = self._home.trust.pins()
        return next((pin.key for pin in pins if config.place in pin.addresses), NO_KEY)


def _is_number(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True
