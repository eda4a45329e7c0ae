"""A client of the benchmark `resume`: `python -m tests.benchmarks.resume_peer up|down PORT HOME FILE [SHARE]`.

Every 50 ms it prints a JSON object: at (its clock [s]), done (bytes of the file at the other end, or here), connection
(its number, from 1) and data: of uploads the file bytes sent in DATA, of downloads the UDP payload received, over all
connections. When it is in, or in again, it prints joined. With a SHARE it gets SIGKILL when so much of the file is
there; otherwise it ends with the transfer, and its last object says what came of it: size, took (seconds), path,
resumed, memory (peak resident bytes), data.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.our_peer import peak_memory
from udpchat.chat.events import Returned
from udpchat.config import SECOND
from udpchat.files.events import Downloaded, Uploaded
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.loop import run

LOCALHOST: Final = "127.0.0.1"
STEP: Final = 0.05  # seconds between two objects


def tell(**fields: Any) -> None:
    """One object."""
    print(json.dumps({"at": time.monotonic(), **fields}), flush=True)


class Watcher:
    """Prints how a transfer goes, and dies when it is time."""

    def __init__(self, client: Client, way: str, share: float) -> None:
        self._client, self._share = client, share
        self._counter = "data_bytes" if way == "up" else "socket_received_bytes"
        self._earlier = self._newest = 0  # of earlier connections, of this one
        self._connection = 1

    @property
    def data(self) -> int:
        """Bytes over all connections. A counter that has become smaller is that of a new one."""
        newest = self._client.counters().get(self._counter, 0)
        if newest < self._newest:
            self._earlier += self._newest
        self._newest = newest
        return self._earlier + newest

    async def look(self) -> None:
        """Until it is cancelled."""
        while True:
            for each in self._client.transfers():
                tell(done=each.done, data=self.data, connection=self._connection)
                if 0 < self._share * each.size <= each.done:
                    os.kill(os.getpid(), signal.SIGKILL)
            await asyncio.sleep(STEP)

    async def listen(self) -> None:
        """Tell when we are in again."""
        async for event in self._client.events():
            if isinstance(event, Returned):
                self._connection += 1
                tell(joined=True)


async def move(way: str, port: int, home: Path, file: Path, share: float) -> None:
    """Upload or download one file."""
    client = await connect(LOCALHOST, port, nick="anna", home=home, folder=home / "got", reconnect=None)
    tell(joined=True)
    watcher = Watcher(client, way, share)
    tasks = asyncio.create_task(watcher.look()), asyncio.create_task(watcher.listen())
    done: Uploaded | Downloaded = await (client.put(file) if way == "up" else client.get(file.name))
    for task in tasks:
        task.cancel()
    took, path = (done.finished - done.started) / SECOND, done.path if isinstance(done, Downloaded) else ""
    last = {"took": took, "path": path, "resumed": done.resumed, "memory": peak_memory(), "data": watcher.data}
    tell(finished=True, size=done.size, **last)
    await client.close()


def main(arguments: list[str]) -> None:
    way, port, home, file, *share = arguments
    run(move(way, int(port), Path(home), Path(file), float(share[0]) if share else 0.0))


if __name__ == "__main__":
    main(sys.argv[1:])
