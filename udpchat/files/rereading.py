"""How often stored files are read once more because a client's MD5 is another: each time costs a whole reading."""

from __future__ import annotations

from collections import Counter
from typing import Final

from udpchat.config import MAX_REPAIRS

MAX_REREAD: Final = 256  # readings for one connection, whatever the file: more is no damage, it is somebody playing

What = tuple[bytes, str]  # file id, and the name it travels under: a member of a folder counts for itself


class Rereadings:
    """Counted for each connection and file, so that a FETCH anew does not begin anew."""

    def __init__(self) -> None:
        self._counts: dict[bytes, Counter[What]] = {}

    def may_begin(self, connection_id: bytes, what: What) -> bool:
        """Whether this file may be read once more for this connection; if so it is counted."""
        counts = self._counts.setdefault(connection_id, Counter())
        if counts[what] >= MAX_REPAIRS or counts.total() >= MAX_REREAD:
            return False
        counts[what] += 1
        return True

    def forget(self, connection_id: bytes) -> None:
        """The connection is gone."""
        self._counts.pop(connection_id, None)
