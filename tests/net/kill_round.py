"""One round of killing: a transfer between real processes, SIGKILL at named points, a comparison at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.net.goods import fingerprint, make_tree
from tests.net.processes import python_process
from udpchat.config import MIB
from udpchat.errors import HandshakeError
from udpchat.files.ports import FileEntry
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.store.failpoints import POINTS
from udpchat.store.uploads import FILES, INCOMING, QUARANTINE
from udpchat.wire.numbers import FileState

LOCALHOST: Final = "127.0.0.1"
NAME: Final = "goods"
SIZES: Final = (0, 1, 5 * MIB, 9 * MIB + 1)
REPEATED: Final = ("synced", "journalled")  # points that a large transfer passes more than once
SENDING: Final = "sending"  # a client that dies when it has sent or received some of its bytes
GUARD: Final = 90  # seconds that a round may take
HIDDEN: Final = "."  # how names begin of what is not complete

# Who dies, and at which points, one after the other. The points are passed by who receives.
_UPLOADS: Final = [(victim, (point,)) for point in POINTS for victim in ("server", "client")]
_DOWNLOADS: Final = [(victim, (point,)) for point in POINTS if point != "replied" for victim in ("client", "server")]
_BOTH: Final = [
    ("client", (SENDING,)),
    ("both", ("journalled",)),
    ("both", ("linked",)),
    ("both", ("committed",)),
    ("server", ("journalled", "checked")),
    ("client", ("journalled", "checked")),
]
_FOLDERS: Final = [("server", ("members-written",)), ("client", ("members-written",))]


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in a round.

    victim: "server", "client" or "both". points: at which it dies, one after the other; count: at which passing of the
    first. size: of a file; a folder has members instead. sent: bytes after which a client that dies while sending does.
    """

    seed: int
    is_upload: bool
    is_folder: bool
    victim: str
    points: tuple[str, ...]
    count: int
    size: int
    members: int
    sent: int


@dataclass(slots=True)
class Outcome:
    """What came of it. was_killed: the last point was reached."""

    plan: Plan
    was_killed: bool = False
    problems: list[str] = field(default_factory=list)


def make_plan(seed: int) -> Plan:
    """Consecutive seeds go through everything, uploads and downloads by turns; the rest is drawn."""
    random = Random(f"kill {seed}")
    is_upload = seed % 2 == 0
    cases = [*(_UPLOADS if is_upload else _DOWNLOADS), *_BOTH, *_FOLDERS]
    number = seed // 2
    victim, points = cases[number % len(cases)]
    is_folder = points == ("members-written",) or (number + number // len(cases)) % 2 == 1
    is_large = points[0] in (*REPEATED, SENDING)
    size = random.choice(SIZES[2:] if is_large else SIZES)
    members = 600 if is_large or points == ("members-written",) else random.choice((0, 1, 60))
    count = random.randint(1, 2) if points[0] in REPEATED else 1
    return Plan(seed, is_upload, is_folder, victim, points, count, size, members, random.randint(1, 4 * MIB))


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
        self._server: Process | None = None
        self._client: Process | None = None
        self._checker: Client | None = None
        self._port = 0
        self._path = folder / NAME
        random = Random(f"kill content {plan.seed}")
        if plan.is_folder:
            make_tree(self._path, random, members=plan.members)
        else:
            self._path.write_bytes(random.randbytes(plan.size))

    async def play(self) -> None:
        """The whole round."""
        if not self._plan.is_upload:
            await self._serve()
            await self._give()
        for place, point in enumerate(self._plan.points):
            await self._die_at(point, self._plan.count if place == 0 else 1)
        await self._finish()
        await self._compare()

    async def close(self) -> None:
        """End what runs."""
        if self._checker is not None:
            await self._checker.close()
        for process in (self._client, self._server):
            if process is not None:
                await _kill(process)

    # -- processes -----------------------------------------------------------------------------------------------------

    async def _serve(self, *hook: str, failpoint: str = "") -> None:
        """A server that runs; one that does so already is killed when it is to have a failpoint or a hook."""
        if self._server is not None and self._server.returncode is None:
            if not (hook or failpoint):
                return
            await _kill(self._server)
        process = await python_process(
            "tests.net.serving", str(self._data), str(self._port), *hook, failpoint=failpoint
        )
        assert process.stdout is not None
        self._server = process
        words = (await process.stdout.readline()).split()
        if len(words) != 2:
            raise AssertionError("the server does not start again")
        self._port = int(words[1])

    async def _carry(self, *hook: str, failpoint: str = "") -> Process:
        """A client that runs."""
        if self._client is None or self._client.returncode is not None:
            verb, home = "put" if self._plan.is_upload else "get", str(self._folder / "home")
            arguments = (str(self._port), verb, str(self._path), home, *hook)
            self._client = await python_process("tests.net.carrier", *arguments, failpoint=failpoint)
        return self._client

    async def _die_at(self, point: str, count: int) -> None:
        """Both run, and who is to die does, if the transfer comes to that point; the other one stays."""
        plan, setting, victim = self._plan, f"{point}:{count}", self._folder / "victim"
        victim.unlink(missing_ok=True)
        mode = "both" if plan.victim == "both" else "client" if plan.is_upload else "other"
        is_suicide = plan.victim == ("server" if plan.is_upload else "client")
        hook: tuple[str, ...] = () if is_suicide else (setting, str(victim), mode)
        failpoint = setting if is_suicide else ""
        if point == SENDING:
            hook, failpoint = (str(plan.sent),), ""
        at_client = point == SENDING or not plan.is_upload
        await (self._serve() if at_client else self._serve(*hook, failpoint=failpoint))
        if at_client and self._client is not None:
            await _kill(self._client)  # another one is started, which knows where to die
        assert self._server is not None
        if hook and at_client:
            victim.write_text(str(self._server.pid))
        client = await (self._carry(*hook, failpoint=failpoint) if at_client else self._carry())
        if hook and not at_client:
            victim.write_text(str(client.pid))
        await self._wait_for_death(client)

    async def _wait_for_death(self, client: Process) -> None:
        """Until somebody has died, or the transfer is done and nobody will."""
        server = self._server
        assert server is not None
        ends = [asyncio.create_task(process.wait()) for process in (client, server)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(ends, timeout=0.2)  # when both are to die, they do so one after the other
        for each in ends:
            each.cancel()
        self.outcome.was_killed = server.returncode is not None or client.returncode != 0

    async def _finish(self) -> None:
        """Who died is started again; then nothing more is done by anybody, and the transfer ends well."""
        await self._serve()
        client = self._client
        if client is None or client.returncode not in (None, 0):
            client = await self._carry()
        assert client.stdout is not None
        words = await client.stdout.read()
        self._expect(words == b"done\n", f"the transfer did not go on by itself: {words!r}")
        await client.wait()

    async def _give(self) -> None:
        """Somebody else has sent it before."""
        client = await self._connect("ben")
        await client.put(self._path)
        await client.close()

    async def _connect(self, nick: str) -> Client:
        for _ in range(3):
            with contextlib.suppress(HandshakeError):
                home = self._folder / nick
                return await connect(LOCALHOST, self._port, nick=nick, home=home, folder=self._folder / f"{nick}-got")
        raise AssertionError("the server does not answer")

    # -- comparing -----------------------------------------------------------------------------------------------------

    @property
    def _data(self) -> Path:
        return self._folder / "server"

    async def _compare(self) -> None:
        original = await asyncio.to_thread(fingerprint, self._path)
        checker = self._checker = await self._connect("carl")
        files = await checker.files()
        self._check_list(files)
        for entry in files:
            downloaded = await checker.get(entry.file_name, file_id=entry.file_id)
            self._expect(downloaded.md5_stored == entry.md5, "the MD5 of the list is another")
            self._expect(fingerprint(Path(downloaded.path)) == original, "what is stored differs")
        for place, problem in ((INCOMING, "a part was left behind"), (QUARANTINE, "a file is in quarantine")):
            self._expect(not os.listdir(self._data / place), problem)
        self._expect(len(os.listdir(self._data / FILES)) == 1, "there is not exactly one stored file")
        if not self._plan.is_upload:
            downloads = self._folder / "downloads"
            found = sorted(name for name in os.listdir(downloads))
            self._expect(found == [NAME], f"in the folder of downloads there is {found}")
            self._expect(fingerprint(downloads / NAME) == original, "the download differs")

    def _check_list(self, files: tuple[FileEntry, ...]) -> None:
        self._expect(len(files) == 1, f"{len(files)} files are listed")
        for entry in files:
            is_right = (entry.file_name, entry.state) == (NAME, FileState.STORED)
            self._expect(is_right, f"what is listed is not what was sent: {entry}")

    def _expect(self, is_true: bool, problem: str) -> None:
        if not is_true:
            self.outcome.problems.append(problem)


async def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
