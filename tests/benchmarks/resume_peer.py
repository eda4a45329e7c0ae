"""A client of the benchmark `resume`: `python -m tests.benchmarks.resume_peer up|down PORT HOME FILE [SHARE]`.

Every 50 ms it prints a JSON object: at (its clock [s]), done (bytes of the file at the other end, or here), data (file
bytes that it has sent in DATA). With a SHARE it prints "dying" and gets SIGKILL when so much of the file is there;
otherwise it ends with the transfer, and its last object says what came of it: size, took (seconds), path, resumed,
memory (peak resident bytes), and the counters of the connection.
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


async def watch(client: Client, share: float) -> None:
    """Print how far the transfer is, and die when it is time."""
    while True:
        for each in client.transfers():
            tell(done=each.done, data=client.counters()["data_bytes"])
            if 0 < share * each.size <= each.done:
                tell(dying=True)
                os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(STEP)


async def move(way: str, port: int, home: Path, file: Path, share: float) -> None:
    """Upload or download one file."""
    client = await connect(LOCALHOST, port, nick="anna", home=home, folder=home / "got", reconnect=None)
    tell(joined=True)
    watching = asyncio.create_task(watch(client, share))
    done: Uploaded | Downloaded = await (client.put(file) if way == "up" else client.get(file.name))
    watching.cancel()
    took, path = (done.finished - done.started) / SECOND, done.path if isinstance(done, Downloaded) else ""
    counters = client.counters()
    tell(finished=True, size=done.size, took=took, path=path, resumed=done.resumed, memory=peak_memory(), **counters)
    await client.close()


def main(arguments: list[str]) -> None:
    way, port, home, file, *share = arguments
    run(move(way, int(port), Path(home), Path(file), float(share[0]) if share else 0.0))


if __name__ == "__main__":
    main(sys.argv[1:])
