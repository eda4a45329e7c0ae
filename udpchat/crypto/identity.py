"""Who a person is: an Ed25519 key (RFC 8032), and the signature in JOIN that proves it for one connection."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from udpchat.crypto.keys import SECRET_SIZE, require_size

PUBLIC_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
HANDSHAKE_HASH_SIZE: Final = 32
CLIENT_ID_SIZE: Final = 16
FINGERPRINT_SIZE: Final = 16
JOIN_LABEL: Final = b"udpchat join v1"  # so that a signature made here means nothing anywhere else


class Identity:
    """A person's key pair. private: 32 random bytes, kept for good; public: 32 bytes, the person's name to others."""

    __slots__ = ("_private", "public")

    def __init__(self, private: bytes) -> None:
        require_size("Ed25519 private key", private, SECRET_SIZE)
        self._private = Ed25519PrivateKey.from_private_bytes(private)
        self.public: Final = self._private.public_key().public_bytes_raw()

    def sign(self, handshake_hash: bytes, client_id: bytes) -> bytes:
        """64 bytes for JOIN: over label, handshake hash (32 bytes) and client id (16 bytes)."""
        require_size("handshake hash", handshake_hash, HANDSHAKE_HASH_SIZE)
        require_size("client id", client_id, CLIENT_ID_SIZE)
        return self._private.sign(JOIN_LABEL + handshake_hash + client_id)


def verify(public: bytes, signature: bytes, handshake_hash: bytes, client_id: bytes) -> bool:
    """Whether the holder of public signed this handshake and client id. public, signature, client_id: from outside."""
    require_size("handshake hash", handshake_hash, HANDSHAKE_HASH_SIZE)
    if (len(public), len(signature), len(client_id)) != (PUBLIC_SIZE, SIGNATURE_SIZE, CLIENT_ID_SIZE):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, JOIN_LABEL + handshake_hash + client_id)
    except (InvalidSignature, ValueError):  # some builds of the library refuse a bad point when they load it
        return False
    return True


def fingerprint_bytes(public: bytes) -> bytes:
    """What the fingerprint of a public key shows: the first 128 bits of its SHA-256."""
    return hashlib.sha256(public).digest()[:FINGERPRINT_SIZE]


def fingerprint(public: bytes) -> str:
    """A public key for reading aloud: the first 128 bits of its SHA-256 in hex, as in "7f3a-91c2-..." (8 groups)."""
    digits = fingerprint_bytes(public).hex()
    return "-".join(digits[at : at + 4] for at in range(0, 32, 4))
