from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ui.processes import Running, next_object, start


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    process = await start("server", "--json", "--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path / "data"))
    try:
        yield Running(process, await next_object(process, "listening"), tmp_path)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
