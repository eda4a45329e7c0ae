from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.actions import commit, content, create, md5, server_store, sync, ticking, write
from tests.store.contract import PartContract
from tests.store.contract_files import ReadingContract, SightContract, StoredContract
from tests.store.contract_marks import LimitContract, MakeStore, MarkContract, RemovalContract
from udpchat.protocol.ports import Store
from udpchat.store.local import LocalStore
from udpchat.store.memory import MemoryStore
from udpchat.store.quotas import Limits


def memory_store(limits: Limits | None = None) -> MemoryStore:
    return MemoryStore(clock=ticking(), random_bytes=Random(1).randbytes, limits=limits)


def maker(folder: Path, *, portable: bool | None) -> Iterator[MakeStore]:
    """What makes stores with limits; they are closed in the end."""
    with ExitStack() as made:

        def make(limits: Limits) -> Store:
            store = server_store(folder / "limited", portable=portable, limits=limits)
            made.callback(store.close)
            return store

        yield make


class ServerContract(
    PartContract, StoredContract, SightContract, ReadingContract, MarkContract, RemovalContract, LimitContract
):
    """All that a server's store does with files."""


class TestServerPosix(ServerContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = server_store(tmp_path)
        yield store
        store.close()

    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Iterator[MakeStore]:
        yield from maker(tmp_path, portable=None)


class TestServerPortable(ServerContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = server_store(tmp_path, portable=True)
        yield store
        store.close()

    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Iterator[MakeStore]:
        yield from maker(tmp_path, portable=True)


class TestMemory(ServerContract):
    @pytest.fixture
    def store(self) -> Store:
        return memory_store()

    @pytest.fixture
    def make_store(self) -> MakeStore:
        return memory_store


class TestClientPosix(PartContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = LocalStore(tmp_path / "downloads", clock=ticking())
        yield store
        store.close()


class TestClientPortable(PartContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = LocalStore(tmp_path / "downloads", clock=ticking(), portable=True)
        yield store
        store.close()


@pytest.mark.parametrize("kind", ["posix", "portable", "memory"])
def test_any_order_of_pieces_gives_the_digest_of_the_whole(kind: str, tmp_path: Path) -> None:
    store = memory_store() if kind == "memory" else server_store(tmp_path, portable=kind == "portable")
    numbers = itertools.count()

    @settings(max_examples=20, deadline=None)
    @given(
        size=st.integers(0, 5_000),
        pieces=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), max_size=12),
        synced_after=st.integers(0, 12),
    )
    def check(size: int, pieces: list[tuple[int, int]], synced_after: int) -> None:
        body, part_id = content(size), next(numbers).to_bytes(16, "big")
        create(store, size, part_id=part_id)
        for index, ends in enumerate(pieces):
            start, stop = sorted(min(end, size) for end in ends)
            write(store, body, start, stop, part_id=part_id)
            if index == synced_after:
                sync(store, part_id)
        write(store, body, 0, size, part_id=part_id)
        assert commit(store, body, part_id).md5 == md5(body)

    check()
    store.close()
