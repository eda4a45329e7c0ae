"""How much memory the indexes of folders that arrive may take: a member costs its sender nothing, and us half a KiB."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.config import MAX_INDEX_PATHS, MAX_MEMBER_PATH, MEMBER_MEMORY
from udpchat.errors import ErrorCode, StorageError


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """Memory that one folder may come to take [bytes]."""

    owner: bytes
    size: int


class IndexBudget:
    """What folders have claimed: all that they may come to need, before the first member is known.

    of_owner, of_all: bytes at most.
    """

    __slots__ = ("_claims", "_of_all", "_of_owner")

    def __init__(self, of_owner: int, of_all: int) -> None:
        self._of_owner = of_owner
        self._of_all = of_all
        self._claims: set[Claim] = set()

    def claim(self, owner: bytes, members: int) -> Claim:
        """Memory for a folder of so many members. StorageError (TOO_MANY_TRANSFERS) when there is none left."""
        claim = Claim(owner, index_memory(members))
        if claim.size:
            if sum(other.size for other in self._claims if other.owner == owner) + claim.size > self._of_owner:
                text = "folders of yours with very many files arrive already; send this one when they are complete"
                raise StorageError(text, ErrorCode.TOO_MANY_TRANSFERS)
            if sum(other.size for other in self._claims) + claim.size > self._of_all:
                text = "too many folders with very many files arrive at once; try again later"
                raise StorageError(text, ErrorCode.TOO_MANY_TRANSFERS)
            self._claims.add(claim)
        return claim

    def release(self, claim: Claim) -> None:
        """The folder is gone from memory; a second call does nothing."""
        self._claims.discard(claim)


def index_memory(members: int) -> int:
    """Bytes that the index of a folder takes at most."""
    return members * MEMBER_MEMORY + min(members * MAX_MEMBER_PATH, MAX_INDEX_PATHS)
