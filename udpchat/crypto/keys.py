"""Key derivation: HMAC-BLAKE2s, HKDF over it, and the keys of a server out of one master secret.

HKDF is RFC 5869 with BLAKE2s (RFC 7693, 32 byte digest) as the hash. Every key has a label of its own, so that knowing
one tells nothing of another.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from udpchat.errors import UsageError

SECRET_SIZE: Final = 32  # bytes of every secret and key here: master, traffic, X25519, ChaCha20, BLAKE2s
DIGEST_SIZE: Final = 32  # bytes of a BLAKE2s digest
MAX_EXPANDED: Final = 255 * DIGEST_SIZE  # bytes that one expansion can give (RFC 5869 section 2.3)

Octets = bytes | bytearray | memoryview


def require_size(name: str, value: Octets, size: int) -> None:
    """Raise UsageError unless value has size bytes."""
    if len(value) != size:
        raise UsageError(f"{name} has {len(value)} bytes, must have {size}")


def hmac_blake2s(key: Octets, data: Octets) -> bytes:
    """HMAC (RFC 2104) with BLAKE2s: 32 bytes. This is not BLAKE2s' own keyed mode."""
    return hmac.digest(key, data, "blake2s")


def expand(secret: Octets, info: bytes, length: int) -> bytes:
    """HKDF-Expand (RFC 5869 section 2.3): length bytes that belong to info, out of a uniform 32 byte secret."""
    if not 0 < length <= MAX_EXPANDED:
        raise UsageError(f"cannot expand to {length} bytes")
    block = output = b""
    while len(output) < length:
        block = hmac_blake2s(secret, block + info + bytes([len(output) // DIGEST_SIZE + 1]))
        output += block
    return output[:length]


def derive(master: Octets, label: str, length: int = SECRET_SIZE) -> bytes:
    """The key of length bytes that the 32 byte master secret has for the purpose named by label."""
    require_size("master secret", master, SECRET_SIZE)
    return expand(master, b"udpchat " + label.encode(), length)


def public_key(private: Octets) -> bytes:
    """The X25519 public key (32 bytes) of a 32 byte private key (RFC 7748 section 5)."""
    require_size("X25519 private key", private, SECRET_SIZE)
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """All lasting secrets of a server. Only the master secret is kept on disk; secrets stay out of repr.

    static_public: X25519 public key, what clients pin.
    static_private: its private half. cookie_secret: for `Cookies`. token_key: for `AddressTokens`.
    connection_id_key: for `ConnectionIds`; it lasts, so that a RESET is understood after the server restarted.
    """

    static_public: bytes
    static_private: bytes = field(repr=False)
    cookie_secret: bytes = field(repr=False)
    token_key: bytes = field(repr=False)
    connection_id_key: bytes = field(repr=False)

    @classmethod
    def from_master(cls, master: Octets) -> ServerKeys:
        """Derive all keys from the 32 byte master secret; the same secret gives the same keys."""
        static_private = derive(master, "server static")
        return cls(
            static_public=public_key(static_private),
            static_private=static_private,
            cookie_secret=derive(master, "cookie"),
            token_key=derive(master, "address token"),
            connection_id_key=derive(master, "connection id"),
        )
