from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "tests.store.contract",
    "tests.store.contract_files",
    "tests.store.contract_history",
    "tests.store.contract_marks",
    "tests.store.contract_mending",
    "tests.store.contract_messages",
    "tests.store.contract_people",
    "tests.store.contract_rooms",
    "tests.store.actions",
    "tests.store.mending",
    "tests.store.shelf",
    "tests.store.talk",
)

from tests.store.actions import server_store  # noqa: E402 - after its asserts are told to be rewritten
from udpchat.store.chat_schema import CHAT_DATABASE  # noqa: E402
from udpchat.store.server import ServerStore  # noqa: E402


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ServerStore]:
    store = server_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def watcher(store: ServerStore, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of another program; after the store, which makes the file."""
    connection = sqlite3.connect(tmp_path / CHAT_DATABASE, isolation_level=None)
    yield connection
    connection.close()
