"""pcapng, the file format of Wireshark: our writer; reader.py reads it.

Layout: draft-ietf-opsawg-pcapng. Little state, integer microseconds, the same calls give the same bytes. Nothing of the
machine is written: no host name, no system, no network card.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO, Final

from udpchat.capture.blocks import Interface
from udpchat.capture.packets import LINK_RAW, Buffer, HeaderMaker
from udpchat.capture.reader import Captured, CaptureFile, read_capture
from udpchat.errors import UsageError
from udpchat.protocol.datagrams import Address

__all__ = ["CaptureFile", "Captured", "Interface", "PcapngWriter", "read_capture"]

APPLICATION: Final = b"udpchat"
MAX_COMMENT: Final = 65_535  # bytes: the length of an option has 16 bits

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_PACKET: Final = 6
_COMMENT: Final = 1
_END: Final = bytes(4)
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")  # by size modulo 4

_BLOCK: Final = struct.Struct("<IIIIIII")
_LENGTH: Final = struct.Struct("<I")
_OPTION: Final = struct.Struct("<HH")
_DIRECTION: Final = {
    None: b"",
    False: struct.pack("<HHI", 2, 4, 1),  # epb_flags: inbound
    True: struct.pack("<HHI", 2, 4, 2),
}


class PcapngWriter:
    """Writes datagrams into a binary file that stays the caller's.

    interfaces: names of the places where datagrams are seen. size: bytes written so far. OSError as the file has it.
    """

    def __init__(self, file: BinaryIO, interfaces: Sequence[str]) -> None:
        self.size = 0
        self._file = file
        self._headers = HeaderMaker()
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _option(4, APPLICATION) + _END
        self._put(_block(_SECTION, section))
        for name in interfaces:
            options = _option(2, name.encode()) + _option(9, b"\6") + _END  # 10**-6 s
            self._put(_block(_INTERFACE, struct.pack("<HHI", LINK_RAW, 0, 0) + options))

    def write(
        self,
        us: int,
        source: Address,
        destination: Address,
        data: Buffer,
        *,
        comment: str = "",
        interface: int = 0,
        outbound: bool | None = None,
    ) -> None:
        """Write one datagram as an IP packet. us: since 1970. UsageError, OSError."""
        headers = self._headers.headers(source, destination, data)
        captured = len(headers) + len(data)
        options = _DIRECTION[outbound]
        if comment:
            words = comment.encode()
            if len(words) > MAX_COMMENT:
                raise UsageError(f"a comment of {len(words)} bytes does not fit a capture")
            options = _option(_COMMENT, words) + options
        if options:
            options += _END
        padding = _PADDING[captured & 3]
        total = 32 + captured + len(padding) + len(options)
        head = _BLOCK.pack(_PACKET, total, interface, us >> 32, us & 0xFFFFFFFF, captured, captured)
        self._put(b"".join((head, headers, data, padding, options, _LENGTH.pack(total))))

    def flush(self) -> None:
        """Hand on what the file has buffered."""
        self._file.flush()

    def _put(self, block: bytes) -> None:
        self._file.write(block)
        self.size += len(block)


def _option(code: int, value: bytes) -> bytes:
    return _OPTION.pack(code, len(value)) + value + _PADDING[len(value) & 3]


def _block(kind: int, body: bytes) -> bytes:
    size = _LENGTH.pack(12 + len(body))
    return _LENGTH.pack(kind) + size + body + size
