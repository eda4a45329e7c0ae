"""What tests of shared folders do: a node's storage, and looks at its folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.store.actions import ticking
from tests.store.grove import Tree, plant
from udpchat.errors import StorageError
from udpchat.files.members import WHOLE
from udpchat.files.ports import CloseSource, FileEntry
from udpchat.files.stored_ports import ListFiles, OpenStored, Stored, Viewer
from udpchat.peers.ports import ScanShare, SearchShared, SharedFile, ShareScanned
from udpchat.protocol.ports import Store, perform
from udpchat.store.quotas import Limits
from udpchat.store.server import ServerStore
from udpchat.store.shared import Share
from udpchat.wire.numbers import QueryKind

ANYBODY = Viewer(7, frozenset())
OWNER = "atlas"


class Node:
    """The storage of a node, in a folder of its own, with the folder it shares beside it."""

    def __init__(self, folder: Path, *, portable: bool | None = None, limits: Limits | None = None) -> None:
        self.folder = folder
        self.root = folder / "share"
        self.portable = portable
        self.limits = limits
        self.seed = 0
        self.store = self.open()

    def open(self, owner: str = OWNER, root: Path | None = None) -> ServerStore:
        self.seed += 1
        random = Random(self.seed)
        share = Share(root or self.root, owner)
        self.store = ServerStore(
            self.folder / "data",
            clock=ticking(),
            random_bytes=random.randbytes,
            portable=self.portable,
            limits=self.limits,
            share=share,
        )
        return self.store

    def reopen(self, owner: str = OWNER, root: Path | None = None) -> None:
        self.store.close()
        self.open(owner, root)

    def plant(self, tree: Tree) -> None:
        plant(self.root, tree)

    def write(self, path: str, data: bytes) -> None:
        """A file that is new, or has other bytes and another time."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        before = place.stat().st_mtime_ns if place.exists() else 0
        place.write_bytes(data)
        if place.stat().st_mtime_ns <= before:
            os.utime(place, ns=(before + 1_000, before + 1_000))

    def scan(self, until: Callable[[ShareScanned], bool] = lambda _: False) -> ShareScanned:
        return scan(self.store, until)

    def listed(self) -> dict[str, FileEntry]:
        """What people see, by path."""
        entries = perform(self.store, ListFiles(1, ANYBODY))
        assert isinstance(entries, tuple), entries
        return {entry.path: entry for entry in entries}

    def opened(self, path: str, number: int = WHOLE) -> Stored | StorageError:
        answer = perform(self.store, OpenStored(1, self.listed()[path].file_id, number))
        assert isinstance(answer, Stored | StorageError), answer
        return answer

    def content(self, path: str, number: int = WHOLE) -> bytes:
        """The bytes that somebody gets."""
        stored = self.opened(path, number)
        assert isinstance(stored, Stored), stored
        data = bytearray(stored.source.size)
        offset = 0
        while offset < len(data):
            count = stored.source.read_into(offset, memoryview(data)[offset : offset + 50_000])
            assert count > 0
            offset += count
        perform(self.store, CloseSource(stored.source))
        return bytes(data)

    def found(self, kind: QueryKind, pattern: str) -> tuple[SharedFile, ...]:
        return search(self.store, kind, pattern)

    def search(self, kind: QueryKind, pattern: str, limit: int = 64) -> list[str]:
        return sorted(file.file_name for file in search(self.store, kind, pattern, limit))


def scan(store: Store, until: Callable[[ShareScanned], bool] = lambda _: False) -> ShareScanned:
    """A whole look, slice by slice, or the beginning of one; what the last answer says."""
    for _ in range(10_000):
        answer = perform(store, ScanShare(1))
        assert isinstance(answer, ShareScanned), answer
        if answer.is_done or until(answer):
            return answer
    raise AssertionError("it does not end")


def search(store: Store, kind: QueryKind, pattern: str, limit: int = 64) -> tuple[SharedFile, ...]:
    found = perform(store, SearchShared(1, kind, pattern, limit))
    assert isinstance(found, tuple), found
    return found
