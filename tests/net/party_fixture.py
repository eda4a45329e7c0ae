"""The fixture `party`, for the conftest.py of every folder that wants it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.net.party import GUARD, Party


@pytest.fixture
async def party(tmp_path: Path) -> AsyncIterator[Party]:
    made = Party(tmp_path)
    async with asyncio.timeout(GUARD):
        yield made
        await made.close()
