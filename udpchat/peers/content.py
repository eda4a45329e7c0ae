"""What makes two folders the same, wherever they are and whatever they are called."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Final

_SALT: Final = b"udpchat folder\0"
_MEMBER: Final = struct.Struct(">IQ")  # bytes of the path, bytes of the member


def folder_root(members: Iterable[tuple[str, int, bytes]]) -> bytes:
    """SHA-256 over path, size and block root of every member; directories have the root NO_ROOT.

    In the order of an index: depth first, names sorted, each directory before what is in it.
    """
    digest = hashlib.sha256(_SALT)
    for path, size, root in members:
        name = path.encode()
        digest.update(_MEMBER.pack(len(name), size) + name + root)
    return digest.digest()
