"""construct, the codec and the scapy layers read the same in every datagram and record, whole or damaged."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP

from tests.captures import readers
from tests.captures.layers import BODIES, RECORD, RECORDS, UDPCHAT, element, read_records
from tests.wire.examples import CONNECTION_ID, built_packet, random_values
from udpchat.wire import codec, declared_records, packets
from udpchat.wire.records import RecordReader
from udpchat.wire.schema import Field, Kind, PacketSchema, RecordSchema

ROUNDS = 40
DAMAGES = 6

every_packet = pytest.mark.parametrize("schema", readers.PROTOCOL.packets, ids=lambda schema: schema.name)
every_record = pytest.mark.parametrize("schema", readers.PROTOCOL.records, ids=lambda schema: schema.name)


def damage(rng: Random, whole: bytes, start: int = 0) -> bytes:
    """Cut off, drawn out, cut out behind start, or with wrong bytes, mostly where they matter."""
    damaged = bytearray(whole)
    match rng.randrange(4):
        case 0:
            del damaged[rng.randint(0, len(damaged)) :]
        case 1:
            damaged += rng.randbytes(rng.randint(1, 64))
        case 2:
            del damaged[start : rng.randint(start, len(damaged))]
    for _ in range(rng.randrange(3) if damaged else 0):
        damaged[rng.randrange(min(len(damaged), rng.choice([24, 80, 2_000])))] = rng.choice([0, 1, 0x7F, 0xFF])
    return bytes(damaged)


def damage_packet(rng: Random, whole: bytes) -> bytes:
    """Damage, mostly with a body length that fits it."""
    damaged = damage(rng, whole, 24)
    if len(damaged) >= 40 and rng.random() < 0.7:
        return damaged[:6] + (len(damaged) - 40).to_bytes(2, "big") + damaged[8:]
    return damaged


def scapy_fields(fields: tuple[Field, ...], values: dict[str, Any]) -> dict[str, Any]:
    """Values for construct as values for a layer."""
    return {
        field.name: [element(field.items)(**item) for item in values[field.name]]
        if field.kind is Kind.ARRAY
        else values[field.name]
        for field in fields
    }


def assert_agreement(whole: bytes) -> readers.Reading:
    """All three read the same; what they read."""
    by_codec, by_construct = readers.codec_reading(whole), readers.construct_reading(whole)
    assert readers.scapy_reading(whole) == by_codec
    fields: tuple[Field, ...] = ()
    if isinstance(by_codec, dict):
        schema = readers.BY_NUMBER[by_codec["type"]]
        fields = schema.clear + schema.sealed
    assert by_construct == readers.known_bits(fields, by_codec)
    return by_codec


@every_packet
def test_three_readers_agree_on_every_field_of_a_packet(schema: PacketSchema) -> None:
    rng = Random(f"agree {schema.name}")
    for _ in range(ROUNDS):
        whole, header, _ = built_packet(rng, schema)
        reading = assert_agreement(whole)
        assert isinstance(reading, dict)
        assert header.items() <= reading.items()


@every_packet
def test_three_readers_agree_on_damaged_packets_and_on_why_they_are_refused(schema: PacketSchema) -> None:
    rng = Random(f"damage {schema.name}")
    reasons = set()
    for _ in range(ROUNDS):
        whole, _, _ = built_packet(rng, schema)
        for _ in range(DAMAGES):
            reading = assert_agreement(damage_packet(rng, whole))
            reasons.add(reading if isinstance(reading, str) else "")
    assert len(reasons) > 3  # the damage is of many kinds


@every_packet
def test_a_layer_builds_what_construct_builds(schema: PacketSchema) -> None:
    rng = Random(f"build {schema.name}")
    for _ in range(ROUNDS):
        whole, header, fields = built_packet(rng, schema)
        del header["type"], header["body_length"]
        body = BODIES[schema.name](**scapy_fields(schema.clear + schema.sealed, fields))
        assert bytes(UDPCHAT(**header, trailer=whole[-16:]) / body) == whole


@every_packet
def test_a_packet_that_scapy_has_read_is_built_again_byte_for_byte(schema: PacketSchema) -> None:
    rng = Random(f"again {schema.name}")
    for _ in range(ROUNDS):
        whole, _, _ = built_packet(rng, schema)
        assert bytes(UDPCHAT(whole)) == whole


@every_packet
def test_a_layer_fills_in_the_checksum_of_a_plaintext_session(schema: PacketSchema) -> None:
    whole = bytes(UDPCHAT(connection_id=CONNECTION_ID) / BODIES[schema.name]())
    assert codec.checksum_fits(whole)
    assert UDPCHAT(whole).body_length == len(whole) - 40


@every_record
def test_three_readers_agree_on_every_field_of_a_record_whole_or_damaged(schema: RecordSchema) -> None:
    rng = Random(f"agree {schema.name}")
    for _ in range(ROUNDS):
        whole = declared_records.RECORDS[schema.name].build(random_values(rng, schema.fields))
        for body in (whole, whole + b"later", damage(rng, whole), damage(rng, whole)):
            by_codec = readers.codec_record(schema.number, body)
            assert readers.scapy_record(schema.number, body) == by_codec
            assert readers.construct_record(schema.number, body) == readers.known_bits(schema.fields, by_codec)


@every_record
def test_a_layer_builds_the_record_that_construct_builds(schema: RecordSchema) -> None:
    rng = Random(f"build {schema.name}")
    for _ in range(ROUNDS):
        fields = random_values(rng, schema.fields)
        body = declared_records.RECORDS[schema.name].build(fields)
        header = packets.RECORD_HEADER.build(
            {"record_length": len(body), "record_type": schema.number, "request_id": 9}
        )
        layer = RECORD(request_id=9) / RECORDS[schema.name](**scapy_fields(schema.fields, fields))
        assert bytes(layer) == header + body


def test_the_records_of_a_channel_are_those_that_the_program_reads() -> None:
    rng = Random(5)
    channel = b""
    for schema in readers.PROTOCOL.records:
        body = declared_records.RECORDS[schema.name].build(random_values(rng, schema.fields))
        channel += len(body).to_bytes(4, "big") + bytes([schema.number]) + rng.randbytes(4) + body
    found = [(record.request_id, record.record_type) for record in read_records(channel + b"\0\0\0\x09half")]
    assert found == [(request_id, record.TYPE) for request_id, record in RecordReader().feed(channel)]  # type: ignore[union-attr]


@pytest.mark.parametrize(("sport", "dport"), [(27_272, 40_000), (40_000, 27_272)])
def test_datagrams_on_our_port_are_read_as_ours(sport: int, dport: int) -> None:
    packet = IP(dst="127.0.0.1") / UDP(sport=sport, dport=dport) / UDPCHAT() / BODIES["MSG"](content=b"hi")
    assert IP(bytes(packet))[BODIES["MSG"]].content == b"hi"
