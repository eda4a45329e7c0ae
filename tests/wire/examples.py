"""Packets byte by byte, and makers of random ones from the schema. Records are in record_examples.py."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from udpchat.wire import codec, packets
from udpchat.wire.codec import (
    Ack,
    Body,
    Challenge,
    Clear,
    Close,
    Cookie,
    Data,
    Hello,
    Message,
    Ping,
    Probe,
    Reply,
    Response,
    Version,
)
from udpchat.wire.numbers import PacketType
from udpchat.wire.schema import Field, Kind, PacketSchema

CONNECTION_ID = bytes.fromhex("0102030405060708")
TAG = bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf")
NUMBER = 0x0102030405


class Example(NamedTuple):
    """A packet as values and as bytes; sealed ones have TAG for a trailer and their body in the clear."""

    packet_type: PacketType
    flags: int
    packet_number: int
    clear: Clear | None
    body: Body | bytes
    text: str

    @property
    def datagram(self) -> bytes:
        """The bytes, which were made with construct."""
        return bytes.fromhex(self.text)


PACKETS = [
    Example(
        PacketType.HELLO,
        4,
        0,
        Hello(bytes(range(32)), 1, b"cookie"),
        b"",
        "5543 01 01 0004 0488 0102030405060708 0000000000000000 "
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 00000001 06 636f6f6b6965 "
        + "00" * 1117
        + "7491e376 000000000000000000000000",
    ),
    Example(
        PacketType.COOKIE,
        1,
        1,
        Cookie(b"c" * 20),
        b"",
        "5543 01 02 0001 0015 0102030405060708 0000000000000001 14 "
        "6363636363636363636363636363636363636363 cd727fcb000000000000000000000000 ",
    ),
    Example(
        PacketType.REPLY,
        5,
        2,
        Reply(b"noise"),
        b"",
        "5543 01 03 0005 0007 0102030405060708 0000000000000002 0005 6e6f697365 b6fb37b4000000000000000000000000 ",
    ),
    Example(
        PacketType.VERSION,
        1,
        3,
        Version(1, 2, 3),
        b"",
        "5543 01 04 0001 0003 0102030405060708 0000000000000003 01 02 03 f60e00d5000000000000000000000000 ",
    ),
    Example(
        PacketType.RESET,
        1,
        0,
        None,
        b"",
        "5543 01 05 0001 0000 0102030405060708 0000000000000000 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
    Example(
        PacketType.DATA,
        6,
        NUMBER,
        Data(7, 0x123456789),
        b"chunk",
        "5543 01 10 0006 0011 0102030405060708 0000000102030405 00000007 0000000123456789 "
        "6368756e6b a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
    Example(
        PacketType.MSG,
        4,
        NUMBER,
        Message(1, 300),
        b"fragment",
        "5543 01 11 0004 0011 0102030405060708 0000000102030405 01 000000000000012c "
        "667261676d656e74 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
    Example(
        PacketType.ACK,
        0,
        NUMBER,
        Ack(99, 0xFFFFFFFE, 25_000, 90, 2**20, ((50, 100), (3, 49))),
        b"",
        "5543 01 12 0000 003d 0102030405060708 0000000102030405 0000000000000063 fffffffe 000061a8 "
        "000000000000005a 00100000 02 0000000000000032 0000000000000064 0000000000000003 "
        "0000000000000031 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
    Example(
        PacketType.PING,
        4,
        NUMBER,
        None,
        Ping(),
        "5543 01 13 0004 0018 0102030405060708 0000000102030405 "
        "000000000000000000000000000000000000000000000000 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
    Example(
        PacketType.CHALLENGE,
        4,
        NUMBER,
        None,
        Challenge(b"nonce--8"),
        "5543 01 14 0004 0018 0102030405060708 0000000102030405 6e6f6e63652d2d38 "
        "00000000000000000000000000000000 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
    Example(
        PacketType.RESPONSE,
        4,
        NUMBER,
        None,
        Response(b"nonce--8"),
        "5543 01 15 0004 0018 0102030405060708 0000000102030405 6e6f6e63652d2d38 "
        "00000000000000000000000000000000 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
    Example(
        PacketType.PROBE,
        4,
        NUMBER,
        None,
        Probe(8),
        "5543 01 16 0004 0008 0102030405060708 0000000102030405 0000000000000000 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
    Example(
        PacketType.CLOSE,
        4,
        NUMBER,
        None,
        Close(6, "tschüß"),
        "5543 01 17 0004 000c 0102030405060708 0000000102030405 0006 0008 74736368c3bcc39f "
        "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf ",
    ),
]


def random_values(rng: Random, fields: tuple[Field, ...]) -> dict[str, Any]:
    """Values for construct to build, all within what the protocol allows."""
    return {field.name: _random_value(rng, field) for field in fields}


def _random_value(rng: Random, field: Field) -> Any:
    longest = rng.choice([0, 1, 7, 40, 255 if field.prefix and field.prefix.size == 1 else 700])
    match field.kind:
        case Kind.BYTES:
            return rng.randbytes(field.size or 0)
        case Kind.BLOB | Kind.GREEDY:
            return rng.randbytes(rng.randint(0, longest))
        case Kind.STRING:
            return "".join(rng.choices("aZ ~\0\n✓é", k=rng.randint(0, longest // 3)))
        case Kind.ARRAY:
            edges = sorted(rng.sample(range(2**40), k=2 * rng.randint(0, 30)))
            return [{"start": start, "stop": stop} for start, stop in zip(edges[::2], edges[1::2], strict=True)]
        case Kind.ENUM if rng.random() < 0.5:
            return rng.choice(field.names)[0]
        case _:
            return min(rng.getrandbits(8 * (field.size or 0)), rng.choice([1, 300, 2**53 - 1]))


def random_packet(rng: Random, packet_type: PacketType, fields: dict[str, Any]) -> dict[str, Any]:
    """Make values that are random by field fit together as the packet type wants."""
    if packet_type is PacketType.HELLO:
        return fields | {"padding": bytes(1200 - codec.HEADER_SIZE - codec.TRAILER_SIZE - 37 - len(fields["cookie"]))}
    if packet_type is PacketType.VERSION and fields["lowest"] > fields["highest"]:
        return fields | {"lowest": fields["highest"], "highest": fields["lowest"]}
    if packet_type is PacketType.ACK:
        ranges = fields["ranges"][::-1] or [{"start": 3, "stop": rng.randint(4, 2**53 - 1)}]
        return fields | {"ranges": ranges, "largest": ranges[0]["stop"] - 1}
    return fields


def encode_example(example: Example) -> bytes:
    """The whole datagram, by the codec."""
    head = (example.packet_type, example.flags, CONNECTION_ID, example.packet_number)
    if example.packet_type is PacketType.RESET:
        return codec.encode_reset(CONNECTION_ID, TAG)
    if example.packet_type < PacketType.DATA:
        return codec.encode_handshake(*head, example.clear)
    body = example.body if isinstance(example.body, bytes) else codec.encode_body(example.body)
    return codec.encode_associated(*head, example.clear, len(body)) + body + TAG


def built_packet(rng: Random, schema: PacketSchema) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """A datagram by construct, and what it was built from: header, then clear and sealed part."""
    clear, sealed = packets.PACKETS[schema.name]
    fields = random_packet(rng, PacketType(schema.number), random_values(rng, schema.clear + schema.sealed))
    body = clear.build(fields) + sealed.build(fields)
    header = {
        "version": packets.VERSION,
        "type": schema.number,
        "flags": rng.randrange(8),
        "body_length": len(body),
        "connection_id": rng.randbytes(8),
        "packet_number": rng.getrandbits(rng.choice([1, 20, 53])),
    }
    return packets.HEADER.build(header) + body + rng.randbytes(16), header, fields
