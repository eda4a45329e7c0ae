"""The declaration as Markdown tables, for docs/protocol.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from udpchat.wire.schema import Field, Kind, PacketSchema, ProtocolSchema

_NUMBERS: Final = {Kind.UINT: "u", Kind.SINT: "i", Kind.ENUM: "enum u", Kind.FLAGS: "flags u"}


def packet_tables(protocol: ProtocolSchema) -> str:
    """Header, packet types and every packet, then what REPLY carries. Offsets count from the start of the datagram."""
    header_size = _fixed_size(protocol.header)
    blocks = [
        f"### Header ({header_size} bytes)\n",
        *_field_blocks(protocol.header),
        "### Packet types\n",
        _overview(protocol.packets),
    ]
    for packet in protocol.packets:
        blocks.append(f"### {packet.name} ({packet.number})\n")
        blocks.extend(_packet_blocks(packet, header_size))
    blocks.append("### PARAMS (inside REPLY)\n")
    blocks.extend(_field_blocks(protocol.params))
    return "\n".join(blocks)


def record_tables(protocol: ProtocolSchema) -> str:
    """Record header and every record. Offsets count from the start of the record."""
    header_size = _fixed_size(protocol.record_header)
    blocks = [f"### Record header ({header_size} bytes)\n", *_field_blocks(protocol.record_header)]
    for record in protocol.records:
        blocks.append(f"### {record.name} ({record.number})\n")
        blocks.extend(_field_blocks(record.fields, header_size) or ["No body.\n"])
    return "\n".join(blocks)


def _packet_blocks(packet: PacketSchema, header_size: int | None) -> Iterator[str]:
    if not packet.clear and not packet.sealed:
        yield "Header and trailer only.\n"
    if packet.clear:
        yield "In the clear:\n"
        yield from _field_blocks(packet.clear, header_size)
    if packet.sealed:
        clear_size = _fixed_size(packet.clear)
        yield "Sealed:\n"
        known = header_size is not None and clear_size is not None
        yield from _field_blocks(packet.sealed, (header_size or 0) + (clear_size or 0) if known else None)


def _field_blocks(fields: Sequence[Field], start: int | None = 0) -> list[str]:
    """A table, and a line for each field with named values."""
    if not fields:
        return []
    lines = ["| Offset | Size | Type | Field | Meaning |", "|---:|---:|---|---|---|"]
    for field, offset in _with_offsets(fields, start):
        size = "…" if field.size is None else str(field.size)
        meaning = field.doc if field.const is None else f"{field.doc}; always {_constant(field)}"
        lines.append(f"| {offset} | {size} | {_type(field)} | `{field.name}` | {meaning.replace('|', chr(92) + '|')} |")
    table = "\n".join(lines) + "\n"
    return [table, *(f"{_names(field)}\n" for field in fields if field.names)]


def _with_offsets(fields: Iterable[Field], start: int | None) -> Iterator[tuple[Field, str]]:
    offset = start
    for field in fields:
        yield field, "…" if offset is None else str(offset)
        offset = None if offset is None or field.size is None else offset + field.size


def _overview(packets: Iterable[PacketSchema]) -> str:
    lines = ["| Number | Packet | In the clear | Sealed |", "|---:|---|---|---|"]
    for packet in packets:
        clear, sealed = (
            ", ".join(f"`{field.name}`" for field in part) or "-" for part in (packet.clear, packet.sealed)
        )
        lines.append(f"| {packet.number} | {packet.name} | {clear} | {sealed} |")
    return "\n".join(lines) + "\n"


def _type(field: Field) -> str:
    if field.kind in _NUMBERS and field.size is not None:
        return f"{_NUMBERS[field.kind]}{8 * field.size}"
    if field.kind is Kind.BYTES:
        return f"bytes[{field.size}]"
    if field.prefix is None or field.prefix.size is None:
        return "bytes to the end"
    bits = 8 * field.prefix.size
    if field.kind is Kind.ARRAY:
        items = ", ".join(f"`{item.name}` {_type(item)}" for item in field.items)
        return f"u{bits} count, then each {items}"
    return f"u{bits} length, then {'UTF-8' if field.kind is Kind.STRING else 'bytes'}"


def _constant(field: Field) -> str:
    return f"{field.const:#x}" if field.hex or (field.const or 0) > 255 else str(field.const)


def _names(field: Field) -> str:
    if field.kind is Kind.FLAGS:
        return f"`{field.name}`: " + ", ".join(f"{mask:#06x} {name}" for mask, name in field.names)
    return f"`{field.name}`: " + ", ".join(f"{value} {name}" for value, name in field.names)


def _fixed_size(fields: Iterable[Field]) -> int | None:
    total = 0
    for field in fields:
        if field.size is None:
            return None
        total += field.size
    return total
