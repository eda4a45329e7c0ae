"""Captures read back: pcapng and classic pcap, gzipped or not, of whatever program; one UDP datagram after another."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from udpchat.capture.blocks import (
    PCAP_MAGICS,
    SECTION_MAGIC,
    UNKNOWN_INTERFACE,
    Interface,
    Parser,
    PcapngParser,
    PcapParser,
)
from udpchat.capture.packets import Skip, Unwrapper
from udpchat.errors import CaptureError
from udpchat.protocol.datagrams import Address

CHUNK: Final = 2**20  # bytes read at once
MAGIC_SIZE: Final = 4
GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_WINDOW: Final = 31  # zlib's word for a gzip header and the largest window


class Captured(NamedTuple):
    """A UDP datagram of a capture.

    us: since 1970, or since whatever the writer began at. interface: index in `CaptureFile.interfaces`. outbound: seen
    leaving that interface; None where the file does not say. index: of the packet in the file, from 1, as Wireshark
    counts.
    """

    us: int
    source: Address
    destination: Address
    data: bytes
    comment: str
    interface: int
    interface_name: str
    outbound: bool | None
    index: int  # type: ignore[assignment]  # a field, in place of tuple.index


class CaptureFile:
    """A capture that can be iterated, as often as one likes, without keeping it in memory. Iterating: CaptureError.

    The rest tells about the latest iteration, as far as it has got. skipped: packets that gave no datagram, by reason
    (`packets.Skip`). truncated: the file ended inside a packet, so all whole ones were read. interfaces: known so far;
    those at the beginning of the file from the start.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.skipped: Counter[str] = Counter()
        self.truncated = False
        self.interfaces: list[Interface] = []
        next(iter(self), None)

    def __iter__(self) -> Iterator[Captured]:
        self.skipped, self.truncated = Counter(), False
        try:
            with self.path.open("rb") as file:
                yield from self._read(file)
        except OSError as error:
            raise CaptureError(f"cannot read {self.path}: {error.strerror or error}") from error

    def _read(self, file: BinaryIO) -> Iterator[Captured]:
        chunks = self._chunks(file)
        buffer = b""
        while len(buffer) < MAGIC_SIZE and (more := next(chunks, None)) is not None:
            buffer += more
        parser = self._parser_for(buffer[:MAGIC_SIZE])
        self.interfaces = parser.interfaces
        unwrapper, index = Unwrapper(), 0
        while buffer:
            for found in parser.parse(memoryview(buffer)):
                interface, us, packet, is_cut, comment, outbound = found
                index += 1
                if interface == UNKNOWN_INTERFACE:
                    self.skipped[Skip.INTERFACE] += 1
                    continue
                name, link_type = self.interfaces[interface]
                datagram = unwrapper.unwrap(link_type, packet, is_cut=is_cut)
                if isinstance(datagram, Skip):
                    self.skipped[datagram] += 1
                    continue
                source, destination, data = datagram
                yield Captured(us, source, destination, data, comment, interface, name, outbound, index)
            rest = buffer[parser.consumed :]
            more = next(chunks, None)
            if more is None:
                self.truncated = self.truncated or bool(rest)
                return
            buffer = rest + more

    def _parser_for(self, magic: bytes) -> Parser:
        if magic == SECTION_MAGIC:
            return PcapngParser(str(self.path))
        if magic in PCAP_MAGICS:
            return PcapParser(str(self.path), magic)
        what = "it begins as neither pcapng nor pcap does" if magic else "it is empty"
        raise CaptureError(f"{self.path} is not a capture: {what}; name a file that --capture or Wireshark wrote")

    def _chunks(self, file: BinaryIO) -> Iterator[bytes]:
        """The bytes of the file, inflated when they are gzipped; never an empty piece."""
        first = file.read(CHUNK)
        if not first.startswith(GZIP_MAGIC):
            while first:
                yield first
                first = file.read(CHUNK)
            return
        inflater = zlib.decompressobj(GZIP_WINDOW)
        try:
            while first:
                while first:
                    if piece := inflater.decompress(first, CHUNK):
                        yield piece
                    first = inflater.unconsumed_tail
                    if inflater.eof and (first := inflater.unused_data.lstrip(b"\0")):
                        inflater = zlib.decompressobj(GZIP_WINDOW)
                first = file.read(CHUNK)
            if piece := inflater.flush():
                yield piece
        except zlib.error as error:
            raise CaptureError(
                f"{self.path} is damaged: its gzip data cannot be inflated; make the capture again"
            ) from error
        self.truncated = self.truncated or not inflater.eof


def read_capture(path: Path | str) -> CaptureFile:
    """Open a capture. CaptureError when it cannot be read or is none; see CaptureFile."""
    return CaptureFile(path)
