"""Datagrams <-> packets. Nothing but DecodeError leaves for bytes from outside, nothing but UsageError for our own.

Header, DATA, MSG and ACK go through hot.py, all else through layouts made from the schema. Sealing and unsealing is not
done here: a decoded packet has its sealed part as it came, an encoded one ends with its clear part. Handshake packets
(types 1 to 15) are whole, with a CRC-32 in their trailer.

Reasons of DecodeError: too-short, bad-magic, unknown-version, unknown-type, bad-length, bad-packet-number, bad-flags,
malformed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast
from zlib import crc32

from udpchat.config import HELLO_SIZE, MAX_BURST, MILLISECOND
from udpchat.errors import DecodeError, UsageError
from udpchat.wire import hot
from udpchat.wire.hot import HEADER_SIZE, TRAILER_SIZE
from udpchat.wire.layout import MAX_NUMBER, Layout, Value
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.packets import MAGIC, UNSEALED_TYPES, VERSION
from udpchat.wire.schema import protocol_schema
from udpchat.wire.values import (
    CONNECTION_ID_SIZE,
    KNOWN_FLAGS,
    Ack,
    Body,
    Challenge,
    Clear,
    Close,
    Cookie,
    Data,
    Header,
    Hello,
    LoneAck,
    Message,
    Packet,
    Params,
    Ping,
    Probe,
    Reply,
    Response,
    UnknownVersionError,
    Version,
)

__all__ = [
    "HEADER_SIZE",
    "TRAILER_SIZE",
    "Ack",
    "Body",
    "Challenge",
    "Clear",
    "Close",
    "Cookie",
    "Data",
    "Header",
    "Hello",
    "LoneAck",
    "Message",
    "Packet",
    "Params",
    "Ping",
    "Probe",
    "Reply",
    "Response",
    "UnknownVersionError",
    "Version",
    "checksum_fits",
    "decode",
    "decode_body",
    "decode_lone_ack",
    "decode_params",
    "encode_associated",
    "encode_body",
    "encode_handshake",
    "encode_params",
    "encode_reset",
]

_OVERHEAD: Final = HEADER_SIZE + TRAILER_SIZE
_CHECKSUM_PADDING: Final = bytes(TRAILER_SIZE - 4)
_CHALLENGE_PADDING: Final = bytes(16)
_PING_BODY: Final = bytes(24)
_HELLO_FIXED: Final = _OVERHEAD + 32 + 4 + 1  # bytes of a HELLO with neither cookie nor padding

_LONE_ACK_DATAGRAM: Final = hot.LONE_ACK_SIZE + TRAILER_SIZE
_TYPES: Final = {int(packet_type): packet_type for packet_type in PacketType}
_HANDSHAKE: Final = frozenset(PacketType[name] for name in UNSEALED_TYPES)
_CLEAR_OF: Final[dict[PacketType, type[Clear]]] = {
    PacketType.HELLO: Hello,
    PacketType.COOKIE: Cookie,
    PacketType.REPLY: Reply,
    PacketType.VERSION: Version,
    PacketType.DATA: Data,
    PacketType.MSG: Message,
    PacketType.ACK: Ack,
}
_TYPE_OF_BODY: Final[dict[type[Body], PacketType]] = {
    Ping: PacketType.PING,
    Challenge: PacketType.CHALLENGE,
    Response: PacketType.RESPONSE,
    Probe: PacketType.PROBE,
    Close: PacketType.CLOSE,
}
_CLEAR_LAYOUTS: Final = {
    PacketType[packet.name]: Layout(packet.name, packet.clear) for packet in protocol_schema().packets
}
_SEALED_LAYOUTS: Final = {
    PacketType[packet.name]: Layout(packet.name, packet.sealed) for packet in protocol_schema().packets
}
_PARAMS: Final = Layout("PARAMS", protocol_schema().params)


def decode(datagram: bytes | bytearray | memoryview) -> Packet:
    """The packet that a datagram is; its parts are views of the datagram.

    The packet is not authentic yet. Of another version only what `UnknownVersionError` has is read.
    """
    size = len(datagram)
    if size < HEADER_SIZE:
        raise DecodeError("too-short")
    magic, version, number, flags, body_length, connection_id, packet_number = hot.unpack_header(datagram)
    if magic != MAGIC:
        raise DecodeError("bad-magic")
    if version != VERSION:
        raise UnknownVersionError(version, number, connection_id)
    packet_type = _TYPES.get(number)
    if packet_type is None:
        raise DecodeError("unknown-type")
    if size != _OVERHEAD + body_length:
        raise DecodeError("too-short" if size < _OVERHEAD else "bad-length")
    if packet_number > MAX_NUMBER:
        raise DecodeError("bad-packet-number")
    if flags & ~KNOWN_FLAGS:
        raise DecodeError("bad-flags")
    view = memoryview(datagram)
    try:
        clear, clear_end = _clear_part(packet_type, view, body_length)
    except UsageError:
        raise DecodeError("malformed") from None
    header = Header(packet_type, flags, body_length, connection_id, packet_number)
    return Packet(header, clear, view[:clear_end], view[clear_end:])


def decode_lone_ack(datagram: bytes | bytearray | memoryview) -> LoneAck | None:
    """What `decode` says of an ACK with one range, in a fifth of its time; None for anything else, and for bad ones."""
    if len(datagram) != _LONE_ACK_DATAGRAM or (fields := hot.unpack_lone_ack(datagram)) is None:
        return None
    flags, connection_id, packet_number, largest, arrival, ack_delay, received, window, start, stop = fields
    if flags & ~KNOWN_FLAGS or packet_number > MAX_NUMBER or received > MAX_NUMBER:
        return None
    if not start <= largest <= MAX_NUMBER or stop != largest + 1:
        return None
    return LoneAck(flags, connection_id, packet_number, arrival, ack_delay, received, window, start, stop)


def _clear_part(packet_type: PacketType, view: memoryview, body_length: int) -> tuple[Clear | None, int]:
    """The clear part, and where it ends in the datagram."""
    if packet_type is PacketType.DATA:
        if body_length < hot.DATA_CLEAR_SIZE:
            raise DecodeError("malformed")
        return Data(*hot.unpack_data(view)), HEADER_SIZE + hot.DATA_CLEAR_SIZE
    if packet_type is PacketType.MSG:
        if body_length < hot.MSG_CLEAR_SIZE:
            raise DecodeError("malformed")
        return Message(*hot.unpack_msg(view)), HEADER_SIZE + hot.MSG_CLEAR_SIZE
    if packet_type is PacketType.ACK:
        fields = hot.unpack_ack(view, body_length) if body_length >= hot.ACK_CLEAR_SIZE else None
        if fields is None:
            raise DecodeError("malformed")
        return Ack(*fields), HEADER_SIZE + body_length
    if packet_type not in _HANDSHAKE:
        return None, HEADER_SIZE
    end = HEADER_SIZE + body_length
    return _handshake_part(packet_type, view[HEADER_SIZE:end]), end


def _handshake_part(packet_type: PacketType, part: memoryview) -> Clear | None:
    """The clear part of a handshake packet; a HELLO that was not padded could make us send more than came in."""
    values = _CLEAR_LAYOUTS[packet_type].unpack_all(part)
    if packet_type is PacketType.HELLO:
        if len(part) + _OVERHEAD < HELLO_SIZE:
            raise DecodeError("malformed")
        del values[-1]
    make = cast("Callable[..., Clear] | None", _CLEAR_OF.get(packet_type))
    return make(*values) if make is not None else None


def decode_body(packet_type: PacketType, body: bytes | bytearray | memoryview) -> Body:
    """What a sealed packet without clear part says, once its body is unsealed. Padding is not looked at."""
    if packet_type not in _TYPE_OF_BODY.values():
        raise UsageError(f"{packet_type.name} has no body of fields")
    values = _SEALED_LAYOUTS[packet_type].unpack_all(memoryview(body))
    try:
        match packet_type:
            case PacketType.PING:
                return Ping()
            case PacketType.CHALLENGE:
                return Challenge(cast("bytes", values[0]))
            case PacketType.RESPONSE:
                return Response(cast("bytes", values[0]))
            case PacketType.PROBE:
                return Probe(len(body))
            case _:
                return Close(cast("int", values[0]), cast("str", values[1]))
    except UsageError:
        raise DecodeError("malformed") from None


def encode_body(body: Body) -> bytes:
    """The body of a packet, to be sealed."""
    match body:
        case Ping():
            return _PING_BODY
        case Challenge(nonce) | Response(nonce):
            return nonce + _CHALLENGE_PADDING
        case Probe(padding_length):
            return bytes(padding_length)
        case Close(code, reason):
            return _SEALED_LAYOUTS[PacketType.CLOSE].pack([code, reason])


def encode_associated(
    packet_type: PacketType,
    flags: int,
    connection_id: bytes,
    packet_number: int,
    clear: Clear | None,
    sealed_length: int,
) -> bytes:
    """Header and clear part, which is what the seal covers beside the body.

    sealed_length: bytes of the sealed body, without the trailer. clear: what the packet type has, None where that is
    nothing.
    """
    _check_header(packet_type, flags, connection_id, packet_number, sealed_length)
    if type(clear) is not _CLEAR_OF.get(packet_type, type(None)):
        raise UsageError(f"{packet_type.name} cannot carry {clear!r:.80}")
    if isinstance(clear, Data):
        return hot.pack_data(flags, connection_id, packet_number, sealed_length, clear.transfer_id, clear.offset)
    if isinstance(clear, Message):
        return hot.pack_msg(flags, connection_id, packet_number, sealed_length, clear.channel, clear.offset)
    if isinstance(clear, Ack):
        if sealed_length:
            raise UsageError("an ACK has no sealed body")
        return _ack_associated(flags, connection_id, packet_number, clear)
    part = b"" if clear is None else _CLEAR_LAYOUTS[packet_type].pack(_handshake_values(clear))
    if len(part) + sealed_length > MAX_BURST - _OVERHEAD:
        raise UsageError(f"{packet_type.name} does not fit a datagram")
    return hot.pack_header(packet_type, flags, len(part) + sealed_length, connection_id, packet_number) + part


def _ack_associated(flags: int, connection_id: bytes, packet_number: int, ack: Ack) -> bytes:
    return hot.pack_ack(
        flags,
        connection_id,
        packet_number,
        ack.largest,
        ack.arrival,
        ack.ack_delay,
        ack.received,
        ack.window,
        ack.ranges,
    )


def _handshake_values(clear: Hello | Cookie | Reply | Version) -> list[Value]:
    match clear:
        case Hello(ephemeral, features, cookie):
            return [ephemeral, features, cookie, bytes(HELLO_SIZE - _HELLO_FIXED - len(cookie))]
        case Cookie(cookie):
            return [cookie]
        case Reply(noise):
            return [noise]
        case Version(lowest, highest, modes):
            return [lowest, highest, modes]


def _check_header(
    packet_type: PacketType, flags: int, connection_id: bytes, packet_number: int, sealed_length: int
) -> None:
    if (
        flags & ~KNOWN_FLAGS
        or len(connection_id) != CONNECTION_ID_SIZE
        or not 0 <= packet_number <= MAX_NUMBER
        or not 0 <= sealed_length <= MAX_BURST - _OVERHEAD - hot.DATA_CLEAR_SIZE
    ):
        raise UsageError(
            f"no such header: {packet_type.name} {flags} {connection_id!r} {packet_number} {sealed_length}"
        )


def encode_handshake(
    packet_type: PacketType, flags: int, connection_id: bytes, packet_number: int, clear: Clear | None
) -> bytes:
    """A whole HELLO, COOKIE, REPLY or VERSION with its checksum. A HELLO is padded to HELLO_SIZE."""
    if packet_type not in _HANDSHAKE or clear is None:
        raise UsageError(f"{packet_type.name} is no packet of the handshake")
    covered = encode_associated(packet_type, flags, connection_id, packet_number, clear, 0)
    return covered + _checksum(covered)


def checksum_fits(datagram: bytes | bytearray | memoryview) -> bool:
    """Whether the trailer is the checksum of all before it: handshake packets but RESET, all packets in plaintext."""
    view = memoryview(datagram)
    return len(view) >= TRAILER_SIZE and view[-TRAILER_SIZE:] == _checksum(view[:-TRAILER_SIZE])


def _checksum(covered: bytes | memoryview) -> bytes:
    return crc32(covered).to_bytes(4, "big") + _CHECKSUM_PADDING


def encode_reset(connection_id: bytes, reset_token: bytes) -> bytes:
    """A whole RESET, of 40 bytes: the server knows nothing (any more) of this connection."""
    if len(reset_token) != TRAILER_SIZE:
        raise UsageError("a reset token has 16 bytes")
    return encode_associated(PacketType.RESET, Flag.FROM_SERVER, connection_id, 0, None, 0) + reset_token


def encode_params(params: Params, padding: int = 0) -> bytes:
    """What REPLY carries, to be sealed by the handshake. padding: bytes of zeros behind it, where nothing is sealed."""
    return _PARAMS.pack(
        [
            params.connection_id,
            params.reset_token,
            params.features,
            params.max_datagram,
            params.idle_timeout // MILLISECOND,
            bytes(padding),
        ]
    )


def decode_params(part: bytes | bytearray | memoryview) -> Params:
    """What REPLY carried."""
    connection_id, reset_token, features, max_datagram, milliseconds, _ = _PARAMS.unpack_all(memoryview(part))
    make = cast("Callable[..., Params]", Params)
    return make(connection_id, reset_token, features, max_datagram, cast("int", milliseconds) * MILLISECOND)
