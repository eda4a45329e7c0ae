from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ui.processes import RUNNING, Running, next_object, start


@pytest.fixture(autouse=True)
async def _nothing_is_left_running() -> AsyncIterator[None]:
    """What a test that failed has started does not disturb those that follow."""
    yield
    for process in RUNNING:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    RUNNING.clear()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    process = await start("server", "--json", "--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path / "data"))
    try:
        yield Running(process, await next_object(process, "listening"), tmp_path)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
