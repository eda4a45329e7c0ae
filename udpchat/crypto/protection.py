"""What a connection asks of whatever protects its packets, sealed or plain."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from udpchat.crypto.keylog import Direction
from udpchat.crypto.keys import Octets
from udpchat.errors import UsageError

TRAILER_SIZE: Final = 16  # bytes behind the body: the AEAD tag, or a checksum and zero bytes

SHAPES_KEPT: Final = 128  # bursts of so many shapes find their slices ready-made

OnKey = Callable[[Direction, int, bytes, bytes], None]  # direction, epoch, key, iv


class Protection(Protocol):
    """Protection of one connection. Views are of bytes and contiguous; key_phase is 0 or 1, not the flag's bit.

    After AuthenticationError, and beyond the count that open_burst returns, `out` holds bytes that mean nothing.
    A buffer of the wrong size is our own mistake: UsageError or ValueError.
    """

    @property
    def key_phase(self) -> int:
        """Phase bit of what is sealed now: parity of the send epoch."""

    @property
    def packets_sealed(self) -> int:
        """Packets since the last key update; compare with config.REKEY_PACKETS. Stays 0 where there is no key."""

    @property
    def send_key_behind(self) -> bool:
        """The peer has updated its key and we have not followed: call update_send_key() before sealing more."""

    @property
    def may_update(self) -> bool:
        """The peer has followed our last key update, so that another one is allowed."""

    @property
    def holds_previous(self) -> bool:
        """The receive key of the epoch before is kept for late packets: call forget_previous() in a while."""

    def update_send_key(self) -> None:
        """Seal with the next key from now on; UsageError unless may_update."""

    def forget_previous(self) -> None:
        """Refuse late packets of the epoch before from now on."""

    def seal_into(self, packet_number: int, plaintext: Octets, associated: Octets, out: memoryview) -> None:
        """Write body and trailer to out, len(plaintext) + 16 bytes."""

    def open_into(
        self, packet_number: int, key_phase: int, sealed: Octets, associated: Octets, out: memoryview
    ) -> None:
        """Write the plaintext of body and trailer to out, len(sealed) - 16 bytes; AuthenticationError if not ours."""

    def seal_burst(
        self,
        first_packet_number: int,
        count: int,
        plain: memoryview,
        chunk_size: int,
        last_chunk_size: int,
        buffer: memoryview,
        stride: int,
        clear_size: int,
    ) -> None:
        """Seal count packets of consecutive numbers whose clear parts stand in buffer, one every stride bytes.

        plain: their bodies end to end, chunk_size bytes each, the last one last_chunk_size.
        Packet i becomes buffer[i * stride :]: clear_size bytes as found, then its body, then its trailer.
        """

    def open_burst(
        self,
        first_packet_number: int,
        key_phase: int,
        count: int,
        buffer: memoryview,
        stride: int,
        last_size: int,
        clear_size: int,
        out: memoryview,
    ) -> int:
        """Open count packets of consecutive numbers and one phase: stride bytes each in buffer, the last last_size.

        A burst of one may have any stride. Bodies go to out end to end. Returns how many are good, from the first on;
        it stops at the first that is not. What stands behind may still open by open_into.
        """


class BurstShape(NamedTuple):
    """Where the parts of each packet of a burst lie: slices made once, since making them costs as much as their use.

    clear: the clear parts. covered: clear part and body, what a checksum is over. sealed: body and trailer. bodies: in
    the datagrams; chunks: the same end to end.
    """

    clear: tuple[slice, ...]
    covered: tuple[slice, ...]
    sealed: tuple[slice, ...]
    bodies: tuple[slice, ...]
    chunks: tuple[slice, ...]


@lru_cache(maxsize=SHAPES_KEPT)
def burst_shape(count: int, stride: int, clear_size: int, body_size: int, last_body_size: int) -> BurstShape:
    """The shape of count packets, one every stride bytes; all bodies but the last have body_size bytes."""
    sizes = [body_size] * (count - 1) + [last_body_size]
    starts = [stride * index for index in range(count)]
    bodies = [(start + clear_size, start + clear_size + size) for start, size in zip(starts, sizes, strict=True)]
    chunks = [(body_size * index, body_size * index + size) for index, size in enumerate(sizes)]
    return BurstShape(
        clear=tuple(slice(start, start + clear_size) for start in starts),
        covered=tuple(slice(start, stop) for start, (_, stop) in zip(starts, bodies, strict=True)),
        sealed=tuple(slice(begin, stop + TRAILER_SIZE) for begin, stop in bodies),
        bodies=tuple(slice(*body) for body in bodies),
        chunks=tuple(slice(*chunk) for chunk in chunks),
    )


def require_room(count: int, chunk_size: int, last_chunk_size: int, stride: int, clear_size: int) -> None:
    """Raise UsageError when packets of a burst would overlap: the one mistake that slices do not notice."""
    if count < 1 or not 0 <= last_chunk_size <= chunk_size:
        raise UsageError(f"no burst: {count} packets of {chunk_size}, the last of {last_chunk_size} bytes")
    if count > 1 and clear_size + chunk_size + TRAILER_SIZE > stride:
        raise UsageError(f"packets of {clear_size} + {chunk_size} + {TRAILER_SIZE} bytes overlap every {stride} bytes")


def openable(count: int, stride: int, last_size: int, clear_size: int) -> tuple[int, int]:
    """How many packets of a received burst are long enough to open, from the first on, and the size of their last."""
    shortest = clear_size + TRAILER_SIZE
    if last_size >= shortest and (stride >= shortest or count == 1):
        return count, last_size
    return (max(count - 1, 0), stride) if stride >= shortest else (0, 0)
