"""Captures that are damaged half-way: everything up to there is of use."""

from __future__ import annotations

from collections.abc import Iterator

from udpchat.capture.reader import Captured, CaptureFile
from udpchat.errors import CaptureError


class Readable:
    """A capture whose damage ends it, where there is something before. Iterating: CaptureError when there is nothing.

    damage: what was wrong, in a sentence; empty when nothing was, as far as the latest iteration has got.
    """

    def __init__(self, capture: CaptureFile) -> None:
        self.capture = capture
        self.damage = ""

    def __iter__(self) -> Iterator[Captured]:
        self.damage = ""
        last = 0
        try:
            for captured in self.capture:
                last = captured.index
                yield captured
        except CaptureError as error:
            if not last:
                raise
            self.damage = str(error)

    @property
    def trouble(self) -> str:
        """Why the latest iteration ended before its time, in a sentence; empty when it did not."""
        if self.capture.truncated:
            return f"{self.capture.path} is cut off in the middle of a packet; all packets before it were read"
        return self.damage
