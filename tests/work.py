"""Work, counted: the same on every machine, however busy it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls(verb: Callable[[], object]) -> int:
    """How many functions are called, in Python or C, while verb runs."""
    count = 0

    def on_call(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(on_call)
    try:
        verb()
    finally:
        sys.setprofile(before)
    return count
