"""Which sequences a time can be found under, without an index of all times."""

from __future__ import annotations

import sqlite3
from typing import Final

from udpchat.store.chat_schema import SPAN_BITS

_MAX_TIME: Final = 2**63 - 1


def sequences_of(connection: sqlite3.Connection, sent_from: int, sent_until: int = 0) -> tuple[int, int] | None:
    """The first and the last sequence that a message of that time can have; None when there is none.

    sent_from, sent_until: wall clock [us]; up to, but not including, sent_until; 0 is for ever. The clock may have been
    set back and forth: what lies between them is of that time mostly, but not always.
    """
    first, last = connection.execute(
        "SELECT min(span), max(span) FROM spans WHERE last_at >= ? AND first_at < ?",
        (sent_from, sent_until or _MAX_TIME),
    ).fetchone()
    return None if first is None else (first << SPAN_BITS, ((last + 1) << SPAN_BITS) - 1)
