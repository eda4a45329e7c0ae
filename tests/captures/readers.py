"""One datagram or record as construct, the codec and scapy read it, in the same words: for tests that they agree.

A reading is a dictionary of values by field name, or the word for why there is none.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, TypeAlias

from construct import ConstructError
from scapy.packet import NoPayload, Packet, Raw

from tests.captures.layers import BODIES, RECORD, RECORDS, SEALED_BODIES, SEALED_PART, UDPCHAT, length_name
from udpchat.config import HELLO_SIZE, MAX_ACK_RANGES
from udpchat.errors import DecodeError
from udpchat.wire import codec, declared_records, packets, records
from udpchat.wire.hot import HEADER_SIZE, TRAILER_SIZE
from udpchat.wire.layout import MAX_NUMBER
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.packets import MAGIC, VERSION
from udpchat.wire.schema import Field, Kind, PacketSchema, protocol_schema
from udpchat.wire.values import KNOWN_FLAGS

Reading: TypeAlias = dict[str, Any] | str

PROTOCOL = protocol_schema()
BY_NUMBER = {packet.number: packet for packet in PROTOCOL.packets}
RECORD_BY_NUMBER = {record.number: record for record in PROTOCOL.records}
HEADER_NAMES = [field.name for field in PROTOCOL.header]
MALFORMED = "malformed"
NUMBERS = (Kind.UINT, Kind.SINT)


def is_opaque(schema: PacketSchema, flags: int) -> bool:
    """The sealed part is ciphertext."""
    return bool(schema.sealed) and bool(flags & Flag.SEALED)


# -- the rules, for readers that only know where fields lie ------------------------------------------------------------


def refusal(size: int, header: dict[str, Any]) -> str | None:
    """Why a datagram with this header is not looked at any further."""
    if header["magic"] != MAGIC:
        return "bad-magic"
    if header["version"] != VERSION:
        return "unknown-version"
    if header["type"] not in BY_NUMBER:
        return "unknown-type"
    if size < HEADER_SIZE + TRAILER_SIZE:
        return "too-short"
    if size != HEADER_SIZE + header["body_length"] + TRAILER_SIZE:
        return "bad-length"
    if header["packet_number"] > MAX_NUMBER:
        return "bad-packet-number"
    return "bad-flags" if header["flags"] & ~KNOWN_FLAGS else None


def obeys_rules(size: int, schema: PacketSchema, values: dict[str, Any]) -> bool:
    """What a field may hold beyond what its kind can."""
    match schema.name:
        case "HELLO":
            return size >= HELLO_SIZE
        case "VERSION":
            return bool(values["lowest"] <= values["highest"])
        case "ACK":
            runs = values["ranges"]
            edges = [edge for start, stop in reversed(runs) for edge in (start, stop)]
            return (
                1 <= len(runs) <= MAX_ACK_RANGES
                and edges == sorted(set(edges))
                and edges[-1] == values["largest"] + 1
                and max(values["largest"], values["received"]) <= MAX_NUMBER
            )
        case "DATA" | "MSG":
            return bool(values["offset"] <= MAX_NUMBER)
    return True


def record_obeys_rules(fields: tuple[Field, ...], values: dict[str, Any]) -> bool:
    """Numbers below 2^53, runs in order."""
    for field in fields:
        value = values[field.name]
        if field.kind in NUMBERS and value > MAX_NUMBER:
            return False
        if field.kind is Kind.ARRAY:
            edges = [edge for run in value for edge in run]
            if edges != sorted(set(edges)) or (edges and edges[-1] > MAX_NUMBER):
                return False
    return True


def known_bits(fields: tuple[Field, ...], reading: Reading) -> Reading:
    """A reading without the flags that nobody has named, which construct drops."""
    if isinstance(reading, str):
        return reading
    masks = {field.name: sum(mask for mask, _ in field.names) for field in fields if field.kind is Kind.FLAGS}
    return {name: value & masks[name] if name in masks else value for name, value in reading.items()}


def _told(fields: tuple[Field, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The values that a decoded packet still has: of padding at most its length."""
    return {field.name: values[field.name] for field in fields if field.name != "padding"}


# -- the codec ---------------------------------------------------------------------------------------------------------


def codec_reading(datagram: bytes) -> Reading:
    """As the program reads it."""
    try:
        header, clear, _, sealed = codec.decode(datagram)
    except DecodeError as error:
        return error.reason
    schema = BY_NUMBER[header.packet_type]
    values = {name: getattr(header, name) for name in ("flags", "body_length", "connection_id", "packet_number")}
    values |= {"magic": MAGIC, "version": VERSION, "type": int(header.packet_type), "trailer": bytes(sealed[-16:])}
    values |= {field.name: getattr(clear, field.name) for field in schema.clear if field.name != "padding"}
    body = bytes(sealed[:-16])
    if is_opaque(schema, header.flags):
        return values | {"sealed": body}
    if schema.clear:
        return values | {field.name: body for field in schema.sealed}
    return values | _codec_body(header.packet_type, schema, body)


def _codec_body(packet_type: PacketType, schema: PacketSchema, body: bytes) -> dict[str, Any]:
    if not schema.sealed:
        return {}
    try:
        decoded = codec.decode_body(packet_type, body)
    except DecodeError as error:
        return {"body": error.reason}
    return {field.name: getattr(decoded, field.name) for field in schema.sealed if field.name != "padding"}


def codec_record(record_type: int, body: bytes) -> Reading:
    """As the program reads it."""
    try:
        record = records.decode_record(record_type, body)
    except DecodeError as error:
        return error.reason
    return {field.name: getattr(record, field.name) for field in RECORD_BY_NUMBER[record_type].fields}


# -- construct ---------------------------------------------------------------------------------------------------------


def construct_reading(datagram: bytes) -> Reading:
    """As the declaration reads it."""
    if len(datagram) < HEADER_SIZE:
        return "too-short"
    try:
        parsed = packets.HEADER.parse(datagram)
    except ConstructError:
        return "bad-magic"  # the only constant
    header = _construct_values(PROTOCOL.header, parsed)
    header["flags"] = int.from_bytes(datagram[4:6], "big")  # construct drops the bits that it does not know
    if (reason := refusal(len(datagram), header)) is not None:
        return reason
    schema = BY_NUMBER[header["type"]]
    clear_shape, sealed_shape = packets.PACKETS[schema.name]
    stream = BytesIO(datagram[HEADER_SIZE:-TRAILER_SIZE])
    clear = _construct_part(clear_shape, schema.clear, stream)
    if clear is None or (not schema.sealed and stream.read()) or not obeys_rules(len(datagram), schema, clear):
        return MALFORMED
    values = header | {"trailer": datagram[-TRAILER_SIZE:]} | _told(schema.clear, clear)
    if is_opaque(schema, header["flags"]):
        return values | {"sealed": stream.read()}
    sealed = _construct_part(sealed_shape, schema.sealed, stream)
    return values | ({"body": MALFORMED} if sealed is None or stream.read() else _told(schema.sealed, sealed))


def _construct_part(shape: Any, fields: tuple[Field, ...], stream: BytesIO) -> dict[str, Any] | None:
    try:
        return _construct_values(fields, shape.parse_stream(stream))
    except ConstructError:
        return None


def _construct_values(fields: tuple[Field, ...], parsed: Any) -> dict[str, Any]:
    return {field.name: _construct_value(field, parsed[field.name]) for field in fields}


def _construct_value(field: Field, value: Any) -> Any:
    if field.kind is Kind.FLAGS:
        return sum(mask for mask, name in field.names if value[name])
    if field.kind is Kind.ARRAY:
        return tuple((item.start, item.stop) for item in value)
    return int(value) if field.kind is Kind.ENUM else value


def construct_record(record_type: int, body: bytes) -> Reading:
    """As the declaration reads it."""
    schema = RECORD_BY_NUMBER[record_type]
    values = _construct_part(declared_records.RECORDS[schema.name], schema.fields, BytesIO(body))
    return MALFORMED if values is None or not record_obeys_rules(schema.fields, values) else values


# -- scapy -------------------------------------------------------------------------------------------------------------


def scapy_reading(datagram: bytes) -> Reading:
    """As the layers read it."""
    if len(datagram) < HEADER_SIZE:
        return "too-short"
    packet = UDPCHAT(datagram.ljust(HEADER_SIZE + TRAILER_SIZE, b"\0"))  # the layer needs a trailer to be there
    header = _scapy_header(packet)
    if (reason := refusal(len(datagram), header)) is not None:
        return reason
    schema = BY_NUMBER[header["type"]]
    opaque = is_opaque(schema, header["flags"])
    fields = schema.clear + (SEALED_PART if opaque else schema.sealed)
    values = _scapy_values((SEALED_BODIES if opaque else BODIES)[schema.name], fields, packet.payload)
    known = header | {"trailer": packet.getfieldval("trailer")}
    if values is None and schema.sealed and not schema.clear:
        return known | {"body": MALFORMED}
    if values is None or not obeys_rules(len(datagram), schema, values):
        return MALFORMED
    return known | _told(fields, values)


def _scapy_header(packet: Packet) -> dict[str, Any]:
    return {name: _plain(packet.getfieldval(name)) for name in HEADER_NAMES}


def _plain(value: Any) -> Any:
    return value if isinstance(value, bytes) else int(value)


def _scapy_values(
    kind: type[Packet], fields: tuple[Field, ...], layer: Packet, *, may_go_on: bool = False
) -> dict[str, Any] | None:
    """What the fields of a layer hold; None when the bytes did not suffice for them, or were more than that."""
    if isinstance(layer, NoPayload):  # scapy makes no layer of no bytes
        return {field.name: b"" for field in fields} if all(field.kind is Kind.GREEDY for field in fields) else None
    if type(layer) is not kind or (not may_go_on and isinstance(layer.payload, Raw)):
        return None
    values = {field.name: _scapy_value(field, layer) for field in fields}
    return None if None in values.values() else values


def _scapy_value(field: Field, layer: Packet) -> Any:
    """The value of a field, None when it is cut short or no text."""
    value = getattr(layer, field.name)
    match field.kind:
        case Kind.ARRAY:
            return _scapy_runs(layer.get_field(field.name), value, layer.getfieldval(length_name(field)))
        case Kind.STRING:
            is_whole = isinstance(value, str) and len(value.encode()) == layer.getfieldval(length_name(field))
        case Kind.BLOB:
            is_whole = len(value) == layer.getfieldval(length_name(field))
        case Kind.BYTES:
            is_whole = len(value) == field.size
        case Kind.GREEDY:
            is_whole = True
        case _:
            return int(value)
    return value if is_whole else None


def _scapy_runs(field: Any, value: list[Packet], count: int) -> tuple[tuple[int, int], ...] | None:
    if len(value) != count or any(type(item) is not field.cls for item in value):
        return None
    return tuple((item.start, item.stop) for item in value)


def scapy_record(record_type: int, body: bytes) -> Reading:
    """As the layers read it."""
    schema = RECORD_BY_NUMBER[record_type]
    packet = RECORD(len(body).to_bytes(4, "big") + bytes([record_type]) + bytes(4) + body)
    values = _scapy_values(RECORDS[schema.name], schema.fields, packet.payload, may_go_on=True)
    return MALFORMED if values is None or not record_obeys_rules(schema.fields, values) else values
