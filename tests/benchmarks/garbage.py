"""Datagrams that a server must survive: noise, forgeries, and HELLOs that nobody means."""

from __future__ import annotations

from random import Random
from typing import Final

from udpchat.config import MAX_BURST
from udpchat.crypto.noise import NoiseInitiator
from udpchat.wire.codec import Data, Hello, encode_associated, encode_handshake
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.packets import TRAILER_SIZE

KINDS: Final = ("random", "unknown id", "forged", "hello", "empty", "largest")

_EPHEMERAL: Final = NoiseInitiator(b"", bytes(31) + b"\x01").ephemeral_public
_LARGEST: Final = bytes((0x55, 0x43)) + bytes(MAX_BURST - 2)
_BODY: Final = 400  # bytes of file that a forged packet claims to carry


def garbage(kind: str, number: int, random: Random, connection_id: bytes) -> bytes:
    """A datagram of a kind. number: makes each one different; connection_id: of a connection that exists."""
    match kind:
        case "random":
            return random.randbytes(random.randint(1, 1_400))
        case "unknown id":
            return _data(random.randbytes(8), number, random)
        case "forged":
            return _data(connection_id, number + 1_000_000, random)
        case "hello":
            hello = Hello(_EPHEMERAL, 1)
            return encode_handshake(PacketType.HELLO, Flag.SEALED, number.to_bytes(8, "big"), 0, hello)
        case "largest":
            return _LARGEST
    return b""


def _data(connection_id: bytes, number: int, random: Random) -> bytes:
    """A DATA packet whose seal is noise."""
    head = encode_associated(PacketType.DATA, Flag.SEALED, connection_id, number, Data(1, 0), _BODY)
    return head + random.randbytes(_BODY + TRAILER_SIZE)
