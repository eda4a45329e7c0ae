"""How much may be stored: for each user and for all together, and what somebody hears for whom it is too much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from udpchat.config import MAX_PARTS_PER_OWNER, MAX_STORED_FILES
from udpchat.errors import ErrorCode, StorageError

MEMBER_COST: Final = 256  # bytes that a member of a folder counts beside its own: its row in the index


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server stores at most.

    files: in the list. parts_per_owner: unfinished ones. spare: bytes of the disk that are left to the database.
    user_quota: bytes of one user, total_quota: of all, what is still arriving included as if it were there; 0: any
    number. file_lifetime: age at which files are removed [us], 0: never.
    """

    files: int = MAX_STORED_FILES
    parts_per_owner: int = MAX_PARTS_PER_OWNER
    spare: int = 0
    user_quota: int = 0
    total_quota: int = 0
    file_lifetime: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What is stored and arriving. user_bytes: of the user who wants more; both count as `cost` does."""

    files: int
    parts_of_owner: int
    user_bytes: int
    total_bytes: int


def cost(size: int, members: int) -> int:
    """Bytes that a file or folder counts."""
    return size + members * MEMBER_COST


def check_limits(file_name: str, wanted: int, usage: Usage, limits: Limits) -> None:
    """StorageError when another file is too much. wanted: what it counts."""
    if usage.parts_of_owner >= limits.parts_per_owner:
        text = "you have too many unfinished uploads; finish or cancel some first"
        raise StorageError(text, ErrorCode.QUOTA_EXCEEDED)
    if usage.files >= limits.files:
        raise StorageError("the server's list of files is full; ask its administrator", ErrorCode.NO_SPACE)
    if limits.user_quota and usage.user_bytes + wanted > limits.user_quota:
        text = (
            f"{file_name!r} has {amount(wanted)}, and you have {amount(usage.user_bytes)} of your"
            f" {amount(limits.user_quota)} on this server; delete files of yours with /delete, or ask its administrator"
        )
        raise StorageError(text, ErrorCode.QUOTA_EXCEEDED)
    if limits.total_quota and usage.total_bytes + wanted > limits.total_quota:
        text = (
            f"{file_name!r} has {amount(wanted)}, and {amount(usage.total_bytes)} of the {amount(limits.total_quota)}"
            " that this server stores are in use; delete files of yours with /delete, or ask its administrator"
        )
        raise StorageError(text, ErrorCode.QUOTA_EXCEEDED)


def amount(size: int) -> str:
    """Bytes in words: 999 bytes, 1.5 MB."""
    if size < 1_000:
        return "1 byte" if size == 1 else f"{size} bytes"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1_000
        if value < 999.95:
            return f"{value:.1f}".removesuffix(".0") + f" {unit}"
    return f"{value / 1_000:.1f} PB"
