"""`udpchat client`: lines are chat, lines with a slash are commands. The same for a person and for a script."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from udpchat.chat.events import Disconnected
from udpchat.chat.text import text_fault
from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError, UdpchatError
from udpchat.net.client import Client
from udpchat.ui.cli.client_options import ClientOptions, HostArgument, join
from udpchat.ui.cli.commands import CLIENT_VERBS, Command, Mistake, Text, help_lines, parse_line, unquoted
from udpchat.ui.cli.exits import CommandError, ExitCode, error_text
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.objects import as_line, event_line
from udpchat.ui.cli.options import HostPort
from udpchat.ui.cli.render import file_table, user_count_text, user_table, visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.sending import show_stats
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.transfers import download, make_folder, tell_error, upload

MAX_PENDING: Final = 256  # lines that the server has not acknowledged yet
ASKED_AGAIN: Final = {ErrorCode.NICK_IN_USE, ErrorCode.NICK_NOT_ALLOWED}


@grouped(ClientOptions)
def client(
    server: HostArgument,
    *,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder for downloads; the current one by default.")
    ] = None,
    options: ClientOptions,
) -> None:
    """Join a server and talk. /help lists what else can be typed.

    When stdin is no terminal its lines are sent one after the other; at its end the client waits for what is under way,
    then leaves.
    """
    with Terminal(as_json=options.as_json) as terminal:
        run("udpchat client", _chat(server, options, terminal, to), terminal)


async def _chat(server: HostPort, options: ClientOptions, terminal: Terminal, folder: Path | None) -> ExitCode:
    if folder is not None:
        make_folder(folder)
    joined = await _join(server, options, terminal, folder)
    try:
        terminal.show(_welcome(joined, server))
        terminal.emit(
            as_line(
                "joined",
                host=server.host,
                port=server.port,
                nick=joined.nick,
                user_count=joined.user_count,
                server_fingerprint=joined.server_fingerprint,
                is_new_key=joined.is_new_key,
                is_plaintext=options.plaintext,
            )
        )
        return await LineClient(joined, terminal, is_plaintext=options.plaintext).run()
    finally:
        terminal.emit(as_line("counters", **joined.counters()))
        await joined.close()


async def _join(server: HostPort, options: ClientOptions, terminal: Terminal, folder: Path | None) -> Client:
    """Join; a person whose nickname cannot be is asked for another."""
    nick = options.name
    while True:
        try:
            return await join(server, options, terminal, nick=nick, folder=folder)
        except RefusedError as error:
            if error.code not in ASKED_AGAIN or not terminal.is_interactive:
                raise
            terminal.show(error_text(error))
        answer = await terminal.next_line("another nickname: ")
        if answer is None:
            raise CommandError(ExitCode.NICKNAME, "no nickname, so nobody joined")
        nick = answer.strip() or nick


class LineClient:
    """One session at the keyboard or from a script."""

    def __init__(self, client: Client, terminal: Terminal, *, is_plaintext: bool) -> None:
        self._client = client
        self._terminal = terminal
        self._prompt = f"{client.nick}{' [PLAINTEXT]' if is_plaintext else ''}> "
        self._pending: set[asyncio.Task[None]] = set()  # lines under way
        self._transfers: set[asyncio.Task[None]] = set()
        self._result = ExitCode.OK  # of the first thing that failed
        self._has_been_warned = False
        self._lost: Disconnected | None = None  # how the session ended, once it has

    async def run(self) -> ExitCode:
        """Until the input ends, /quit is typed, or the session is over; the exit code.

        ConnectionLostError when the session ended before the user did.
        """
        news = asyncio.create_task(self._show_news())
        typing = asyncio.create_task(self._read_lines())
        try:
            await asyncio.wait({news, typing}, return_when=asyncio.FIRST_COMPLETED)
            # The input may end in the very moment in which the session does: that was no leaving.
            if news.done() or self._lost is not None:
                lost = self._lost or news.result()
                raise ConnectionLostError(lost.code, lost.reason or "the connection ended")
            typing.result()
            return self._result
        finally:
            for task in (news, typing, *self._pending, *self._transfers):
                task.cancel()

    async def _show_news(self) -> Disconnected:
        lost = Disconnected(ErrorCode.NO_ERROR, "", remote=False)
        async for event in self._client.events():
            if isinstance(event, Disconnected):
                self._lost = lost = event
                self._terminal.emit(event_line(event))
            else:
                self._terminal.event(event)
        return lost

    async def _read_lines(self) -> None:
        while (line := await self._terminal.next_line(self._prompt)) is not None:
            match parse_line(line, CLIENT_VERBS):
                case Text(text):
                    self._terminal.take_back(self._prompt, line)
                    await self._send("say", text, self._client.say(text))
                case Command("quit"):
                    if self._may_leave():
                        return
                case Command() as command:
                    await self._do(command)
                case Mistake(text):
                    self._fail("input", line, text)
        # A script's last lines and transfers are done before it leaves.
        while under_way := self._pending | self._transfers:
            await asyncio.wait(under_way)

    async def _do(self, command: Command) -> None:
        match command:
            case Command("msg", (nick, text)):
                await self._send("msg", text, self._client.tell(nick, text), to=nick)
            case Command("put", (path,)):
                self._begin(upload(self._client, self._terminal, _path(unquoted(path))))
            case Command("get", (name, *folder)):
                place = _path(folder[0]) if folder else None
                self._begin(download(self._client, self._terminal, name, place))
            case _:
                try:
                    await self._ask(command.name)
                except UdpchatError as error:
                    self._note(tell_error(self._terminal, command.name, "", error))

    async def _ask(self, name: str) -> None:
        """Commands that only show something."""
        lines: list[str] = []
        match name:
            case "users":
                users = await self._client.users()
                lines = user_table(users)
                self._terminal.emit(
                    as_line("users", users=[{"nick": nick, "joined_at": joined_at} for nick, joined_at in users])
                )
            case "count":
                lines = [user_count_text(self._client.user_count)]
                self._terminal.emit(as_line("count", user_count=self._client.user_count))
            case "files":
                files = await self._client.files()
                lines = file_table(files)
                self._terminal.emit(as_line("files", files=files))
            case "stats":
                lines, line = await show_stats(self._client)
                self._terminal.emit(line)
            case "help":
                lines = help_lines(CLIENT_VERBS)
        for line in lines:
            self._terminal.show(line)

    # -- things under way ----------------------------------------------------------------------------------------------

    async def _send(self, command: str, text: str, verb: Coroutine[Any, Any, object], to: str = "") -> None:
        """Send a line without waiting for its acknowledgement, unless very many wait already."""
        if (fault := text_fault(text)) is not None:
            verb.close()
            self._fail(command, text, fault)
            return
        while len(self._pending) >= MAX_PENDING:
            await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)

        async def deliver() -> None:
            try:
                await verb
            except UdpchatError as error:
                self._note(tell_error(self._terminal, command, to or text, error))

        task = asyncio.create_task(deliver())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def _begin(self, transfer: Coroutine[Any, Any, ExitCode]) -> None:
        async def follow() -> None:
            self._note(await transfer)

        task = asyncio.create_task(follow())
        self._transfers.add(task)
        task.add_done_callback(self._transfers.discard)

    def _may_leave(self) -> bool:
        """Whether /quit is meant: a person with transfers under way is asked once."""
        if not self._transfers or self._has_been_warned or not self._terminal.is_interactive:
            return True
        self._has_been_warned = True
        self._terminal.show(f"{len(self._transfers)} transfers are under way; /quit once more gives them up")
        return False

    def _fail(self, command: str, argument: str, text: str) -> None:
        self._terminal.log(visible(text))
        code = ExitCode.USAGE
        self._terminal.emit(as_line("error", command=command, argument=argument, exit_code=int(code), text=text))
        self._note(code)

    def _note(self, code: ExitCode) -> None:
        """Remember what failed first: a script ends with it; a person has seen it."""
        if self._result is ExitCode.OK and not self._terminal.is_interactive:
            self._result = code


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # "~nobody"
        return Path(text)


def _welcome(joined: Client, server: HostPort) -> str:
    sealed = f"sealed, server key {joined.server_fingerprint}" if joined.server_fingerprint else "PLAINTEXT"
    here = user_count_text(joined.user_count)
    return f"joined {visible(str(server))} as {visible(joined.nick)} ({sealed}); {here}; /help lists the commands"
