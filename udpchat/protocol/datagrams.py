"""What crosses the border between the core and the sockets: addresses and bursts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

Address: TypeAlias = tuple[str, int]  # (host, port), as numbers


class Burst(NamedTuple):
    """What one system call delivers or takes: datagrams of one size from or to one address.

    data: the datagrams one after another, valid until the next call. segment_size: bytes of each but the last.
    """

    address: Address
    data: memoryview
    segment_size: int

    def datagrams(self) -> Iterator[memoryview]:
        """Cut into single datagrams."""
        size = self.segment_size or len(self.data)
        for at in range(0, len(self.data), size or 1):
            yield self.data[at : at + size]
