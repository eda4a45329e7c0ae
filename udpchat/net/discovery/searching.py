"""Looking for servers on the local network with multicast DNS (RFC 6762, RFC 6763)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from udpchat.net.discovery.announcement import MAX_TEXT, SERVICE
from udpchat.net.discovery.multicast import Link, close_link, links_of, open_link
from udpchat.net.discovery.sightings import MAX_ADDRESSES, FoundServer, Sighting, servers_from
from udpchat.net.interfaces import Interface, own_interfaces

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

WAIT: Final = 2.0  # seconds: two questions, a second apart, and the answers, which may come 0.1 s later
MAX_SERVICES: Final = 10_000  # that are remembered on one link
MAX_ASKED: Final = 32  # of them that told their name only: those are asked for the rest
ASKING_TIME: Final = 500  # ms


@dataclass(frozen=True, slots=True)
class Search:
    """What a search has brought.

    left_out: how many more servers there are than are worth showing. interfaces: names of those that were searched.
    troubles: by interface, why one could not be.
    """

    servers: tuple[FoundServer, ...]
    left_out: int
    interfaces: tuple[str, ...]
    troubles: dict[str, str]


async def found_servers(
    wait: float = WAIT, interfaces: Sequence[Interface] | None = None, known: Collection[str] = ()
) -> Search:
    """Listen for so many seconds on these interfaces, all by default. Nobody is connected to.

    known: fingerprints that are trusted, see `servers_from`. OSError when the system does not tell its interfaces.
    """
    searched = own_interfaces() if interfaces is None else interfaces
    links = links_of(searched)
    results = await asyncio.gather(*(_listen(link, wait) for link in links), return_exceptions=True)
    heard: list[Sighting] = []
    troubles: dict[str, str] = {}
    for link, result in zip(links, results, strict=True):
        if isinstance(result, OSError):
            troubles[link.interface.name] = result.strerror or str(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            heard.extend(result)
    worked = {link.interface.name for link, result in zip(links, results, strict=True) if isinstance(result, list)}
    servers, left_out = servers_from(heard, known)
    return Search(
        servers,
        left_out,
        tuple(interface.name for interface in searched if interface.name in worked),
        {name: why for name, why in troubles.items() if name not in worked},
    )


async def _listen(link: Link, wait: float) -> list[Sighting]:
    """What is heard on a link. OSError."""
    opened = await open_link(link)
    try:
        heard = _Heard(link)
        browser = heard.browse(opened)
        try:
            await asyncio.sleep(wait)
        finally:
            await browser.async_cancel()
        return await heard.sightings(opened)
    finally:
        await close_link(opened)


class _Heard:
    """What has been said on a link. Read as it comes: the library forgets the old when it hears too much."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: dict[str, Sighting | None] = {}  # by the name of the service; None: only the name was said

    def browse(self, opened: AsyncZeroconf) -> AsyncServiceBrowser:
        """Hear from now on."""
        from zeroconf import DNSQuestionType, ServiceStateChange  # noqa: PLC0415 - see multicast.py, here and below
        from zeroconf.asyncio import AsyncServiceBrowser  # noqa: PLC0415

        # The library passes all by name.
        def on_change(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:  # noqa: ARG001
            if state_change is ServiceStateChange.Removed:
                self._known.pop(name, None)
            elif name in self._known or len(self._known) < MAX_SERVICES:
                info = _service(name)
                is_complete = info is not None and info.load_from_cache(zeroconf)
                self._known[name] = self._sighting(info) if info is not None and is_complete else None

        # Answers to all, not to us alone: with several programs on one machine those may reach another one.
        return AsyncServiceBrowser(opened.zeroconf, SERVICE, handlers=[on_change], question_type=DNSQuestionType.QM)

    async def sightings(self, opened: AsyncZeroconf) -> list[Sighting]:
        """The services, after some of those that told their name only were asked for the rest."""
        names = [name for name, sighting in self._known.items() if sighting is None]
        asked = [info for name in names[:MAX_ASKED] if (info := _service(name)) is not None]
        answered = await asyncio.gather(*(info.async_request(opened.zeroconf, ASKING_TIME) for info in asked))
        more = [self._sighting(info) for info, is_complete in zip(asked, answered, strict=True) if is_complete]
        return [sighting for sighting in self._known.values() if sighting is not None] + more

    def _sighting(self, info: AsyncServiceInfo) -> Sighting:
        addresses = tuple(info.parsed_addresses()[:MAX_ADDRESSES])
        return Sighting(info.name, (info.text or b"")[:MAX_TEXT], info.port or 0, addresses, self._link.interface)


def _service(name: str) -> AsyncServiceInfo | None:
    """A service of that name; None when none can have it."""
    from zeroconf import BadTypeInNameException  # noqa: PLC0415
    from zeroconf.asyncio import AsyncServiceInfo  # noqa: PLC0415

    try:
        return AsyncServiceInfo(SERVICE, name)
    except BadTypeInNameException:
        return None
