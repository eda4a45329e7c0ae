"""Multicast DNS on one interface and one family at a time, so that what is heard can be told by where it was heard."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from udpchat.net.interfaces import Interface

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

GROUP_IPV4, GROUP_IPV6, MDNS_PORT = "224.0.0.251", "ff02::fb", 5353  # RFC 6762 section 3
START_TIME: Final = 3.0  # seconds for the sockets to be there


@dataclass(frozen=True, slots=True)
class Link:
    """An interface, and the family of addresses that is spoken there."""

    interface: Interface
    is_ipv6: bool


def links_of(interfaces: Iterable[Interface]) -> list[Link]:
    """The links of interfaces. On loopback IPv4 only: IPv6 has no multicast there."""
    return [
        Link(interface, is_ipv6)
        for interface in interfaces
        for is_ipv6 in (False, True)
        if interface.address(is_ipv6=is_ipv6) is not None and not (is_ipv6 and interface.is_loopback)
    ]


async def open_link(link: Link) -> AsyncZeroconf:
    """Begin to speak there. OSError when that cannot be done."""
    # 90 ms, paid by those only who announce or look.
    from zeroconf import Error, IPVersion  # noqa: PLC0415
    from zeroconf.asyncio import AsyncZeroconf  # noqa: PLC0415

    _check(link)
    place = link.interface.index if link.is_ipv6 else str(link.interface.address(is_ipv6=False))
    try:
        opened = AsyncZeroconf([place], ip_version=IPVersion.V6Only if link.is_ipv6 else IPVersion.V4Only)
    except RuntimeError as error:  # the interface went away, or lost its address
        raise OSError(str(error)) from error
    try:
        await opened.zeroconf.async_wait_for_start(START_TIME)
        engine = opened.zeroconf.engine
        if not engine.senders:
            raise OSError("this interface takes no multicast")
        for reader in engine.readers:
            listener = reader.transport.get_protocol()
            reader.transport.set_protocol(_Neighbours(cast(asyncio.DatagramProtocol, listener), link.interface))
    except BaseException as error:
        await close_link(opened)
        if isinstance(error, Error):
            raise OSError(str(error) or type(error).__name__) from error
        raise
    return opened


async def close_link(opened: AsyncZeroconf) -> None:
    """End it, with a goodbye for what was announced."""
    await opened.async_close()
    await asyncio.sleep(0)  # transports close their sockets in the next turn of the loop


class _Neighbours(asyncio.DatagramProtocol):
    """Lets pass what neighbours on one interface say (RFC 6762 section 11).

    The library answers everybody, with more than was asked. And it hears more than its interface: on Linux a socket
    gets what is sent to a group that anybody has joined anywhere. To ask for less (IP_MULTICAST_ALL) makes it worse:
    Linux 6.18 then hands it to any one socket of those that share the port.
    """

    def __init__(self, listener: asyncio.DatagramProtocol, interface: Interface) -> None:
        self._listener = listener
        self._interface = interface

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """See asyncio."""
        zone = addr[3] if len(addr) == 4 else 0
        if zone in (0, self._interface.index) and self._interface.reaches(ipaddress.ip_address(addr[0])):
            self._listener.datagram_received(data, cast(tuple[str, int], addr))

    def error_received(self, exc: Exception) -> None:
        """See asyncio."""
        self._listener.error_received(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._listener.connection_lost(exc)


def _check(link: Link) -> None:
    """OSError when nothing can be sent there or the address is gone, of which the library says nothing."""
    own, index = str(link.interface.address(is_ipv6=link.is_ipv6)), link.interface.index
    with socket.socket(socket.AF_INET6 if link.is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        if link.is_ipv6:
            probe.bind((own, 0, 0, index if own.startswith("fe80") else 0))
            probe.connect((GROUP_IPV6, MDNS_PORT, 0, index))
        else:
            probe.bind((own, 0))
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
            probe.connect((GROUP_IPV4, MDNS_PORT))
