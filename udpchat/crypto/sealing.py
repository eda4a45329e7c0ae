"""Sealing packets with ChaCha20-Poly1305 (RFC 8439), alone or a burst at a time.

A packet is clear part | body | trailer of 16 bytes. The clear part (header included) is authenticated, the body hidden
as well, the trailer is the tag. Keys and nonces: traffic_keys.py. The plaintext counterpart: plain.py.

Key update (RFC 9001 section 6): each end may take the next key for what it sends, and shows it by the phase bit; the
other end follows in its own direction. Epochs grow with packet numbers, so what shows the other phase belongs to the
epoch before when its number is below the one that opened this epoch, else to the next. One key is tried, never two.
"""

from __future__ import annotations

from contextlib import suppress

from cryptography.exceptions import InvalidTag

from udpchat.crypto.keylog import Direction
from udpchat.crypto.keys import Octets
from udpchat.crypto.plain import PlainProtection, checksum_trailer
from udpchat.crypto.protection import TRAILER_SIZE, OnKey, Protection, burst_shape, openable, require_room
from udpchat.crypto.traffic_keys import DirectionKey, Epoch
from udpchat.errors import AuthenticationError, UsageError

__all__ = [
    "TRAILER_SIZE",
    "DirectionKey",
    "OnKey",
    "PlainProtection",
    "Protection",
    "SealedProtection",
    "checksum_trailer",
]


class SealedProtection:
    """Implements Protection with one key per direction and epoch; see there for what the methods promise.

    send_secret, receive_secret: 32 byte traffic secrets out of the handshake.
    sends_as: who we are, for on_key, which is told each key (direction, epoch, key, iv) when its use begins.
    key_phase, packets_sealed: to be read only.
    """

    __slots__ = (
        "_current",
        "_epoch_start",
        "_next",
        "_on_key",
        "_previous",
        "_send",
        "_sends_as",
        "key_phase",
        "packets_sealed",
    )

    def __init__(
        self,
        send_secret: Octets,
        receive_secret: Octets,
        *,
        on_key: OnKey | None = None,
        sends_as: Direction = "client",
    ) -> None:
        self._send = Epoch(send_secret)
        self._previous: Epoch | None = None
        self._current = Epoch(receive_secret)
        self._next: Epoch | None = None  # made when the phase bit first asks for it, and kept: a forger gets one
        self._epoch_start = 0  # packet number that brought the current key into use
        self._on_key = on_key
        self._sends_as: Direction = sends_as
        self.key_phase = 0
        self.packets_sealed = 0
        self._report(self._send, sends_as)
        self._report(self._current, "server" if sends_as == "client" else "client")

    @property
    def send_epoch(self) -> int:
        """Number of the epoch that seals, from 0."""
        return self._send.number

    @property
    def receive_epoch(self) -> int:
        """Number of the newest epoch of which a packet was opened, from 0."""
        return self._current.number

    @property
    def send_key_behind(self) -> bool:
        """The peer has updated its key and we have not followed yet."""
        return self._current.number > self._send.number

    @property
    def may_update(self) -> bool:
        """The peer has followed our last key update (RFC 9001 section 6.1 also wants an ACK for the current key)."""
        return self._current.number >= self._send.number

    @property
    def holds_previous(self) -> bool:
        """Late packets of the epoch before can still be opened."""
        return self._previous is not None

    def update_send_key(self) -> None:
        """Seal with the next key from now on; UsageError while the peer has not followed the last update."""
        if not self.may_update:
            raise UsageError("the peer has not followed the last key update")
        self._send = self._send.following()
        self.key_phase = self._send.phase
        self.packets_sealed = 0
        self._report(self._send, self._sends_as)

    def forget_previous(self) -> None:
        """Refuse late packets of the epoch before from now on."""
        self._previous = None

    def seal_into(self, packet_number: int, plaintext: Octets, associated: Octets, out: memoryview) -> None:
        """Write ciphertext and tag to out."""
        key = self._send.key
        key.cipher.encrypt_into((key.iv_number ^ packet_number).to_bytes(12, "big"), plaintext, associated, out)
        self.packets_sealed += 1

    def open_into(
        self, packet_number: int, key_phase: int, sealed: Octets, associated: Octets, out: memoryview
    ) -> None:
        """Write the plaintext to out; AuthenticationError when the packet is not the peer's."""
        epoch = self._epoch_of(packet_number, key_phase)
        if epoch is None or len(sealed) < TRAILER_SIZE:
            raise AuthenticationError("no key for this packet, or no tag in it")
        key = epoch.key
        try:
            key.cipher.decrypt_into((key.iv_number ^ packet_number).to_bytes(12, "big"), sealed, associated, out)
        except InvalidTag:
            raise AuthenticationError("tag does not fit") from None
        if epoch is self._next:
            self._advance(epoch, packet_number)

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
        """Seal count packets in place."""
        require_room(count, chunk_size, last_chunk_size, stride, clear_size)
        encrypt_into, iv = self._send.key.cipher.encrypt_into, self._send.key.iv_number
        shape = burst_shape(count, stride, clear_size, chunk_size, last_chunk_size)
        numbers = range(first_packet_number, first_packet_number + count)
        for number, chunk, clear, sealed in zip(numbers, shape.chunks, shape.clear, shape.sealed, strict=True):
            encrypt_into((iv ^ number).to_bytes(12, "big"), plain[chunk], buffer[clear], buffer[sealed])
        self.packets_sealed += count

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
        """Open count packets into out, end to end; returns how many are good from the first on."""
        epoch = self._epoch_of(first_packet_number, key_phase)
        count, last_size = openable(count, stride, last_size, clear_size)
        if epoch is None or count < 1:
            return 0
        if epoch is self._previous and first_packet_number + count > self._epoch_start:
            count, last_size = self._epoch_start - first_packet_number, stride  # here the next epoch starts
        overhead = clear_size + TRAILER_SIZE
        shape = burst_shape(count, stride, clear_size, stride - overhead if count > 1 else 0, last_size - overhead)
        decrypt_into, iv = epoch.key.cipher.decrypt_into, epoch.key.iv_number
        numbers = range(first_packet_number, first_packet_number + count)
        opened = 0
        with suppress(InvalidTag):
            for number, sealed, clear, chunk in zip(numbers, shape.sealed, shape.clear, shape.chunks, strict=True):
                decrypt_into((iv ^ number).to_bytes(12, "big"), buffer[sealed], buffer[clear], out[chunk])
                opened += 1
        if opened and epoch is self._next:
            self._advance(epoch, first_packet_number)
        return opened

    def _epoch_of(self, packet_number: int, key_phase: int) -> Epoch | None:
        if key_phase == self._current.phase:
            return self._current
        if packet_number < self._epoch_start:
            return self._previous
        if self._next is None:  # not made beforehand: most connections end before that, and a key takes 2.6 kB
            self._next = self._current.following()
        return self._next

    def _advance(self, following: Epoch, packet_number: int) -> None:
        self._previous, self._current, self._next = self._current, following, None
        self._epoch_start = packet_number
        self._report(self._current, "server" if self._sends_as == "client" else "client")

    def _report(self, epoch: Epoch, direction: Direction) -> None:
        if self._on_key is not None:
            self._on_key(direction, epoch.number, epoch.key.key, epoch.key.iv)
