"""What packets decode to: frozen values that cannot be illegal.

Making one with a value that its field cannot carry raises UsageError. codec.py turns them into bytes and back; import
them from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from udpchat.config import MAX_ACK_RANGES, MILLISECOND
from udpchat.errors import DecodeError, UsageError
from udpchat.wire.layout import MAX_NUMBER
from udpchat.wire.numbers import Flag, PacketType

CONNECTION_ID_SIZE: Final = 8
KNOWN_FLAGS: Final = reduce(or_, Flag).value

_U8: Final = 0xFF
_U16: Final = 0xFFFF
_U32: Final = 0xFFFF_FFFF


class UnknownVersionError(DecodeError):
    """A packet of another version of the protocol, of which only this much can be read."""

    def __init__(self, version: int, packet_type: int, connection_id: bytes) -> None:
        super().__init__("unknown-version")
        self.version = version
        self.packet_type = packet_type
        self.connection_id = connection_id


@dataclass(frozen=True, slots=True)
class Header:
    """What every packet starts with. body_length: bytes between header and trailer."""

    packet_type: PacketType
    flags: int
    body_length: int
    connection_id: bytes
    packet_number: int

    def __post_init__(self) -> None:
        if (
            self.flags & ~KNOWN_FLAGS
            or not 0 <= self.packet_number <= MAX_NUMBER
            or len(self.connection_id) != CONNECTION_ID_SIZE
            or not 0 <= self.body_length <= _U16
        ):
            raise UsageError(f"no such header: {self!r}")


# -- clear parts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The client's first word. cookie: empty, a cookie or an address token. Unknown features stay in."""

    ephemeral: bytes
    features: int
    cookie: bytes = b""

    def __post_init__(self) -> None:
        if len(self.ephemeral) != 32 or not 0 <= self.features <= _U32 or len(self.cookie) > _U8:
            raise UsageError("no such HELLO")


@dataclass(frozen=True, slots=True)
class Cookie:
    """What the client has to bring back in HELLO."""

    cookie: bytes

    def __post_init__(self) -> None:
        if len(self.cookie) > _U8:
            raise UsageError("a cookie has at most 255 bytes")


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's half of the handshake; in plaintext mode `noise` is encoded Params."""

    noise: bytes

    def __post_init__(self) -> None:
        if len(self.noise) > _U16 - 2:
            raise UsageError("a REPLY does not fit a packet")


@dataclass(frozen=True, slots=True)
class Version:
    """What the server speaks: versions lowest to highest, modes as bits of Mode."""

    lowest: int
    highest: int
    modes: int

    def __post_init__(self) -> None:
        if not 0 <= self.lowest <= self.highest <= _U8 or not 0 <= self.modes <= _U8:
            raise UsageError(f"no such VERSION: {self!r}")


@dataclass(frozen=True, slots=True)
class Data:
    """Place of a chunk: which transfer, and where in the file [bytes]."""

    transfer_id: int
    offset: int

    def __post_init__(self) -> None:
        if not 0 <= self.transfer_id <= _U32 or not 0 <= self.offset <= MAX_NUMBER:
            raise UsageError(f"no such DATA: {self!r}")


@dataclass(frozen=True, slots=True)
class Message:
    """Place of a fragment: which channel, and where in it [bytes]."""

    channel: int
    offset: int

    def __post_init__(self) -> None:
        if not 0 <= self.channel <= _U8 or not 0 <= self.offset <= MAX_NUMBER:
            raise UsageError(f"no such MSG: {self!r}")


@dataclass(frozen=True, slots=True)
class Ack:
    """What the receiver has, and when.

    largest: largest packet number received. arrival: the receiver's clock then, modulo 2^32 [us]. ack_delay: from then
    to the sending of this [us]. received: datagrams so far. window: bytes that may be in flight.
    ranges: half-open runs of packet numbers, newest first, a gap between any two, the first ending with largest.
    """

    largest: int
    arrival: int
    ack_delay: int
    received: int
    window: int
    ranges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if (
            not 0 <= self.largest <= MAX_NUMBER
            or not 0 <= self.received <= MAX_NUMBER
            or not 0 <= self.arrival <= _U32
            or not 0 <= self.ack_delay <= _U32
            or not 0 <= self.window <= _U32
            or not 1 <= len(self.ranges) <= MAX_ACK_RANGES
            or self.ranges[0][1] != self.largest + 1
            or not _are_descending_runs(self.ranges)
        ):
            raise UsageError(f"no such ACK: {self!r:.200}")


class LoneAck(NamedTuple):
    """An ACK with one range and its header, which `decode_lone_ack` has checked: most ACKs are this.

    start, stop: of the range; the largest packet number received is stop - 1.
    """

    flags: int
    connection_id: bytes
    packet_number: int
    arrival: int
    ack_delay: int
    received: int
    window: int
    start: int
    stop: int


def _are_descending_runs(ranges: tuple[tuple[int, int], ...]) -> bool:
    """Half-open runs, none empty, newest first, with a gap between any two."""
    previous = MAX_NUMBER + 2
    for start, stop in ranges:
        if not start < stop < previous:
            return False
        previous = start
    return previous >= 0


Clear = Hello | Cookie | Reply | Version | Data | Message | Ack


class Packet(NamedTuple):
    """One datagram, looked at in place.

    associated: header and clear part. sealed: sealed body and trailer. Both are views of the datagram.
    clear: None on packets that have no clear part.
    """

    header: Header
    clear: Clear | None
    associated: memoryview
    sealed: memoryview


# -- bodies that are sealed --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ping:
    """Please acknowledge."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Please send these 8 bytes back from the same address."""

    nonce: bytes

    def __post_init__(self) -> None:
        _check_nonce(self.nonce)


@dataclass(frozen=True, slots=True)
class Response:
    """The 8 bytes of a Challenge."""

    nonce: bytes

    def __post_init__(self) -> None:
        _check_nonce(self.nonce)


def _check_nonce(nonce: bytes) -> None:
    if len(nonce) != 8:
        raise UsageError("a nonce has 8 bytes")


@dataclass(frozen=True, slots=True)
class Probe:
    """A packet of a size that is tried (RFC 8899). padding_length: zero bytes in its body."""

    padding_length: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.padding_length <= _U16:
            raise UsageError("a PROBE does not fit a packet")


@dataclass(frozen=True, slots=True)
class Close:
    """Goodbye. code: an ErrorCode, or a number of a later version. reason: the same for people."""

    code: int
    reason: str

    def __post_init__(self) -> None:
        try:
            length = len(self.reason.encode())
        except UnicodeEncodeError:
            raise UsageError("the reason of a CLOSE is no text") from None
        if not 0 <= self.code <= _U16 or length > _U16 - 4:
            raise UsageError("no such CLOSE")


Body = Ping | Challenge | Response | Probe | Close


@dataclass(frozen=True, slots=True)
class Params:
    """What the server tells inside REPLY.

    max_datagram: largest datagram it takes [bytes]. idle_timeout: silence after which it drops the connection [us]; the
    wire has whole milliseconds.
    """

    connection_id: bytes
    reset_token: bytes
    features: int
    max_datagram: int
    idle_timeout: int

    def __post_init__(self) -> None:
        if (
            len(self.connection_id) != CONNECTION_ID_SIZE
            or len(self.reset_token) != 16
            or not 0 <= self.features <= _U32
            or not 0 <= self.max_datagram <= _U16
            or not 0 <= self.idle_timeout <= _U32 * MILLISECOND
            or self.idle_timeout % MILLISECOND
        ):
            raise UsageError("no such PARAMS")
