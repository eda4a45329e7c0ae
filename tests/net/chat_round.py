"""Talk between real processes while either end is killed: afterwards nothing is missing, doubled or out of order."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.net.processes import python_process
from udpchat.chat.events import LineSaid, PrivateSaid
from udpchat.chat.ports import Query
from udpchat.config import MAX_HISTORY
from udpchat.errors import ErrorCode
from udpchat.net.joining import connect

LOCALHOST: Final = "127.0.0.1"
NICKS: Final = ("anna", "ben", "carl")
GUARD: Final = 120.0  # seconds until everybody must have everything, once nobody is killed any more


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    problems: list[str] = field(default_factory=list)


class ChatRound:
    """The processes of a round. rate: lines a second of all together; seconds: of talk under fire."""

    def __init__(self, seed: int, folder: Path, *, rate: float, seconds: float, interval: tuple[float, float]) -> None:
        self.outcome = Outcome(seed)
        self._random = Random(f"chat round {seed}")
        self._folder = folder
        self._rate = rate / len(NICKS)
        self._seconds = seconds
        self._interval = interval
        self._port = 0
        self._begun: dict[str, int] = {}  # by nickname: the newest message when it came for the first time
        self._server: asyncio.subprocess.Process | None = None
        self._clients: dict[str, asyncio.subprocess.Process] = {}

    async def play(self) -> Outcome:
        """The whole round."""
        try:
            await self._start_server()
            for nick in NICKS:
                await self._start_client(nick)
            await self._kill_for_a_while()
            await self._stop_saying()
            await self._wait_until_heard()
            await self._compare()
        finally:
            for process in (*self._clients.values(), self._server):
                if process is not None and process.returncode is None:
                    process.kill()
                    await process.wait()
        return self.outcome

    # -- processes -----------------------------------------------------------------------------------------------------

    async def _start_server(self) -> None:
        self._server = await python_process("tests.net.serving", str(self._folder / "server"), str(self._port))
        assert self._server.stdout is not None
        self._port = int((await self._server.stdout.readline()).split()[1])

    async def _start_client(self, nick: str) -> None:
        home, friend = self._folder / nick, NICKS[(NICKS.index(nick) + 1) % len(NICKS)]
        process = await python_process(
            *("tests.net.talking", str(self._port), str(home), nick, str(self._journal(nick)), str(self._ledger(nick))),
            *(str(self._rate), friend),
        )
        assert process.stdout is not None
        self._clients[nick] = process
        words = (await process.stdout.readline()).split()
        if len(words) != 2:
            raise AssertionError(f"{nick} could not join")
        self._begun.setdefault(nick, int(words[1]))

    async def _kill_for_a_while(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        while (wait := self._random.uniform(*self._interval)) and loop.time() + wait < end:
            await asyncio.sleep(wait)
            victim = self._random.choice(("server", *NICKS))
            self.outcome.kills[victim] += 1
            process = self._server if victim == "server" else self._clients[victim]
            assert process is not None
            process.kill()
            await process.wait()
            await (self._start_server() if victim == "server" else self._start_client(victim))
        await asyncio.sleep(max(end - loop.time(), 0))

    async def _stop_saying(self) -> None:
        for process in self._clients.values():
            assert process.stdin is not None
            process.stdin.close()
        for nick, process in self._clients.items():
            assert process.stdout is not None
            async with asyncio.timeout(GUARD):
                line = await process.stdout.readline()
            if line != b"said\n":
                self.outcome.problems.append(f"{nick} could not say everything")

    # -- comparing -----------------------------------------------------------------------------------------------------

    def _journal(self, nick: str) -> Path:
        return self._folder / f"{nick}.jsonl"

    def _ledger(self, nick: str) -> Path:
        return self._folder / f"{nick}.ledger"

    def _acknowledged(self) -> dict[int, tuple[str, str, str]]:
        """By sequence: sender, friend or "-", text."""
        found: dict[int, tuple[str, str, str]] = {}
        for nick in NICKS:
            for line in self._ledger(nick).read_text().splitlines():
                sequence, friend, text = line.split(maxsplit=2)
                if sequence != "0":
                    found[int(sequence)] = (nick, friend, text)
                elif friend != ErrorCode.UNKNOWN_USER.name:  # a friend who is a guest, and was just killed
                    self.outcome.problems.append(f"refused: {friend} for {text}")
        return found

    def _heard(self, nick: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._journal(nick).read_text().splitlines()]

    async def _wait_until_heard(self) -> None:
        """Everybody has the newest of the acknowledged messages that are for them."""
        acknowledged = self._acknowledged()
        newest = {
            nick: max((at for at, (who, friend, _) in acknowledged.items() if friend in ("-", nick) or who == nick))
            for nick in NICKS
        }
        async with asyncio.timeout(GUARD):
            while any(self._last_heard(nick) < newest[nick] for nick in NICKS):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.1)

    def _last_heard(self, nick: str) -> int:
        heard = self._heard(nick)
        return int(heard[-1]["sequence"]) if heard else 0

    async def _history(self, nick: str) -> list[LineSaid | PrivateSaid]:
        """All that somebody may see, oldest first."""
        found: list[LineSaid | PrivateSaid] = []
        client = await connect(LOCALHOST, self._port, nick=nick, home=self._folder / nick, visitor=True)
        before = 0
        while page := await client.history(Query(before=before, limit=MAX_HISTORY)):
            found = [message for message in page if isinstance(message, LineSaid | PrivateSaid)] + found
            before = page[0].sequence
        await client.close()
        return found

    async def _compare(self) -> None:
        acknowledged = self._acknowledged()
        self.outcome.acknowledged = len(acknowledged)
        for nick in NICKS:
            history = await self._history(nick)
            texts = Counter(message.text for message in history)
            twice = [text for text, count in texts.items() if count > 1]
            self._expect(not twice, f"{nick}: stored twice: {twice[:3]}")
            by_sequence = {message.sequence: message.text for message in history}
            mine = {
                key: text for key, (who, friend, text) in acknowledged.items() if friend == "-" or nick in (who, friend)
            }
            lost = [text for sequence, text in mine.items() if by_sequence.get(sequence) != text]
            self._expect(not lost, f"{nick}: acknowledged, but not in the history: {lost[:3]}")
            self._compare_heard(nick, history)

    def _compare_heard(self, nick: str, history: list[LineSaid | PrivateSaid]) -> None:
        heard = self._heard(nick)
        sequences = [entry["sequence"] for entry in heard]
        self._expect(sequences == sorted(set(sequences)), f"{nick} heard something twice or out of order")
        first = min((self._begun[nick] + 1, *sequences[:1]))
        expected = {(message.sequence, message.text) for message in history if first <= message.sequence}
        got = {(entry["sequence"], entry["text"]) for entry in heard}
        self._expect(not expected - got, f"{nick} missed {sorted(expected - got)[:3]}")
        self._expect(not got - expected, f"{nick} heard what is not in the history: {sorted(got - expected)[:3]}")

    def _expect(self, is_true: bool, problem: str) -> None:
        if not is_true:
            self.outcome.problems.append(problem)
