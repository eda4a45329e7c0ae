"""Lines of the key log: with them Wireshark and `udpchat capture decrypt` read a sealed session.

    UDPCHAT_KEY <connection id> <client|server> <epoch> <key> <iv>

Bytes are in hex; client names what clients send, server what the server sends; the epoch is decimal (traffic_keys.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from udpchat.errors import DecodeError

Direction = Literal["client", "server"]

MAX_LINE: Final = 200  # characters; an honest line has at most 138
_LINE: Final = re.compile(
    r"UDPCHAT_KEY ([0-9a-f]{16}) (client|server) ([0-9]{1,10}) ([0-9a-f]{64}) ([0-9a-f]{24})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class LoggedKey:
    """One line of a key log. Key and iv stay out of repr."""

    connection_id: bytes
    direction: Direction
    epoch: int
    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)


def format_line(connection_id: bytes, direction: Direction, epoch: int, key: bytes, iv: bytes) -> str:
    """The line for one key, without a line end."""
    return f"UDPCHAT_KEY {connection_id.hex()} {direction} {epoch} {key.hex()} {iv.hex()}"


def parse_line(line: str) -> LoggedKey:
    """The key of a line; DecodeError for every other line (comments, keys of other programs)."""
    text = line.strip() if len(line) <= MAX_LINE else ""
    match = _LINE.fullmatch(text)
    if match is None:
        raise DecodeError("no-key-line")
    connection_id, direction, epoch, key, iv = match.groups()
    return LoggedKey(
        connection_id=bytes.fromhex(connection_id),
        direction="client" if direction == "client" else "server",
        epoch=int(epoch),
        key=bytes.fromhex(key),
        iv=bytes.fromhex(iv),
    )
