"""How a benchmark prints what it found: a table for people, or one JSON object a row."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from statistics import median
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = dict[str, Value]

LIMIT_SHARE = 1_420 / 1_514  # of the wire that the best packets leave to the file (docs/testing.md)
OK = "ok"  # column that says whether a row meets its target


def limit(rate: float, loss: float) -> float:
    """The most a file can get of a link: rate in any unit, loss as a share."""
    return rate * (1 - loss) * LIMIT_SHARE


def percentile(values: Iterable[float], share: float) -> float:
    """The value that so many do not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def middle(values: Iterable[float]) -> float:
    """The median; 0 without values."""
    found = list(values)
    return median(found) if found else 0.0


def machine() -> str:
    """How busy the machine is, to be read beside every figure that depends on it."""
    return f"machine: {os.cpu_count()} cores, load {', '.join(f'{load:.1f}' for load in os.getloadavg())}"


def add_json(parser: ArgumentParser) -> None:
    """Give a command the option that every benchmark has."""
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of a table")


def show(rows: list[Row], options: Namespace, title: str = "") -> int:
    """Print rows, those that miss their target first; 1 when there are any, else 0."""
    rows = sorted(rows, key=lambda row: row.get(OK) is not False)
    if options.json:
        for row in rows:
            print(json.dumps(row), flush=True)
    else:
        if title:
            print(f"\n{title}")
        _table(rows)
    return int(any(row.get(OK) is False for row in rows))


def _table(rows: list[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([_text(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(names))]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)), flush=True)


def _text(value: Value) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "MISSED"
        case float():
            return f"{value:.3f}"
    return str(value)
