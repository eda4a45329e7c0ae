"""A client process for tests: `python -m tests.net.carrier PORT put|get PATH HOME [BYTES | POINT VICTIM other|both]`.

It sends PATH, or fetches the file of that name into its folder, and prints `done`. Started again after it was killed,
it goes on with what is written down, and does nothing when nothing is left to do. BYTES: it kills itself when it has
sent or received so many. POINT: a failpoint of its own, such as "linked:2", at which it kills the process whose id is
in the file VICTIM, or both.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.net.serving import Assassin
from udpchat.config import MIB, Config
from udpchat.files.events import Downloaded, TransferFailed, Uploaded
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.loop import run
from udpchat.store import failpoints

LOCALHOST = "127.0.0.1"
CONFIG = Config(sync_interval=MIB)


async def _carry(port: int, direction: str, path: Path, home: Path, limit: int | None) -> None:
    folder = home.parent / "downloads"
    client = await connect(LOCALHOST, port, nick="anna", home=home, folder=folder, config=CONFIG, reconnect=None)
    watch = asyncio.create_task(_die_at(client, limit)) if limit is not None else None
    if not await _went_on(client) and not await _is_there(client, direction, path, folder):
        await (client.put(path) if direction == "put" else client.get(path.name))
    print("done", flush=True)
    if watch is not None:
        watch.cancel()
    await client.close()


async def _went_on(client: Client) -> bool:
    """Wait for what was under way before; False when nothing was."""
    if not await client.adopt_transfers():
        return False
    async for event in client.events():
        if isinstance(event, Uploaded | Downloaded):
            return True
        if isinstance(event, TransferFailed):
            raise AssertionError(event.text)
    raise AssertionError("the client gave up")


async def _is_there(client: Client, direction: str, path: Path, folder: Path) -> bool:
    """It was done before, and we were killed before we could say so."""
    if direction == "get":
        return (folder / path.name).exists()
    return any(entry.file_name == path.name and entry.stored_at for entry in await client.files())


async def _die_at(client: Client, limit: int) -> None:
    # Files are all that is large here.
    while max(client.counters()["socket_sent_bytes"], client.counters()["socket_received_bytes"]) < limit:  # noqa: ASYNC110
        await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    port, direction, path, home, *rest = arguments
    if len(rest) == 3:
        setting, victim, mode = rest
        failpoints.set_hook(Assassin(setting, Path(victim), dies_too=mode == "both"))
    limit = int(rest[0]) if len(rest) == 1 else None
    run(_carry(int(port), direction, Path(path), Path(home), limit))


if __name__ == "__main__":
    main(sys.argv[1:])
