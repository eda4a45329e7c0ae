"""Protection of plaintext sessions: none. A checksum notices damage; anybody can read and forge.

The trailer is the CRC-32 (that of zlib and Ethernet) of clear part and body, big endian, and twelve zero bytes, so that
lengths are those of a sealed session. There is no key, so the key phase is 0 for ever.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from zlib import crc32

from udpchat.crypto.keys import Octets
from udpchat.crypto.protection import SHAPES_KEPT, TRAILER_SIZE, burst_shape, openable, require_room
from udpchat.errors import AuthenticationError, UsageError

_CHECKSUM_SHIFT = 8 * (TRAILER_SIZE - 4)  # bits of zero below the CRC in a trailer
_TRAILER = Struct(">IQI")  # the CRC, and the zero bytes as two numbers
_PADDING = bytes(TRAILER_SIZE - 4)


@lru_cache(maxsize=SHAPES_KEPT)
def _trailers(count: int, stride: int, last_size: int) -> Struct:
    """All trailers of a burst at once: the CRC and the zero bytes of each packet."""
    full = f"{stride - TRAILER_SIZE}xI12s" * (count - 1)
    return Struct(f">{full}{last_size - TRAILER_SIZE}xI12s")


def checksum_trailer(clear_and_body: Octets) -> bytes:
    """The 16 byte trailer of a packet that is not sealed, from all bytes before it."""
    return (crc32(clear_and_body) << _CHECKSUM_SHIFT).to_bytes(TRAILER_SIZE, "big")


class PlainProtection:
    """Implements Protection with checksums; see there for what the methods promise."""

    __slots__ = ()

    key_phase = 0
    packets_sealed = 0
    send_key_behind = False
    may_update = False
    holds_previous = False

    def update_send_key(self) -> None:
        """Raise UsageError: there is no key to update."""
        raise UsageError("a plaintext session has no key")

    def forget_previous(self) -> None:
        """Do nothing."""

    def seal_into(
        self,
        packet_number: int,  # noqa: ARG002 - part of the interface
        plaintext: Octets,
        associated: Octets,
        out: memoryview,
    ) -> None:
        """Copy the plaintext to out and its trailer behind it."""
        size = len(plaintext)
        if len(out) != size + TRAILER_SIZE:
            raise UsageError(f"{len(out)} bytes for a body of {size} and a trailer of {TRAILER_SIZE}")
        out[:size] = plaintext
        out[size:] = (crc32(plaintext, crc32(associated)) << _CHECKSUM_SHIFT).to_bytes(TRAILER_SIZE, "big")

    def open_into(
        self,
        packet_number: int,  # noqa: ARG002 - part of the interface
        key_phase: int,
        sealed: Octets,
        associated: Octets,
        out: memoryview,
    ) -> None:
        """Copy the body to out; AuthenticationError when the trailer does not fit or a key phase is claimed."""
        size = len(sealed) - TRAILER_SIZE
        if size < 0 or key_phase:
            raise AuthenticationError("not a packet of a plaintext session")
        body = memoryview(sealed)[:size]
        expected = (crc32(body, crc32(associated)) << _CHECKSUM_SHIFT).to_bytes(TRAILER_SIZE, "big")
        if sealed[size:] != expected:
            raise AuthenticationError("checksum does not fit")
        if len(out) != size:
            raise UsageError(f"{len(out)} bytes for a body of {size}")
        out[:] = body

    def seal_burst(
        self,
        first_packet_number: int,  # noqa: ARG002 - part of the interface
        count: int,
        plain: memoryview,
        chunk_size: int,
        last_chunk_size: int,
        buffer: memoryview,
        stride: int,
        clear_size: int,
    ) -> None:
        """Copy count bodies into place, each with its trailer."""
        require_room(count, chunk_size, last_chunk_size, stride, clear_size)
        if (count - 1) * stride + clear_size + last_chunk_size + TRAILER_SIZE > len(buffer):
            raise ValueError("the buffer is too small for the burst")
        shape = burst_shape(count, stride, clear_size, chunk_size, last_chunk_size)
        put_trailer = _TRAILER.pack_into
        for body, chunk, covered in zip(shape.bodies, shape.chunks, shape.covered, strict=True):
            buffer[body] = plain[chunk]
            put_trailer(buffer, covered.stop, crc32(buffer[covered]), 0, 0)

    def open_burst(
        self,
        first_packet_number: int,  # noqa: ARG002 - part of the interface
        key_phase: int,
        count: int,
        buffer: memoryview,
        stride: int,
        last_size: int,
        clear_size: int,
        out: memoryview,
    ) -> int:
        """Check count packets and copy their bodies to out, end to end; returns how many are good from the first on."""
        if key_phase:
            return 0
        count, last_size = openable(count, stride, last_size, clear_size)
        if count == 0:
            return 0
        if (count - 1) * stride + last_size > len(buffer):
            raise ValueError("the buffer is shorter than the burst")
        overhead = clear_size + TRAILER_SIZE
        shape = burst_shape(count, stride, clear_size, stride - overhead if count > 1 else 0, last_size - overhead)
        trailers = _trailers(count, stride, last_size).unpack_from(buffer)
        checksums = map(crc32, map(buffer.__getitem__, shape.covered))
        good = 0
        for checksum, expected, padding in zip(checksums, trailers[::2], trailers[1::2], strict=True):
            if checksum != expected or padding != _PADDING:
                break
            good += 1
        for body, chunk in zip(shape.bodies[:good], shape.chunks, strict=False):
            out[chunk] = buffer[body]
        return good
