"""Generated from packets.py by python -m udpchat.wire.generate; do not edit.

Header and hot packets as struct code, one packet at a time and DATA a burst at a time. Values are not checked beyond
what is said: codec.py does that.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

MAGIC: Final = 0x5543
VERSION: Final = 1
MAX_NUMBER: Final = 0x1fffffffffffff  # of packet numbers and offsets
MAX_RUN: Final = 64  # datagrams in a burst
HEADER_SIZE: Final = 24
TRAILER_SIZE: Final = 16
DATA: Final = 16
MSG: Final = 17
ACK: Final = 18

_HEADER: Final = Struct(">HBBHH8sQ")


def unpack_header(datagram: Buffer) -> tuple[int, int, int, int, int, bytes, int]:
    """magic, version, type, flags, body_length, connection_id, packet_number.

    The datagram has at least HEADER_SIZE bytes.
    """
    return _HEADER.unpack_from(datagram)


def pack_header(type_: int, flags: int, body_length: int, connection_id: bytes, packet_number: int) -> bytes:
    """A header of our version."""
    return _HEADER.pack(MAGIC, VERSION, type_, flags, body_length, connection_id, packet_number)


DATA_CLEAR_SIZE: Final = 12
_DATA: Final = Struct(">HBBHH8sQIQ")
_DATA_CLEAR: Final = Struct(">IQ")


def unpack_data(datagram: Buffer) -> tuple[int, int]:
    """transfer_id, offset; header and clear part are there."""
    return _DATA_CLEAR.unpack_from(datagram, HEADER_SIZE)


def pack_data(
    flags: int,
    connection_id: bytes,
    packet_number: int,
    sealed_length: int,
    transfer_id: int,
    offset: int,
) -> bytes:
    """Header and clear part; sealed_length bytes and the trailer are to follow."""
    body_length = DATA_CLEAR_SIZE + sealed_length
    return _DATA.pack(MAGIC, VERSION, DATA, flags, body_length, connection_id, packet_number, transfer_id, offset)


MSG_CLEAR_SIZE: Final = 9
_MSG: Final = Struct(">HBBHH8sQBQ")
_MSG_CLEAR: Final = Struct(">BQ")


def unpack_msg(datagram: Buffer) -> tuple[int, int]:
    """channel, offset; header and clear part are there."""
    return _MSG_CLEAR.unpack_from(datagram, HEADER_SIZE)


def pack_msg(
    flags: int,
    connection_id: bytes,
    packet_number: int,
    sealed_length: int,
    channel: int,
    offset: int,
) -> bytes:
    """Header and clear part; sealed_length bytes and the trailer are to follow."""
    body_length = MSG_CLEAR_SIZE + sealed_length
    return _MSG.pack(MAGIC, VERSION, MSG, flags, body_length, connection_id, packet_number, channel, offset)


ACK_CLEAR_SIZE: Final = 29  # without ranges
_ACK: Final = Struct(">HBBHH8sQQIIQIB")
_ACK_CLEAR: Final = Struct(">QIIQIB")
_ACK_ITEM: Final = Struct(">QQ")


def unpack_ack(datagram: memoryview, body_length: int) -> tuple[int, int, int, int, int, tuple[tuple[int, int], ...]] | None:
    """largest, arrival, ack_delay, received, window, ranges.

    None when the number of ranges is not what body_length, ACK_CLEAR_SIZE or more, leaves room for.
    """
    *fixed, count = _ACK_CLEAR.unpack_from(datagram, HEADER_SIZE)
    if ACK_CLEAR_SIZE + _ACK_ITEM.size * count != body_length:
        return None
    items = datagram[HEADER_SIZE + ACK_CLEAR_SIZE : HEADER_SIZE + body_length]
    return *fixed, tuple(_ACK_ITEM.iter_unpack(items))


def pack_ack(
    flags: int,
    connection_id: bytes,
    packet_number: int,
    largest: int,
    arrival: int,
    ack_delay: int,
    received: int,
    window: int,
    ranges: tuple[tuple[int, int], ...],
) -> bytes:
    """Header and clear part; the trailer is to follow."""
    count = len(ranges)
    body_length = ACK_CLEAR_SIZE + _ACK_ITEM.size * count
    head = _ACK.pack(
        MAGIC, VERSION, ACK, flags, body_length, connection_id, packet_number,
        largest, arrival, ack_delay, received, window, count
    )
    return head + b"".join([_ACK_ITEM.pack(*item) for item in ranges])


LONE_ACK_SIZE: Final = HEADER_SIZE + ACK_CLEAR_SIZE + _ACK_ITEM.size  # header and clear part, one of ranges
_LONE_ACK: Final = Struct(">HBBHH8sQQIIQIBQQ")
_LONE_ACK_BODY: Final = ACK_CLEAR_SIZE + _ACK_ITEM.size


def unpack_lone_ack(datagram: Buffer) -> tuple[int, bytes, int, int, int, int, int, int, int, int] | None:
    """flags, connection_id, packet_number, largest, arrival, ack_delay, received, window, and the only one of ranges.

    The datagram has LONE_ACK_SIZE bytes and a trailer. None when it is no ACK with one of ranges.
    """
    (
        magic, version, type_, flags, body_length, connection_id, packet_number,
        largest, arrival, ack_delay, received, window, count, start, stop
    ) = _LONE_ACK.unpack_from(datagram)
    if type_ != ACK or count != 1 or body_length != _LONE_ACK_BODY or magic != MAGIC or version != VERSION:
        return None
    return flags, connection_id, packet_number, largest, arrival, ack_delay, received, window, start, stop


DATA_HEADERS_SIZE: Final = HEADER_SIZE + DATA_CLEAR_SIZE
_DATA_OVERHEAD: Final = HEADER_SIZE + DATA_CLEAR_SIZE + TRAILER_SIZE
_RUN_START: Final = Struct(">HBBHH8s")  # the header up to the packet number
_RUN_KINDS: Final = 256  # (count, stride) whose Struct is kept


class DataRun(NamedTuple):
    """A burst of DATA packets that run on: sizes in bytes of file, the last chunk may be shorter."""

    flags: int
    connection_id: bytes
    first_packet_number: int
    count: int  # type: ignore[assignment]
    transfer_id: int
    first_offset: int
    chunk_size: int
    last_chunk_size: int


@lru_cache(maxsize=_RUN_KINDS)
def _run(count: int, stride: int) -> Struct:
    one = "16sQIQ"
    return Struct(">" + f"{one}{stride - DATA_HEADERS_SIZE}x" * (count - 1) + one)


def pack_data_headers(
    buffer: bytearray | memoryview,
    count: int,
    stride: int,
    flags: int,
    connection_id: bytes,
    first_packet_number: int,
    transfer_id: int,
    first_offset: int,
    chunk_size: int,
    last_chunk_size: int,
) -> None:
    """Write header and clear part of `count` DATA packets at 0, stride, 2 * stride ...

    Packet numbers grow by 1 and offsets by chunk_size; only the last packet has last_chunk_size bytes of file. What
    lies between the headers becomes zero: chunks are filled in afterwards.
    """
    if not (1 <= count <= MAX_RUN and 0 <= last_chunk_size <= chunk_size <= stride - _DATA_OVERHEAD and chunk_size):
        raise ValueError(f"no burst: {count} datagrams of {stride} bytes, chunks {chunk_size}, {last_chunk_size}")
    if len(connection_id) != 8 or flags & ~0x7:
        raise ValueError("no header")
    start = _RUN_START.pack(MAGIC, VERSION, DATA, flags, DATA_CLEAR_SIZE + chunk_size, connection_id)
    values = [start, 0, transfer_id, 0] * count
    values[1::4] = range(first_packet_number, first_packet_number + count)
    values[3::4] = range(first_offset, first_offset + count * chunk_size, chunk_size)
    if last_chunk_size != chunk_size:
        values[-4] = _RUN_START.pack(MAGIC, VERSION, DATA, flags, DATA_CLEAR_SIZE + last_chunk_size, connection_id)
    _run(count, stride).pack_into(buffer, 0, *values)


def unpack_data_run(buffer: Buffer, size: int, stride: int) -> DataRun | None:
    """The first `size` bytes of buffer, datagrams of `stride` bytes and a last one that may be shorter, as one run.

    None when they are anything but whole DATA packets of one connection, transfer and flags, with packet numbers and
    offsets that run on: then each has to be looked at by itself.
    """
    count = -(-size // stride)
    last_size = size - (count - 1) * stride
    if count < 1 or count > MAX_RUN or last_size < _DATA_OVERHEAD:
        return None
    chunk_size = (stride if count > 1 else last_size) - _DATA_OVERHEAD
    last_chunk_size = last_size - _DATA_OVERHEAD
    if chunk_size < 1:
        return None
    values = _run(count, stride if count > 1 else last_size).unpack_from(buffer)
    start, packet_number, transfer_id, offset = values[:4]
    magic, version, type_, flags, body_length, connection_id = _RUN_START.unpack(start)
    if (
        magic != MAGIC
        or version != VERSION
        or type_ != DATA
        or flags & ~0x7
        or body_length != DATA_CLEAR_SIZE + chunk_size
        or packet_number + count - 1 > MAX_NUMBER
        or offset + (count - 1) * chunk_size > MAX_NUMBER
    ):
        return None
    if last_chunk_size != chunk_size:
        last = _RUN_START.pack(MAGIC, VERSION, DATA, flags, DATA_CLEAR_SIZE + last_chunk_size, connection_id)
        if values[-4] != last or values[:-4:4].count(start) != count - 1:
            return None
    elif values[::4].count(start) != count:
        return None
    if (
        values[2::4].count(transfer_id) != count
        or values[1::4] != tuple(range(packet_number, packet_number + count))
        or values[3::4] != tuple(range(offset, offset + count * chunk_size, chunk_size))
    ):
        return None
    return DataRun(flags, connection_id, packet_number, count, transfer_id, offset, chunk_size, last_chunk_size)
