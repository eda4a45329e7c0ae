"""What is different each time, replaced by something of the same shape: times, ports, keys, speeds, folders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

DATE: Final = "2026-11-20"
NOON: Final = "12:00:00"
_MOMENT: Final = "1795176000000000"  # noon of that day in UTC, microseconds since 1970

_RULES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\b\d\d:\d\d:\d\d\b", NOON),
        (r"--- \w+day \d{4}-\d\d-\d\d ---", f"--- Friday {DATE} ---"),
        (r"\b1[789]\d{14}\b", _MOMENT),
        (r"127\.0\.0\.1:(?!2730\d\b)\d+\b", "127.0.0.1:27272"),
        (r"127\.0\.0\.1 port (?!2730\d\b)\d+\b", "127.0.0.1 port 50000"),
        (r"\b(?:[0-9a-f]{4}-){7}[0-9a-f]{4}\b", "0123-4567-89ab-cdef-0123-4567-89ab-cdef"),
        (r"\b[0-9a-f]{64}\b", "0123456789abcdef" * 4),
        (r"^  id        [0-9a-f]{32}", "  id        0123456789abcdef0123456789abcdef"),
        (r"^[0-9a-f]{8}(?=  )", "01234567"),
        (r"\bnode-[0-9a-f]{16}\b", "node-0123456789abcdef"),
        (r"\b\d?\d% of", "43% of"),
        (r", [\d.]+ [kMG]?B of it before\b", ", 10.0 MB of it before"),
        (r'"file_id": ?"[0-9a-f]{32}"', '"file_id": "0123456789abcdef0123456789abcdef"'),
        (r"\bin \d+\.\d+ s, [\d.]+ [kMG]?B/s", "in 0.01 s, 1.0 kB/s"),
        (r"\b\d+\.\d ms\b", "1.0 ms"),
        (r"\bwait \d+\.\d+ s each", "wait 0.50 s each"),
        (r"\bafter \d+\.\d+ s\b", "after 1.23 s"),
    )
)


def stand_in(line: str, folder: Path) -> str:
    """A line as it is the same every time. folder: where the homes of all lie."""
    line = line.replace(str(folder), "/home")
    for pattern, replacement in _RULES:
        line = pattern.sub(replacement, line)
    return line
