"""Every packet byte by byte, both ways, whole and damaged."""

from __future__ import annotations

from random import Random

import pytest

from tests.wire.examples import CONNECTION_ID, NUMBER, PACKETS, TAG, Example, encode_example
from udpchat.errors import DecodeError, UsageError
from udpchat.wire import codec, hot
from udpchat.wire.codec import Ack, Challenge, Close, Data, Hello, Message, Ping, Probe, UnknownVersionError
from udpchat.wire.numbers import PacketType

every_packet = pytest.mark.parametrize("example", PACKETS, ids=lambda example: example.packet_type.name)

SMALLEST_BODY = {PacketType.PING: 24, PacketType.CHALLENGE: 24, PacketType.RESPONSE: 24, PacketType.CLOSE: 4}


def reason(datagram: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        codec.decode(datagram)
    return caught.value.reason


def changed(datagram: bytes, at: int, new: bytes) -> bytes:
    return datagram[:at] + new + datagram[at + len(new) :]


def with_body(packet_type: PacketType, body: bytes) -> bytes:
    head = codec.encode_associated(PacketType.PROBE, 0, CONNECTION_ID, NUMBER, None, len(body))
    return changed(head, 3, bytes([packet_type])) + body + TAG


def test_there_is_an_example_of_every_packet_type() -> None:
    assert [example.packet_type for example in PACKETS] == list(PacketType)


@every_packet
def test_encoding_gives_the_golden_bytes(example: Example) -> None:
    assert encode_example(example).hex() == example.datagram.hex()


@every_packet
def test_decoding_the_golden_bytes_gives_the_values(example: Example) -> None:
    packet = codec.decode(example.datagram)
    assert packet.clear == example.clear
    header = packet.header
    assert (header.packet_type, header.flags, header.packet_number) == example[:3]
    assert header.connection_id == CONNECTION_ID
    assert header.body_length == len(example.datagram) - 40
    assert bytes(packet.associated) + bytes(packet.sealed) == example.datagram
    body = bytes(packet.sealed[:-16])
    if isinstance(example.body, bytes):
        assert body == example.body
    else:
        assert codec.decode_body(example.packet_type, body) == example.body


@every_packet
def test_packets_decode_alike_from_any_kind_of_buffer(example: Example) -> None:
    datagram = example.datagram
    assert codec.decode(bytearray(datagram)) == codec.decode(memoryview(datagram)) == codec.decode(datagram)


@every_packet
def test_every_truncation_is_refused(example: Example) -> None:
    for size in range(len(example.datagram)):
        assert reason(example.datagram[:size]) == ("too-short" if size < 40 else "bad-length")


@every_packet
def test_a_trailing_byte_is_refused(example: Example) -> None:
    assert reason(example.datagram + b"\0") == "bad-length"


@every_packet
def test_a_body_that_is_cut_or_grown_together_with_its_length_is_refused_or_means_something_else(
    example: Example,
) -> None:
    """Only where the last field is open to the end can another length be right."""
    open_ended = {PacketType.DATA, PacketType.MSG, PacketType.PROBE}
    length = len(example.datagram) - 40
    for size in {*range(length), length + 1} if example.packet_type not in open_ended else ():
        body = (example.datagram[24:-16] + b"\0")[:size]
        datagram = changed(with_body(example.packet_type, body), 4, example.flags.to_bytes(2, "big"))
        if example.packet_type is PacketType.HELLO and size > length:
            assert codec.decode(datagram).clear == example.clear
            continue
        with pytest.raises(DecodeError, match="malformed"):
            codec.decode_body(example.packet_type, codec.decode(datagram).sealed[:-16])


@pytest.mark.parametrize(
    ("at", "new", "expected"),
    [
        (0, b"\x55\x44", "bad-magic"),
        (2, b"\x02", "unknown-version"),
        (2, b"\x00", "unknown-version"),
        (3, b"\x00", "unknown-type"),
        (3, b"\x0f", "unknown-type"),
        (3, b"\x18", "unknown-type"),
        (4, b"\x80\x00", "bad-flags"),
        (4, b"\x00\x08", "bad-flags"),
        (6, b"\x00\x00", "bad-length"),
        (6, b"\xff\xff", "bad-length"),
        (16, b"\x00\x20", "bad-packet-number"),
        (16, b"\xff" * 8, "bad-packet-number"),
    ],
)
def test_a_header_that_breaks_a_rule_is_refused_with_its_reason(at: int, new: bytes, expected: str) -> None:
    data = next(example for example in PACKETS if example.packet_type is PacketType.DATA)
    assert reason(changed(data.datagram, at, new)) == expected


def test_the_largest_packet_number_is_taken() -> None:
    datagram = codec.encode_associated(PacketType.PING, 0, CONNECTION_ID, 2**53 - 1, None, 24) + bytes(40)
    assert codec.decode(datagram).header.packet_number == 2**53 - 1


@pytest.mark.parametrize("size", [24, 39, 40, 1200])
def test_a_packet_of_another_version_tells_what_can_be_answered(size: int) -> None:
    datagram = changed(PACKETS[0].datagram, 2, b"\x63")[:size]
    with pytest.raises(UnknownVersionError) as caught:
        codec.decode(datagram)
    assert (caught.value.version, caught.value.packet_type) == (0x63, PacketType.HELLO)
    assert caught.value.connection_id == CONNECTION_ID
    assert caught.value.reason == "unknown-version"


@pytest.mark.parametrize(
    ("packet_type", "body"),
    [
        (PacketType.DATA, bytes(11)),
        (PacketType.DATA, bytes(4) + b"\x00\x20" + bytes(6)),
        (PacketType.MSG, bytes(8)),
        (PacketType.MSG, bytes(1) + b"\xff" * 8),
        (PacketType.ACK, bytes(28)),
        (PacketType.VERSION, b"\x02\x01\x00"),
    ],
)
def test_a_clear_part_that_cannot_be_is_malformed(packet_type: PacketType, body: bytes) -> None:
    assert reason(with_body(packet_type, body)) == "malformed"


def test_data_and_messages_may_be_empty() -> None:
    assert codec.decode(with_body(PacketType.DATA, bytes(12))).clear == Data(0, 0)
    assert codec.decode(with_body(PacketType.MSG, bytes(9))).clear == Message(0, 0)


def ack_body(largest: int, *ranges: tuple[int, int], count: int | None = None) -> bytes:
    numbers = b"".join(number.to_bytes(8, "big") for edges in ranges for number in edges)
    return largest.to_bytes(8, "big") + bytes(20) + bytes([len(ranges) if count is None else count]) + numbers


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ack_body(0), id="nothing"),
        pytest.param(ack_body(9, (5, 10), count=2), id="count above what is there"),
        pytest.param(ack_body(9, (5, 10), (1, 2), count=1), id="count below what is there"),
        pytest.param(ack_body(9, (5, 9)), id="does not end with largest"),
        pytest.param(ack_body(9, (10, 10)), id="empty run"),
        pytest.param(ack_body(9, (11, 10)), id="reversed run"),
        pytest.param(ack_body(9, (5, 10), (1, 5)), id="adjacent"),
        pytest.param(ack_body(9, (5, 10), (1, 6)), id="overlapping"),
        pytest.param(ack_body(9, (5, 10), (6, 8)), id="nested"),
        pytest.param(ack_body(9, (5, 10), (1, 2), (3, 4)), id="ascending"),
        pytest.param(ack_body(2**53, (5, 2**53 + 1)), id="largest of 2^53"),
        pytest.param(ack_body(2**64 - 1, (5, 0)), id="stop wraps"),
        pytest.param(ack_body(999, *((n, n + 1) for n in range(999, 869, -2))), id="65 ranges"),
    ],
)
def test_an_ack_whose_ranges_break_a_rule_is_malformed(body: bytes) -> None:
    assert reason(with_body(PacketType.ACK, body)) == "malformed"


def test_an_ack_of_64_ranges_is_taken() -> None:
    ranges = tuple((n, n + 1) for n in range(999, 871, -2))
    ack = codec.decode(with_body(PacketType.ACK, ack_body(999, *ranges))).clear
    assert ack == Ack(999, 0, 0, 0, 0, ranges)


def lone(largest: int, start: int, arrival: int, received: int) -> bytes:
    ack = Ack(largest, arrival, 7, received, 1 << 20, ((start, largest + 1),))
    return codec.encode_associated(PacketType.ACK, 2, CONNECTION_ID, NUMBER, ack, 0) + TAG


def test_an_ack_of_one_range_reads_the_same_by_its_short_way_and_nothing_else_is_taken_for_one() -> None:
    rng = Random(85)
    for _ in range(3_000):
        largest = rng.choice((0, 1, 500, 2**53 - 1))
        datagram = bytearray(lone(largest, rng.randint(0, largest), rng.getrandbits(32), rng.getrandbits(53)))
        for _ in range(rng.randint(0, 2)):
            datagram[rng.randrange(len(datagram) - len(TAG))] = rng.choice((0, 1, 17, 18, 32, 255, rng.getrandbits(8)))
        short = codec.decode_lone_ack(datagram)
        try:
            header, ack, associated, _ = codec.decode(datagram)
        except DecodeError:
            assert short is None
            continue
        if not isinstance(ack, Ack):
            assert short is None
            continue
        assert short is not None
        assert short[:3] == (header.flags, header.connection_id, header.packet_number)
        assert short[3:7] == (ack.arrival, ack.ack_delay, ack.received, ack.window)
        assert ((short.start, short.stop),) == ack.ranges
        assert len(associated) == hot.LONE_ACK_SIZE


@every_packet
def test_the_short_way_takes_no_other_packet_and_no_other_length(example: Example) -> None:
    datagram = encode_example(example)
    assert codec.decode_lone_ack(datagram) is None or len(example.clear.ranges) == 1  # type: ignore[union-attr]
    for size in range(len(datagram)):
        assert codec.decode_lone_ack(datagram[:size]) is None
    assert codec.decode_lone_ack(datagram + b"\0") is None


def test_a_hello_that_is_not_padded_is_malformed() -> None:
    body = PACKETS[0].datagram[24:-16]
    assert isinstance(codec.decode(with_body(PacketType.HELLO, body)).clear, Hello)
    assert reason(with_body(PacketType.HELLO, body[:-1])) == "malformed"


@pytest.mark.parametrize("cookie", [b"", b"c" * 20, b"t" * 255])
def test_a_hello_has_the_same_size_whatever_cookie_it_brings(cookie: bytes) -> None:
    hello = Hello(bytes(32), 0, cookie)
    datagram = codec.encode_handshake(PacketType.HELLO, 0, CONNECTION_ID, 0, hello)
    assert len(datagram) == 1200
    assert codec.decode(datagram).clear == hello


@pytest.mark.parametrize(
    ("packet_type", "body"),
    [
        (PacketType.CLOSE, b"\x00\x01\x00\x02\xff\xff"),
        (PacketType.CLOSE, b"\x00\x01\x00\x03\xed\xa0\x80"),
        (PacketType.CLOSE, b"\x00\x01\xff\xff"),
        (PacketType.CLOSE, b"\x00\x01\x00\x01ab"),
        *((packet_type, bytes(size - 1)) for packet_type, size in SMALLEST_BODY.items()),
        *((packet_type, bytes(size + 1)) for packet_type, size in SMALLEST_BODY.items()),
    ],
)
def test_a_body_that_cannot_be_is_malformed(packet_type: PacketType, body: bytes) -> None:
    with pytest.raises(DecodeError, match="malformed"):
        codec.decode_body(packet_type, body)


def test_a_close_of_a_later_version_keeps_its_code() -> None:
    close = Close(60_000, "")
    assert codec.decode_body(PacketType.CLOSE, codec.encode_body(close)) == close


def test_a_probe_is_as_large_as_it_is_asked_to_be() -> None:
    assert len(codec.encode_body(Probe(1432))) == 1432


def test_a_ping_leaves_room_for_a_smaller_reset() -> None:
    ping = codec.encode_associated(PacketType.PING, 0, CONNECTION_ID, 1, None, 24) + codec.encode_body(Ping()) + TAG
    assert len(codec.encode_reset(CONNECTION_ID, TAG)) == 40 < len(ping) == 64


@every_packet
def test_the_checksum_of_a_handshake_packet_sees_every_damaged_byte(example: Example) -> None:
    with_checksum = example.packet_type in {
        PacketType.HELLO,
        PacketType.COOKIE,
        PacketType.REPLY,
        PacketType.VERSION,
    }
    assert codec.checksum_fits(example.datagram) == with_checksum
    for at in range(len(example.datagram)):
        assert not codec.checksum_fits(changed(example.datagram, at, bytes([example.datagram[at] ^ 0x10])))


@pytest.mark.parametrize("size", [0, 1, 15])
def test_what_is_shorter_than_a_checksum_has_none(size: int) -> None:
    assert not codec.checksum_fits(bytes(size))


def test_garbage_and_damaged_packets_are_refused_with_a_decode_error_or_decode() -> None:
    """Thousands of them: no other exception, and what decodes can be encoded again."""
    rng = Random(1)
    decoded = 0
    for _ in range(6000):
        datagram = bytearray(rng.choice(PACKETS).datagram if rng.random() < 0.9 else rng.randbytes(rng.randint(0, 90)))
        for _ in range(rng.randint(1, 4) if datagram else 0):
            datagram[rng.randrange(min(len(datagram), 120))] = rng.randrange(256)
        if rng.random() < 0.3:
            del datagram[rng.randint(0, len(datagram)) :]
        if rng.random() < 0.7 and len(datagram) >= 40:
            datagram[:8] = bytes.fromhex("554301") + datagram[3:6] + (len(datagram) - 40).to_bytes(2, "big")
        try:
            header, clear, associated, sealed = codec.decode(datagram)
            if clear is None and header.packet_type >= PacketType.DATA:
                codec.encode_body(codec.decode_body(header.packet_type, sealed[:-16]))
        except DecodeError:
            continue
        decoded += 1
        again = codec.encode_associated(
            header.packet_type, header.flags, header.connection_id, header.packet_number, clear, len(sealed) - 16
        )
        assert again[:24] == associated[:24]
    assert 500 < decoded < 5500


@pytest.mark.parametrize(
    ("packet_type", "flags", "connection_id", "packet_number", "clear", "sealed_length"),
    [
        (PacketType.PING, 8, CONNECTION_ID, 1, None, 24),
        (PacketType.PING, 0, b"short", 1, None, 24),
        (PacketType.PING, 0, CONNECTION_ID + b"x", 1, None, 24),
        (PacketType.PING, 0, CONNECTION_ID, -1, None, 24),
        (PacketType.PING, 0, CONNECTION_ID, 2**53, None, 24),
        (PacketType.PING, 0, CONNECTION_ID, 1, None, -1),
        (PacketType.PING, 0, CONNECTION_ID, 1, None, 65_507),
        (PacketType.PING, 0, CONNECTION_ID, 1, Data(1, 1), 24),
        (PacketType.DATA, 0, CONNECTION_ID, 1, None, 24),
        (PacketType.DATA, 0, CONNECTION_ID, 1, Message(1, 1), 24),
        (PacketType.ACK, 0, CONNECTION_ID, 1, Ack(1, 0, 0, 0, 0, ((1, 2),)), 1),
    ],
)
def test_a_packet_that_cannot_be_is_not_encoded(
    packet_type: PacketType,
    flags: int,
    connection_id: bytes,
    packet_number: int,
    clear: codec.Clear | None,
    sealed_length: int,
) -> None:
    with pytest.raises(UsageError):
        codec.encode_associated(packet_type, flags, connection_id, packet_number, clear, sealed_length)


def test_only_handshake_packets_are_encoded_whole() -> None:
    with pytest.raises(UsageError):
        codec.encode_handshake(PacketType.DATA, 0, CONNECTION_ID, 1, Data(1, 1))
    with pytest.raises(UsageError):
        codec.encode_handshake(PacketType.RESET, 0, CONNECTION_ID, 1, None)
    with pytest.raises(UsageError):
        codec.encode_reset(CONNECTION_ID, b"short")


@pytest.mark.parametrize("packet_type", [PacketType.DATA, PacketType.MSG, PacketType.ACK, PacketType.HELLO])
def test_asking_for_the_body_of_a_packet_without_one_is_our_mistake(packet_type: PacketType) -> None:
    with pytest.raises(UsageError):
        codec.decode_body(packet_type, b"")


def test_a_challenge_is_echoed_byte_by_byte() -> None:
    challenge = codec.decode_body(PacketType.CHALLENGE, codec.encode_body(Challenge(b"12345678")))
    assert challenge == Challenge(b"12345678")
