"""Connection ids that a server knows as its own without remembering them, and the reset tokens that belong to them."""

from __future__ import annotations

import hashlib
from hmac import compare_digest
from typing import Final

from udpchat.crypto.keys import SECRET_SIZE, require_size

CONNECTION_ID_SIZE: Final = 8
RANDOM_SIZE: Final = 5  # bytes of an id that are random; the rest is the keyed check
RESET_TOKEN_SIZE: Final = 16


class ConnectionIds:
    """Maker and judge of a server's connection ids.

    key: 32 bytes that outlive a restart, so that old connections can be reset (RFC 9000 section 10.3.2).
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        require_size("connection id key", key, SECRET_SIZE)
        self._key = key

    def make(self, random5: bytes) -> bytes:
        """An id of 8 bytes: 5 random ones and a check of 3. That it is not in use is for the caller to see."""
        require_size("random part", random5, RANDOM_SIZE)
        return random5 + self._check(random5)

    def is_ours(self, connection_id: bytes) -> bool:
        """Whether the check fits: one strange id in 16 million passes."""
        if len(connection_id) != CONNECTION_ID_SIZE:
            return False
        random5, check = bytes(connection_id[:RANDOM_SIZE]), bytes(connection_id[RANDOM_SIZE:])
        return compare_digest(check, self._check(random5))

    def reset_token(self, connection_id: bytes) -> bytes:
        """The 16 bytes that, as the trailer of a RESET, end this connection; the client was told them in PARAMS."""
        require_size("connection id", connection_id, CONNECTION_ID_SIZE)
        return hashlib.blake2s(connection_id, key=self._key, digest_size=RESET_TOKEN_SIZE, person=b"reset").digest()

    def _check(self, random5: bytes) -> bytes:
        size = CONNECTION_ID_SIZE - RANDOM_SIZE
        return hashlib.blake2s(random5, key=self._key, digest_size=size, person=b"conn id").digest()
