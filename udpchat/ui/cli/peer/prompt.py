"""A node at the keyboard or from a script: commands are done, what happens is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from udpchat.chat.events import FileSaid
from udpchat.errors import UdpchatError
from udpchat.files.events import FileMarked
from udpchat.net.peer.api import Peer
from udpchat.peers.settings import PeerConfigError
from udpchat.store.peer_file import KEYS, PeerFile
from udpchat.ui.cli.commands import Completes
from udpchat.ui.cli.completion import Completer
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.objects import as_line, event_line
from udpchat.ui.cli.parsing import Command, Mistake, help_lines, parse_line, unquoted
from udpchat.ui.cli.peer.commands import PEER
from udpchat.ui.cli.peer.options import tell_faults
from udpchat.ui.cli.peer.tables import NODE_EVENTS, node_sentence
from udpchat.ui.cli.peer.verbs import PeerVerbs, show_config, show_peers, show_shared, told_modified
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.sources import local_path
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.under_way import UnderWay
from udpchat.wire.numbers import FileState


class PeerPrompt:
    """Runs one node for its user. folder: for what is fetched."""

    def __init__(self, peer: Peer, file: PeerFile, terminal: Terminal, folder: Path | None) -> None:
        self._peer = peer
        self._file = file
        self._terminal = terminal
        self._folder = folder
        self._verbs = PeerVerbs(peer, terminal, links=peer.config.ttl)
        self._under_way = UnderWay(keeps_result=not terminal.is_interactive)
        self._handlers: dict[str, Callable[..., Awaitable[None]]] = {
            "get": self._get,
            "search": self._search,
            "peers": self._peers,
            "ls": self._ls,
            "config": self._config,
            "modify": self._modify,
            "help": self._help,
        }
        assert {*self._handlers, "exit"} == set(PEER.verbs)

    async def run(self, *, stays: bool) -> ExitCode:
        """Until exit is typed; or, with a script, until the input ends and what it began is done. The exit code.

        stays: there is no input, so until the node is stopped.
        """
        news = asyncio.create_task(self._show_news())
        typing = asyncio.create_task(asyncio.Event().wait() if stays else self._read_lines())
        try:
            await asyncio.wait({news, typing}, return_when=asyncio.FIRST_COMPLETED)
            if news.done():
                news.result()  # the node has failed: its error is raised here
            return self._under_way.result
        finally:
            for task in (news, typing):
                task.cancel()
            self._under_way.give_up()
            await asyncio.gather(news, typing, return_exceptions=True)

    async def _show_news(self) -> None:
        async for event in self._peer.events():
            if isinstance(event, NODE_EVENTS):
                self._terminal.show(self._terminal.narrator.quiet(node_sentence(event)))
                self._terminal.emit(event_line(event))
            elif isinstance(event, FileSaid) or (isinstance(event, FileMarked) and event.state <= FileState.VERIFIED):
                self._terminal.emit(event_line(event))  # people were told by FileDelivered
            else:
                self._terminal.event(event)

    # -- what is typed -------------------------------------------------------------------------------------------------

    async def _read_lines(self) -> bool:
        terminal = self._terminal
        terminal.complete_with(
            Completer(PEER, {Completes.FILE: lambda _: self._verbs.names(), Completes.SETTING: lambda _: KEYS})
        )
        while (line := await terminal.next_line(f"{visible(self._peer.config.name)}> ")) is not None:
            match parse_line(line, PEER):
                case Command("exit"):
                    return True
                case Command(name, arguments):
                    await self._do(name, arguments)
                case Mistake(text):
                    self._fail("input", line, ExitCode.USAGE, text)
                case _:
                    continue
        await self._under_way.all_done()
        return True

    async def _do(self, name: str, arguments: tuple[str, ...]) -> None:
        try:
            await self._handlers[name](*arguments)
        except PeerConfigError as error:
            failed = tell_faults(error, name, self._terminal)
            self._fail(name, arguments[0] if arguments else "", failed.code, str(failed))
        except (UdpchatError, OSError) as error:
            self._under_way.note(self._verbs.refused(name, arguments[0] if arguments else "", error))

    def _fail(self, command: str, argument: str, code: ExitCode, text: str) -> None:
        self._terminal.log(visible(text))
        self._terminal.emit(as_line("error", command=command, argument=argument, exit_code=int(code), text=text))
        self._under_way.note(code)

    # -- the commands --------------------------------------------------------------------------------------------------

    async def _get(self, name: str, dest: str = "") -> None:
        folder = local_path(dest) if dest else self._folder
        await self._begin(self._verbs.get(unquoted(name), folder))

    async def _search(self, pattern: str) -> None:
        await self._begin(self._verbs.search(unquoted(pattern)))

    async def _begin(self, work: Coroutine[Any, Any, ExitCode]) -> None:
        """A person goes on typing meanwhile; a script's commands are done one after the other."""
        if self._terminal.is_interactive:
            self._under_way.begin(work)
        else:
            self._under_way.note(await work)

    async def _peers(self) -> None:
        show_peers(self._peer.peers(), self._terminal)

    async def _ls(self) -> None:
        show_shared(await self._peer.shared(), self._terminal)

    async def _config(self) -> None:
        peer = self._peer
        show_config(peer.config, self._file, peer.home, key=peer.key, identity=peer.identity, terminal=self._terminal)

    async def _modify(self, key: str, value: str) -> None:
        await self._peer.modify(key, unquoted(value))
        told_modified(key, "saved; it holds from now on", self._terminal)

    async def _help(self, about: str = "") -> None:
        lines = help_lines(PEER, about)
        for line in lines:
            self._terminal.show(line)
        self._terminal.emit(as_line("help", text=lines))
