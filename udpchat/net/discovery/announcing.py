"""Telling the local network of a server with multicast DNS (RFC 6762, RFC 6763)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from udpchat.net.discovery.announcement import SERVICE, Announcement, encode, instance_label
from udpchat.net.discovery.multicast import Link, close_link, links_of, open_link
from udpchat.net.interfaces import Interface

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

INTERVAL: Final = 10.0  # seconds between two looks at what has changed: users, interfaces
GOODBYE: Final = 2.0  # seconds at most to take it all back


@dataclass(frozen=True, slots=True)
class Subject:
    """What is announced. key: the server's public key. host: the only address it listens on, or empty.

    announcement, interfaces: asked now and then, for they change. OSError from `interfaces`.
    """

    key: bytes
    port: int
    host: str
    announcement: Callable[[], Announcement]
    interfaces: Callable[[], Sequence[Interface]]


class Announcer:
    """Announces a server until it is cancelled.

    on_change: told the names of the interfaces where it is announced, and a reason when there are none, at first and
    whenever that changes. interval: seconds between two looks at what is to be said, and where.
    """

    def __init__(
        self, subject: Subject, on_change: Callable[[tuple[str, ...], str], None], interval: float = INTERVAL
    ) -> None:
        self._subject = subject
        self._on_change = on_change
        self._interval = interval
        self._open: dict[Link, AsyncZeroconf] = {}
        self._said: Announcement | None = None
        self._told: tuple[tuple[str, ...], str] | None = None

    async def run(self) -> None:
        """Announce, and look now and then at what has changed."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self._interval)
        finally:
            with contextlib.suppress(TimeoutError):  # what was announced is forgotten in two minutes anyway
                async with asyncio.timeout(GOODBYE):
                    await asyncio.gather(*map(close_link, self._open.values()))
            self._open.clear()

    async def _look(self) -> None:
        said, trouble = self._subject.announcement(), ""
        try:
            wanted = links_of(self._subject.interfaces())
        except OSError as error:
            wanted, trouble = [], error.strerror or str(error)
        for link in [link for link in self._open if link not in wanted]:  # it is gone, or has another address
            await close_link(self._open.pop(link))
        if said != self._said:
            self._said = said
            for link, opened in self._open.items():
                await opened.async_update_service(self._service(link, said))
        for link in wanted:
            if link not in self._open:
                try:
                    self._open[link] = await self._announce_on(link, said)
                except OSError as error:
                    trouble = trouble or f"{link.interface.name}: {error.strerror or error}"
        self._tell(trouble)

    async def _announce_on(self, link: Link, said: Announcement) -> AsyncZeroconf:
        opened = await open_link(link)
        try:
            # The name has the key and the port in it: nobody else can have it who is honest.
            await opened.async_register_service(self._service(link, said), cooperating_responders=True)
        except BaseException:
            await close_link(opened)
            raise
        return opened

    def _service(self, link: Link, said: Announcement) -> AsyncServiceInfo:
        from zeroconf.asyncio import AsyncServiceInfo  # noqa: PLC0415 - see multicast.py

        subject = self._subject
        label = instance_label(said.name, subject.key, subject.port)
        return AsyncServiceInfo(
            SERVICE,
            f"{label}.{SERVICE}",
            subject.port,
            properties=encode(said),
            server=f"udpchat-{subject.key.hex()[:16]}-{subject.port}.local.",
            parsed_addresses=[subject.host] if subject.host else list(map(str, link.interface.addresses)),
        )

    def _tell(self, trouble: str) -> None:
        names = tuple(dict.fromkeys(link.interface.name for link in self._open))
        told = names, "" if names else trouble or "there is no network"
        if told != self._told:
            self._told = told
            self._on_change(*told)
