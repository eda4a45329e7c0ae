"""What the tree of tshark says of a datagram, in the words of tests/captures/readers.py."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import Any

from tests.captures.readers import BY_NUMBER, PROTOCOL, RECORD_BY_NUMBER, Reading, is_opaque
from tests.wireshark.tshark import Shown
from udpchat.wire.numbers import PacketType
from udpchat.wire.record_types import RECORD_CLASSES
from udpchat.wire.schema import Field, Kind

Tree = dict[str, list[Shown]]

REFUSALS = {
    f"udpchat.{name}"
    for name in (
        "bad_magic",
        "unknown_version",
        "unknown_type",
        "unknown_flags",
        "truncated",
        "trailing",
        "illegal_value",
    )
}
NUMBERS = (Kind.UINT, Kind.SINT, Kind.ENUM, Kind.FLAGS)


def is_refused(tree: Tree) -> bool:
    """The dissector says that a receiver drops the packet, or does not take it for one of ours."""
    return "udpchat.magic" not in tree or any(name in tree for name in REFUSALS)


def tree_reading(tree: Tree) -> Reading:
    """Header, fields and trailer of a packet that is not refused."""
    values = _values(tree, "udpchat", PROTOCOL.header)
    schema = BY_NUMBER[values["type"]]
    scope = scope_of(schema.name)
    values |= {"trailer": b"".join(part.value for name in TRAILERS for part in tree.get(name, []))}
    values |= _told(_values(tree, scope, schema.clear))
    if is_opaque(schema, values["flags"]):
        return values | {"sealed": _bytes(tree, "udpchat.sealed_body")}
    return values | _told(_values(tree, scope, schema.sealed))


def tree_record(tree: Tree) -> Reading:
    """The fields of the one record that a packet completed; secrets as they are shown."""
    number = int(tree["udpchat.record.record_type"][0].show)
    schema, secrets = RECORD_BY_NUMBER[number], secrets_of(number)
    scope = f"udpchat.record.{schema.name.lower()}"
    values = _values(tree, scope, tuple(field for field in schema.fields if field.name not in secrets))
    shown = {name: tree[f"{scope}.{name}"][0].show if f"{scope}.{name}" in tree else "" for name in secrets}
    return {field.name: (values | shown)[field.name] for field in schema.fields}


def secrets_of(number: int) -> set[str]:
    """The fields of a record that are passwords and tickets: its class keeps them out of its repr."""
    return {field.name for field in fields_of(RECORD_CLASSES[number]) if not field.repr}  # type: ignore[arg-type]


def as_shown(number: int, reading: Reading) -> Reading:
    """What the dissector shows of a record that the other readers read so."""
    assert isinstance(reading, dict)
    return reading | {name: "(hidden)" if reading[name] else "" for name in secrets_of(number)}


def scope_of(name: str) -> str:
    """Filter name of a packet; VERSION shares its name with a field of the header."""
    return "udpchat.version_packet" if name == PacketType.VERSION.name else f"udpchat.{name.lower()}"


TRAILERS = ("udpchat.checksum", "udpchat.checksum.zeros", "udpchat.tag", "udpchat.reset_token")


def _told(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "padding"}


def _values(tree: Tree, scope: str, fields: tuple[Field, ...]) -> dict[str, Any]:
    return {field.name: _value(tree, f"{scope}.{field.name}", field) for field in fields}


def _value(tree: Tree, name: str, field: Field) -> Any:
    if field.kind in NUMBERS:
        return int(tree[name][0].show, 0)
    if field.kind is Kind.ARRAY:
        element = name.removesuffix("s")
        edges = [[int(shown.show) for shown in tree.get(f"{element}.{item.name}", [])] for item in field.items]
        assert int(tree[f"{element}_count"][0].show) == len(edges[0])
        return tuple(zip(*edges, strict=True))
    value = _bytes(tree, name)
    if field.prefix is not None:
        assert int(tree[f"{name}_length"][0].show) == len(value)
    return value.decode() if field.kind is Kind.STRING else value


def _bytes(tree: Tree, name: str) -> bytes:
    return tree[name][0].value if name in tree else b""
