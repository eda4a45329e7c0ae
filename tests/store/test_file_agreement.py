"""The store in memory and the one on the disk give the same answers about files, whatever is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest

from tests.store.actions import content, md5
from tests.store.shelf import members_of, read_all, sees, tree_md5
from udpchat.config import PART_LIFETIME, SECOND
from udpchat.errors import StorageError
from udpchat.files.members import WHOLE
from udpchat.files.ports import (
    AbortPart,
    AddMembers,
    ClosePart,
    CommitPart,
    CreatePart,
    FileEntry,
    PartCreated,
    PartFailed,
    SyncPart,
    WritePart,
)
from udpchat.files.stored_ports import (
    NO_FILE_ID,
    DeleteFile,
    ExpireFiles,
    FindFile,
    ListFiles,
    ListMarks,
    ListMembers,
    MarkFile,
    OpenStored,
    Stored,
    Viewer,
)
from udpchat.protocol.ports import Store, StoreRequest, perform
from udpchat.store.memory import MemoryStore
from udpchat.store.quotas import Limits
from udpchat.store.server import ServerStore
from udpchat.wire.numbers import FileFlag, FileState

LIMITS = Limits(files=40, parts_per_owner=12, user_quota=40_000, total_quota=90_000, file_lifetime=4_000 * SECOND)
NAMES = ("a.txt", "A.TXT", "a (2).txt", "\u00e9", "e\u0301", "b", "", "c.tar.gz")
ROOMS = ("lobby", "Books", "BOOKS", "straße", "strasse", "")
TREES: tuple[dict[str, bytes | None], ...] = (
    {},
    {"x": b""},
    {"d": None, "d/e": b"12", "f": content(900)},
    {"a": content(10), "b": content(2_000, 4)},
)


T = TypeVar("T")


class Clock:
    """The time of both stores."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stores(tmp_path: Path, clock: Clock) -> Iterator[tuple[Store, Store]]:
    randoms = Random(), Random()
    memory = MemoryStore(clock=clock, random_bytes=randoms[0].randbytes, limits=LIMITS)
    disk = ServerStore(tmp_path, clock=clock, random_bytes=randoms[1].randbytes, limits=LIMITS)
    for random in randoms:
        random.seed(1)  # what was used up at the start does not matter
    yield memory, disk
    disk.close()


class Requests:
    """Random requests about few people, rooms and names, so that they meet."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.random = Random(f"files {seed}")
        self.clock = clock
        self.uploads: list[tuple[CreatePart, bytes, dict[str, bytes | None] | None]] = []
        self.stored: list[bytes] = [bytes(range(16))]
        self.makers: list[tuple[int, Callable[[], StoreRequest]]] = [
            (14, self.create),
            (4, self.create_again),
            (14, self.add_members),
            (24, self.write),
            (6, lambda: SyncPart(1, self.part_id())),
            (26, self.commit),
            (2, lambda: AbortPart(1, self.part_id())),
            (3, lambda: ClosePart(self.part_id())),
            (12, lambda: ListFiles(1, self.viewer(), self.pick(ROOMS))),
            (8, lambda: FindFile(1, self.viewer(), self.pick((NO_FILE_ID, self.file_id())), self.pick(NAMES))),
            (4, lambda: ListMembers(1, self.file_id())),
            (6, lambda: OpenStored(1, self.file_id(), self.pick((WHOLE, 0, 1, 2)))),
            (20, lambda: MarkFile(1, self.file_id(), self.person(), "nick", self.pick(tuple(FileState)), self.tick())),
            (4, lambda: ListMarks(1, self.file_id())),
            (3, lambda: DeleteFile(1, self.file_id())),
            (1, lambda: ExpireFiles(1, self.tick() + self.pick((0, PART_LIFETIME - 500 * SECOND)))),
        ]

    def __call__(self) -> StoreRequest:
        (maker,) = self.random.choices([make for _, make in self.makers], [weight for weight, _ in self.makers])
        return maker()

    def pick(self, among: tuple[T, ...]) -> T:
        return self.random.choice(among)

    def tick(self) -> int:
        self.clock.now += self.random.randint(0, 20) * SECOND
        return self.clock.now

    def person(self) -> int:
        return self.random.randint(0, 4)

    def viewer(self) -> Viewer:
        return sees(self.person(), *self.random.sample(ROOMS, 2))

    def part_id(self) -> bytes:
        return self.upload()[0].part_id if self.uploads else bytes(16)

    def file_id(self) -> bytes:
        return self.part_id() if self.random.random() < 0.2 else self.pick(tuple(self.stored[-8:]))

    def upload(self) -> tuple[CreatePart, bytes, dict[str, bytes | None] | None]:
        return self.pick(tuple(self.uploads[-6:]))

    def create(self) -> CreatePart:
        tree = self.pick((None, None, *TREES))
        data = (
            b"".join(each or b"" for each in tree.values()) if tree is not None else content(self.pick((0, 1, 9_000)))
        )
        owner_id, to = self.person(), self.pick((0, 0, self.person()))
        request = CreatePart(
            1,
            self.random.randbytes(16),
            bytes((self.pick((owner_id, 9)),)) * 32,
            "nick",
            self.pick(NAMES),
            len(data),
            owner_id=owner_id,
            room="" if to else self.pick(ROOMS[:5]),
            recipient_id=to,
            recipient="friend" if to else "",
            flags=FileFlag(0) if tree is None else FileFlag.FOLDER,
            members=len(tree or {}),
        )
        self.uploads.append((request, data, tree))
        return request

    def create_again(self) -> StoreRequest:
        return self.upload()[0] if self.uploads else self.create()

    def add_members(self) -> StoreRequest:
        folders = [upload for upload in self.uploads[-6:] if upload[2]]
        if not folders:
            return self.create()
        request, _, tree = self.random.choice(folders)
        assert tree is not None
        first = self.random.randint(0, 1)
        return AddMembers(1, request.part_id, first, members_of(tree)[first : self.random.randint(1, 4)])

    def write(self) -> StoreRequest:
        if not self.uploads:
            return self.create()
        request, data, _ = self.upload()
        start = self.pick((0, 0, 0, len(data) // 2))
        return WritePart(request.part_id, start, memoryview(data)[start:])

    def commit(self) -> StoreRequest:
        if not self.uploads:
            return self.create()
        request, data, tree = self.upload()
        right = md5(data) if tree is None else tree_md5(tree)
        return CommitPart(1, request.part_id, self.pick((right, right, right, bytes(16))))


def answer(store: Store, request: StoreRequest) -> object:
    result = perform(store, request)
    if isinstance(result, StorageError):
        return result.code, result.text
    if isinstance(result, Stored):
        data = read_all(result.source)
        result.source.close()
        return result.entry, result.member, data
    if isinstance(result, PartFailed):
        return result.error.code, result.error.text
    if isinstance(result, PartCreated):
        return replace(result, is_checked=True)  # what has been hashed by now is up to the store
    return result


@pytest.mark.parametrize("seed", range(4))
def test_both_stores_give_the_same_answers(seed: int, stores: tuple[Store, Store], clock: Clock) -> None:
    memory, disk = stores
    make = Requests(seed, clock)
    for number in range(600):
        request = make()
        expected = answer(memory, request)
        assert answer(disk, request) == expected, (seed, number, request)
        if isinstance(expected, FileEntry) and isinstance(request, CommitPart):
            make.stored.append(expected.file_id)
    assert len(make.stored) > 10  # or the run shows nothing
