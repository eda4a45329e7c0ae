"""A client process for tests: `python -m tests.net.putting PORT FILE UPLOAD_ID HOME [BYTES]` uploads a file.

BYTES: it kills itself when it has sent so many.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.loop import run

LOCALHOST = "127.0.0.1"


async def _put(port: int, path: Path, upload_id: bytes, home: Path, limit: int | None) -> None:
    client = await connect(LOCALHOST, port, nick="anna", home=home, folder=home)
    watch = asyncio.create_task(_die_at(client, limit)) if limit is not None else None
    uploaded = await client.put(path, upload_id=upload_id)
    print(f"uploaded {uploaded.file_id.hex()}", flush=True)
    if watch is not None:
        watch.cancel()
    await client.close()


async def _die_at(client: Client, limit: int) -> None:
    while client.counters()["sent_bytes"] < limit:  # noqa: ASYNC110 - counters tell nobody
        await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    port, path, upload_id, home, *limit = arguments
    run(_put(int(port), Path(path), bytes.fromhex(upload_id), Path(home), int(limit[0]) if limit else None))


if __name__ == "__main__":
    main(sys.argv[1:])
