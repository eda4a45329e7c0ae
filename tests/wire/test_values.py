"""Packet values refuse what their fields cannot carry; PARAMS both ways."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.examples import CONNECTION_ID, TAG
from udpchat.errors import DecodeError, UsageError
from udpchat.wire import codec
from udpchat.wire.codec import (
    Ack,
    Body,
    Challenge,
    Clear,
    Close,
    Cookie,
    Data,
    Header,
    Hello,
    Message,
    Params,
    Probe,
    Reply,
    Response,
    Version,
)
from udpchat.wire.numbers import PacketType

U8, U16, U32, U53 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 53))
TEXT = st.text(st.characters(codec="utf-8"), max_size=50)


@st.composite
def acks(draw: st.DrawFn) -> Ack:
    edges = sorted(draw(st.lists(U53, min_size=2, max_size=128, unique=True)))
    edges = edges[len(edges) % 2 :]
    ranges = tuple(zip(edges[::2], edges[1::2], strict=True))[::-1]
    return Ack(ranges[0][1] - 1, draw(U32), draw(U32), draw(U53), draw(U32), ranges)


CLEAR_PARTS: dict[PacketType, st.SearchStrategy[Clear]] = {
    PacketType.HELLO: st.builds(Hello, st.binary(min_size=32, max_size=32), U32, st.binary(max_size=255)),
    PacketType.COOKIE: st.builds(Cookie, st.binary(max_size=255)),
    PacketType.REPLY: st.builds(Reply, st.binary(max_size=300)),
    PacketType.VERSION: st.builds(lambda a, b, modes: Version(min(a, b), max(a, b), modes), U8, U8, U8),
    PacketType.DATA: st.builds(Data, U32, U53),
    PacketType.MSG: st.builds(Message, U8, U53),
    PacketType.ACK: acks(),
}
BODIES: dict[PacketType, st.SearchStrategy[Body]] = {
    PacketType.CHALLENGE: st.builds(Challenge, st.binary(min_size=8, max_size=8)),
    PacketType.RESPONSE: st.builds(Response, st.binary(min_size=8, max_size=8)),
    PacketType.PROBE: st.builds(Probe, st.integers(0, 1500)),
    PacketType.CLOSE: st.builds(Close, U16, TEXT),
}


@settings(max_examples=40)
@given(data=st.data(), flags=st.integers(0, 7), connection_id=st.binary(min_size=8, max_size=8), packet_number=U53)
@pytest.mark.parametrize("packet_type", CLEAR_PARTS, ids=lambda packet_type: packet_type.name)
def test_clear_parts_survive_the_wire(
    packet_type: PacketType, data: st.DataObject, flags: int, connection_id: bytes, packet_number: int
) -> None:
    clear = data.draw(CLEAR_PARTS[packet_type])
    sealed = data.draw(st.binary(max_size=30)) if packet_type in (PacketType.DATA, PacketType.MSG) else b""
    associated = codec.encode_associated(packet_type, flags, connection_id, packet_number, clear, len(sealed))
    packet = codec.decode(associated + sealed + TAG)
    body_length = len(associated) - 24 + len(sealed)
    assert packet.header == Header(packet_type, flags, body_length, connection_id, packet_number)
    assert packet.clear == clear
    assert packet.associated == associated
    assert packet.sealed == sealed + TAG


@settings(max_examples=40)
@given(data=st.data())
@pytest.mark.parametrize("packet_type", BODIES, ids=lambda packet_type: packet_type.name)
def test_bodies_survive_the_wire(packet_type: PacketType, data: st.DataObject) -> None:
    body = data.draw(BODIES[packet_type])
    assert codec.decode_body(packet_type, codec.encode_body(body)) == body


@pytest.mark.parametrize(
    "make",
    [
        lambda: Header(PacketType.PING, 8, 0, CONNECTION_ID, 0),
        lambda: Header(PacketType.PING, 0, -1, CONNECTION_ID, 0),
        lambda: Header(PacketType.PING, 0, 65_536, CONNECTION_ID, 0),
        lambda: Header(PacketType.PING, 0, 0, b"1234567", 0),
        lambda: Header(PacketType.PING, 0, 0, CONNECTION_ID, 2**53),
        lambda: Header(PacketType.PING, 0, 0, CONNECTION_ID, -1),
        lambda: Hello(bytes(31), 0),
        lambda: Hello(bytes(32), 2**32),
        lambda: Hello(bytes(32), 0, bytes(256)),
        lambda: Cookie(bytes(256)),
        lambda: Reply(bytes(65_534)),
        lambda: Version(2, 1, 0),
        lambda: Version(1, 256, 0),
        lambda: Version(1, 1, -1),
        lambda: Data(2**32, 0),
        lambda: Data(-1, 0),
        lambda: Data(0, 2**53),
        lambda: Message(256, 0),
        lambda: Message(0, -1),
        lambda: Message(0, 2**53),
        lambda: Ack(1, 2**32, 0, 0, 0, ((1, 2),)),
        lambda: Ack(1, 0, 2**32, 0, 0, ((1, 2),)),
        lambda: Ack(1, 0, 0, 2**53, 0, ((1, 2),)),
        lambda: Ack(1, 0, 0, 0, 2**32, ((1, 2),)),
        lambda: Ack(1, 0, 0, 0, 0, ((-1, 2),)),
        lambda: Ack(1, 0, 0, 0, 0, ()),
        lambda: Challenge(bytes(7)),
        lambda: Response(bytes(9)),
        lambda: Probe(-1),
        lambda: Probe(65_536),
        lambda: Close(-1, ""),
        lambda: Close(65_536, ""),
        lambda: Close(0, "\ud800"),
        lambda: Close(0, "é" * 32_766),
        lambda: Params(b"", TAG, 0, 0, 0),
        lambda: Params(CONNECTION_ID, b"", 0, 0, 0),
        lambda: Params(CONNECTION_ID, TAG, 2**32, 0, 0),
        lambda: Params(CONNECTION_ID, TAG, 0, 65_536, 0),
        lambda: Params(CONNECTION_ID, TAG, 0, 0, -1_000),
        lambda: Params(CONNECTION_ID, TAG, 0, 0, 1_500),
        lambda: Params(CONNECTION_ID, TAG, 0, 0, 2**32 * 1_000),
    ],
)
def test_a_value_that_its_field_cannot_carry_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        make()


PARAMS = Params(CONNECTION_ID, TAG, 1, 1_472, 60_000_000)
PARAMS_BYTES = bytes.fromhex("0102030405060708 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf 00000001 05c0 0000ea60")


def test_params_carry_milliseconds_for_our_microseconds() -> None:
    assert codec.encode_params(PARAMS) == PARAMS_BYTES
    assert codec.decode_params(PARAMS_BYTES) == PARAMS


def test_params_may_be_padded() -> None:
    padded = codec.encode_params(PARAMS, padding=96)
    assert padded == PARAMS_BYTES + bytes(96)
    assert codec.decode_params(padded) == PARAMS


@pytest.mark.parametrize("part", [PARAMS_BYTES[:size] for size in range(len(PARAMS_BYTES))])
def test_params_that_are_cut_are_malformed(part: bytes) -> None:
    with pytest.raises(DecodeError, match="malformed"):
        codec.decode_params(part)
