"""Noise_NX_25519_ChaChaPoly_BLAKE2s, the handshake of a sealed session (Noise specification, revision 34).

    -> e                      message 1: 32 bytes and a payload in the clear
    <- e, ee, s, es           message 2: 32 + 48 + 16 bytes and a payload only the initiator can read

The initiator learns the responder's static key and, with it, that the responder holds its private half; the responder
learns nothing of the initiator (udpchat's JOIN does that, see identity.py). Names are those of the specification,
section 5. Private keys come in as bytes and serve one handshake.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from udpchat.crypto.keys import Octets, expand, hmac_blake2s, require_size
from udpchat.errors import AuthenticationError, UsageError

PROTOCOL_NAME: Final = b"Noise_NX_25519_ChaChaPoly_BLAKE2s"
KEY_SIZE: Final = 32  # bytes of an X25519 key and of a ChaCha20 key
TAG_SIZE: Final = 16
MAX_MESSAGE: Final = 65_535  # bytes of a Noise message (section 3)
HELLO_OVERHEAD: Final = KEY_SIZE  # bytes of message 1 beside its payload
REPLY_OVERHEAD: Final = KEY_SIZE + KEY_SIZE + TAG_SIZE + TAG_SIZE  # the same of message 2
_NONCE: Final = bytes(12)


class _SymmetricState:
    """The chaining key, the hash of all that was said and, from the first key on, a cipher (section 5.2).

    In NX every key seals one message and is replaced, so the message counter, and with it the nonce, is always zero.
    """

    __slots__ = ("_chaining_key", "_cipher", "handshake_hash")

    def __init__(self, prologue: bytes) -> None:
        self._chaining_key = hashlib.blake2s(PROTOCOL_NAME).digest()
        self._cipher: ChaCha20Poly1305 | None = None
        self.handshake_hash = self._chaining_key
        self.mix_hash(prologue)

    def copy(self) -> _SymmetricState:
        other = _SymmetricState(b"")
        other._chaining_key, other._cipher = self._chaining_key, self._cipher
        other.handshake_hash = self.handshake_hash
        return other

    def mix_hash(self, data: bytes) -> None:
        self.handshake_hash = hashlib.blake2s(self.handshake_hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        self._chaining_key, key = self._hkdf(material)
        self._cipher = ChaCha20Poly1305(key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        cipher = self._cipher
        ciphertext = plaintext if cipher is None else cipher.encrypt(_NONCE, plaintext, self.handshake_hash)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        cipher = self._cipher
        try:
            plaintext = ciphertext if cipher is None else cipher.decrypt(_NONCE, ciphertext, self.handshake_hash)
        except InvalidTag:
            raise AuthenticationError("handshake message does not authenticate") from None
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        return self._hkdf(b"")

    def _hkdf(self, material: bytes) -> tuple[bytes, bytes]:
        # Section 4.3; the same as RFC 5869 with the chaining key as salt and no info.
        output = expand(hmac_blake2s(self._chaining_key, material), b"", 2 * KEY_SIZE)
        return output[:KEY_SIZE], output[KEY_SIZE:]


class NoiseInitiator:
    """The client's half of one handshake: `write_hello`, `read_reply`, then keys.

    prologue: what both ends must agree on beforehand; a difference makes the reply fail.
    ephemeral_private: 32 random bytes, for this handshake alone.
    """

    __slots__ = ("_ephemeral", "_finished", "_hello_written", "_server_public", "_symmetric", "ephemeral_public")

    def __init__(self, prologue: Octets, ephemeral_private: Octets) -> None:
        self._ephemeral = _private_key(ephemeral_private)
        self.ephemeral_public: bytes = self._ephemeral.public_key().public_bytes_raw()
        self._symmetric = _SymmetricState(bytes(prologue))
        self._hello_written = False
        self._finished = False
        self._server_public = b""

    def write_hello(self, payload: bytes = b"") -> bytes:
        """Message 1, once; to repeat a HELLO send the same bytes. The payload travels in the clear."""
        if self._hello_written:
            raise UsageError("message 1 was written already")
        _require_payload(payload, HELLO_OVERHEAD)
        self._hello_written = True
        self._symmetric.mix_hash(self.ephemeral_public)
        return self.ephemeral_public + self._symmetric.encrypt_and_hash(payload)

    def read_reply(self, message: Octets) -> bytes:
        """The payload of message 2.

        AuthenticationError on anything wrong, after which the handshake stands where it stood: a forged reply that
        comes first does not keep the true one out.
        """
        if not self._hello_written or self._finished:
            raise UsageError("message 2 is not expected now")
        _require_message(message, REPLY_OVERHEAD)
        data = bytes(message)
        symmetric = self._symmetric.copy()
        remote_ephemeral, sealed_static = data[:KEY_SIZE], data[KEY_SIZE : 2 * KEY_SIZE + TAG_SIZE]
        symmetric.mix_hash(remote_ephemeral)
        symmetric.mix_key(_exchange(self._ephemeral, remote_ephemeral))
        server_public = symmetric.decrypt_and_hash(sealed_static)
        symmetric.mix_key(_exchange(self._ephemeral, server_public))
        payload = symmetric.decrypt_and_hash(data[2 * KEY_SIZE + TAG_SIZE :])
        self._symmetric, self._server_public, self._finished = symmetric, server_public, True
        return payload

    @property
    def server_public(self) -> bytes:
        """The server's static public key, proved; to be compared with the pinned one before anything is sent."""
        _require_finished(self._finished)
        return self._server_public

    @property
    def handshake_hash(self) -> bytes:
        """32 bytes that name this handshake, the same at both ends and nowhere else (section 11.2)."""
        _require_finished(self._finished)
        return self._symmetric.handshake_hash

    def split(self) -> tuple[bytes, bytes]:
        """Traffic secrets: client to server, server to client."""
        _require_finished(self._finished)
        return self._symmetric.split()


class NoiseResponder:
    """The server's half of one handshake: `read_hello`, `write_reply`, then keys.

    static_private: the server's lasting key. ephemeral_private: 32 random bytes, for this handshake alone.
    """

    __slots__ = ("_ephemeral", "_finished", "_shared", "_static", "_symmetric")

    def __init__(self, prologue: Octets, static_private: Octets, ephemeral_private: Octets) -> None:
        self._static = _private_key(static_private)
        self._ephemeral = _private_key(ephemeral_private)
        self._symmetric = _SymmetricState(bytes(prologue))
        self._shared: tuple[bytes, bytes] | None = None
        self._finished = False

    def read_hello(self, message: Octets) -> bytes:
        """The payload of message 1, which nothing protects yet; AuthenticationError when its key cannot be used."""
        if self._shared is not None:
            raise UsageError("message 1 was read already")
        _require_message(message, HELLO_OVERHEAD)
        data = bytes(message)
        remote_ephemeral, payload = data[:KEY_SIZE], data[KEY_SIZE:]
        # Both exchanges belong to message 2; done here, all that a stranger can get wrong fails while reading.
        self._shared = _exchange(self._ephemeral, remote_ephemeral), _exchange(self._static, remote_ephemeral)
        self._symmetric.mix_hash(remote_ephemeral)
        return self._symmetric.decrypt_and_hash(payload)

    def write_reply(self, payload: bytes = b"") -> bytes:
        """Message 2, once; to answer a repeated HELLO send the same bytes."""
        if self._shared is None or self._finished:
            raise UsageError("message 2 is not due now")
        _require_payload(payload, REPLY_OVERHEAD)
        ephemeral_public = self._ephemeral.public_key().public_bytes_raw()
        self._symmetric.mix_hash(ephemeral_public)
        self._symmetric.mix_key(self._shared[0])
        sealed_static = self._symmetric.encrypt_and_hash(self._static.public_key().public_bytes_raw())
        self._symmetric.mix_key(self._shared[1])
        sealed_payload = self._symmetric.encrypt_and_hash(payload)
        self._finished = True
        return ephemeral_public + sealed_static + sealed_payload

    @property
    def handshake_hash(self) -> bytes:
        """32 bytes that name this handshake, the same at both ends and nowhere else (section 11.2)."""
        _require_finished(self._finished)
        return self._symmetric.handshake_hash

    def split(self) -> tuple[bytes, bytes]:
        """Traffic secrets: client to server, server to client."""
        _require_finished(self._finished)
        return self._symmetric.split()


def _private_key(private: Octets) -> X25519PrivateKey:
    require_size("X25519 private key", private, KEY_SIZE)
    return X25519PrivateKey.from_private_bytes(private)


def _exchange(private: X25519PrivateKey, public: bytes) -> bytes:
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        # The library refuses an all-zero result: a point of low order, so no secret at all (RFC 7748 6.1).
        raise AuthenticationError("public key of low order") from None


def _require_message(message: Octets, overhead: int) -> None:
    if not overhead <= len(message) <= MAX_MESSAGE:
        raise AuthenticationError("handshake message of a wrong length")


def _require_payload(payload: bytes, overhead: int) -> None:
    if len(payload) + overhead > MAX_MESSAGE:
        raise UsageError(f"payload of {len(payload)} bytes does not fit a Noise message")


def _require_finished(finished: bool) -> None:
    if not finished:
        raise UsageError("the handshake is not finished")
