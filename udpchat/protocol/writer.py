"""Packets into a buffer: numbered, sealed, ready for one system call."""

from __future__ import annotations

from typing import Protocol

from udpchat.arq.numbers import PacketNumbers
from udpchat.crypto.sealing import Protection
from udpchat.errors import UsageError
from udpchat.wire.codec import Clear, encode_associated
from udpchat.wire.hot import MAX_NUMBER, pack_data_headers, pack_msg
from udpchat.wire.numbers import Flag, PacketType
from udpchat.wire.packets import TRAILER_SIZE

DATA_CLEAR_SIZE = 36  # bytes of header and clear part of a DATA packet
DATA_OVERHEAD = DATA_CLEAR_SIZE + TRAILER_SIZE  # bytes of a DATA datagram that are not file bytes
# As plain numbers: the flags of an IntFlag take microseconds to combine, and this is done for each burst.
_FROM_SERVER = int(Flag.FROM_SERVER)
_KIND = int(Flag.FROM_SERVER | Flag.SEALED)
KEY_PHASE = int(Flag.KEY_PHASE)
MESSAGE_CLEAR_SIZE = 33  # the same two of a MSG packet
MESSAGE_OVERHEAD = MESSAGE_CLEAR_SIZE + TRAILER_SIZE


class BlockSource(Protocol):
    """Where the bytes of a transfer are read from."""

    def read_into(self, offset: int, view: memoryview) -> int:
        """Fill view from offset on; bytes read, fewer when the file has shrunk."""
        ...


class PacketWriter:
    """Builds the datagrams of one connection in a buffer that the driver lends.

    flags: FROM_SERVER and SEALED as they apply to all packets. plain: a buffer for what is read to be sealed, used in
    one call only; all connections of a socket share it, since one each took 64 KiB. A view that is returned is valid
    until the next call.
    """

    __slots__ = ("_base_flags", "_buffer", "_connection_id", "_plain", "_protection", "numbers")

    def __init__(
        self,
        connection_id: bytes,
        flags: int,
        protection: Protection,
        numbers: PacketNumbers,
        buffer: memoryview,
        plain: memoryview,
    ) -> None:
        self.numbers = numbers
        self._connection_id = connection_id
        self._protection = protection
        self._base_flags = int(flags)
        self._buffer = buffer
        self._plain = plain

    @property
    def _flags(self) -> int:
        return self._base_flags | (KEY_PHASE if self._protection.key_phase else 0)

    def is_from_peer(self, flags: int) -> bool:
        """True when a packet with these flags was sent by the other end, in the mode of this connection."""
        return (flags ^ self._base_flags) & _KIND == _FROM_SERVER

    def packet(
        self, packet_type: PacketType, clear: Clear | None, body: bytes | bytearray | memoryview
    ) -> tuple[int, memoryview]:
        """One packet of any type; its number and its datagram."""
        number = self.numbers.next_burst(1)
        associated = encode_associated(packet_type, self._flags, self._connection_id, number, clear, len(body))
        clear_size, size = len(associated), len(associated) + len(body) + TRAILER_SIZE
        view = self._buffer[:size]
        view[:clear_size] = associated
        self._protection.seal_into(number, body, view[:clear_size], view[clear_size:])
        return number, view

    def message(self, channel: int, offset: int, data: bytes | memoryview) -> tuple[int, memoryview]:
        """A MSG packet, byte for byte what `packet` makes, a third faster: a room is made of them."""
        number = self.numbers.next_burst(1)
        if not 0 <= offset <= MAX_NUMBER >= number:
            raise UsageError(f"no such MSG: packet {number}, offset {offset}")
        associated = pack_msg(self._flags, self._connection_id, number, len(data), channel, offset)
        view = self._buffer[: MESSAGE_OVERHEAD + len(data)]
        view[:MESSAGE_CLEAR_SIZE] = associated
        self._protection.seal_into(number, data, associated, view[MESSAGE_CLEAR_SIZE:])
        return number, view

    def data_burst(
        self, source: BlockSource, transfer_id: int, offset: int, length: int, chunk: int
    ) -> tuple[int, int, memoryview] | None:
        """A run of file bytes as DATA packets of chunk bytes each, the last may be shorter.

        First packet number, packets, datagrams; None when the source gave fewer bytes than asked.
        """
        plain = self._plain[:length]
        if source.read_into(offset, plain) != length:
            return None
        count = -(-length // chunk)
        last = length - (count - 1) * chunk
        stride = chunk + DATA_OVERHEAD
        first = self.numbers.next_burst(count)
        pack_data_headers(
            self._buffer, count, stride, self._flags, self._connection_id, first, transfer_id, offset, chunk, last
        )
        self._protection.seal_burst(first, count, plain, chunk, last, self._buffer, stride, DATA_CLEAR_SIZE)
        return first, count, self._buffer[: (count - 1) * stride + last + DATA_OVERHEAD]
