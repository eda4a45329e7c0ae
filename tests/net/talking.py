"""A talking client process for tests: `python -m tests.net.talking PORT HOME NICK JOURNAL LEDGER RATE FRIEND`.

It says numbered lines in the lobby, every fifth one to FRIEND alone, RATE a second, until its stdin ends. What the
server has stored is written to LEDGER, "sequence friend text" a line with "-" for a friend where all may read it; what
was refused, "0 ERROR text". What is heard goes to JOURNAL. It comes back by itself.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.loop import run

LOCALHOST = "127.0.0.1"
PRIVATE = 5  # every fifth line is for the friend alone


async def _talk(port: int, home: Path, nick: str, journal: Path, ledger: int, rate: float, friend: str) -> None:
    client = await connect(LOCALHOST, port, nick=nick, home=home, folder=home, reconnect=None, journal=journal)
    listening = asyncio.create_task(_listen(client))
    print(f"joined {client.newest}", flush=True)
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    said: set[asyncio.Task[None]] = set()
    run_name, number = f"{nick} {time.time_ns():x}", 0
    while not over.done():
        number += 1
        task = asyncio.create_task(
            _say(client, f"{run_name} {number}", friend if number % PRIVATE == 0 else "", ledger)
        )
        said.add(task)
        task.add_done_callback(said.discard)
        await asyncio.sleep(1 / rate)
    if said:
        await asyncio.wait(said)
    print("said", flush=True)
    await listening


async def _say(client: Client, text: str, friend: str, ledger: int) -> None:
    try:
        answer = await (client.tell(friend, text) if friend else client.say(text))
    except ConnectionLostError:  # all is over: nothing was promised
        return
    except RefusedError as error:
        os.write(ledger, f"0 {ErrorCode(error.code).name} {text}\n".encode())
        return
    os.write(ledger, f"{answer.sequence} {friend or '-'} {text}\n".encode())


async def _listen(client: Client) -> None:
    async for _ in client.events():
        continue


def main(arguments: list[str]) -> None:
    port, home, nick, journal, ledger, rate, friend = arguments
    opened = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    run(_talk(int(port), Path(home), nick, Path(journal), opened, float(rate), friend))


if __name__ == "__main__":
    main(sys.argv[1:])
