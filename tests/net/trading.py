"""A trading client process for tests: `python -m tests.net.trading PORT HOME NICK SEED GOODS LEDGER`.

It sends files and folders of GOODS, to all and to one other trader, and fetches what the others have sent, several at
once, until its stdin ends; what it then has under way it finishes. Killed and started again, it goes on by itself with
what was under way. Everything that was acknowledged is written to LEDGER, one JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from random import Random
from typing import Any, Final

from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError, UdpchatError
from udpchat.files.events import Downloaded, TransferFailed, Uploaded
from udpchat.files.ports import FileEntry
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.loop import run
from udpchat.wire.numbers import FileState

LOCALHOST: Final = "127.0.0.1"
AT_ONCE: Final = 4  # trades of one trader
PRIVATE: Final = 0.3  # share of what is sent to one other trader
FETCHES: Final = 0.6  # share of trades that fetch
RETRY: Final = 0.2  # seconds before a list is asked for again
LONG: Final = 60.0  # seconds in which everything under way should end
EXPECTED: Final = frozenset({ErrorCode.UNKNOWN_USER, ErrorCode.TOO_MANY_TRANSFERS})  # of a friend who was just killed


class Trader:
    """One client and its ledger. goods: paths that were not sent yet."""

    def __init__(self, client: Client, nick: str, seed: str, goods: Path, ledger: Path) -> None:
        self._client = client
        self._nick = nick
        self._random = Random(f"{seed} {os.getpid()}")
        self._ledger = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        done = [json.loads(line) for line in ledger.read_text().splitlines()]
        self._begun = {entry["name"] for entry in done if entry["did"] == "begin"}
        self._fetched = {entry["file_id"] for entry in done if entry["did"] == "fetched"}
        self._goods = sorted(goods.iterdir())
        self._trades: set[asyncio.Task[None]] = set()

    async def trade(self) -> None:
        """Trade until stdin ends, then finish; ConnectionLostError when the client gives up."""
        adopted = await self._client.adopt_transfers()
        await self._forget_sent({transfer.file_name for transfer in adopted})
        listening = asyncio.create_task(self._listen())
        print(f"joined {len(adopted)}", flush=True)
        over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
        while not over.done():
            self._trades = {trade for trade in self._trades if not trade.done() or trade.result()}
            while len(self._trades) < AT_ONCE:
                self._trades.add(asyncio.create_task(self._trade_once()))
            await asyncio.wait({over, *self._trades}, return_when=asyncio.FIRST_COMPLETED)
        looking = asyncio.create_task(self._look())
        await asyncio.gather(*self._trades)
        while self._client.transfers():  # noqa: ASYNC110 - those of earlier runs, which nobody awaits
            await asyncio.sleep(RETRY)
        looking.cancel()
        print("finished", flush=True)
        await self._client.close()
        await listening

    async def _look(self) -> None:
        """Write down what is under way for long, once nothing new begins: for whoever asks why it does not finish."""
        while True:
            await asyncio.sleep(LONG)
            for each in self._client.transfers():
                about = {"name": each.file_name, "phase": each.phase.value, "wish": each.transfer.wish.name}
                self._write(did="wait", done=each.done, size=each.size, is_awaited=bool(each.request_id), **about)

    async def _forget_sent(self, under_way: set[str]) -> None:
        """What was begun before is sent no second time, unless this client was killed before it had written it down."""
        listed = {entry.file_name for entry in await self._client.files() if entry.owner_nick == self._nick}
        sent = self._begun & (listed | under_way)
        self._goods = [path for path in self._goods if path.name not in sent]

    async def _trade_once(self) -> None:
        try:
            if self._random.random() < FETCHES or not self._goods:
                await self._fetch()
            else:
                await self._send()
        except ConnectionLostError:
            await asyncio.sleep(RETRY)
        except RefusedError as error:
            if error.code not in EXPECTED:
                self._write(did="refused", code=int(error.code), text=error.text)
            await asyncio.sleep(RETRY)
        except UdpchatError as error:
            self._write(did="refused", code=int(error.error_code), text=str(error))

    async def _send(self) -> None:
        path = self._goods.pop(self._random.randrange(len(self._goods)))
        others = [user.nick for user in await self._client.users() if user.nick != self._nick]
        to = self._random.choice(others) if others and self._random.random() < PRIVATE else ""
        self._write(did="begin", name=path.name, to=to)
        self._uploaded(await self._client.put(path, to=to))

    async def _fetch(self) -> None:
        files = [entry for entry in await self._client.files() if self._is_wanted(entry)]
        if not files:
            await asyncio.sleep(RETRY)
            return
        entry = self._random.choice(files)
        self._fetched.add(entry.file_id.hex())
        self._downloaded(await self._client.get(entry.file_name, file_id=entry.file_id))

    def _is_wanted(self, entry: FileEntry) -> bool:
        is_there = entry.state is not FileState.RECEIVING and entry.owner_nick != self._nick
        return is_there and entry.file_id.hex() not in self._fetched

    async def _listen(self) -> None:
        async for event in self._client.events():
            match event:
                case Uploaded():
                    self._uploaded(event)
                case Downloaded():
                    self._downloaded(event)
                case TransferFailed(_, _, name, code, text):
                    self._write(did="failed", name=name, code=int(code), text=text)

    def _uploaded(self, done: Uploaded) -> None:
        self._write(did="sent", name=done.file_name, file_id=done.file_id.hex(), md5=done.md5_stored.hex())

    def _downloaded(self, done: Downloaded) -> None:
        self._write(
            did="fetched", name=done.file_name, file_id=done.file_id.hex(), md5=done.md5_stored.hex(), path=done.path
        )

    def _write(self, **fields: Any) -> None:
        os.write(self._ledger, (json.dumps(fields) + "\n").encode())


async def _run(port: int, home: Path, nick: str, seed: str, goods: Path, ledger: Path) -> None:
    client = await connect(LOCALHOST, port, nick=nick, home=home, folder=home / "got", reconnect=None)
    await Trader(client, nick, seed, goods, ledger).trade()


def main(arguments: list[str]) -> None:
    port, home, nick, seed, goods, ledger = arguments
    Path(ledger).touch()
    run(_run(int(port), Path(home), nick, seed, Path(goods), Path(ledger)))


if __name__ == "__main__":
    main(sys.argv[1:])
