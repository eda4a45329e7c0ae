"""Captures made by hand, byte by byte, for tests of the reader."""

from __future__ import annotations

import struct
from pathlib import Path

from udpchat.capture.packets import HeaderMaker
from udpchat.capture.pcapng import Captured, read_capture
from udpchat.protocol.datagrams import Address

ANNA: Address = ("10.0.0.1", 4_000)
BOB: Address = ("10.0.0.2", 27_272)
ANNA6: Address = ("fd00::1", 4_000)
BOB6: Address = ("fd00::2", 27_272)
END = bytes(4)


def ip_packet(data: bytes, source: Address = ANNA, destination: Address = BOB) -> bytes:
    return HeaderMaker().headers(source, destination, data) + data


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + padded(value)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int = 101, options: bytes = b"", order: str = "<", snaplen: int = 0) -> bytes:
    return block(1, struct.pack(order + "HHI", link_type, 0, snaplen) + options, order)


def enhanced(
    packet: bytes, ticks: int = 0, place: int = 0, options: bytes = b"", order: str = "<", size: int | None = None
) -> bytes:
    size = len(packet) if size is None else size
    head = struct.pack(order + "IIIII", place, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), size)
    return block(6, head + padded(packet) + options, order)


def pcap(
    packets: list[tuple[int, int, bytes]], order: str = "<", magic: int = 0xA1B2C3D4, link_type: int = 101
) -> bytes:
    """packets: seconds, fraction, bytes."""
    records = [struct.pack(order + "IIII", s, f, len(data), len(data)) + data for s, f, data in packets]
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65_535, link_type) + b"".join(records)


def read(folder: Path, content: bytes) -> list[Captured]:
    path = folder / "made.pcapng"
    path.write_bytes(content)
    return list(read_capture(path))
