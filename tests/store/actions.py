"""What the tests of all stores do: requests in one line each."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from udpchat.config import LOBBY
from udpchat.errors import StorageError
from udpchat.files.ports import (
    CommitPart,
    CreatePart,
    FileEntry,
    PartCreated,
    PartSynced,
    SyncPart,
    WritePart,
)
from udpchat.files.stored_ports import ListFiles, Viewer
from udpchat.protocol.ports import Store, StoreRequest, perform
from udpchat.store.quotas import Limits
from udpchat.store.server import ServerStore

PART = bytes(range(16))
ALICE = b"A" * 32
BOB = b"B" * 32
ANYBODY = Viewer(99, frozenset())  # somebody who is in no room but the lobby


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


def content(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


def ticking() -> Callable[[], int]:
    return itertools.count(1_700_000_000_000_000, 1_000_000).__next__


def server_store(folder: Path, *, portable: bool | None = None, limits: Limits | None = None) -> ServerStore:
    seed = sum(1 for _ in folder.rglob("*")) if folder.exists() else 0
    random_bytes = Random(f"{folder}{seed}").randbytes
    return ServerStore(
        folder, clock=ticking(), random_bytes=random_bytes, portable=portable, limits=limits or Limits(spare=0)
    )


def create_request(
    size: int,
    *,
    part_id: bytes = PART,
    owner: bytes = ALICE,
    name: str = "report.pdf",
    folder: str = "",
    room: str = LOBBY,
    **more: Any,
) -> CreatePart:
    """more: other fields of CreatePart."""
    return CreatePart(1, part_id, owner, "alice", name, size, folder, room=room, **more)


def create(
    store: Store, size: int, *, part_id: bytes = PART, owner: bytes = ALICE, name: str = "report.pdf", folder: str = ""
) -> PartCreated:
    request = create_request(size, part_id=part_id, owner=owner, name=name, folder=folder)
    created = perform(store, request)
    assert isinstance(created, PartCreated), created
    return created


def write(store: Store, data: bytes, start: int, stop: int, *, part_id: bytes = PART) -> None:
    assert perform(store, WritePart(part_id, start, memoryview(data)[start:stop])) is None


def sync(store: Store, part_id: bytes = PART) -> PartSynced:
    synced = perform(store, SyncPart(2, part_id))
    assert isinstance(synced, PartSynced), synced
    return synced


def commit(store: Store, data: bytes, part_id: bytes = PART) -> FileEntry:
    entry = perform(store, CommitPart(3, part_id, md5(data)))
    assert isinstance(entry, FileEntry), entry
    return entry


def upload(
    store: Store, data: bytes, *, part_id: bytes = PART, name: str = "report.pdf", folder: str = ""
) -> FileEntry:
    """A whole transfer, going on where the last one stopped."""
    created = create(store, len(data), part_id=part_id, name=name, folder=folder)
    if created.committed is None:
        position = 0
        for start, stop in (*created.present, (len(data), len(data))):
            if position < start:
                write(store, data, position, start, part_id=part_id)
            position = stop
    return commit(store, data, part_id)


def refusal(store: Store, request: StoreRequest) -> StorageError:
    answer = perform(store, request)
    assert isinstance(answer, StorageError), answer
    assert answer.text
    return answer


def files(store: Store, viewer: Viewer = ANYBODY, room: str = "") -> tuple[FileEntry, ...]:
    entries = perform(store, ListFiles(4, viewer, room))
    assert isinstance(entries, tuple), entries
    return entries
