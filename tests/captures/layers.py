"""The protocol as scapy layers, made from the schema at import: to forge packets, and to read captures.

    UDPCHAT(connection_id=b"12345678", packet_number=7) / BODIES["DATA"](transfer_id=1, offset=0, chunk=b"hello")

Building fills body_length, the packet type, the lengths of strings and lists, and the trailer with the checksum of a
plaintext session, where they are not given. A packet whose flag `SEALED` is set reads its sealed part as one field
`sealed`, a plaintext one as its fields. What does not fit the declaration is left as Raw behind the body, or instead
of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar, Final, cast
from zlib import crc32

from scapy.fields import (
    ByteEnumField,
    ByteField,
    FieldLenField,
    FlagsField,
    IntEnumField,
    IntField,
    LongField,
    PacketListField,
    ShortEnumField,
    ShortField,
    StrField,
    StrFixedLenField,
    StrLenField,
    XByteField,
    XIntField,
    XLongField,
    XShortField,
)
from scapy.fields import Field as ScapyField
from scapy.layers.inet import UDP
from scapy.packet import Packet, Raw, bind_layers

from udpchat.config import DEFAULT_PORT
from udpchat.errors import UsageError
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.packets import TRAILER_SIZE, VERSION
from udpchat.wire.schema import Field, Kind, protocol_schema

LARGEST_COUNT: Final = 0xFFFF  # elements of a list, so that scapy's own limit does not cut one short
TYPE_AT, BODY_LENGTH_AT, RECORD_TYPE_AT = 3, 6, 4  # bytes of the fields that are filled in
RECORD_HEADER_SIZE: Final = 9

_PROTOCOL: Final = protocol_schema()
_PLAIN: Final = {1: ByteField, 2: ShortField, 4: IntField, 8: LongField}
_HEX: Final = {1: XByteField, 2: XShortField, 4: XIntField, 8: XLongField}
_ENUM: Final = {1: ByteEnumField, 2: ShortEnumField, 4: IntEnumField}


class TextField(StrLenField):
    """UTF-8 behind its length: str for people, bytes when it is no UTF-8."""

    def i2h(self, pkt: Packet | None, x: Any) -> Any:
        try:
            return x.decode() if isinstance(x, bytes) else x
        except UnicodeDecodeError:
            return x

    def any2i(self, pkt: Packet | None, x: Any) -> Any:
        return x.encode() if isinstance(x, str) else x


class TrailerField(ScapyField[Any, Any]):
    """The end of the datagram, declared in the header because the header says what it is; None builds a checksum."""

    def __init__(self) -> None:
        super().__init__("trailer", None, f"{TRAILER_SIZE}s")

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, bytes]:
        return s[:-TRAILER_SIZE], s[-TRAILER_SIZE:]

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        return s  # post_build writes it, behind the body


def length_name(field: Field) -> str:
    """The scapy field that holds the length or count of a field."""
    return f"{field.name}_count" if field.kind is Kind.ARRAY else f"{field.name}_length"


def scapy_fields(fields: tuple[Field, ...], **defaults: int | None) -> list[Any]:
    """The same fields in scapy's terms; None as a default is for what building fills in."""
    found = [made for field in fields for made in _scapy_field(field)]
    for field in found:
        field.default = defaults.get(field.name, field.default)
    return found


def _scapy_field(field: Field) -> Iterator[Any]:
    size = field.size or 0
    match field.kind:
        case Kind.UINT:
            yield (_HEX if field.hex else _PLAIN)[size](field.name, field.const or 0)
        case Kind.ENUM:
            names = dict(field.names)
            yield _ENUM[size](field.name, min(names), names)
        case Kind.FLAGS:
            known = dict(field.names)
            yield FlagsField(field.name, 0, 8 * size, [known.get(1 << bit, f"bit_{bit}") for bit in range(8 * size)])
        case Kind.BYTES:
            yield StrFixedLenField(field.name, bytes(size), size)
        case Kind.GREEDY:
            yield StrField(field.name, b"")
        case Kind.STRING | Kind.BLOB | Kind.ARRAY:
            yield from _counted_field(field)
        case _:
            raise UsageError(f"{field.name}: scapy has no field for {field.kind}")


def _counted_field(field: Field) -> Iterator[Any]:
    """A field behind its length or count."""
    name, prefix = length_name(field), cast("Field", field.prefix)

    def given(packet: Packet) -> int:
        return cast("int", packet.getfieldval(name))

    if field.kind is Kind.ARRAY:
        yield FieldLenField(name, None, count_of=field.name, fmt=f"!{prefix.format}")
        yield PacketListField(field.name, [], element(field.items), count_from=given, max_count=LARGEST_COUNT)
    else:
        yield FieldLenField(name, None, length_of=field.name, fmt=f"!{prefix.format}")
        yield (TextField if field.kind is Kind.STRING else StrLenField)(field.name, b"", length_from=given)


def _layer(name: str, fields: tuple[Field, ...], **more: Any) -> type[Packet]:
    members = {"name": f"udpchat {name}", "fields_desc": scapy_fields(fields), "__module__": __name__, **more}
    return cast("type[Packet]", type(f"UDPCHAT_{name}", (Packet,), members))


@cache
def element(items: tuple[Field, ...]) -> type[Packet]:
    """The layer of one element of a list; what follows it is the next element."""
    return _layer("element", items, extract_padding=lambda _, rest: (b"", rest))


# -- packets -----------------------------------------------------------------------------------------------------------

SEALED_PART: Final = (Field(Kind.GREEDY, "sealed"),)

BODIES: Final = {packet.name: _layer(packet.name, packet.clear + packet.sealed) for packet in _PROTOCOL.packets}
SEALED_BODIES: Final = {
    packet.name: _layer(f"{packet.name} sealed", packet.clear + SEALED_PART)
    for packet in _PROTOCOL.packets
    if packet.sealed
}
PARAMS: Final = _layer("PARAMS", _PROTOCOL.params)

_NAMES: Final = {packet.number: packet.name for packet in _PROTOCOL.packets}
_NUMBERS: Final = {layer: int(PacketType[name]) for layers in (BODIES, SEALED_BODIES) for name, layer in layers.items()}


class UDPCHAT(Packet):
    """A datagram: header, and in `trailer` its last 16 bytes; the payload is the body."""

    name = "udpchat"
    fields_desc: ClassVar[list[Any]] = [
        *scapy_fields(_PROTOCOL.header, version=VERSION, type=None, body_length=None),
        TrailerField(),
    ]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Fill in what only the finished packet knows."""
        if self.getfieldval("type") is None:
            pkt = _replaced(pkt, TYPE_AT, _NUMBERS.get(type(self.payload), 0).to_bytes(1, "big"))
        if self.getfieldval("body_length") is None:
            pkt = _replaced(pkt, BODY_LENGTH_AT, (len(pay) & 0xFFFF).to_bytes(2, "big"))
        trailer = self.getfieldval("trailer")
        return pkt + pay + (checksum(pkt + pay) if trailer is None else trailer)

    def post_dissect(self, s: bytes) -> bytes:
        """Forget the cached bytes: scapy takes the header to end where the body ends, for the trailer is gone."""
        self.raw_packet_cache = None
        return s

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """The body, by type; Raw when nobody knows it."""
        name = _NAMES.get(self.getfieldval("type"), "")
        is_sealed = self.getfieldval("flags") & Flag.SEALED
        return (SEALED_BODIES.get(name) if is_sealed else None) or BODIES.get(name) or Raw


def checksum(covered: bytes) -> bytes:
    """The trailer of a packet that is not sealed."""
    return crc32(covered).to_bytes(4, "big") + bytes(TRAILER_SIZE - 4)


def _replaced(data: bytes, at: int, part: bytes) -> bytes:
    return data[:at] + part + data[at + len(part) :]


# -- records -----------------------------------------------------------------------------------------------------------

RECORDS: Final = {record.name: _layer(record.name, record.fields) for record in _PROTOCOL.records}
_RECORD_NAMES: Final = {record.number: record.name for record in _PROTOCOL.records}
_RECORD_NUMBERS: Final = {RECORDS[record.name]: record.number for record in _PROTOCOL.records}


class RECORD(Packet):
    """A record: its header; the payload is its body, what follows the record is Padding."""

    name = "udpchat record"
    fields_desc: ClassVar[list[Any]] = scapy_fields(_PROTOCOL.record_header, record_length=None, record_type=None)

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Fill in length and type."""
        if self.getfieldval("record_length") is None:
            pkt = _replaced(pkt, 0, len(pay).to_bytes(4, "big"))
        if self.getfieldval("record_type") is None:
            pkt = _replaced(pkt, RECORD_TYPE_AT, _RECORD_NUMBERS.get(type(self.payload), 0).to_bytes(1, "big"))
        return pkt + pay

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        """The body, and the records after it."""
        length = self.getfieldval("record_length")
        return s[:length], s[length:]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """The body, by type; Raw when nobody knows it."""
        return RECORDS.get(_RECORD_NAMES.get(self.getfieldval("record_type"), ""), Raw)


def read_records(content: bytes) -> list[RECORD]:
    """The whole records at the start of the bytes of a channel."""
    records = []
    while len(content) >= RECORD_HEADER_SIZE:
        end = RECORD_HEADER_SIZE + int.from_bytes(content[:4], "big")
        if end > len(content):
            break
        records.append(RECORD(content[:end]))
        content = content[end:]
    return records


bind_layers(UDP, UDPCHAT, dport=DEFAULT_PORT)
bind_layers(UDP, UDPCHAT, sport=DEFAULT_PORT)
