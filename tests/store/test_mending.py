"""All stores go on, check and repair alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.store.actions import server_store, ticking
from tests.store.contract_mending import FolderPartContract, LateIndexContract, RepairContract
from udpchat.protocol.ports import Store
from udpchat.store.local import LocalStore
from udpchat.store.memory import MemoryStore


class TestServer(RepairContract, FolderPartContract, LateIndexContract):
    @pytest.fixture(params=[False, True], ids=["posix", "portable"])
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
        store = server_store(tmp_path, portable=request.param)
        yield store
        store.close()


class TestMemory(RepairContract, FolderPartContract, LateIndexContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore(clock=ticking(), random_bytes=Random(1).randbytes)


class TestClient(RepairContract, FolderPartContract):
    @pytest.fixture(params=[False, True], ids=["posix", "portable"])
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
        store = LocalStore(tmp_path / "downloads", clock=ticking(), portable=request.param)
        yield store
        store.close()
