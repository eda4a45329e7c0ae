"""What a folder is made of: its members, one behind the other, as every part of the program sees them."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from udpchat.wire.numbers import PLAIN_MEMBER, MemberFlag

WHOLE: Final = 0xFFFF_FFFF  # in place of a member's number: the whole file or folder
NO_MD5: Final = bytes(16)  # not known yet
EMPTY_MD5: Final = hashlib.md5(usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """One file or folder inside a folder.

    path: below the folder, parts separated by "/"; display text, never to be used as a path. modified: wall clock since
    1970 [us], 0 unknown. md5: of its bytes, NO_MD5 while it is not known.
    """

    path: str
    size: int
    modified: int = 0
    flags: MemberFlag = PLAIN_MEMBER
    md5: bytes = NO_MD5

    @property
    def is_directory(self) -> bool:
        """A folder; it has no bytes."""
        return bool(self.flags & MemberFlag.DIRECTORY)


class Index:
    """Members in order, and where the bytes of each lie in the whole."""

    __slots__ = ("_members", "_starts")

    def __init__(self, members: Iterable[MemberInfo]) -> None:
        self._members = tuple(members)
        self._starts = list(accumulate((member.size for member in self._members), initial=0))

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[MemberInfo]:
        return iter(self._members)

    def __getitem__(self, number: int) -> MemberInfo:
        return self._members[number]

    @property
    def size(self) -> int:
        """Bytes of all together."""
        return self._starts[-1]

    def span(self, number: int) -> tuple[int, int]:
        """Where the bytes of a member begin and end."""
        return self._starts[number], self._starts[number + 1]

    def member_at(self, offset: int) -> int:
        """Number of the member that has the byte at offset; never an empty one. IndexError beyond the end."""
        if not 0 <= offset < self.size:
            raise IndexError(f"no byte {offset} in a folder of {self.size}")
        return bisect_right(self._starts, offset) - 1


def folder_md5(md5s: Iterable[bytes]) -> bytes:
    """MD5 of a folder: of the MD5s of all its members in order; directories and empty files count as no bytes."""
    return hashlib.md5(b"".join(md5s), usedforsecurity=False).digest()
