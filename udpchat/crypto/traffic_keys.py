"""Keys that seal packets: one per direction and epoch, each epoch's made from the one before.

From a 32 byte traffic secret HKDF-Expand (keys.py) makes, by label:

    "udpchat key"    32 bytes   ChaCha20-Poly1305 key
    "udpchat iv"     12 bytes   XORed with the packet number, big endian and padded on the left: the nonce
    "udpchat next"   32 bytes   the traffic secret of the next epoch

as in RFC 9001 sections 5.1, 5.3 and 6.1. A packet number is never used twice under one key, so neither is a nonce.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from udpchat.crypto.keys import SECRET_SIZE, Octets, expand, require_size

IV_SIZE: Final = 12


class DirectionKey:
    """A key and an iv, ready for use.

    cipher: of the library; its encrypt_into and decrypt_into take (nonce, data, associated, out).
    iv_number: the iv as an integer; nonce = (iv_number ^ packet_number).to_bytes(12, "big").
    """

    __slots__ = ("cipher", "iv", "iv_number", "key")

    def __init__(self, key: bytes, iv: bytes) -> None:
        require_size("iv", iv, IV_SIZE)
        require_size("packet key", key, SECRET_SIZE)
        self.cipher: Final = ChaCha20Poly1305(key)
        self.key = key
        self.iv = iv
        self.iv_number: Final = int.from_bytes(iv, "big")

    def nonce(self, packet_number: int) -> bytes:
        """The 12 byte nonce of a packet."""
        return (self.iv_number ^ packet_number).to_bytes(IV_SIZE, "big")


class Epoch:
    """One generation of keys of one direction.

    number: 0 at the start, +1 with each key update. phase: its parity, what packets carry. key: what seals them.
    """

    __slots__ = ("_secret", "key", "number", "phase")

    def __init__(self, secret: Octets, number: int = 0) -> None:
        require_size("traffic secret", secret, SECRET_SIZE)
        self._secret = bytes(secret)
        self.number: Final = number
        self.phase: Final = number & 1
        self.key: Final = DirectionKey(
            expand(secret, b"udpchat key", SECRET_SIZE), expand(secret, b"udpchat iv", IV_SIZE)
        )

    def following(self) -> Epoch:
        """The next epoch; from it there is no way back to this one."""
        return Epoch(expand(self._secret, b"udpchat next", SECRET_SIZE), self.number + 1)
