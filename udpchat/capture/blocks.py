"""The blocks of pcapng and the records of classic pcap, as packets with their times: what reader.py is made of.

Both parsers take whatever bytes have come so far and say how many of them they are done with.
Layout: draft-ietf-opsawg-pcapng and draft-ietf-opsawg-pcap.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn, Protocol

from udpchat.config import SECOND
from udpchat.errors import CaptureError

MAX_BLOCK: Final = 16 * 2**20  # bytes: no packet is larger, so a longer block is damage
MAX_TIME: Final = 2**64 - 1  # us: what a capture can be written with
MAX_INTERFACES: Final = 4_096
UNKNOWN_INTERFACE: Final = -1

SECTION_MAGIC: Final = b"\n\r\r\n"
_ORDER_LITTLE: Final = b"\x4d\x3c\x2b\x1a"
_ORDER_BIG: Final = b"\x1a\x2b\x3c\x4d"

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_OBSOLETE_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_ENHANCED_PACKET: Final = 6

_END: Final = 0
_COMMENT: Final = 1
_NAME: Final = 2  # of an interface
_FLAGS: Final = 2  # of a packet
_RESOLUTION: Final = 9
_TIME_OFFSET: Final = 14
_DIRECTIONS: Final = (None, False, True, None)  # by the two low bits of the flags: unknown, inbound, outbound

PCAP_MAGICS: Final = {  # byte order, units of time in a second
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
_PCAP_HEADER: Final = 24


class Interface(NamedTuple):
    """A place where packets were seen. link_type: as on tcpdump.org/linktypes.html."""

    name: str
    link_type: int


class CapturedPacket(NamedTuple):
    """A packet as it was captured. us: since 1970. is_cut: its end was not captured. outbound: None is unknown.

    interface: its place in the parser's list, or UNKNOWN_INTERFACE. packet: valid until more bytes are parsed.
    """

    interface: int
    us: int
    packet: memoryview
    is_cut: bool
    comment: str
    outbound: bool | None


class Parser(Protocol):
    """What both formats have in common. interfaces: known so far. consumed: bytes of the last buffer that are done."""

    interfaces: list[Interface]
    consumed: int

    def parse(self, buffer: memoryview) -> Iterator[CapturedPacket]:
        """The packets that are whole. The next buffer begins with what was not consumed. CaptureError."""
        ...


class _Clock(NamedTuple):
    """The times of an interface. units: in a second. offset: [us] to be added."""

    units: int
    offset: int


class _Layout:
    """The structures in one byte order."""

    def __init__(self, order: str) -> None:
        self.block = struct.Struct(order + "II")
        self.length = struct.Struct(order + "I")
        self.interface = struct.Struct(order + "HHI")
        self.enhanced = struct.Struct(order + "IIIII")
        self.obsolete = struct.Struct(order + "HHIIII")
        self.option = struct.Struct(order + "HH")
        self.seconds = struct.Struct(order + "q")


class PcapngParser:
    """pcapng: sections of either byte order one after another; blocks of unknown types are skipped.

    name: of the file, for messages.
    """

    def __init__(self, name: str) -> None:
        self.interfaces: list[Interface] = []
        self.consumed = 0
        self._name = name
        self._parsed = 0  # bytes of the file before the buffer
        self._layout = _Layout("<")
        self._clocks: list[_Clock] = []
        self._first = 0  # index of the section's first interface
        self._snaplen = 0  # of that interface
        self._last_us = 0

    def parse(self, buffer: memoryview) -> Iterator[CapturedPacket]:
        """The packets that are whole. CaptureError when the bytes cannot be blocks."""
        self.consumed, size = 0, len(buffer)
        while (at := self.consumed) + 12 <= size:
            kind, total = self._layout.block.unpack_from(buffer, at)
            if kind == _SECTION:  # the same in either byte order
                self._layout = _layout_of(bytes(buffer[at + 8 : at + 12])) or self._damage(at, "no known byte order")
                self._first, self._snaplen = len(self.interfaces), 0
                kind, total = self._layout.block.unpack_from(buffer, at)
            if total < 12 or total % 4 or total > MAX_BLOCK:
                self._damage(at, f"a block cannot have {total} bytes")
            if at + total > size:
                break
            if self._layout.length.unpack_from(buffer, at + total - 4)[0] != total:
                self._damage(at, "the two lengths of a block differ")
            body = buffer[at + 8 : at + total - 4]
            if kind == _ENHANCED_PACKET:
                yield self._enhanced(at, body)
            elif kind == _INTERFACE:
                self._add_interface(at, body)
            elif kind == _SIMPLE_PACKET:
                yield self._simple(at, body)
            elif kind == _OBSOLETE_PACKET:
                yield self._obsolete(at, body)
            self.consumed = at + total
        self._parsed += self.consumed

    def _damage(self, at: int, what: str) -> NoReturn:
        """CaptureError, always."""
        raise CaptureError(
            f"{self._name} is damaged at byte {self._parsed + at}: {what}; what comes before can be read"
        )

    def _add_interface(self, at: int, body: memoryview) -> None:
        if len(body) < 8 or len(self.interfaces) >= MAX_INTERFACES:
            self._damage(at, "an interface that cannot be")
        link_type, _, snaplen = self._layout.interface.unpack_from(body)
        name, units, offset = "", SECOND, 0
        for code, value in self._options(body, 8):
            if code == _NAME:
                name = str(value, "utf-8", "replace")
            elif code == _RESOLUTION and len(value) == 1:
                units = 2 ** (value[0] & 127) if value[0] & 128 else 10 ** value[0]
            elif code == _TIME_OFFSET and len(value) == 8:
                offset = self._layout.seconds.unpack(value)[0] * SECOND
        if len(self.interfaces) == self._first:
            self._snaplen = snaplen
        self.interfaces.append(Interface(name, link_type))
        self._clocks.append(_Clock(units, offset))

    def _enhanced(self, at: int, body: memoryview) -> CapturedPacket:
        if len(body) < 20:
            self._damage(at, "a packet without a header")
        interface, high, low, captured, size = self._layout.enhanced.unpack_from(body)
        return self._packet(at, body, 20, (interface, (high << 32) + low, captured, size))

    def _obsolete(self, at: int, body: memoryview) -> CapturedPacket:
        if len(body) < 20:
            self._damage(at, "a packet without a header")
        interface, _, high, low, captured, size = self._layout.obsolete.unpack_from(body)
        return self._packet(at, body, 20, (interface, (high << 32) + low, captured, size))

    def _simple(self, at: int, body: memoryview) -> CapturedPacket:
        """A simple packet has no time: it gets that of the packet before it."""
        if len(body) < 4:
            self._damage(at, "a packet without a header")
        (size,) = self._layout.length.unpack_from(body)
        captured = min(size, self._snaplen) if self._snaplen else size
        if 4 + captured > len(body):
            self._damage(at, "a packet longer than its block")
        interface = self._first if self._first < len(self.interfaces) else UNKNOWN_INTERFACE
        return CapturedPacket(interface, self._last_us, body[4 : 4 + captured], captured < size, "", None)

    def _packet(self, at: int, body: memoryview, start: int, head: tuple[int, int, int, int]) -> CapturedPacket:
        number, ticks, captured, size = head
        stop = start + captured
        if stop > len(body):
            self._damage(at, "a packet longer than its block")
        interface = self._first + number
        if interface < len(self.interfaces):
            units, offset = self._clocks[interface]
            if units == SECOND and not offset:
                self._last_us = ticks
            else:
                self._last_us = min(max(0, ticks * SECOND // units + offset), MAX_TIME)
        else:
            interface = UNKNOWN_INTERFACE
        comment, outbound = "", None
        if (options := (stop + 3) & ~3) < len(body):
            comment, outbound = self._about(body, options)
        return CapturedPacket(interface, self._last_us, body[start:stop], captured < size, comment, outbound)

    def _about(self, body: memoryview, at: int) -> tuple[str, bool | None]:
        """What the options say of a packet; several comments become lines of one."""
        comments: list[str] = []
        outbound = None
        for code, value in self._options(body, at):
            if code == _COMMENT:
                comments.append(str(value, "utf-8", "replace"))
            elif code == _FLAGS and len(value) == 4:
                outbound = _DIRECTIONS[self._layout.length.unpack(value)[0] & 3]
        return "\n".join(comments), outbound

    def _options(self, body: memoryview, at: int) -> Iterator[tuple[int, memoryview]]:
        """Options up to the end of the list or to the first that is not whole."""
        unpack, size = self._layout.option.unpack_from, len(body)
        while at + 4 <= size:
            code, length = unpack(body, at)
            start = at + 4
            if code == _END or start + length > size:
                return
            yield code, body[start : start + length]
            at = start + ((length + 3) & ~3)


class PcapParser:
    """Classic pcap. magic: the first four bytes of the file, one of PCAP_MAGICS. name: of the file, for messages."""

    def __init__(self, name: str, magic: bytes) -> None:
        order, units = PCAP_MAGICS[magic]
        self.interfaces: list[Interface] = []
        self.consumed = 0
        self._name = name
        self._parsed = 0
        self._link_type = struct.Struct(order + "I")
        self._record = struct.Struct(order + "IIII")
        self._divisor = units // SECOND

    def parse(self, buffer: memoryview) -> Iterator[CapturedPacket]:
        """The packets that are whole. CaptureError when the bytes cannot be records."""
        self.consumed, size = 0, len(buffer)
        if not self.interfaces:
            if size < _PCAP_HEADER:
                return
            link_type = self._link_type.unpack_from(buffer, 20)[0] & 0xFFFF  # above: length of the Ethernet checksum
            self.interfaces.append(Interface("", link_type))
            self.consumed = _PCAP_HEADER
        while (start := self.consumed + 16) <= size:
            seconds, fraction, captured, length = self._record.unpack_from(buffer, self.consumed)
            if captured > MAX_BLOCK:
                at = self._parsed + self.consumed
                text = f"a packet cannot have {captured} bytes; what comes before can be read"
                raise CaptureError(f"{self._name} is damaged at byte {at}: {text}")
            stop = start + captured
            if stop > size:
                break
            us = seconds * SECOND + fraction // self._divisor
            yield CapturedPacket(0, us, buffer[start:stop], captured < length, "", None)
            self.consumed = stop
        self._parsed += self.consumed


def _layout_of(order: bytes) -> _Layout | None:
    return {_ORDER_LITTLE: _Layout("<"), _ORDER_BIG: _Layout(">")}.get(order)
