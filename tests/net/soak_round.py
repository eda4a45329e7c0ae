"""Trade between real processes behind a lossy relay while any of them is killed: afterwards every file is looked at."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.net.goods import fingerprint, make_goods
from tests.net.processes import python_process
from udpchat.config import LOBBY, MILLISECOND
from udpchat.files.ports import FileEntry
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.relay import Relay
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import FileState

LOCALHOST: Final = "127.0.0.1"
NICKS: Final = ("anna", "ben", "carl")
GUARD: Final = 300.0  # seconds until everything under way must be finished, once nobody is killed any more


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    problems: list[str] = field(default_factory=list)


class SoakRound:
    """The processes of a round. goods: files and folders of each trader; seconds: of trade under fire."""

    def __init__(
        self, seed: int, folder: Path, *, goods: int, seconds: float, interval: tuple[float, float], loss: float
    ) -> None:
        self.outcome = Outcome(seed)
        self._random = Random(f"soak {seed}")
        self._folder = folder
        self._goods = goods
        self._seconds = seconds
        self._interval = interval
        self._link = LinkSpec(loss=loss, delay=5 * MILLISECOND)
        self._server_port = self._port = 0
        self._server: asyncio.subprocess.Process | None = None
        self._traders: dict[str, asyncio.subprocess.Process] = {}

    async def play(self) -> Outcome:
        """The whole round."""
        for nick in NICKS:
            await asyncio.to_thread(
                make_goods, self._folder / f"{nick}-goods", f"{nick}{self.outcome.seed}", self._goods
            )
        relay = Relay(self._link, seed=self.outcome.seed)
        try:
            await self._start_server()
            _, self._port = await relay.start((LOCALHOST, 0), (LOCALHOST, self._server_port))
            for nick in NICKS:
                await self._start_trader(nick)
            await self._kill_for_a_while()
            await self._finish()
            await self._compare()
        finally:
            for process in (*self._traders.values(), self._server):
                if process is not None and process.returncode is None:
                    process.kill()
                    await process.wait()
            relay.close()
        return self.outcome

    # -- processes -----------------------------------------------------------------------------------------------------

    async def _start_server(self) -> None:
        self._server = await python_process("tests.net.serving", str(self._folder / "server"), str(self._server_port))
        assert self._server.stdout is not None
        self._server_port = int((await self._server.stdout.readline()).split()[1])

    async def _start_trader(self, nick: str) -> None:
        seed, goods = str(self.outcome.seed), str(self._folder / f"{nick}-goods")
        home, ledger = str(self._home(nick)), str(self._ledger(nick))
        process = await python_process("tests.net.trading", str(self._port), home, nick, seed, goods, ledger)
        self._traders[nick] = process
        assert process.stdout is not None
        if not (await process.stdout.readline()).startswith(b"joined"):
            raise AssertionError(f"{nick} could not join")

    async def _kill_for_a_while(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        while (wait := self._random.uniform(*self._interval)) and loop.time() + wait < end:
            await asyncio.sleep(wait)
            victims = self._random.choice(
                (["server"], *([nick] for nick in NICKS), ["server", self._random.choice(NICKS)])
            )
            for victim in victims:
                self.outcome.kills[victim] += 1
                process = self._server if victim == "server" else self._traders[victim]
                assert process is not None
                process.kill()
                await process.wait()
            for victim in victims:
                await (self._start_server() if victim == "server" else self._start_trader(victim))
        await asyncio.sleep(max(end - loop.time(), 0))

    async def _finish(self) -> None:
        for process in self._traders.values():
            assert process.stdin is not None
            process.stdin.close()
        for nick, process in self._traders.items():
            assert process.stdout is not None
            try:
                async with asyncio.timeout(GUARD):
                    line = await process.stdout.readline()
            except TimeoutError:
                line = b""
            waits = self._entries(nick, "wait")[-1:]
            self._expect(line == b"finished\n", f"{nick} could not finish what was under way: {waits}")

    # -- comparing -----------------------------------------------------------------------------------------------------

    def _home(self, nick: str) -> Path:
        return self._folder / f"{nick}-home"

    def _ledger(self, nick: str) -> Path:
        return self._folder / f"{nick}.ledger"

    def _entries(self, nick: str, did: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._ledger(nick).read_text().splitlines()]
        return [entry for entry in lines if entry["did"] == did]

    async def _compare(self) -> None:
        checker = await connect(
            LOCALHOST, self._port, nick="checker", home=self._folder / "checker", folder=self._folder
        )
        lobby = {entry.file_id.hex(): entry for entry in await checker.files()}
        await asyncio.to_thread((self._folder / "checked").mkdir)
        for entry in lobby.values():
            self._expect(entry.room == LOBBY, f"{entry.file_name} is private, and a stranger sees it")
            self._expect(entry.state is FileState.STORED, f"{entry.file_name} is {entry.state.name}, nobody is at it")
            await self._compare_content(checker, entry)
        await checker.close()
        for nick in NICKS:
            await self._compare_trader(nick, lobby)

    async def _compare_content(self, checker: Client, entry: FileEntry) -> None:
        done = await checker.get(entry.file_name, self._folder / "checked", file_id=entry.file_id)
        self._expect(done.md5_stored == entry.md5, f"{entry.file_name}: another MD5 than listed")
        self._expect(
            self._is_original(entry.owner_nick, entry.file_name, Path(done.path)), f"{entry.file_name} is damaged"
        )

    def _is_original(self, owner: str, name: str, copy: Path) -> bool:
        original = self._folder / f"{owner}-goods" / name
        return original.exists() and fingerprint(original) == fingerprint(copy)

    async def _compare_trader(self, nick: str, lobby: dict[str, FileEntry]) -> None:
        for did in ("failed", "refused"):
            for entry in self._entries(nick, did):
                self._expect(False, f"{nick} {did}: {entry}")
        client = await connect(
            LOCALHOST, self._port, nick=nick, home=self._home(nick), folder=self._folder, visitor=True
        )
        listed = {entry.file_id.hex(): entry for entry in await client.files()}
        sent = self._entries(nick, "sent")
        self.outcome.sent += len(sent)
        for entry in sent:
            found = listed.get(entry["file_id"])
            self._expect(
                found is not None and found.md5.hex() == entry["md5"], f"{nick} sent {entry['name']}: not listed"
            )
        own = [found.file_name for found in listed.values() if found.owner_nick == nick]
        self._expect(len(own) == len(set(own)), f"{nick}: listed twice: {sorted(own)}")
        begun = {entry["name"] for entry in self._entries(nick, "begin")}
        self._expect(begun <= set(own), f"{nick} began to send, but never sent {sorted(begun - set(own))}")
        await self._compare_fetched(client, nick, listed)
        await client.close()

    async def _compare_fetched(self, client: Client, nick: str, listed: dict[str, FileEntry]) -> None:
        fetched = self._entries(nick, "fetched")
        self.outcome.fetched += len(fetched)
        for entry in fetched:
            found = listed.get(entry["file_id"])
            if found is None:
                self._expect(False, f"{nick} fetched {entry['name']}, which is not listed")
                continue
            self.outcome.fetched_bytes += found.size
            path = Path(entry["path"])
            self._expect(self._is_original(found.owner_nick, found.file_name, path), f"{nick}: {path.name} is damaged")
            states = {mark.nick: mark.state for mark in await client.marks(found.file_id)}
            self._expect(states.get(nick) is FileState.VERIFIED, f"{nick} has {path.name}, its state is {states}")
        known = {Path(entry["path"]).name for entry in fetched}
        for path in (self._home(nick) / "got").iterdir():
            is_whole = path.name in known or self._is_somebodys(path)
            self._expect(is_whole, f"{nick} shows or leaves behind what is not complete: {path.name}")

    def _is_somebodys(self, path: Path) -> bool:
        """It was fetched by a client that was killed before it had told so; fetched again it gets a number."""
        name = re.sub(r" \(\d+\)(\.bin)?$", r"\1", path.name)
        return any(self._is_original(owner, name, path) for owner in NICKS)

    def _expect(self, is_true: bool, problem: str) -> None:
        if not is_true:
            self.outcome.problems.append(problem)
