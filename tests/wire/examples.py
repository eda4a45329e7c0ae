"""Packets and records byte by byte, and makers of random ones from the schema."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from udpchat.wire import codec, packets, records
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

RECORDS: list[tuple[records.Record, str]] = [
    (
        records.Join(
            identity=b"i" * 32, signature=b"s" * 64, client_id=b"c" * 16, features=1, nick="Zoë", agent="udpchat 1"
        ),
        "00000083 01 00000009 "
        "69696969696969696969696969696969696969696969696969696969696969697373737373737373 "
        "73737373737373737373737373737373737373737373737373737373737373737373737373737373 "
        "737373737373737373737373737373736363636363636363636363636363636300000001045a6fc3 "
        "ab09756470636861742031 ",
    ),
    (
        records.Welcome(
            features=1, user_count=2, server_time=1700000000000000, token=b"token", nick="Zoë", room="lobby"
        ),
        "00000021 02 00000009 000000010000000200060a24181e400005746f6b656e045a6fc3ab056c6f626279 ",
    ),
    (
        records.Refused(code=33, text="taken"),
        "00000009 03 00000009 0021000574616b656e ",
    ),
    (
        records.Unsupported(record_type=200),
        "00000001 04 00000009 c8 ",
    ),
    (
        records.Say(message_id=b"m" * 16, room="lobby", text="hi ✓"),
        "0000001e 05 00000009 6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d056c6f6262790006686920e29c93 ",
    ),
    (
        records.Said(message_id=b"m" * 16, sequence=5, sent_at=6),
        "00000020 06 00000009 6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d00000000000000050000000000000006 ",
    ),
    (
        records.Line(sequence=5, sent_at=6, room="lobby", sender="Zoë", text="hi ✓"),
        "00000023 07 00000009 00000000000000050000000000000006056c6f626279045a6fc3ab0006686920e29c93 ",
    ),
    (
        records.Tell(message_id=b"m" * 16, recipient="bob", text="psst"),
        "0000001a 08 00000009 6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d03626f62000470737374 ",
    ),
    (
        records.Private(sequence=5, sent_at=6, sender="ann", recipient="bob", text="psst"),
        "0000001e 09 00000009 0000000000000005000000000000000603616e6e03626f62000470737374 ",
    ),
    (
        records.Presence(change=2, user_count=3, nick="ann"),
        "00000009 0a 00000009 020000000303616e6e ",
    ),
    (
        records.Users(),
        "00000000 0b 00000009 ",
    ),
    (
        records.User(joined_at=6, nick="ann"),
        "0000000c 0c 00000009 000000000000000603616e6e ",
    ),
    (
        records.Finished(total=2),
        "00000004 0d 00000009 00000002 ",
    ),
    (
        records.Notice(sent_at=6, text="bye"),
        "0000000d 0e 00000009 00000000000000060003627965 ",
    ),
    (
        records.Open(upload_id=b"u" * 16, size=9007199254740991, file_name="a.txt"),
        "0000001f 20 00000009 75757575757575757575757575757575001fffffffffffff0005612e747874 ",
    ),
    (
        records.Opened(
            transfer_id=7,
            limit=4096,
            present=(
                (0, 10),
                (20, 30),
            ),
        ),
        "0000002e 21 00000009 "
        "00000007000000000000100000020000000000000000000000000000000a00000000000000140000 "
        "00000000001e ",
    ),
    (
        records.Credit(transfer_id=7, limit=8192),
        "0000000c 22 00000009 000000070000000000002000 ",
    ),
    (
        records.Commit(upload_id=b"u" * 16, md5=b"d" * 16),
        "00000020 23 00000009 7575757575757575757575757575757564646464646464646464646464646464 ",
    ),
    (
        records.Committed(upload_id=b"u" * 16, file_id=b"f" * 16, md5=b"d" * 16, stored_at=6, file_name="a (2).txt"),
        "00000043 24 00000009 "
        "75757575757575757575757575757575666666666666666666666666666666666464646464646464 "
        "64646464646464640000000000000006000961202832292e747874 ",
    ),
    (
        records.Cancel(transfer_id=7, code=71, text="stop"),
        "0000000c 25 00000009 000000070047000473746f70 ",
    ),
    (
        records.ListFiles(),
        "00000000 26 00000009 ",
    ),
    (
        records.File(file_id=b"f" * 16, size=9, md5=b"d" * 16, stored_at=6, owner="ann", file_name="a.txt"),
        "0000003b 27 00000009 "
        "66666666666666666666666666666666000000000000000964646464646464646464646464646464 "
        "000000000000000603616e6e0005612e747874 ",
    ),
    (
        records.Fetch(file_id=b"f" * 16, file_name="", present=((5, 6),)),
        "00000024 28 00000009 666666666666666666666666666666660000000100000000000000050000000000000006 ",
    ),
    (
        records.Offer(transfer_id=8, file_id=b"f" * 16, size=9, md5=b"d" * 16, file_name="a.txt"),
        "00000033 29 00000009 "
        "00000008666666666666666666666666666666660000000000000009646464646464646464646464 "
        "646464640005612e747874 ",
    ),
    (
        records.Received(transfer_id=8, md5=b"d" * 16),
        "00000014 2a 00000009 0000000864646464646464646464646464646464 ",
    ),
    (
        records.Shared(file_id=b"f" * 16, size=9, md5=b"d" * 16, owner="ann", file_name="a.txt"),
        "00000033 2b 00000009 "
        "66666666666666666666666666666666000000000000000964646464646464646464646464646464 "
        "03616e6e0005612e747874 ",
    ),
    (
        records.Tune(window=8, arq="go-back-n", congestion="fixed"),
        "00000014 2c 00000009 00000008 09676f2d6261636b2d6e 056669786564 ",
    ),
    (
        records.Tuned(window=0, arq="stop-and-wait", congestion="bbr"),
        "00000016 2d 00000009 00000000 0d73746f702d616e642d77616974 03626272 ",
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
