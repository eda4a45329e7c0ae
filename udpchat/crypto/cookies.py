"""Proof that a stranger receives at the address it sends from: cookies for now, address tokens for next time.

Neither costs the server memory before the proof is in (RFC 9000 section 8.1).
"""

from __future__ import annotations

import hashlib
import heapq
from hmac import compare_digest
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from udpchat.config import COOKIE_LIFETIME, MILLISECOND, TOKEN_LIFETIME
from udpchat.crypto.keys import SECRET_SIZE, require_size
from udpchat.errors import UsageError

COOKIE_SIZE: Final = 20  # bytes: time of making u32 in ms, keyed hash 16
TOKEN_SIZE: Final = (
    36  # bytes: nonce 12, expiry u64 in us, tag 16; never the size of a cookie, so that both are told apart
)
TOKEN_NONCE_SIZE: Final = 12
_CLOCK_MASK: Final = 0xFFFF_FFFF


class Cookies:
    """Cookies of a server. They are not remembered: a cookie can be checked any number of times while it lives.

    secret: 32 random bytes. The time in a cookie wraps after 49 days, so rotate more often than that.
    """

    __slots__ = ("_previous", "_secret")

    def __init__(self, secret: bytes) -> None:
        require_size("cookie secret", secret, SECRET_SIZE)
        self._secret = secret
        self._previous = secret

    def rotate(self, new_secret: bytes) -> None:
        """Make cookies with new_secret from now on; those made with the secret before it stay good, older ones not."""
        require_size("cookie secret", new_secret, SECRET_SIZE)
        self._previous, self._secret = self._secret, new_secret

    def make(self, address: bytes, binding: bytes, now: int) -> bytes:
        """A cookie of 20 bytes for whoever receives at address.

        address: host and port in one unambiguous form. binding: what the answering HELLO must repeat.
        """
        made = (now // MILLISECOND & _CLOCK_MASK).to_bytes(4, "big")
        return made + _cookie_hash(self._secret, address, binding, made)

    def check(self, cookie: bytes, address: bytes, binding: bytes, now: int) -> bool:
        """Whether we made this cookie for this address and binding, not longer ago than config.COOKIE_LIFETIME."""
        made, tag = bytes(cookie[:4]), bytes(cookie[4:])
        # Both hashes are always computed and compared, so that the time taken tells nothing.
        genuine = compare_digest(tag, _cookie_hash(self._secret, address, binding, made))
        genuine |= compare_digest(tag, _cookie_hash(self._previous, address, binding, made))
        # Modulo 2^32 a cookie from the future is a very old one.
        age = (now // MILLISECOND - int.from_bytes(made, "big")) & _CLOCK_MASK
        return genuine and len(cookie) == COOKIE_SIZE and age * MILLISECOND <= COOKIE_LIFETIME


class AddressTokens:
    """Address tokens of a server: a returning client shows one instead of making the cookie trip.

    key: 32 bytes that outlive a restart. max_used: tokens remembered as used; while that many are alive none is
    redeemed, and clients make the cookie trip. The memory ends with the process: after a restart an unexpired token
    is good once more. Times are wall clock, microseconds since 1970.
    """

    __slots__ = ("_by_expiry", "_cipher", "_latest", "_max_used", "_used")

    def __init__(self, key: bytes, max_used: int) -> None:
        require_size("token key", key, SECRET_SIZE)
        self._cipher = ChaCha20Poly1305(key)
        self._max_used = max_used
        self._used: set[bytes] = set()
        self._by_expiry: list[tuple[int, bytes]] = []  # heap of (expiry, nonce) of the used ones
        self._latest = 0  # a wall clock that is set back must not revive what was forgotten as expired

    def seal(self, address_host: bytes, now_wall: int, nonce: bytes) -> bytes:
        """A token of 36 bytes for a client at this host, whatever its port; good for config.TOKEN_LIFETIME.

        nonce: 12 random bytes, the token's identity; never the same twice.
        """
        require_size("token nonce", nonce, TOKEN_NONCE_SIZE)
        if now_wall < 0:
            raise UsageError("wall clock before 1970")
        expiry = (now_wall + TOKEN_LIFETIME).to_bytes(8, "big")
        return nonce + self._cipher.encrypt(nonce, expiry, _token_context(address_host))

    def redeem(self, token: bytes, address_host: bytes, now_wall: int) -> bool:
        """Whether we sealed this token for this host and it is neither expired nor used; from now on it is used."""
        if len(token) != TOKEN_SIZE:
            return False
        nonce = bytes(token[:TOKEN_NONCE_SIZE])
        try:
            sealed = self._cipher.decrypt(nonce, bytes(token[TOKEN_NONCE_SIZE:]), _token_context(address_host))
        except InvalidTag:
            return False
        expiry = int.from_bytes(sealed, "big")
        now_wall = self._latest = max(self._latest, now_wall)
        self._forget_expired(now_wall)
        if not now_wall < expiry <= now_wall + TOKEN_LIFETIME or nonce in self._used:
            return False
        if len(self._used) >= self._max_used:
            return False  # forgetting a living token instead would let it be used twice
        self._used.add(nonce)
        heapq.heappush(self._by_expiry, (expiry, nonce))
        return True

    def _forget_expired(self, now_wall: int) -> None:
        while self._by_expiry and self._by_expiry[0][0] <= now_wall:
            self._used.discard(heapq.heappop(self._by_expiry)[1])


def _cookie_hash(secret: bytes, address: bytes, binding: bytes, made: bytes) -> bytes:
    message = made + len(address).to_bytes(2, "big") + address + binding
    return hashlib.blake2s(message, key=secret, digest_size=16, person=b"cookie").digest()


def _token_context(address_host: bytes) -> bytes:
    return b"udpchat address token" + address_host
