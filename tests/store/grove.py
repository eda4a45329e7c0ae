"""What tests of folders do: trees on the disk, sent and received in one line each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.store.actions import PART, create_request, ticking
from udpchat.config import BLOCK_SIZE
from udpchat.files.local_ports import LocalFile, OpenLocal
from udpchat.files.members import EMPTY_MD5, MemberInfo, folder_md5
from udpchat.files.ports import (
    AddMembers,
    CheckPart,
    CommitPart,
    FileEntry,
    PartChecked,
    PartCreated,
    PartSynced,
    SyncPart,
    WritePart,
)
from udpchat.protocol.ports import Source, Store, perform
from udpchat.store.local import LocalStore
from udpchat.wire.numbers import FileFlag, MemberFlag

Tree = Mapping[str, bytes | None]  # files by path; None for directories

NAME = "things"
STEP = 4_000  # bytes that are written at once

SMALL: Tree = {
    "a": None,
    "a/b": None,
    "a/b/c": None,
    "a/b/c/deep.txt": b"deep",
    "a/empty": b"",
    "a/one": b"1",
    "big.bin": Random(5).randbytes(9_000),
    "leer": None,
    "日本語 grüße.txt": b"text",
}


def random_tree(seed: int, count: int, largest: int) -> Tree:
    """A tree of count files, in directories of ten."""
    random = Random(seed)
    tree: dict[str, bytes | None] = {}
    for number in range(count):
        above = f"folder {number // 10:04}"
        tree[above] = None
        tree[f"{above}/{number:05}.bin"] = random.randbytes(random.randrange(largest))
    return tree


MIXED: Tree = {**random_tree(2, 40, 3_000), "large": Random(9).randbytes(3 * BLOCK_SIZE)}


def plant(root: Path, tree: Tree) -> Path:
    """Make a tree on the disk; where it is."""
    root.mkdir(parents=True)
    for path, data in tree.items():
        if data is None:
            (root / path).mkdir(exist_ok=True)
        else:
            (root / path).write_bytes(data)
    return root


def found_in(root: Path) -> dict[str, bytes | None]:
    """The tree that is on the disk."""
    return {
        path.relative_to(root).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }


def whole(tree: Tree) -> bytes:
    return b"".join(data or b"" for data in tree.values())


def members_of(tree: Tree, executable: Iterable[str] = ()) -> tuple[MemberInfo, ...]:
    """As a sender that has all MD5s describes a tree."""
    members = []
    for number, (path, data) in enumerate(tree.items()):
        modified = 1_600_000_000_000_000 + number * 1_000_000
        if data is None:
            members.append(MemberInfo(path, 0, modified, MemberFlag.DIRECTORY, EMPTY_MD5))
        else:
            flags = MemberFlag.EXECUTABLE if path in executable else MemberFlag(0)
            members.append(MemberInfo(path, len(data), modified, flags, hashlib.md5(data).digest()))
    return tuple(members)


def md5_of(tree: Tree) -> bytes:
    return folder_md5(member.md5 for member in members_of(tree))


def local_store(folder: Path, *, portable: bool | None = None) -> LocalStore:
    """A client: its downloads and its home are in folder."""
    return LocalStore(folder / "downloads", clock=ticking(), home=folder / "home", portable=portable)


def open_local(store: Store, path: Path) -> LocalFile:
    opened = perform(store, OpenLocal(1, str(path)))
    assert isinstance(opened, LocalFile), opened
    return opened


def read_all(source: Source, step: int = 60_000) -> bytes:
    """All bytes of a source, in order."""
    data = bytearray(source.size)
    offset = 0
    while offset < source.size:
        count = source.read_into(offset, memoryview(data)[offset : offset + step])
        assert count > 0
        offset += count
    return bytes(data)


def begin_folder(
    store: Store, tree: Tree, *, name: str = NAME, folder: str = "", part_id: bytes = PART, members: int = -1
) -> PartCreated:
    """A folder that begins to arrive, or goes on."""
    count = len(tree) if members < 0 else members
    request = create_request(len(whole(tree)), part_id=part_id, name=name, folder=folder)
    created = perform(store, replace(request, flags=FileFlag.FOLDER, members=count))
    assert isinstance(created, PartCreated), created
    return created


def add_members(store: Store, members: tuple[MemberInfo, ...], *, part_id: bytes = PART) -> object:
    """The first answer that is not None."""
    for first in range(0, len(members), 256):
        answer = perform(store, AddMembers(2, part_id, first, members[first : first + 256]))
        if answer is not None:
            return answer
    return None


def write_folder(store: Store, data: bytes, start: int, stop: int, *, part_id: bytes = PART) -> None:
    for offset in range(start, stop, STEP):
        piece = memoryview(data)[offset : min(offset + STEP, stop)]
        assert perform(store, WritePart(part_id, offset, piece)) is None


def check_all(store: Store, part_id: bytes = PART) -> tuple[tuple[int, int], ...]:
    """What was wrong of what was there."""
    damaged: tuple[tuple[int, int], ...] = ()
    while True:
        checked = perform(store, CheckPart(3, part_id))
        assert isinstance(checked, PartChecked), checked
        damaged += checked.damaged
        if checked.is_done:
            return damaged


def receive_folder(
    store: Store,
    tree: Tree,
    *,
    name: str = NAME,
    folder: str = "",
    part_id: bytes = PART,
    executable: Iterable[str] = (),
) -> FileEntry:
    """A whole folder, going on where the last one stopped."""
    created = begin_folder(store, tree, name=name, folder=folder, part_id=part_id)
    if created.committed is not None:
        return created.committed
    if not created.is_indexed:
        assert add_members(store, members_of(tree, executable), part_id=part_id) is None
    data, position = whole(tree), 0
    for start, stop in (*created.present, (len(data), len(data))):
        write_folder(store, data, position, start, part_id=part_id)
        position = stop
    return commit_folder(store, tree, part_id=part_id)


def commit_folder(store: Store, tree: Tree, *, part_id: bytes = PART) -> FileEntry:
    """A folder that is complete, a slice at a time, as a service commits it."""
    entry = perform(store, CommitPart(4, part_id, md5_of(tree)))
    while isinstance(entry, PartChecked):
        assert perform(store, CheckPart(5, part_id)) == PartChecked(part_id, (), is_done=True)
        entry = perform(store, CommitPart(4, part_id, md5_of(tree)))
    assert isinstance(entry, FileEntry), entry
    return entry


def begun(folder: Path, tree: Tree, durable: int, written: int) -> None:
    """A client that has made the first bytes durable, written more, and is gone."""
    store = local_store(folder)
    begin_folder(store, tree)
    assert add_members(store, members_of(tree)) is None
    write_folder(store, whole(tree), 0, durable)
    synced = perform(store, SyncPart(5, PART))
    assert isinstance(synced, PartSynced), synced
    write_folder(store, whole(tree), durable, written)
    store.close()


def staging(folder: Path) -> Path:
    """Where the only download of a client lies while it arrives."""
    (place,) = (path for path in (folder / "downloads").iterdir() if path.name.startswith("."))
    return place


def in_downloads(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "downloads").iterdir())


def umask() -> int:
    """The umask of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
