from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.actions import server_store
from udpchat.store.chat_schema import CHAT_DATABASE
from udpchat.store.server import ServerStore


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
