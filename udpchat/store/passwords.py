"""Passwords as they are kept: argon2id, with the salt and cost in the text (PHC string)."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from udpchat.config import MAX_PASSWORD
from udpchat.errors import StorageError, UsageError

# The OWASP Password Storage Cheat Sheet's first choice for argon2id where memory counts.
MEMORY: Final = 19_456  # KiB
ITERATIONS: Final = 2
LANES: Final = 1
SALT_SIZE: Final = 16  # bytes (RFC 9106 section 4)
HASH_SIZE: Final = 32  # bytes

_STORED: Final = re.compile(r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")


class Passwords:
    """Hashes and checks passwords. random_bytes: for salts."""

    __slots__ = ("_nobodys", "_random_bytes")

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        # Nobody's password: the "hash" is random. Checking against it takes as long as against a real one.
        parts = (base64.b64encode(random_bytes(size)).decode().rstrip("=") for size in (SALT_SIZE, HASH_SIZE))
        self._nobodys = f"$argon2id$v=19$m={MEMORY},t={ITERATIONS},p={LANES}${'$'.join(parts)}"

    def hash(self, password: str) -> str:
        """A password as it is stored. Takes tens of milliseconds and 19 MiB, on purpose."""
        kdf = Argon2id(
            salt=self._random_bytes(SALT_SIZE),
            length=HASH_SIZE,
            iterations=ITERATIONS,
            lanes=LANES,
            memory_cost=MEMORY,
        )
        return kdf.derive_phc_encoded(_as_bytes(password))

    def verify(self, password: str, password_hash: str) -> bool:
        """Whether this is the password, compared in constant time.

        password_hash: empty when there is no account; that takes as long and is False. StorageError when it is damaged.
        """
        kept = password_hash or self._nobodys
        if _STORED.fullmatch(kept) is None:
            raise StorageError("the stored password of this account is damaged; ask the administrator for a new one")
        try:
            Argon2id.verify_phc_encoded(_as_bytes(password), kept)
        except InvalidKey:
            return False
        return bool(password_hash)


def _as_bytes(password: str) -> bytes:
    """In Unicode normal form C: keyboards differ in how they write the same letter."""
    encoded = unicodedata.normalize("NFC", password).encode()
    if len(encoded) > MAX_PASSWORD:
        raise UsageError(f"a password has at most {MAX_PASSWORD} bytes; services check before they ask")
    return encoded
