"""One run of the demo: who does what when, and what was found to be wrong."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from udpchat.config import SECOND
from udpchat.ui.cli.demo_chat import PACE, Conversation
from udpchat.ui.cli.demo_files import Plan, make_files, md5_of
from udpchat.ui.cli.demo_process import Child, Object, clock
from udpchat.ui.cli.demo_report import Summary, add_chat, add_traffic, add_transfers, link_text
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.render import duration_text, size_text, speed_text, visible
from udpchat.ui.cli.terminal import Terminal

HERE: Final = "127.0.0.1"
STATUS_INTERVAL: Final = 0.5  # seconds


class Demo:
    """One run. faults: what was not as it should be."""

    def __init__(self, plan: Plan, terminal: Terminal, folder: Path) -> None:
        self.faults: list[str] = []
        self._plan = plan
        self._terminal = terminal
        self._folder = folder
        self._started = clock()
        self._chat = {name: Conversation(name) for name in ("alice", "bob")}
        self._summary = Summary()
        self._transfers: list[Object] = []
        self._ends: list[Object] = []  # counters of the server and the clients
        self._relayed: Object | None = None
        self._is_complete = False

    async def run(self) -> None:
        """Start everything, send everything, end everything. CommandError when something fails on the way."""
        first, second = await asyncio.to_thread(make_files, self._plan, self._folder)
        async with AsyncExitStack() as stack:
            server = await self._start(stack, "server", *self._server_arguments())
            port = (await server.expect("listening"))["port"]
            relay = await self._start(stack, "relay", *self._relay_arguments(port))
            found = re.search(r":(\d+)", await relay.expect_words("relaying"))
            place = f"{HERE}:{found[1] if found else 0}"
            self._tell(f"server on {HERE}:{port}; relay in front of it on {place}: {link_text(self._plan.link)}")
            alice = await self._start(stack, "alice", *self._client_arguments("alice", place))
            bob = await self._start(stack, "bob", *self._client_arguments("bob", place))
            joined = await alice.expect("joined")
            await bob.expect("joined")
            key = joined["server_fingerprint"]
            self._tell(f"alice and bob have joined ({f'sealed, server key {key}' if key else 'PLAINTEXT'})")
            await self._talk_and_send(alice, bob, server, (first, second))
            await self._end(server, relay, (alice, bob))

    def summary(self) -> Summary:
        """The figures, as far as the run came."""
        if self._transfers:
            add_transfers(self._summary, self._transfers, self._plan.link)
        conversations = list(self._chat.values())
        add_chat(self._summary, conversations)
        add_traffic(self._summary, self._relayed, self._ends)
        self.faults += [fault for each in conversations for fault in each.faults()]
        self._summary.ok = self._is_complete and not self.faults
        return self._summary

    # -- the course of it ----------------------------------------------------------------------------------------------

    async def _talk_and_send(self, alice: Child, bob: Child, server: Child, files: tuple[Path, Path]) -> None:
        finished = asyncio.Event()
        status = asyncio.create_task(self._show_status(alice, bob))
        talking = [
            asyncio.create_task(self._chat["alice"].write(alice.write, finished)),
            asyncio.create_task(self._chat["bob"].write(bob.write, finished)),
        ]
        self._tell(f"both write {PACE} lines a second from now on")
        try:
            await self._send(alice, bob, server, files)
            finished.set()
            await asyncio.gather(*talking)
            for each in self._chat.values():
                await each.all_arrived()
        finally:
            for task in (status, *talking):
                task.cancel()
        count = sum(len(each.arrived) for each in self._chat.values())
        self._tell(f"{count} chat lines have arrived")

    async def _send(self, alice: Child, bob: Child, server: Child, files: tuple[Path, Path]) -> None:
        first, second = files
        digest = self._summary.md5_source = await asyncio.to_thread(md5_of, first)
        self._tell(f"alice uploads {visible(first.name)} ({size_text(first.stat().st_size)})")
        await alice.write(f"/put {first}")
        uploaded = await alice.expect("uploaded")
        self._summary.md5_server = (await server.expect("file_shared"))["md5"]
        self._note("alice's upload is stored", uploaded)
        self._tell(f"bob downloads it while alice uploads {second.name}")
        await bob.write(f'/get "{uploaded["file_name"]}"')
        await alice.write(f"/put {second}")
        downloaded, again = await asyncio.gather(bob.expect("downloaded"), alice.expect("uploaded"))
        self._note("bob has it", downloaded)
        self._note("alice's second upload is stored", again)
        shared = await server.expect("file_shared")
        self._summary.md5_received = await asyncio.to_thread(md5_of, Path(downloaded["path"]))
        self._compare("the first file at the server", digest, self._summary.md5_server)
        self._compare("the first file at bob", digest, self._summary.md5_received)
        self._compare("the second file at the server", await asyncio.to_thread(md5_of, second), shared["md5"])

    async def _end(self, server: Child, relay: Child, clients: tuple[Child, Child]) -> None:
        # The server first: its counters are those of the connections that are open. Its goodbye may be lost on the
        # link, so the clients are told to leave as well.
        await server.stop()
        ended = [await client.leave() for client in clients]
        await relay.stop()
        self._ends = [found for child in (server, *clients) if (found := child.find("counters")) is not None]
        self._relayed = relay.find("counters")
        if not set(ended) <= {ExitCode.OK, ExitCode.CONNECTION_LOST}:
            self.faults.append(f"the clients did not leave in order (exit codes {ended})")
        self._is_complete = True
        self._tell("everybody has left")

    def _compare(self, what: str, expected: str, actual: str) -> None:
        if actual != expected:
            self.faults.append(f"{what} has the MD5 {actual}, not {expected}")

    # -- processes -----------------------------------------------------------------------------------------------------

    async def _start(self, stack: AsyncExitStack, name: str, *arguments: str) -> Child:
        other = {"alice": "bob", "bob": "alice"}.get(name)
        child = await Child.start(name, *arguments, on_line=self._chat[other].on_line if other else None)
        stack.push_async_callback(child.stop)
        return child

    def _server_arguments(self) -> list[str]:
        return [
            "server",
            "--json",
            "--host",
            HERE,
            "--port",
            "0",
            "--data",
            str(self._folder / "server"),
            *self._mode(),
            *self._capture("server"),
        ]

    def _client_arguments(self, name: str, place: str) -> list[str]:
        folder = self._folder / name
        own = ["--name", name, "--home", str(folder / "home"), "--to", str(folder / "files")]
        return ["client", place, "--json", *own, *self._mode()]

    def _relay_arguments(self, port: int) -> list[str]:
        link, plan = self._plan.link, self._plan
        arguments = [
            "relay",
            "--json",
            "--host",
            HERE,
            "--listen",
            "0",
            "--to",
            f"{HERE}:{port}",
            "--seed",
            str(plan.seed),
        ]
        arguments += ["--rate", f"{link.rate}B/s", "--rebind", f"{plan.rebind}us", "--burst", str(link.burst)]
        for name in ("delay", "jitter"):
            arguments += [f"--{name}", f"{getattr(link, name)}us"]
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            arguments += [f"--{name}", f"{getattr(link, name):.9f}"]
        for name in ("queue", "mtu"):
            arguments += [f"--{name}", str(getattr(link, name))]
        for start, length in link.blackouts:
            arguments += ["--blackout", f"{start}us+{length}us"]
        return [*arguments, *self._capture("relay")]

    def _mode(self) -> list[str]:
        return [*(["--plaintext"] if self._plan.plaintext else []), *self._plan.sending]

    def _capture(self, name: str) -> list[str]:
        target = self._plan.capture
        if target is None or self._plan.capture_at != name:
            return []
        return ["--capture", str(target.path), "--capture-limit", str(target.limit)]

    # -- words ---------------------------------------------------------------------------------------------------------

    def _tell(self, text: str) -> None:
        line = f"{(clock() - self._started) / SECOND:6.2f} s  {text}"
        if self._terminal.as_json:
            self._terminal.log(line)
        else:
            self._terminal.show(line)

    def _note(self, what: str, done: Object) -> None:
        self._transfers.append(done)
        spent = done["finished"] - done["started"]
        self._tell(f"{what}: {duration_text(spent)}, {speed_text(done['size'], spent)}, MD5 {done['md5_stored']}")

    async def _show_status(self, *clients: Child) -> None:
        while True:
            await asyncio.sleep(STATUS_INTERVAL)
            parts = [f"{each.name} {size_text(each.progress[0])} of {size_text(each.progress[1])}" for each in clients]
            lines = sum(len(each.arrived) for each in self._chat.values())
            self._terminal.status(f"{'; '.join(parts)}; {lines} chat lines")
