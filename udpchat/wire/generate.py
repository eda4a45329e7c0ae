"""Writes hot.py, and the tables of docs/protocol.md, from the declaration.

    python -m udpchat.wire.generate

A tool for who changes packets.py: its output is checked in, and a test fails when it is stale. In the document, what
stands between `<!-- generated:packets -->` (or `:records`) and `<!-- /generated -->` is replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Template
from typing import Final

from udpchat.config import MAX_BURST_SEGMENTS
from udpchat.errors import UsageError
from udpchat.wire import packets
from udpchat.wire.schema import Field, Kind, PacketSchema, ProtocolSchema, UnsupportedShapeError, protocol_schema
from udpchat.wire.tables import packet_tables, record_tables

_FOLDER: Final = __file__.removesuffix("generate.py")
HOT_PATH: Final = f"{_FOLDER}hot.py"
DOCUMENT_PATH: Final = f"{_FOLDER}../../docs/protocol.md"
MARKER_END: Final = "<!-- /generated -->"

_HEADER_NAMES: Final = ["magic", "version", "type", "flags", "body_length", "connection_id", "packet_number"]
_TYPES: Final = {Kind.BYTES: "bytes", Kind.ARRAY: "tuple[tuple[int, int], ...]"}

_HEAD: Final = Template('''\
"""Generated from packets.py by python -m udpchat.wire.generate; do not edit.

Header and hot packets as struct code, one packet at a time and DATA a burst at a time. Values are not checked beyond
what is said: codec.py does that.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

MAGIC: Final = $magic
VERSION: Final = $version
MAX_NUMBER: Final = $max_number  # of packet numbers and offsets
MAX_RUN: Final = $max_run  # datagrams in a burst
HEADER_SIZE: Final = $header_size
TRAILER_SIZE: Final = $trailer_size
$type_lines

_HEADER: Final = Struct("$header_format")


def unpack_header(datagram: Buffer) -> tuple[$header_types]:
    """$header_names.

    The datagram has at least HEADER_SIZE bytes.
    """
    return _HEADER.unpack_from(datagram)


def pack_header(type_: int, flags: int, body_length: int, connection_id: bytes, packet_number: int) -> bytes:
    """A header of our version."""
    return _HEADER.pack(MAGIC, VERSION, type_, flags, body_length, connection_id, packet_number)
''')

_FIXED: Final = Template('''

${NAME}_CLEAR_SIZE: Final = $clear_size
_$NAME: Final = Struct("$header_format$clear_format")
_${NAME}_CLEAR: Final = Struct(">$clear_format")


def unpack_$name(datagram: Buffer) -> tuple[$types]:
    """$names; header and clear part are there."""
    return _${NAME}_CLEAR.unpack_from(datagram, HEADER_SIZE)


def pack_$name(
    flags: int,
    connection_id: bytes,
    packet_number: int,
    sealed_length: int,
    $arguments,
) -> bytes:
    """Header and clear part; sealed_length bytes and the trailer are to follow."""
    body_length = ${NAME}_CLEAR_SIZE + sealed_length
    return _$NAME.pack(MAGIC, VERSION, $NAME, flags, body_length, connection_id, packet_number, $names)
''')

_COUNTED: Final = Template('''

${NAME}_CLEAR_SIZE: Final = $clear_size  # without $array
_$NAME: Final = Struct("$header_format$clear_format$count_format")
_${NAME}_CLEAR: Final = Struct(">$clear_format$count_format")
_${NAME}_ITEM: Final = Struct(">$item_format")


def unpack_$name(datagram: memoryview, body_length: int) -> tuple[$types] | None:
    """$names.

    None when the number of $array is not what body_length, ${NAME}_CLEAR_SIZE or more, leaves room for.
    """
    *fixed, count = _${NAME}_CLEAR.unpack_from(datagram, HEADER_SIZE)
    if ${NAME}_CLEAR_SIZE + _${NAME}_ITEM.size * count != body_length:
        return None
    items = datagram[HEADER_SIZE + ${NAME}_CLEAR_SIZE : HEADER_SIZE + body_length]
    return *fixed, tuple(_${NAME}_ITEM.iter_unpack(items))


def pack_$name(
    flags: int,
    connection_id: bytes,
    packet_number: int,
    $arguments,
) -> bytes:
    """Header and clear part; the trailer is to follow."""
    count = len($array)
    body_length = ${NAME}_CLEAR_SIZE + _${NAME}_ITEM.size * count
    head = _$NAME.pack(
        MAGIC, VERSION, $NAME, flags, body_length, connection_id, packet_number,
        $fixed_names, count
    )
    return head + b"".join([_${NAME}_ITEM.pack(*item) for item in $array])


LONE_${NAME}_SIZE: Final = HEADER_SIZE + ${NAME}_CLEAR_SIZE + _${NAME}_ITEM.size  # header and clear part, one of $array
_LONE_$NAME: Final = Struct("$header_format$clear_format$count_format$item_format")
_LONE_${NAME}_BODY: Final = ${NAME}_CLEAR_SIZE + _${NAME}_ITEM.size


def unpack_lone_$name(datagram: Buffer) -> tuple[$lone_types] | None:
    """flags, connection_id, packet_number, $fixed_names, and the only one of $array.

    The datagram has LONE_${NAME}_SIZE bytes and a trailer. None when it is no $NAME with one of $array.
    """
    (
        magic, version, type_, flags, body_length, connection_id, packet_number,
        $fixed_names, count, $item_names
    ) = _LONE_$NAME.unpack_from(datagram)
    if type_ != $NAME or count != 1 or body_length != _LONE_${NAME}_BODY or magic != MAGIC or version != VERSION:
        return None
    return flags, connection_id, packet_number, $fixed_names, $item_names
''')

_RUN: Final = Template('''

DATA_HEADERS_SIZE: Final = HEADER_SIZE + DATA_CLEAR_SIZE
_DATA_OVERHEAD: Final = HEADER_SIZE + DATA_CLEAR_SIZE + TRAILER_SIZE
_RUN_START: Final = Struct("$start_format")  # the header up to the packet number
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
    one = "$one_format"
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
    if len(connection_id) != 8 or flags & ~$known_flags:
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
        or flags & ~$known_flags
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
''')


def hot_source(protocol: ProtocolSchema) -> str:
    """The text of hot.py."""
    if [field.name for field in protocol.header] != _HEADER_NAMES:
        raise UnsupportedShapeError("header: the generator knows other fields")
    hot = [protocol.packet(name) for name in protocol.hot]
    head = _HEAD.substitute(
        magic=f"{packets.MAGIC:#06x}",
        version=packets.VERSION,
        max_number=f"{packets.MAX_PACKET_NUMBER:#x}",
        max_run=MAX_BURST_SEGMENTS,
        header_size=_size(protocol.header),
        trailer_size=packets.TRAILER_SIZE,
        type_lines="\n".join(f"{packet.name}: Final = {packet.number}" for packet in hot),
        header_format=_format(protocol.header),
        header_types=_types(protocol.header),
        header_names=", ".join(_HEADER_NAMES),
    )
    return head + "".join(_packet_source(packet, protocol) for packet in hot) + _run_source(protocol)


def _packet_source(packet: PacketSchema, protocol: ProtocolSchema) -> str:
    *fixed, last = packet.clear
    counted = last.kind is Kind.ARRAY and last.prefix is not None and not packet.sealed
    if not counted:
        fixed = list(packet.clear)
    facts = {
        "NAME": packet.name,
        "name": packet.name.lower(),
        "header_format": _format(protocol.header),
        "clear_format": _format(fixed)[1:],
        "types": _types(packet.clear),
        "names": ", ".join(field.name for field in packet.clear),
        "arguments": ",\n    ".join(f"{field.name}: {_TYPES.get(field.kind, 'int')}" for field in packet.clear),
    }
    if not counted or last.prefix is None:
        return _FIXED.substitute(facts, clear_size=_size(fixed))
    return _COUNTED.substitute(
        facts,
        clear_size=_size([*fixed, last.prefix]),
        count_format=last.prefix.format,
        array=last.name,
        fixed_names=", ".join(field.name for field in fixed),
        item_format="".join(item.format for item in last.items),
        item_names=", ".join(item.name for item in last.items),
        lone_types=f"int, bytes, int, {_types([*fixed, *last.items])}",
    )


def _run_source(protocol: ProtocolSchema) -> str:
    """The burst code; it needs what runs on, the packet number and the offset, to stand where it stands today."""
    data = protocol.packet("DATA")
    if [field.name for field in data.clear] != ["transfer_id", "offset"]:
        raise UnsupportedShapeError("DATA: the generator knows other fields")
    *start, packet_number = protocol.header
    known_flags = sum(mask for field in start if field.name == "flags" for mask, _ in field.names)
    return _RUN.substitute(
        start_format=_format(start),
        one_format=f"{_size(start)}s{packet_number.format}{_format(data.clear)[1:]}",
        known_flags=f"{known_flags:#x}",
    )


def _format(fields: Sequence[Field]) -> str:
    return ">" + "".join(field.format for field in fields)


def _size(fields: Sequence[Field]) -> int:
    if any(field.size is None for field in fields):
        raise UnsupportedShapeError("hot packets have clear parts of fixed size, or with one array at the end")
    return sum(field.size or 0 for field in fields)


def _types(fields: Sequence[Field]) -> str:
    return ", ".join(_TYPES.get(field.kind, "int") for field in fields)


def document_with_tables(document: str, protocol: ProtocolSchema) -> str:
    """The document with its generated parts made anew; a part without markers is left out."""
    for name, tables in (("packets", packet_tables(protocol)), ("records", record_tables(protocol))):
        marker = f"<!-- generated:{name} -->"
        before, found, rest = document.partition(marker)
        if not found:
            continue
        _, closed, after = rest.partition(MARKER_END)
        if not closed:
            raise UsageError(f"{marker} is not closed by {MARKER_END}")
        document = f"{before}{marker}\n\n{tables}\n{MARKER_END}{after}"
    return document


def main() -> None:
    """Rewrite hot.py, and the tables of the document where there is one."""
    protocol = protocol_schema()
    _write(HOT_PATH, hot_source(protocol))
    try:
        with open(DOCUMENT_PATH, encoding="utf-8") as file:
            document = file.read()
    except FileNotFoundError:
        return
    _write(DOCUMENT_PATH, document_with_tables(document, protocol))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


if __name__ == "__main__":
    main()
