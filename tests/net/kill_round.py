"""One round of killing: an upload between real processes, SIGKILL at a named point, a second try, a comparison."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.net.party import content
from tests.net.processes import python_process
from udpchat.config import MIB
from udpchat.errors import ConnectionLostError, HandshakeError
from udpchat.files.events import Uploaded
from udpchat.files.ports import FileEntry
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.store.failpoints import POINTS
from udpchat.store.uploads import FILES, INCOMING, QUARANTINE

LOCALHOST: Final = "127.0.0.1"
NAME: Final = "file.bin"
SIZES: Final = (0, 1, 5 * MIB, 9 * MIB + 1)
REPEATED: Final = ("synced", "journalled")  # points that a large upload passes more than once
SENDING: Final = "sending"  # a client that dies when it has sent some of its bytes
GUARD: Final = 60  # seconds that a round may take


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in a round. victim: "server", "client" or "both"; count: at which passing of the point."""

    seed: int
    victim: str
    point: str
    count: int
    size: int
    sent: int  # bytes after which a client that dies while sending does


@dataclass(slots=True)
class Outcome:
    """What came of it. was_killed: the point was reached; was_acknowledged: the first try had its answer."""

    plan: Plan
    was_killed: bool = False
    was_acknowledged: bool = False
    problems: list[str] = field(default_factory=list)


def make_plan(seed: int) -> Plan:
    """Consecutive seeds go through all points for either end; the rest is drawn."""
    cases = [(victim, point) for point in POINTS for victim in ("server", "client")]
    cases += [("client", SENDING), ("both", "journalled"), ("both", "linked"), ("both", "committed")]
    victim, point = cases[seed % len(cases)]
    random = Random(f"kill {seed}")
    sizes = SIZES[2:] if point in (*REPEATED, SENDING) else SIZES
    size = random.choice(sizes)
    return Plan(
        seed, victim, point, random.randint(1, 2) if point in REPEATED else 1, size, random.randint(1, size or 1)
    )


async def play(plan: Plan, folder: Path) -> Outcome:
    """Do it in an empty folder."""
    round_ = Round(plan, folder)
    try:
        async with asyncio.timeout(GUARD):
            await round_.play()
    except TimeoutError:
        round_.outcome.problems.append(f"not over after {GUARD} s")
    except Exception as error:  # noqa: BLE001 - it belongs to the seed
        round_.outcome.problems.append(f"{type(error).__name__}: {error}")
    finally:
        await round_.close()
    return round_.outcome


class Round:
    """The processes and folders of a round."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.outcome = Outcome(plan)
        self._plan = plan
        self._folder = folder
        self._server: asyncio.subprocess.Process | None = None
        self._client: Client | None = None
        self._port = 0
        random = Random(f"kill content {plan.seed}")
        self._content = random.randbytes(plan.size)
        self._md5 = hashlib.md5(self._content).digest()
        self._upload_id = random.randbytes(16)
        self._path = folder / NAME
        self._path.write_bytes(self._content)

    async def play(self) -> None:
        """The whole round."""
        first = await (self._server_dies() if self._plan.victim == "server" else self._client_dies())
        self.outcome.was_acknowledged = first is not None
        self._client = await self._connect()
        self._check_list(await self._client.files(), must_be_there=first is not None)
        uploaded = await self._client.put(self._path, upload_id=self._upload_id)
        again = await self._client.put(self._path, upload_id=self._upload_id)
        answers = {uploaded.file_id, again.file_id} | ({first} if first is not None else set())
        self._expect(len(answers) == 1, "one upload was answered with different files")
        self._expect(uploaded.md5_stored == again.md5_stored == self._md5, "the MD5 of the answer is another")
        self._check_list(await self._client.files(), must_be_there=True)
        downloaded = await self._client.get(NAME)
        self._expect(content(downloaded.path) == self._content, "the download differs")
        self._expect(not self._names(INCOMING), "a part was left behind")
        self._expect(not self._names(QUARANTINE), "a file is in quarantine")
        self._expect(len(self._names(FILES)) == 1, "there is not exactly one stored file")

    async def close(self) -> None:
        """End what runs."""
        if self._client is not None:
            await self._client.close()
        if self._server is not None and self._server.returncode is None:
            self._server.kill()
            await self._server.wait()

    # -- the first try -------------------------------------------------------------------------------------------------

    async def _server_dies(self) -> bytes | None:
        """The server is killed, at the end if the point was not passed; the file id when the client had its answer."""
        process = await self._start_server(failpoint=f"{self._plan.point}:{self._plan.count}")
        self._client = await self._connect()
        attempt = asyncio.create_task(self._client.put(self._path, upload_id=self._upload_id))
        death = asyncio.create_task(process.wait())
        await asyncio.wait((attempt, death), return_when=asyncio.FIRST_COMPLETED)
        if self._plan.point == "replied":
            await asyncio.wait((attempt, death))
        self.outcome.was_killed = process.returncode is not None
        if not self.outcome.was_killed:
            process.kill()
        await death
        await self._start_server()
        uploaded: Uploaded | None = None
        try:
            uploaded = await attempt
        except ConnectionLostError:
            await self._client.close()
        else:
            await self._client.close()
        self._client = None
        return uploaded.file_id if uploaded is not None else None

    async def _client_dies(self) -> bytes | None:
        """A client process is killed by the server at the point, or by itself; the file id when it had its answer."""
        victim, plan = self._folder / "victim", self._plan
        hook = [] if plan.point == SENDING else [f"{plan.point}:{plan.count}", str(victim), plan.victim]
        server = await self._start_server(*hook)
        arguments = [str(self._port), str(self._path), self._upload_id.hex(), str(self._folder / "home")]
        limit = [str(plan.sent)] if plan.point == SENDING else []
        client = await python_process("tests.net.putting", *arguments, *limit)
        victim.write_text(str(client.pid))
        output, _ = await client.communicate()
        self.outcome.was_killed = client.returncode != 0
        if plan.victim == "both":
            if not self.outcome.was_killed:
                server.kill()
            await server.wait()
            await self._start_server()
        words = output.split()
        return bytes.fromhex(words[1].decode()) if len(words) == 2 else None

    async def _start_server(self, *hook: str, failpoint: str = "") -> asyncio.subprocess.Process:
        process = await python_process(
            "tests.net.serving", str(self._data), str(self._port), *hook, failpoint=failpoint
        )
        assert process.stdout is not None
        self._server = process
        words = (await process.stdout.readline()).split()
        if len(words) != 2:
            raise AssertionError("the server does not start again")
        self._port = int(words[1])
        return process

    async def _connect(self) -> Client:
        home = self._folder / "home"
        for _ in range(3):
            try:
                return await connect(LOCALHOST, self._port, nick="anna", home=home, folder=self._folder / "downloads")
            except HandshakeError:
                continue
        raise AssertionError("the server does not answer")

    # -- comparing -----------------------------------------------------------------------------------------------------

    @property
    def _data(self) -> Path:
        return self._folder / "server"

    def _names(self, place: str) -> list[str]:
        return os.listdir(self._data / place)

    def _check_list(self, files: tuple[FileEntry, ...], *, must_be_there: bool) -> None:
        self._expect(len(files) <= 1, "the file is listed more than once")
        self._expect(bool(files) or not must_be_there, "an acknowledged upload is not listed")
        for entry in files:
            is_right = (entry.file_name, entry.size, entry.md5) == (NAME, self._plan.size, self._md5)
            self._expect(is_right, "what is listed is not what was sent")
            stored = self._data / FILES / entry.file_id.hex()
            self._expect(stored.is_file() and stored.read_bytes() == self._content, "a listed file is not complete")

    def _expect(self, is_true: bool, problem: str) -> None:
        if not is_true:
            self.outcome.problems.append(problem)
