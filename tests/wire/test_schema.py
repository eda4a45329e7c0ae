"""The schema reader: what it sees in packets.py, what it refuses, and what is generated from it."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import construct as c
import pytest

from udpchat.errors import UsageError
from udpchat.wire import generate, packets, tables
from udpchat.wire.layout import Layout
from udpchat.wire.numbers import PacketType, RecordType
from udpchat.wire.schema import (
    Field,
    Kind,
    UnsupportedShapeError,
    protocol_schema,
    read_packets,
    read_records,
    read_struct,
)

PROTOCOL = protocol_schema()


class Letter(IntEnum):
    A = 1


class High(IntFlag):
    TOP = 1 << 40


PAIR = c.Struct("start" / c.Int64ub, "stop" / c.Int64ub)

FORBIDDEN: list[tuple[str, Any]] = [
    ("no struct", c.Int8ub),
    ("nameless member", c.Struct(c.Int8ub)),
    ("VarInt", c.Struct("a" / c.VarInt)),
    ("Int24", c.Struct("a" / c.Int24ub)),
    ("little endian", c.Struct("a" / c.Int32ul)),
    ("native order", c.Struct("a" / c.Int32un)),
    ("little endian length", c.Struct("a" / c.Prefixed(c.Int16ul, c.GreedyBytes))),
    ("float", c.Struct("a" / c.Float32b)),
    ("BitStruct", c.Struct("a" / c.BitStruct("b" / c.Nibble, "c" / c.Nibble))),
    ("Flag", c.Struct("a" / c.Flag)),
    ("CString", c.Struct("a" / c.CString("utf8"))),
    ("PaddedString", c.Struct("a" / c.PaddedString(8, "utf8"))),
    ("GreedyString", c.Struct("a" / c.GreedyString("utf8"))),
    ("text that is not UTF-8", c.Struct("a" / c.PascalString(c.Int8ub, "utf-16-be"))),
    ("VarInt length", c.Struct("a" / c.PascalString(c.VarInt, "utf8"))),
    ("signed length", c.Struct("a" / c.PascalString(c.Int8sb, "utf8"))),
    ("length that counts itself", c.Struct("a" / c.Prefixed(c.Int8ub, c.GreedyBytes, includelength=True))),
    ("Prefixed struct", c.Struct("a" / c.Prefixed(c.Int8ub, c.Struct("b" / c.Int8ub)))),
    ("GreedyRange", c.Struct("a" / c.GreedyRange(c.Int8ub))),
    ("Array", c.Struct("a" / c.Array(3, c.Int8ub))),
    ("array of what varies", c.Struct("a" / c.PrefixedArray(c.Int8ub, c.PascalString(c.Int8ub, "utf8")))),
    ("array of nothing", c.Struct("a" / c.PrefixedArray(c.Int8ub, c.Struct()))),
    ("other FocusedSeq", c.Struct("a" / c.FocusedSeq("b", "b" / c.Int8ub, "c" / c.Int8ub))),
    ("Bytes of another field", c.Struct("n" / c.Int8ub, "a" / c.Bytes(c.this.n))),
    ("If", c.Struct("n" / c.Int8ub, "a" / c.If(c.this.n, c.Int8ub))),
    ("Switch", c.Struct("n" / c.Int8ub, "a" / c.Switch(c.this.n, {1: c.Int8ub}))),
    ("nested Struct", c.Struct("a" / PAIR)),
    ("Padding", c.Struct("a" / c.Padding(4))),
    ("Check", c.Struct("n" / c.Int8ub, "a" / c.Check(c.this.n == 1))),
    ("Computed", c.Struct("a" / c.Computed(1))),
    ("ExprAdapter", c.Struct("a" / c.ExprAdapter(c.Int8ub, lambda value, _: value, lambda value, _: value))),
    ("Mapping", c.Struct("a" / c.Mapping(c.Int8ub, {"x": 1}))),
    ("RawCopy", c.Struct("a" / c.RawCopy(c.Int8ub))),
    ("Pointer", c.Struct("a" / c.Pointer(0, c.Int8ub))),
    ("Terminated", c.Struct("a" / c.Terminated)),
    ("Optional", c.Struct("a" / c.Optional(c.Int8ub))),
    ("constant bytes", c.Struct("a" / c.Const(b"UC"))),
    ("enum of signed numbers", c.Struct("a" / c.Enum(c.Int8sb, Letter))),
    ("flags of several bits", c.Struct("a" / c.FlagsEnum(c.Int8ub, low=1, both=3))),
    ("flags of 64 bits", c.Struct("a" / c.FlagsEnum(c.Int64ub, High))),
    ("greedy before the end", c.Struct("a" / c.GreedyBytes, "b" / c.Int8ub)),
    ("a name twice", c.Struct("a" / c.Int8ub, "a" / c.Int8ub)),
    ("Lua name", c.Struct("end" / c.Int8ub)),
    ("Python name", c.Struct("class" / c.Int8ub)),
    ("scapy name", c.Struct("payload" / c.Int8ub)),
    ("NamedTuple name", c.Struct("count" / c.Int8ub)),
    ("construct name", c.Struct("items" / c.Int8ub)),
    ("private name", c.Struct("_a" / c.Int8ub)),
    ("name that is no identifier", c.Struct("a-b" / c.Int8ub)),
    ("reserved name in an array", c.Struct("a" / c.PrefixedArray(c.Int8ub, c.Struct("index" / c.Int8ub)))),
]


@pytest.mark.parametrize("shape", [shape for _, shape in FORBIDDEN], ids=[name for name, _ in FORBIDDEN])
def test_a_shape_outside_the_subset_is_refused(shape: Any) -> None:
    with pytest.raises(UnsupportedShapeError):
        read_struct(shape, "EXAMPLE")


def test_a_refusal_names_the_place_and_is_our_own_mistake() -> None:
    with pytest.raises(UsageError, match=r"EXAMPLE\.a: VarInt"):
        read_struct(c.Struct("a" / c.VarInt), "EXAMPLE")


ALLOWED: list[tuple[Any, Field]] = [
    ("a" / c.Int16ub * "what it\n   means", Field(Kind.UINT, "a", 2, "H", doc="what it means")),
    ("a" / c.Int64sb, Field(Kind.SINT, "a", 8, "q")),
    ("a" / c.Hex(c.Int32ub), Field(Kind.UINT, "a", 4, "I", hex=True)),
    ("a" / c.Const(7, c.Int8ub), Field(Kind.UINT, "a", 1, "B", const=7)),
    ("a" / c.Default(c.Int8ub, 3), Field(Kind.UINT, "a", 1, "B")),
    ("a" / c.Bytes(5), Field(Kind.BYTES, "a", 5, "5s")),
    ("a" / c.GreedyBytes, Field(Kind.GREEDY, "a")),
    ("a" / c.Enum(c.Int8ub, Letter), Field(Kind.ENUM, "a", 1, "B", names=((1, "A"),))),
    ("a" / c.FlagsEnum(c.Int8ub, y=2, x=1), Field(Kind.FLAGS, "a", 1, "B", names=((1, "x"), (2, "y")))),
    ("a" / c.Prefixed(c.Int8ub, c.GreedyBytes), Field(Kind.BLOB, "a", prefix=Field(Kind.UINT, "", 1, "B"))),
    ("a" / c.PascalString(c.Int16ub, "utf8"), Field(Kind.STRING, "a", prefix=Field(Kind.UINT, "", 2, "H"))),
    (
        "a" / c.PrefixedArray(c.Int8ub, PAIR),
        Field(
            Kind.ARRAY,
            "a",
            prefix=Field(Kind.UINT, "", 1, "B"),
            items=(Field(Kind.UINT, "start", 8, "Q"), Field(Kind.UINT, "stop", 8, "Q")),
        ),
    ),
]


@pytest.mark.parametrize(("shape", "expected"), ALLOWED, ids=lambda value: getattr(value, "kind", ""))
def test_a_shape_of_the_subset_is_read(shape: Any, expected: Field) -> None:
    (field,) = read_struct(c.Struct(shape), "EXAMPLE")
    if field.prefix is not None:
        assert (field.prefix.kind, field.prefix.size) == (Kind.UINT, field.prefix.size)
        assert field.prefix.format == (expected.prefix.format if expected.prefix else None)
    assert (field.kind, field.name, field.size, field.format, field.doc, field.const, field.hex) == (
        *(expected.kind, expected.name, expected.size, expected.format, expected.doc, expected.const, expected.hex),
    )
    assert field.names == expected.names
    assert field.items == expected.items


TYPE_HEADER = read_struct(c.Struct("type" / c.Enum(c.Int8ub, Letter)), "header")
RECORD_TYPE_HEADER = read_struct(c.Struct("record_type" / c.Enum(c.Int8ub, Letter)), "header")


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param({}, id="type without a declaration"),
        pytest.param({"A": (c.Struct(), c.Struct()), "B": (c.Struct(), c.Struct())}, id="declaration without a type"),
        pytest.param({"A": (c.Struct("type" / c.Int8ub), c.Struct())}, id="name of the header"),
        pytest.param({"A": (c.Struct("x" / c.Int8ub), c.Struct("x" / c.Int8ub))}, id="name of the clear part"),
        pytest.param({"A": (c.Struct("x" / c.GreedyBytes), c.Struct("y" / c.Int8ub))}, id="endless clear part"),
    ],
)
def test_packets_that_do_not_fit_together_are_refused(declared: dict[str, tuple[Any, Any]]) -> None:
    with pytest.raises(UnsupportedShapeError):
        read_packets(TYPE_HEADER, declared)


def test_a_record_that_could_not_grow_is_refused() -> None:
    with pytest.raises(UnsupportedShapeError):
        read_records(RECORD_TYPE_HEADER, {"A": c.Struct("x" / c.GreedyBytes)})


@pytest.mark.parametrize(
    "shape",
    [
        c.Struct("a" / c.PascalString(c.Int8ub, "utf8"), "b" / c.Int8ub),
        c.Struct("a" / c.Const(7, c.Int8ub)),
        c.Struct("a" / c.PrefixedArray(c.Int8ub, c.Int8ub)),
        c.Struct("a" / c.Prefixed(c.Int64ub, c.GreedyBytes)),
    ],
)
def test_a_layout_refuses_fields_that_it_could_not_honour(shape: Any) -> None:
    with pytest.raises(UnsupportedShapeError):
        Layout("EXAMPLE", read_struct(shape, "EXAMPLE"))


def test_the_schema_has_every_packet_and_record_with_its_number() -> None:
    assert {packet.name: packet.number for packet in PROTOCOL.packets} == {t.name: t.value for t in PacketType}
    assert {record.name: record.number for record in PROTOCOL.records} == {t.name: t.value for t in RecordType}


def test_every_field_is_documented() -> None:
    parts = [PROTOCOL.header, PROTOCOL.params, PROTOCOL.record_header, *(r.fields for r in PROTOCOL.records)]
    parts += [part for packet in PROTOCOL.packets for part in (packet.clear, packet.sealed)]
    assert [field.name for fields in parts for field in fields if not field.doc] == []


def test_sizes_are_those_of_construct() -> None:
    for name, (clear, _) in packets.PACKETS.items():
        fields = PROTOCOL.packet(name).clear
        if all(field.size is not None for field in fields):
            assert sum(field.size or 0 for field in fields) == clear.sizeof()
    assert sum(field.size or 0 for field in PROTOCOL.header) == packets.HEADER.sizeof() == 24


def test_hot_py_is_what_the_generator_writes() -> None:
    with open(generate.HOT_PATH, encoding="utf-8") as file:
        assert file.read() == generate.hot_source(PROTOCOL), "stale: run python -m udpchat.wire.generate"


def test_the_tables_of_the_document_are_what_the_generator_writes() -> None:
    try:
        with open(generate.DOCUMENT_PATH, encoding="utf-8") as file:
            document = file.read()
    except FileNotFoundError:
        pytest.skip("docs/protocol.md is not here")
    assert document == generate.document_with_tables(document, PROTOCOL), "stale: run python -m udpchat.wire.generate"


DOCUMENT = """\
# Protocol
<!-- generated:packets -->
old
<!-- /generated -->
between
<!-- generated:records -->
<!-- /generated -->
after
"""


def test_tables_replace_what_stands_between_their_markers() -> None:
    made = generate.document_with_tables(DOCUMENT, PROTOCOL)
    assert "old" not in made.splitlines()
    assert [line for line in made.splitlines() if line in ("# Protocol", "between", "after")] == [
        "# Protocol",
        "between",
        "after",
    ]
    assert tables.packet_tables(PROTOCOL) in made
    assert tables.record_tables(PROTOCOL) in made
    assert generate.document_with_tables(made, PROTOCOL) == made


def test_a_document_without_markers_stays_as_it_is() -> None:
    assert generate.document_with_tables("# Protocol\n", PROTOCOL) == "# Protocol\n"


def test_a_marker_that_is_not_closed_is_refused() -> None:
    with pytest.raises(UsageError):
        generate.document_with_tables("<!-- generated:packets -->\n", PROTOCOL)


@pytest.mark.parametrize(
    "row",
    [
        "| 0 | 2 | u16 | `magic` | the letters UC; always 0x5543 |",
        "| 4 | 2 | flags u16 | `flags` | direction, key phase, sealed |",
        "| 16 | 8 | u64 | `packet_number` | per direction, +1 or more for each packet, never reused, below 2^53 |",
        "| 24 | 4 | u32 | `transfer_id` | the transfer, as named in OPENED or OFFER |",
        "| 36 | … | bytes to the end | `chunk` | file bytes |",
        "| 16 | DATA | `transfer_id`, `offset` | `chunk` |",
        "`flags`: 0x0001 FROM_SERVER, 0x0002 KEY_PHASE, 0x0004 SEALED",
    ],
)
def test_the_packet_tables_say_where_and_what_a_field_is(row: str) -> None:
    assert row in tables.packet_tables(PROTOCOL).splitlines()


@pytest.mark.parametrize(
    "row",
    [
        "| 0 | 4 | u32 | `record_length` | bytes of the record body, at most 1 MiB [bytes] |",
        "| 9 | 16 | bytes[16] | `message_id` | made by the client; the same id is the same message |",
        "| 25 | … | u8 length, then UTF-8 | `room` | room it is meant for |",
        "| … | … | u16 length, then UTF-8 | `text` | the line |",
        "| 22 | … | u16 count, then each `start` u64, `stop` u64 | `present` | byte ranges the server holds already |",
        "`change`: 1 JOINED, 2 LEFT, 3 LOST, 4 KICKED, 5 BANNED, 6 AWAY, 7 BACK, 8 ENTERED, 9 WENT, 10 TOPIC",
    ],
)
def test_the_record_tables_say_where_and_what_a_field_is(row: str) -> None:
    assert row in tables.record_tables(PROTOCOL).splitlines()
