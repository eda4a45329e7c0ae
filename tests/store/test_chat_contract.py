from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.store.actions import ticking
from tests.store.contract_history import HistoryContract
from tests.store.contract_messages import MessageContract
from tests.store.contract_people import PeopleContract
from tests.store.contract_rooms import LIMITS, RoomContract
from udpchat.protocol.ports import Store
from udpchat.store.memory import MemoryStore
from udpchat.store.server import ServerStore


class TestMemory(PeopleContract, RoomContract, MessageContract, HistoryContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore(clock=ticking(), random_bytes=Random(1).randbytes, chat_limits=LIMITS)


class TestServer(PeopleContract, RoomContract, MessageContract, HistoryContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = ServerStore(tmp_path, clock=ticking(), random_bytes=Random(1).randbytes, chat_limits=LIMITS)
        yield store
        store.close()
