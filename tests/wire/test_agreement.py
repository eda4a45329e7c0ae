"""The declaration in construct and our own readers mean the same bytes."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.wire.examples import CONNECTION_ID, TAG, built_packet, random_values
from udpchat.wire import codec, hot, packets, records
from udpchat.wire.codec import Ack
from udpchat.wire.declared_records import RECORDS
from udpchat.wire.numbers import PacketType
from udpchat.wire.record_types import RECORD_CLASSES
from udpchat.wire.schema import Field, Kind, PacketSchema, RecordSchema, protocol_schema

PROTOCOL = protocol_schema()
ROUNDS = 150

every_packet = pytest.mark.parametrize("schema", PROTOCOL.packets, ids=lambda schema: schema.name)
every_record = pytest.mark.parametrize("schema", PROTOCOL.records, ids=lambda schema: schema.name)


def assert_same(value: Any, built: Any, field: Field) -> None:
    if field.kind is Kind.ARRAY:
        assert value == tuple((item["start"], item["stop"]) for item in built), field.name
    else:
        assert value == built, field.name


def assert_parsed(parsed: Any, value: Any, field: Field) -> None:
    """construct's reading of a field against ours; it drops flags that it does not know."""
    if field.kind is Kind.FLAGS:
        for mask, name in field.names:
            assert parsed[name] == bool(value & mask), field.name
    elif field.kind is Kind.ARRAY:
        assert [(item.start, item.stop) for item in parsed] == list(value), field.name
    elif field.kind is Kind.ENUM:
        assert int(parsed) == value, field.name
    else:
        assert parsed == value, field.name


@every_packet
def test_what_construct_builds_we_decode_to_the_same_values(schema: PacketSchema) -> None:
    rng = Random(schema.number)
    for _ in range(ROUNDS):
        datagram, built_header, fields = built_packet(rng, schema)
        header, clear, associated, sealed = codec.decode(datagram)
        assert (header.packet_type, header.flags, header.body_length, header.connection_id, header.packet_number) == (
            schema.number,
            *(built_header[name] for name in ("flags", "body_length", "connection_id", "packet_number")),
        )
        for field in schema.clear:
            if field.name != "padding":
                assert_same(getattr(clear, field.name), fields[field.name], field)
        assert bytes(associated) + bytes(sealed) == datagram
        assert sealed[:-16] == packets.PACKETS[schema.name][1].build(fields)
        if schema.sealed and not schema.clear:
            body = codec.decode_body(header.packet_type, sealed[:-16])
            for field in schema.sealed:
                if field.name != "padding":
                    assert_same(getattr(body, field.name), fields[field.name], field)


@every_packet
def test_what_we_encode_is_what_construct_builds(schema: PacketSchema) -> None:
    rng = Random(schema.number + 1000)
    for _ in range(ROUNDS):
        datagram, _, _ = built_packet(rng, schema)
        header, clear, associated, sealed = codec.decode(datagram)
        head = (header.packet_type, header.flags, header.connection_id, header.packet_number)
        assert codec.encode_associated(*head, clear, len(sealed) - 16) == associated


@every_packet
def test_construct_parses_what_we_encode(schema: PacketSchema) -> None:
    rng = Random(schema.number + 2000)
    clear_shape, _ = packets.PACKETS[schema.name]
    for _ in range(ROUNDS // 3):
        datagram, _, _ = built_packet(rng, schema)
        header, clear, _, _ = codec.decode(datagram)
        again = codec.encode_associated(header.packet_type, header.flags, CONNECTION_ID, 7, clear, 0)
        parsed = packets.HEADER.parse(again)
        assert int(parsed.type) == schema.number
        assert (parsed.connection_id, parsed.packet_number) == (CONNECTION_ID, 7)
        assert parsed.body_length == len(again) - 24
        parsed_clear = clear_shape.parse(again[24:])
        for field in schema.clear:
            if field.name != "padding":
                assert_parsed(parsed_clear[field.name], getattr(clear, field.name), field)


def test_the_hot_readers_agree_with_construct_field_by_field() -> None:
    rng = Random(3)
    for name, unpack in (("DATA", hot.unpack_data), ("MSG", hot.unpack_msg)):
        for _ in range(ROUNDS):
            datagram, _, fields = built_packet(rng, PROTOCOL.packet(name))
            assert unpack(datagram) == tuple(fields[field.name] for field in PROTOCOL.packet(name).clear)
    for _ in range(ROUNDS):
        datagram, header, fields = built_packet(rng, PROTOCOL.packet("ACK"))
        unpacked = hot.unpack_ack(memoryview(datagram), header["body_length"])
        assert unpacked is not None
        assert Ack(*unpacked) == codec.decode(datagram).clear
        assert unpacked[:5] == tuple(fields[field.name] for field in PROTOCOL.packet("ACK").clear[:5])


@every_record
def test_what_construct_builds_we_decode_to_the_same_record(schema: RecordSchema) -> None:
    rng = Random(schema.number)
    for _ in range(ROUNDS):
        fields = random_values(rng, schema.fields)
        record = records.decode_record(schema.number, RECORDS[schema.name].build(fields))
        assert type(record) is RECORD_CLASSES[schema.number]
        for field in schema.fields:
            assert_same(getattr(record, field.name), fields[field.name], field)


@every_record
def test_what_we_encode_construct_parses_to_the_same_record(schema: RecordSchema) -> None:
    rng = Random(schema.number + 1000)
    for _ in range(ROUNDS):
        fields = random_values(rng, schema.fields)
        body = RECORDS[schema.name].build(fields)
        record, request_id = records.decode_record(schema.number, body), rng.getrandbits(32)
        encoded = records.encode_record(record, request_id)
        header = packets.RECORD_HEADER.parse(encoded)
        assert (header.record_length, int(header.record_type), header.request_id) == (
            len(body),
            schema.number,
            request_id,
        )
        parsed = RECORDS[schema.name].parse(encoded[9:])
        for field in schema.fields:
            assert_parsed(parsed[field.name], getattr(record, field.name), field)


def test_params_agree_with_construct() -> None:
    rng = Random(4)
    for _ in range(ROUNDS):
        fields = random_values(rng, PROTOCOL.params)
        params = codec.decode_params(packets.PARAMS.build(fields))
        assert params.idle_timeout == 1_000 * fields.pop("idle_timeout")
        del fields["padding"]
        for name, value in fields.items():
            assert getattr(params, name) == value
        assert packets.PARAMS.parse(codec.encode_params(params)).reset_token == params.reset_token


def test_every_trailer_of_the_examples_is_outside_the_body() -> None:
    datagram = codec.encode_associated(PacketType.RESET, 1, CONNECTION_ID, 0, None, 0) + TAG
    assert packets.HEADER.parse(datagram).body_length == 0
    assert codec.decode(datagram).sealed == TAG
