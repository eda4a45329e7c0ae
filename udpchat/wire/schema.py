"""The declaration of packets.py as plain frozen values, for everything that is made from it.

The one module that looks inside construct objects. A shape that some reader of the declaration could not honour raises
`UnsupportedShapeError` here, so that it is a failing test and never a silent gap: no bit fields, VarInt, conditionals,
lengths taken from other fields, nested structs (but as array elements), little endian numbers.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from typing import Any, Final

import construct.core as c

from udpchat.errors import UsageError
from udpchat.wire import packets
from udpchat.wire.declared_records import RECORDS


class UnsupportedShapeError(UsageError):
    """The declaration uses a construct shape or a name that not every reader of it can honour."""


class Kind(Enum):
    """What a field holds, and so how each reader treats it."""

    UINT = "uint"
    SINT = "sint"
    ENUM = "enum"
    FLAGS = "flags"
    BYTES = "bytes"
    STRING = "string"  # UTF-8 after its length
    BLOB = "blob"  # bytes after their length
    ARRAY = "array"  # elements of a fixed size after their number
    GREEDY = "greedy"  # bytes up to the end


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a declaration.

    size: bytes, None when it varies. format: struct code without byte order, "" when the size varies.
    const: the only value allowed, or None. hex: numbers are shown in base 16. names: (value, name) of enums and flags.
    prefix: the length of a string or blob, the count of an array. items: the fields of one array element.
    """

    kind: Kind
    name: str
    size: int | None = None
    format: str = ""
    doc: str = ""
    const: int | None = None
    hex: bool = False
    names: tuple[tuple[int, str], ...] = ()
    prefix: Field | None = None
    items: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class PacketSchema:
    """A packet type: what follows the header in the clear, and what is sealed."""

    name: str
    number: int
    clear: tuple[Field, ...]
    sealed: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """A record type and the fields of its body."""

    name: str
    number: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ProtocolSchema:
    """All of the declaration."""

    header: tuple[Field, ...]
    packets: tuple[PacketSchema, ...]
    params: tuple[Field, ...]
    record_header: tuple[Field, ...]
    records: tuple[RecordSchema, ...]
    hot: tuple[str, ...]

    def packet(self, name: str) -> PacketSchema:
        """The packet type of that name."""
        return next(packet for packet in self.packets if packet.name == name)

    def record(self, name: str) -> RecordSchema:
        """The record type of that name."""
        return next(record for record in self.records if record.name == name)


_LUA_NAMES: Final = """
    and break do else elseif end false for function goto if in local nil not or repeat return then true until while
"""
_TUPLE_NAMES: Final = "count index"
_CONTAINER_NAMES: Final = "clear copy fromkeys get items keys pop popitem search search_all setdefault update values"
_SCAPY_NAMES: Final = """
    add_parent add_payload add_underlayer aliastypes answers build build_done build_padding build_ps canvas_dump
    class_default_fields class_default_fields_ref class_dont_cache class_fieldtype class_packetfields clear_cache
    clone_with command comment comments copy_field_value copy_fields_dict decode_payload_as default_fields
    default_payload_class delfieldval deprecated_fields direction display dissect dissection_done do_build
    do_build_payload do_build_ps do_dissect do_dissect_payload do_init_cached_fields do_init_fields explicit
    extract_padding fields fields_desc fieldtype firstlayer from_hexcap get_field getfield_and_val getfieldval
    getlayer guess_payload_class hashret haslayer hide_defaults init_fields iterpayloads json lastlayer layers
    lower_bonds match_subclass mysummary name original overload_fields overloaded_fields packetfields parent payload
    payload_guess pdfdump post_build post_dissect post_dissection post_transforms pre_dissect prepare_cached_fields
    process_information psdump raw_packet_cache raw_packet_cache_fields remove_parent remove_payload remove_underlayer
    route self_build sent_time setfieldval show show2 show_indent show_summary sniffed_on sprintf src dst
    stop_dissection_after summary svgdump time underlayer upper_bonds wirelen
"""
RESERVED_NAMES: Final = frozenset(
    [*keyword.kwlist, *_LUA_NAMES.split(), *_TUPLE_NAMES.split(), *_CONTAINER_NAMES.split(), *_SCAPY_NAMES.split()]
)

_UNSIGNED: Final = {"B": "B", "H": "H", "L": "I", "I": "I", "Q": "Q"}
_SIGNED: Final = {"b": "b", "h": "h", "l": "i", "i": "i", "q": "q"}


@cache
def protocol_schema() -> ProtocolSchema:
    """The schema of packets.py."""
    header = read_struct(packets.HEADER, "header")
    record_header = read_struct(packets.RECORD_HEADER, "record header")
    for fields, where in ((header, "header"), (record_header, "record header")):
        if any(field.size is None for field in fields):
            raise UnsupportedShapeError(f"{where}: has to have a fixed size")
    return ProtocolSchema(
        header=header,
        packets=read_packets(header, packets.PACKETS),
        params=read_struct(packets.PARAMS, "PARAMS"),
        record_header=record_header,
        records=read_records(record_header, RECORDS),
        hot=packets.HOT_PACKETS,
    )


def read_packets(header: tuple[Field, ...], declared: Mapping[str, tuple[Any, Any]]) -> tuple[PacketSchema, ...]:
    """The packet types, in the order of the declaration; their names are those of the header's field `type`."""
    numbers = _numbers(header, "type", declared)
    schemas = []
    for name, (clear, sealed) in declared.items():
        schema = PacketSchema(name, numbers[name], read_struct(clear, name), read_struct(sealed, name))
        names = [field.name for field in (*header, *schema.clear, *schema.sealed)]
        if len(set(names)) != len(names):
            raise UnsupportedShapeError(f"{name}: a field name is used twice, the header's included")
        if schema.sealed and any(field.kind is Kind.GREEDY for field in schema.clear):
            raise UnsupportedShapeError(f"{name}: nothing can follow a clear part without an end")
        schemas.append(schema)
    return tuple(schemas)


def read_records(record_header: tuple[Field, ...], declared: Mapping[str, Any]) -> tuple[RecordSchema, ...]:
    """The record types, in the order of the declaration; their names are those of the header's `record_type`."""
    numbers = _numbers(record_header, "record_type", declared)
    schemas = []
    for name, shape in declared.items():
        fields = read_struct(shape, name)
        if any(field.kind is Kind.GREEDY for field in fields):
            raise UnsupportedShapeError(f"{name}: later versions could not add a field")
        schemas.append(RecordSchema(name, numbers[name], fields))
    return tuple(schemas)


def read_struct(shape: Any, where: str) -> tuple[Field, ...]:
    """The fields of a construct Struct; `where` names it in errors."""
    base = _peel(shape).shape
    if type(base) is not c.Struct:
        raise UnsupportedShapeError(f"{where}: {type(base).__name__} instead of Struct")
    fields = tuple(read_field(member, where) for member in base.subcons)
    for field in fields:
        if field.name in RESERVED_NAMES or not field.name.isidentifier() or field.name.startswith("_"):
            raise UnsupportedShapeError(f"{where}.{field.name}: a name that is missing or reserved")
    if len({field.name for field in fields}) != len(fields):
        raise UnsupportedShapeError(f"{where}: a field name is used twice")
    if any(field.kind is Kind.GREEDY for field in fields[:-1]):
        raise UnsupportedShapeError(f"{where}: nothing can follow a field without an end")
    return fields


def read_field(shape: Any, where: str) -> Field:
    """One member of a Struct."""
    peeled = _peel(shape)
    base, name = peeled.shape, peeled.name
    where = f"{where}.{name}"
    made = _fixed(base, name, where) or _variable(base, name, where)
    if made is None:
        raise UnsupportedShapeError(f"{where}: {type(base).__name__} is outside the subset")
    if peeled.const is not None and (made.kind is not Kind.UINT or not isinstance(peeled.const, int)):
        raise UnsupportedShapeError(f"{where}: only numbers can be constant")
    return replace(made, doc=peeled.doc, const=peeled.const, hex=peeled.hex)


@dataclass(slots=True)
class _Peeled:
    shape: Any
    name: str = ""
    doc: str = ""
    const: Any = None
    hex: bool = False


def _peel(shape: Any) -> _Peeled:
    """The shape without its wrappers, and what those say."""
    peeled = _Peeled(shape)
    while True:
        shape, wrapper = peeled.shape, type(peeled.shape)
        if wrapper is c.Renamed:
            peeled.name = peeled.name or shape.name or ""
            peeled.doc = peeled.doc or " ".join((shape.docs or "").split())
        elif wrapper is c.Hex:
            peeled.hex = True
        elif wrapper is c.Const:
            peeled.const = shape.value
        elif wrapper not in (c.Default, c.Rebuild):
            return peeled
        peeled.shape = shape.subcon


def _fixed(base: Any, name: str, where: str) -> Field | None:
    kind = type(base)
    if kind is c.FormatField:
        return _number(base, name, where)
    if kind in (c.Enum, c.FlagsEnum):
        return _named_number(base, name, where)
    if kind is c.Bytes and isinstance(base.length, int):
        return Field(Kind.BYTES, name, base.length, f"{base.length}s")
    return None


def _variable(base: Any, name: str, where: str) -> Field | None:
    kind = type(base)
    if base is c.GreedyBytes:
        return Field(Kind.GREEDY, name)
    if kind is c.StringEncoded and type(base.subcon) is c.Prefixed:
        if base.encoding.lower().replace("-", "") != "utf8":
            raise UnsupportedShapeError(f"{where}: text is UTF-8, not {base.encoding}")
        return Field(Kind.STRING, name, prefix=_length_of(base.subcon, where))
    if kind is c.Prefixed:
        return Field(Kind.BLOB, name, prefix=_length_of(base, where))
    if kind is c.FocusedSeq:
        return _array(base, name, where)
    return None


def _number(base: Any, name: str, where: str) -> Field:
    order, code = base.fmtstr[0], base.fmtstr[1:]
    if order != ">":
        raise UnsupportedShapeError(f"{where}: numbers are big endian")
    if code in _UNSIGNED:
        return Field(Kind.UINT, name, base.length, _UNSIGNED[code])
    if code in _SIGNED:
        return Field(Kind.SINT, name, base.length, _SIGNED[code])
    raise UnsupportedShapeError(f"{where}: format {base.fmtstr} is outside the subset")


def _named_number(base: Any, name: str, where: str) -> Field:
    number = read_field(base.subcon, where)
    if number.kind is not Kind.UINT or number.size is None:
        raise UnsupportedShapeError(f"{where}: enums and flags are unsigned numbers")
    if type(base) is c.Enum:
        names = tuple(sorted((int(value), str(label)) for value, label in base.ksymapping.items()))
        return Field(Kind.ENUM, name, number.size, number.format, names=names)
    names = tuple(sorted((int(mask), str(label)) for label, mask in base.flags.items()))
    if number.size > 4 or any(mask & (mask - 1) or not mask for mask, _ in names):
        raise UnsupportedShapeError(f"{where}: flags are single bits in at most 32")
    return Field(Kind.FLAGS, name, number.size, number.format, names=names)


def _length_of(prefixed: Any, where: str) -> Field:
    if prefixed.subcon is not c.GreedyBytes or prefixed.includelength:
        raise UnsupportedShapeError(f"{where}: a prefix counts the bytes that follow it")
    return _prefix(prefixed.lengthfield, where)


def _prefix(shape: Any, where: str) -> Field:
    prefix = read_field(shape, where)
    if prefix.kind is not Kind.UINT or prefix.const is not None:
        raise UnsupportedShapeError(f"{where}: a length or count is an unsigned number")
    return prefix


def _array(base: Any, name: str, where: str) -> Field:
    """PrefixedArray is a function that builds a FocusedSeq: it is known by its shape."""
    members = base.subcons
    if (
        base.parsebuildfrom != "items"
        or [member.name for member in members] != ["count", "items"]
        or type(members[0].subcon) is not c.Rebuild
        or type(members[1].subcon) is not c.Array
    ):
        raise UnsupportedShapeError(f"{where}: a FocusedSeq that is no PrefixedArray")
    element = _peel(members[1].subcon.subcon).shape
    items = read_struct(element, where) if type(element) is c.Struct else (read_field("item" / element, where),)
    if not items or any(item.size is None for item in items):
        raise UnsupportedShapeError(f"{where}: array elements have a fixed size")
    return Field(Kind.ARRAY, name, prefix=_prefix(members[0].subcon.subcon, where), items=items)


def _numbers(header: tuple[Field, ...], selector: str, declared: Mapping[str, Any]) -> dict[str, int]:
    """Type numbers by name, from the header's enum field that selects what follows."""
    names = next(field.names for field in header if field.name == selector)
    numbers = {name: number for number, name in names}
    if set(numbers) != set(declared):
        raise UnsupportedShapeError(f"types without a declaration, or the reverse: {set(numbers) ^ set(declared)}")
    return numbers
