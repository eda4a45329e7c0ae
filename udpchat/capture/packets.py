"""IP and UDP round a datagram: made for captures that never saw a network card, and taken off whatever one saw.

IPv4 RFC 791, IPv6 RFC 8200, UDP RFC 768, the sum RFC 1071; link types as on tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, NamedTuple, TypeAlias

from udpchat.errors import UsageError
from udpchat.protocol.datagrams import Address

Buffer: TypeAlias = bytes | bytearray | memoryview

UDP: Final = 17
TIME_TO_LIVE: Final = 64
DONT_FRAGMENT: Final = 0x4000
MAX_FLOWS: Final = 4_096  # pairs of addresses whose headers are remembered

LINK_NULL: Final = 0
LINK_ETHERNET: Final = 1
LINK_RAW_BSD: Final = 12
LINK_RAW: Final = 101
LINK_LOOP: Final = 108
LINK_SLL: Final = 113
LINK_IPV4: Final = 228
LINK_IPV6: Final = 229
LINK_SLL2: Final = 276

_ETHERTYPE_IP: Final = (0x0800, 0x86DD)
_ETHERTYPE_VLAN: Final = (0x8100, 0x88A8, 0x9100)
_IPV4_SIZE: Final = 20
_IPV6_SIZE: Final = 40
_UDP_SIZE: Final = 8
_EXTENSIONS: Final = (0, 43, 60)  # hop by hop, routing, destination options: all of one shape
_FRAGMENT: Final = 44
_MAX_EXTENSIONS: Final = 8

_IPV4_UDP: Final = struct.Struct(">BBHHHBBH8sHHHH")
_IPV6_UDP: Final = struct.Struct(">IHBB32sHHHH")
_U16: Final = struct.Struct(">H")
_UDP_LENGTH: Final = struct.Struct(">4xH2x")


class Skip(StrEnum):
    """Why a captured packet gave no datagram."""

    LINK_TYPE = "unknown-link-type"
    INTERFACE = "unknown-interface"
    NOT_IP = "not-ip"
    NOT_UDP = "not-udp"
    FRAGMENT = "ip-fragment"
    CUT = "cut-by-snaplen"
    LENGTH = "bad-length"


# -- making ------------------------------------------------------------------------------------------------------------


class _Flow(NamedTuple):
    """What all packets from one address to another have in common.

    base: the part of the UDP checksum that does not depend on the datagram. ip_base: the same for the IPv4 header.
    """

    is_ipv6: bool
    addresses: bytes
    source_port: int
    destination_port: int
    base: int
    ip_base: int


class HeaderMaker:
    """Makes the IP and UDP headers of datagrams; remembers what it can."""

    def __init__(self) -> None:
        self._flows: dict[tuple[Address, Address], _Flow] = {}

    def headers(self, source: Address, destination: Address, data: Buffer) -> bytes:
        """The headers of a datagram, checksums filled in: the same input gives the same bytes.

        A host may have a scope ("fe80::1%2"), which is left out. UsageError when one address is IPv4, the other IPv6.
        """
        flow = self._flows.get((source, destination))
        if flow is None:
            if len(self._flows) >= MAX_FLOWS:
                self._flows.clear()
            flow = self._flows[source, destination] = _make_flow(source, destination)
        is_ipv6, addresses, source_port, destination_port, base, ip_base = flow
        size = len(data)
        length = _UDP_SIZE + size
        # 2**16 is 1 modulo 65,535, so one division is the one's complement sum of all 16 bit words (RFC 1071).
        words = int.from_bytes(data, "big")
        checksum = 65_535 - (base + 2 * length + (words << 8 if size & 1 else words)) % 65_535
        if is_ipv6:
            return _IPV6_UDP.pack(
                6 << 28, length, UDP, TIME_TO_LIVE, addresses, source_port, destination_port, length, checksum
            )
        total = _IPV4_SIZE + length
        ip_checksum = (65_535 - (ip_base + total) % 65_535) % 65_535
        return _IPV4_UDP.pack(
            0x45,
            0,
            total,
            0,
            DONT_FRAGMENT,
            TIME_TO_LIVE,
            UDP,
            ip_checksum,
            addresses,
            source_port,
            destination_port,
            length,
            checksum,
        )


def _make_flow(source: Address, destination: Address) -> _Flow:
    packed = [ip_address(host.partition("%")[0]).packed for host, _ in (source, destination)]
    if len(packed[0]) != len(packed[1]):
        raise UsageError(f"a packet cannot go from {source[0]} to {destination[0]}")
    addresses = b"".join(packed)
    words = int.from_bytes(addresses, "big") % 65_535
    base = words + UDP + source[1] + destination[1]
    ip_base = words + 0x4500 + DONT_FRAGMENT + (TIME_TO_LIVE << 8 | UDP)
    return _Flow(len(packed[0]) == 16, addresses, source[1], destination[1], base, ip_base)


# -- taking apart ------------------------------------------------------------------------------------------------------


class Unwrapped(NamedTuple):
    """A UDP datagram that was found in a captured packet."""

    source: Address
    destination: Address
    data: bytes


class Unwrapper:
    """Takes link, IP and UDP headers off captured packets; remembers addresses it has seen."""

    def __init__(self) -> None:
        self._pairs: dict[bytes, tuple[Address, Address]] = {}

    def unwrap(self, link_type: int, packet: memoryview, *, is_cut: bool) -> Unwrapped | Skip:
        """The datagram in a packet, or why there is none. is_cut: the end of the packet is not there."""
        find_ip = _LINKS.get(link_type)
        if find_ip is None:
            return Skip.LINK_TYPE
        at = find_ip(packet)
        if at < 0 or at >= len(packet):
            return Skip.NOT_IP
        version = packet[at] >> 4
        if version == 4:
            return self._unwrap_ipv4(packet, at, is_cut)
        return self._unwrap_ipv6(packet, at, is_cut) if version == 6 else Skip.NOT_IP

    def _unwrap_ipv4(self, packet: memoryview, at: int, is_cut: bool) -> Unwrapped | Skip:
        if len(packet) < at + _IPV4_SIZE:
            return Skip.CUT if is_cut else Skip.LENGTH
        header_size = (packet[at] & 15) * 4
        if (packet[at + 6] & 0x3F) or packet[at + 7]:
            return Skip.FRAGMENT
        if packet[at + 9] != UDP:
            return Skip.NOT_UDP
        if header_size < _IPV4_SIZE:
            return Skip.LENGTH
        return self._unwrap_udp(packet, at + 12, 4, at + header_size, is_cut)

    def _unwrap_ipv6(self, packet: memoryview, at: int, is_cut: bool) -> Unwrapped | Skip:
        size, payload = len(packet), at + _IPV6_SIZE
        if size < payload:
            return Skip.CUT if is_cut else Skip.LENGTH
        kind = packet[at + 6]
        for _ in range(_MAX_EXTENSIONS):
            if kind not in _EXTENSIONS:
                break
            if size < payload + 2:
                return Skip.CUT if is_cut else Skip.LENGTH
            kind, payload = packet[payload], payload + 8 * (packet[payload + 1] + 1)
        if kind == _FRAGMENT:
            return Skip.FRAGMENT
        return self._unwrap_udp(packet, at + 8, 16, payload, is_cut) if kind == UDP else Skip.NOT_UDP

    def _unwrap_udp(self, packet: memoryview, at: int, host_size: int, udp: int, is_cut: bool) -> Unwrapped | Skip:
        """at: where the two addresses are. udp: where the UDP header is."""
        start = udp + _UDP_SIZE
        if len(packet) < start:
            return Skip.CUT if is_cut else Skip.LENGTH
        (length,) = _UDP_LENGTH.unpack_from(packet, udp)
        stop = udp + length
        if length < _UDP_SIZE:
            return Skip.LENGTH
        if len(packet) < stop:
            return Skip.CUT if is_cut else Skip.LENGTH
        key = bytes(packet[at : at + 2 * host_size]) + packet[udp : udp + 4]
        pair = self._pairs.get(key)
        if pair is None:
            if len(self._pairs) >= MAX_FLOWS:
                self._pairs.clear()
            pair = self._pairs[key] = _addresses(key)
        return Unwrapped(pair[0], pair[1], bytes(packet[start:stop]))


def _addresses(key: bytes) -> tuple[Address, Address]:
    middle = (len(key) - 4) // 2
    source, destination = (str(ip_address(key[at : at + middle])) for at in (0, middle))
    source_port, destination_port = struct.unpack(">HH", key[-4:])
    return (source, source_port), (destination, destination_port)


def _after(size: int) -> Callable[[memoryview], int]:
    return lambda _: size


def _after_type(at: int, size: int) -> Callable[[memoryview], int]:
    """at: where the Ethernet type is. size: of the link header."""

    def find(packet: memoryview) -> int:
        kind_at, ip = at, size
        while len(packet) >= max(kind_at + 2, ip):
            (kind,) = _U16.unpack_from(packet, kind_at)
            if kind in _ETHERTYPE_IP:
                return ip
            if kind not in _ETHERTYPE_VLAN:
                break
            kind_at, ip = ip + 2, ip + 4
        return -1

    return find


_LINKS: Final[dict[int, Callable[[memoryview], int]]] = {  # where the IP header is; -1 when there is none
    LINK_NULL: _after(4),
    LINK_LOOP: _after(4),
    LINK_ETHERNET: _after_type(12, 14),
    LINK_SLL: _after_type(14, 16),
    LINK_SLL2: _after_type(0, 20),
    **dict.fromkeys((LINK_RAW, LINK_RAW_BSD, LINK_IPV4, LINK_IPV6), _after(0)),
}
