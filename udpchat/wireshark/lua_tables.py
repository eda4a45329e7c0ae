"""The declaration as Lua tables, for the dissector. Tables only: all logic is written by hand, in lua/."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields as fields_of
from typing import Final, get_args

from udpchat.config import DEFAULT_PORT, HELLO_SIZE, LOBBY, MAX_ACK_RANGES, MAX_RECORD
from udpchat.files.blocks import HASH_SIZE
from udpchat.wire import packets
from udpchat.wire.numbers import Flag
from udpchat.wire.records import Record
from udpchat.wire.schema import Field, Kind, ProtocolSchema, UnsupportedShapeError

_UNIT: Final = re.compile(r"\s*\[([a-z]+)\]$")
_SPELLING: Final = {"md5": "MD5"}
_INDENT: Final = "  "


def tables_source(protocol: ProtocolSchema) -> str:
    """Lua statements that fill `U.schema`."""
    lines = ["U.schema = {", *_constants(protocol), *_rows("header", protocol.header, 1)]
    lines.append(f"{_INDENT}packets = {{")
    for packet in protocol.packets:
        handshake = "true" if packet.name in packets.UNSEALED_TYPES else "false"
        lines.append(f'{_INDENT * 2}[{packet.number}] = {{ name = "{packet.name}", handshake = {handshake},')
        lines.extend(_rows("clear", packet.clear, 3))
        lines.extend(_rows("sealed", packet.sealed, 3))
        lines.append(f"{_INDENT * 2}}},")
    lines.append(f"{_INDENT}}},")
    lines.extend(_rows("params", protocol.params, 1))
    lines.extend(_rows("record_header", protocol.record_header, 1))
    lines.append(f"{_INDENT}records = {{")
    secrets = _secrets()
    for record in protocol.records:
        lines.append(f'{_INDENT * 2}[{record.number}] = {{ name = "{record.name}",')
        lines.extend(_rows("fields", record.fields, 3, secrets[record.name]))
        lines.append(f"{_INDENT * 2}}},")
    lines.extend([f"{_INDENT}}},", "}"])
    return "\n".join(lines) + "\n"


def _secrets() -> dict[str, set[str]]:
    """Fields by record that nobody is to read from a screen: those that the record's class leaves out of its repr."""
    return {cls.TYPE.name: {field.name for field in fields_of(cls) if not field.repr} for cls in get_args(Record)}


def lua_string(text: str) -> str:
    """A Lua literal of the text; bytes outside ASCII stand as they are."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _constants(protocol: ProtocolSchema) -> Iterator[str]:
    facts = {
        "magic": packets.MAGIC,
        "version": packets.VERSION,
        "port": DEFAULT_PORT,
        "header_size": _size(protocol.header),
        "trailer_size": packets.TRAILER_SIZE,
        "record_header_size": _size(protocol.record_header),
        "max_number": packets.MAX_PACKET_NUMBER,
        "max_record": MAX_RECORD,
        "max_ack_ranges": MAX_ACK_RANGES,
        "hello_size": HELLO_SIZE,
        "hash_size": HASH_SIZE,
    }
    for name, value in facts.items():
        yield f"{_INDENT}{name} = {value},"
    yield f"{_INDENT}lobby = {lua_string(LOBBY)},"
    for flag in Flag:
        yield f"{_INDENT}{(flag.name or '').lower()} = {flag.value},"


def _rows(name: str, fields: Iterable[Field], depth: int, secrets: Collection[str] = ()) -> Iterator[str]:
    rows = [_row(field, is_secret=field.name in secrets) for field in fields]
    indent = _INDENT * depth
    if not rows:
        yield f"{indent}{name} = {{}},"
        return
    yield f"{indent}{name} = {{"
    for row in rows:
        yield f"{indent}{_INDENT}{row},"
    yield f"{indent}}},"


def _row(field: Field, *, is_secret: bool = False) -> str:
    """One field: kind, name, title, and what else is known of it."""
    unit = _UNIT.search(field.doc)
    parts = [
        f'kind = "{field.kind.value}"',
        f'name = "{field.name}"',
        f"title = {lua_string(title(field.name))}",
    ]
    if field.size is not None:
        parts.append(f"size = {field.size}")
    if field.prefix is not None:
        parts.append(f"prefix = {field.prefix.size}")
    if field.const is not None:
        parts.append(f"const = {field.const}")
    if field.hex or (field.const or 0) > 0xFF:
        parts.append("hex = true")
    if is_secret:
        parts.append("secret = true")
    if unit:
        parts.append(f'unit = "{unit[1]}"')
    if doc := _UNIT.sub("", field.doc):
        parts.append(f"doc = {lua_string(doc)}")
    if field.names:
        parts.append(f"names = {_names(field)}")
    if field.items:
        parts.append(f"items = {{ {', '.join(_row(item) for item in field.items)} }}")
    return f"{{ {', '.join(parts)} }}"


def _names(field: Field) -> str:
    """Enums by value; flags in the order of their bits."""
    if field.kind is Kind.ENUM:
        return "{ " + ", ".join(f"[{value}] = {lua_string(name)}" for value, name in field.names) + " }"
    return "{ " + ", ".join(f"{{ {mask}, {lua_string(name)} }}" for mask, name in field.names) + " }"


def title(name: str) -> str:
    """The name of a field as people read it."""
    words = [_SPELLING.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _size(fields: Iterable[Field]) -> int:
    sizes = [field.size for field in fields]
    if None in sizes:
        raise UnsupportedShapeError("headers have a fixed size")
    return sum(size or 0 for size in sizes)
