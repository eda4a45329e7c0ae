"""The network interfaces of this machine: their names, addresses and networks, and which of them somebody means."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from udpchat.errors import HandshakeError

IPAddress: TypeAlias = IPv4Address | IPv6Address

MAX_INTERFACES: Final = 16  # that are used at once: a host of containers has hundreds, and each takes sockets


class InterfaceError(HandshakeError):
    """No interface is called that; the message is fit for the user."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface. index: as IPv6 counts them. networks: its own addresses, each with its network."""

    name: str
    index: int
    networks: tuple[ipaddress.IPv4Interface | ipaddress.IPv6Interface, ...]

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """Its own addresses."""
        return tuple(network.ip for network in self.networks)

    @property
    def is_loopback(self) -> bool:
        """Nothing leaves the machine through it."""
        return all(address.is_loopback for address in self.addresses)

    @property
    def zone(self) -> str:
        """What stands behind the % of an IPv6 address that only neighbours on this interface can use."""
        return str(self.index) if sys.platform == "win32" else self.name

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """For sorting: those with addresses for others first, then those that only neighbours can use, loopback."""
        return self.is_loopback, all(address.is_link_local for address in self.addresses), self.name

    def address(self, *, is_ipv6: bool) -> IPAddress | None:
        """Its first address of a family, one that is not only for neighbours if it has one; None: it has none."""
        own = [each for each in self.addresses if (each.version == 6) == is_ipv6]
        return min(own, key=lambda address: address.is_link_local, default=None)

    def reaches(self, address: IPAddress) -> bool:
        """Whether an address belongs to a network that this interface is in."""
        if address.version == 6 and address.is_link_local:
            return any(network.version == 6 for network in self.networks)
        return any(address.version == network.version and address in network.network for network in self.networks)

    def broadcasts(self, address: IPAddress) -> bool:
        """Whether an address means everybody in a network of this interface."""
        return any(
            network.version == 4 and network.network.prefixlen < 31 and address == network.network.broadcast_address
            for network in self.networks
        )

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.addresses))})"


def own_interfaces() -> tuple[Interface, ...]:
    """All interfaces that have an address, the most useful first. OSError when the system does not tell."""
    import ifaddr  # noqa: PLC0415 - takes 40 ms, and few commands ask

    found = [
        Interface(
            adapter.ips[0].nice_name,  # on Windows the name of an adapter is a number that nobody knows
            adapter.index or 0,
            tuple(
                ipaddress.ip_interface(f"{ip.ip[0] if isinstance(ip.ip, tuple) else ip.ip}/{ip.network_prefix}")
                for ip in adapter.ips
            ),
        )
        for adapter in ifaddr.get_adapters()
        if adapter.ips
    ]
    return tuple(sorted(found, key=lambda each: each.rank))


def chosen_interfaces(wanted: str, found: Sequence[Interface]) -> tuple[Interface, ...]:
    """Those that a user means by the name or an address of an interface; all for an empty text. InterfaceError."""
    if not wanted:
        return tuple(found[:MAX_INTERFACES])
    try:
        address: IPAddress | None = ipaddress.ip_address(wanted.partition("%")[0])
    except ValueError:
        address = None
    chosen = tuple(each for each in found if each.name == wanted or (address is not None and address in each.addresses))
    if not chosen:
        listed = ", ".join(map(str, found)) or "none"
        raise InterfaceError(f"no interface has the name or the address {wanted}; there are: {listed}")
    return chosen


def leading_to(address: str, found: Iterable[Interface]) -> Interface | None:
    """The interface that the system sends through to reach an address; None when it knows no way. Sends nothing."""
    try:
        family, _, _, _, place = socket.getaddrinfo(address, 9, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(place)
            own = ipaddress.ip_address(str(probe.getsockname()[0]).partition("%")[0])
    except OSError:
        return None
    return next((each for each in found if own in each.addresses), None)
