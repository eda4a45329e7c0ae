"""The administrator's commands at the server's own terminal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from concurrent.futures import TimeoutError as Timeout
from contextlib import closing
from pathlib import Path
from typing import Final

from udpchat.chat.ports import Person
from udpchat.chat.text import text_fault
from udpchat.errors import UdpchatError
from udpchat.net.home import wall_clock
from udpchat.net.server import Server
from udpchat.store.accounts import AccountBook
from udpchat.ui.cli.commands import SERVER, Completes
from udpchat.ui.cli.completion import Completer
from udpchat.ui.cli.exits import error_text
from udpchat.ui.cli.file_tables import file_table
from udpchat.ui.cli.finding import find_file
from udpchat.ui.cli.parsing import Command, Mistake, Text, help_lines, parse_line, unquoted
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.tables import ban_table, person_table, user_table
from udpchat.ui.cli.terminal import Terminal

PROMPT: Final = "server> "
PATIENCE: Final = 1.0  # seconds that the administrator waits after Tab


async def take_commands(running: Server, folder: Path, terminal: Terminal) -> None:
    """Until /quit or the end of the input. folder: the data folder."""

    loop = asyncio.get_running_loop()

    def nicks(_: str) -> Iterable[str]:
        return [user.nick for user in running.users()]

    def files(_: str) -> Iterable[str]:
        asked = asyncio.run_coroutine_threadsafe(running.files(), loop)
        try:
            return list(dict.fromkeys(entry.file_name for entry in asked.result(PATIENCE)))
        except (UdpchatError, Timeout):  # nobody needs the Tab key
            return []

    terminal.complete_with(Completer(SERVER, {Completes.NICK: nicks, Completes.FILE: files}))
    while (line := await terminal.next_line(PROMPT)) is not None:
        match parse_line(line, SERVER):
            case Command("quit"):
                return
            case Command() as command:
                try:
                    for answer in await perform(running, folder, command):
                        terminal.show(answer)
                except (UdpchatError, ValueError) as error:  # ValueError: words that cannot be said
                    terminal.show(error_text(error))
            case Text():
                terminal.show("to tell everybody something write /say TEXT; /help lists the commands")
            case Mistake(text):
                terminal.show(visible(text))


async def perform(running: Server, folder: Path, command: Command) -> list[str]:
    """Do a command of the administrator; the lines that answer it."""
    match command:
        case Command("users"):
            return user_table(running.users())
        case Command("accounts"):
            return person_table(await asyncio.to_thread(_accounts, folder))
        case Command("files"):
            return file_table(await running.files())
        case Command("delete", (name,)):
            entry = find_file(await running.files(), unquoted(name).rstrip("/"), is_unique=True)
            await running.delete_file(entry.file_id)
            return []  # said as an event
        case Command("help", about):
            return help_lines(SERVER, *about)
        case Command("say", (text,)):
            if (fault := text_fault(text)) is not None:
                return [fault]
            running.announce(text)
            return []
        case _:
            return await _judge(running, command)


async def _judge(running: Server, command: Command) -> list[str]:
    match command:
        case Command("kick", (nick, *reason)):
            return [] if running.kick(nick, *reason) else [f"nobody here is called {visible(nick)}"]
        case Command("ban", (target, *reason)):
            entry = await running.ban(target, *reason)
            return [f"banned {visible(entry.target)}; /unban {visible(entry.target)} lifts it"]
        case Command("unban", (target,)):
            was_banned = await running.unban(target)
            return [f"{visible(target)} {'may come in again' if was_banned else 'was not banned; /bans lists who is'}"]
        case _:
            return ban_table(await running.bans())


def _accounts(folder: Path) -> tuple[Person, ...]:
    with closing(AccountBook(folder, clock=wall_clock, random_bytes=os.urandom)) as book:
        return book.list()
