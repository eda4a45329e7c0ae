"""Protection of plaintext sessions: none. A checksum notices damage; anybody can read and forge.

The trailer is the CRC-32 (that of zlib and Ethernet) of clear part and body, big endian, and twelve zero bytes, so that
lengths are those of a sealed session. There is no key, so the key phase is 0 for ever.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from zlib import crc32

from udpchat.crypto.keys import Octets
from udpchat.crypto.protection import TRAILER_SIZE, openable, require_room
from udpchat.errors import AuthenticationError, UsageError

_CHECKSUM_SHIFT = 8 * (TRAILER_SIZE - 4)  # bits of zero below the CRC in a trailer
_TRAILER = Struct(">IQI")  # the CRC, and the zero bytes as two numbers
_SHAPES_KEPT = 128  # bursts of so many shapes have their trailers unpacked by a ready-made Struct


@lru_cache(maxsize=_SHAPES_KEPT)
def _trailers(count: int, stride: int, last_size: int) -> Struct:
    """All trailers of a burst at once: three numbers for each packet."""
    full = f"{stride - TRAILER_SIZE}xIQI" * (count - 1)
    return Struct(f">{full}{last_size - TRAILER_SIZE}xIQI")


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
        put_trailer = _TRAILER.pack_into
        packet = chunk = 0
        size = chunk_size
        for remaining in range(count - 1, -1, -1):
            if not remaining:
                size = last_chunk_size
            body = packet + clear_size
            trailer = body + size
            buffer[body:trailer] = plain[chunk : chunk + size]
            put_trailer(buffer, trailer, crc32(buffer[packet:trailer]), 0, 0)
            packet += stride
            chunk += size

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
        trailers = _trailers(count, stride, last_size).unpack_from(buffer)
        packet = chunk = 0
        length = stride - TRAILER_SIZE
        for index, expected in enumerate(trailers[::3]):
            if index == count - 1:
                length = last_size - TRAILER_SIZE
            trailer = packet + length
            if crc32(buffer[packet:trailer]) != expected or trailers[3 * index + 1] or trailers[3 * index + 2]:
                return index
            chunk_end = chunk + length - clear_size
            out[chunk:chunk_end] = buffer[packet + clear_size : trailer]
            chunk = chunk_end
            packet += stride
        return count
