"""From what was heard on the network to servers that a person can be shown. Pure; nothing of it can be believed.

The same server is heard on several interfaces, in both families; anybody can say anything, and as much of it as the
network carries.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from udpchat.net.discovery.announcement import Announcement, decode
from udpchat.net.interfaces import Interface, IPAddress

MAX_SERVERS: Final = 64  # that are shown
MAX_ADDRESSES: Final = 16  # of one announcement that are looked at
MAX_SPOTS: Final = 8  # of one server


@dataclass(frozen=True, slots=True)
class Sighting:
    """A service as it was heard on an interface. text: of its TXT record; addresses: as it gave them."""

    label: str
    text: bytes
    port: int
    addresses: tuple[str, ...]
    interface: Interface


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a server says that it is.

    host: an address, with its zone where it needs one. interface: where that was heard. is_near: the address belongs
    to a network that the interface is in; another one may be anywhere.
    """

    host: str
    port: int
    interface: str
    is_near: bool

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that was heard. spots: where it says that it is, the best first; at least one."""

    announcement: Announcement
    spots: tuple[Spot, ...]

    @property
    def is_near(self) -> bool:
        """At least one address is of a network that we are in."""
        return self.spots[0].is_near

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Where it was heard."""
        return tuple(dict.fromkeys(spot.interface for spot in self.spots))


def servers_from(sightings: Iterable[Sighting], known: Collection[str] = ()) -> tuple[tuple[FoundServer, ...], int]:
    """Servers to be shown, and how many more there would be.

    known: fingerprints that are trusted: those who claim one come first, then those nearby, then by name.
    """
    merged: dict[tuple[str, Announcement], list[tuple[int, Spot]]] = {}
    users: dict[tuple[str, Announcement], int] = {}
    for sighting in sightings:
        announcement = decode(sighting.text)
        spots = _spots(sighting)
        if announcement is None or not spots:
            continue
        key = sighting.label.lower(), replace(announcement, users=0)  # that may change between two interfaces
        merged.setdefault(key, []).extend(spots)
        users[key] = announcement.users
    found = [FoundServer(replace(key[1], users=users[key]), _best(spots)) for key, spots in merged.items()]
    found.sort(key=lambda server: _rank(server, known))
    return tuple(found[:MAX_SERVERS]), max(len(found) - MAX_SERVERS, 0)


def _rank(server: FoundServer, known: Collection[str]) -> tuple[bool, bool, str, str]:
    said = server.announcement
    return said.fingerprint not in known, not server.is_near, said.name.casefold(), str(server.spots[0])


def _best(spots: list[tuple[int, Spot]]) -> tuple[Spot, ...]:
    return tuple(dict.fromkeys(spot for _, spot in sorted(spots, key=lambda ranked: ranked[0])))[:MAX_SPOTS]


def _spots(sighting: Sighting) -> list[tuple[int, Spot]]:
    """The addresses that make sense, each with a rank."""
    if not 0 < sighting.port < 65_536:
        return []
    found = []
    for text in dict.fromkeys(sighting.addresses[:MAX_ADDRESSES]):
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue
        interface = sighting.interface
        if not _makes_sense(address, interface):
            continue
        is_near = interface.reaches(address)
        zone = f"%{interface.zone}" if address.version == 6 and address.is_link_local else ""
        spot = Spot(f"{address}{zone}", sighting.port, interface.name, is_near)
        found.append((_worth(address, is_near=is_near), spot))
    return found


def _makes_sense(address: IPAddress, interface: Interface) -> bool:
    """Whether one server can be there: no group, no network, nothing of this machine that came from elsewhere."""
    if address.is_unspecified or address.is_multicast or interface.broadcasts(address):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback == interface.is_loopback and not address.is_reserved and address.packed[0] != 0
    if address.ipv4_mapped is not None or address.sixtofour is not None or address.teredo is not None:
        return False  # an IPv4 address in disguise
    return address.is_loopback == interface.is_loopback


def _worth(address: IPAddress, *, is_near: bool) -> int:
    """For sorting: near ones first, others' before our own machine's, without a zone before with one, IPv4 first."""
    return (not is_near) * 8 + address.is_loopback * 4 + address.is_link_local * 2 + (address.version == 6)
