"""What tests of resume and repair do, in one line each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tests.store.actions import PART, create_request, files
from tests.store.shelf import members_of
from udpchat.config import BLOCK_SIZE
from udpchat.files.members import MemberInfo
from udpchat.files.ports import AddMembers, CheckPart, CompareBlocks, CreatePart, FileEntry, PartChecked, PartCreated
from udpchat.protocol.ports import Store, perform
from udpchat.wire.numbers import FileFlag, FileState

Ranges = tuple[tuple[int, int], ...]

SIZES = (0, 1, BLOCK_SIZE - 1, 0, 2 * BLOCK_SIZE + 7, 1, 1, 4_096, 0)  # of the members of a folder


def stored_files(store: Store) -> tuple[FileEntry, ...]:
    """The list, without what is still arriving."""
    return tuple(entry for entry in files(store) if entry.state is not FileState.RECEIVING)


def block_hashes(data: bytes) -> bytes:
    """The SHA-256 of each block, as a sender gives them."""
    pieces = (data[start : start + BLOCK_SIZE] for start in range(0, len(data), BLOCK_SIZE))
    return b"".join(hashlib.sha256(piece).digest() for piece in pieces)


def block(number: int, size: int) -> tuple[int, int]:
    """Where a block begins and ends."""
    return number * BLOCK_SIZE, min((number + 1) * BLOCK_SIZE, size)


def check_all(store: Store, part_id: bytes = PART) -> Ranges:
    """Read back what is there; what was wrong."""
    damaged: Ranges = ()
    for _ in range(1_000):
        checked = perform(store, CheckPart(7, part_id))
        assert isinstance(checked, PartChecked), checked
        assert checked.part_id == part_id
        damaged += checked.damaged
        if checked.is_done:
            return damaged
    raise AssertionError("the check does not end")


def compare(store: Store, data: bytes, *, first: int = 0, part_id: bytes = PART) -> Ranges:
    """Compare with the sender's blocks from number `first` on; what was wrong."""
    answer = perform(store, CompareBlocks(8, part_id, first, block_hashes(data)[32 * first :]))
    assert isinstance(answer, tuple), answer
    return answer


def tree_of(data: bytes, sizes: Sequence[int] = SIZES) -> dict[str, bytes | None]:
    """A folder whose bytes these are; a directory before each file."""
    tree: dict[str, bytes | None] = {}
    start = 0
    for number, size in enumerate(sizes):
        tree[f"d{number}"] = None
        tree[f"d{number}/f"] = data[start : start + size]
        start += size
    return tree


def folder_request(tree: dict[str, bytes | None], part_id: bytes = PART) -> CreatePart:
    size = sum(len(data or b"") for data in tree.values())
    return create_request(size, part_id=part_id, name="things", flags=FileFlag.FOLDER, members=len(tree))


def create_folder(store: Store, tree: dict[str, bytes | None], part_id: bytes = PART) -> PartCreated:
    created = perform(store, folder_request(tree, part_id))
    assert isinstance(created, PartCreated), created
    return created


def add_members(
    store: Store, members: Sequence[MemberInfo], *, first: int = 0, part_id: bytes = PART, group: int = 4
) -> None:
    """A group at a time, as a server does."""
    for start in range(0, len(members), group):
        request = AddMembers(9, part_id, first + start, tuple(members[start : start + group]))
        assert perform(store, request) is None


def begin_folder(store: Store, tree: dict[str, bytes | None], part_id: bytes = PART) -> PartCreated:
    """A folder whose members are known."""
    created = create_folder(store, tree, part_id)
    add_members(store, members_of(tree), part_id=part_id)
    return created


def part_path(folder: Path) -> Path:
    """Where a server keeps the part that the tests upload."""
    return folder / "incoming" / PART.hex()


def flip(path: Path, offset: int) -> None:
    """One bit is wrong from now on."""
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
