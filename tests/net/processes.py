"""Programs of the tests as processes of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from udpchat.store.failpoints import VARIABLE

ROOT: Final = Path(__file__).parents[2]


async def python_process(module: str, *arguments: str, failpoint: str = "") -> asyncio.subprocess.Process:
    """Start `python -m module`, its stdin and stdout as pipes; a failpoint kills it where it is told to."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=pipe,
        stdout=pipe,
        env={**os.environ, VARIABLE: failpoint, "PYTHONPATH": str(ROOT)},
    )
