"""`udpchat put`, `get`, `ls`, `rm` and `say`: join, do one thing, leave. For scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from udpchat.chat.text import text_fault
from udpchat.config import LOBBY
from udpchat.errors import UdpchatError
from udpchat.net.client import Client
from udpchat.ui.cli.client_options import ClientOptions, HostArgument, TransferOptions
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.file_tables import file_table, member_table
from udpchat.ui.cli.finding import SHELL_LISTS, find_file, find_members, find_one, members_of, wanted
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.objects import as_line, event_line
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.sources import check_sources, named_path
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.transfers import Carrier, make_folder, tell_error
from udpchat.ui.cli.visiting import all_of, joined

NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME", show_default=False)]


@grouped(TransferOptions)
def put(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", show_default=False)],
    server: HostArgument,
    *,
    room: Annotated[
        str, typer.Option(metavar="ROOM", help="For a room; the lobby by default.", show_default=False)
    ] = "",
    to: Annotated[str, typer.Option("--to", metavar="NICK", help="For one person alone.", show_default=False)] = "",
    options: TransferOptions,
) -> None:
    """Upload files and folders, and leave. What was begun before goes on where it ended."""

    async def checked() -> ExitCode:
        if room and to:
            raise CommandError(ExitCode.USAGE, "a file is for a room or for one person; leave out --room or --to")
        sources = [named_path(text) for text in paths]
        check_sources(sources)

        async def work(client: Client, terminal: Terminal) -> ExitCode:
            carrier = Carrier(client, terminal)
            place, nick = room.removeprefix("#") or LOBBY, to.removeprefix("@")
            return await all_of(carrier.upload(path, room=place, to=nick, pace=options.pace) for path in sources)

        return await joined(server, options, work, patience=options.patience)

    run("udpchat put", checked())


@grouped(TransferOptions)
def get(
    names: NamesArgument,
    server: HostArgument,
    *,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder for the files; the current one by default.")
    ] = None,
    options: TransferOptions,
) -> None:
    """Download files, folders, or single files of a folder (FOLDER/PATH), and leave. Also by the beginning of an id."""

    async def checked() -> ExitCode:
        if to is not None:
            make_folder(to)

        async def work(client: Client, terminal: Terminal) -> ExitCode:
            carrier = Carrier(client, terminal)

            async def fetch(name: str) -> ExitCode:
                try:
                    found = await wanted(client, name, lists=SHELL_LISTS)
                except UdpchatError as error:
                    return tell_error(terminal, "get", name, error)
                return await carrier.download(found, to, pace=options.pace)

            return await all_of(fetch(name) for name in dict.fromkeys(name.rstrip("/") for name in names))

        return await joined(server, options, work, folder=to, fetches=True, patience=options.patience)

    run("udpchat get", checked())


@grouped(ClientOptions)
def ls(
    server: HostArgument,
    folder: Annotated[str, typer.Argument(metavar="[FOLDER/]", show_default=False)] = "",
    *,
    room: Annotated[str, typer.Option(metavar="ROOM", help="Of one room only.", show_default=False)] = "",
    is_long: Annotated[bool, typer.Option("--long", help="With ids, types, and until when files stay.")] = False,
    options: ClientOptions,
) -> None:
    """List the files of a server: size, MD5, time, state, who uploaded it, name; or what is in a folder."""

    async def work(client: Client, terminal: Terminal) -> ExitCode:
        if folder:
            name, _, below = folder.strip("/").partition("/")
            entry = await find_one(client, name, lists=SHELL_LISTS)
            members = find_members(entry, await members_of(client, entry), below, lists=SHELL_LISTS)
            objects, lines = [event_line(member) for member in members], member_table(members)
        else:
            files = await client.files(room.removeprefix("#"))
            objects, lines = [event_line(entry) for entry in files], file_table(files, is_long=is_long)
        for each in objects if terminal.as_json else []:
            terminal.emit(each)
        for line in lines:
            terminal.show(line)
        return ExitCode.OK

    run("udpchat ls", joined(server, options, work))


@grouped(ClientOptions)
def rm(names: NamesArgument, server: HostArgument, *, options: ClientOptions) -> None:
    """Delete files of yours at a server; of anybody, for administrators. By name, or by the beginning of an id."""

    async def work(client: Client, terminal: Terminal) -> ExitCode:
        files = await client.files()

        async def remove(name: str) -> ExitCode:
            try:
                entry = find_file(files, name.rstrip("/"), is_unique=True, lists=SHELL_LISTS)
                await client.delete_file(entry.file_id)
            except UdpchatError as error:
                return tell_error(terminal, "rm", name, error)
            terminal.show(f"deleted {visible(entry.file_name)}")
            terminal.emit(as_line("done", command="rm", argument=name))
            return ExitCode.OK

        return await all_of(remove(name) for name in dict.fromkeys(names))

    run("udpchat rm", joined(server, options, work))


@grouped(ClientOptions)
def say(
    text: Annotated[str, typer.Argument(metavar="TEXT", show_default=False)],
    server: HostArgument,
    *,
    options: ClientOptions,
) -> None:
    """Say one line and leave when the server has it."""

    async def work(client: Client, terminal: Terminal) -> ExitCode:
        answer = await client.say(text)
        terminal.emit(as_line("said", sequence=answer.sequence, sent_at=answer.sent_at, text=text, waits=False, to=""))
        return ExitCode.OK

    async def checked() -> ExitCode:
        if (fault := text_fault(text)) is not None:
            raise CommandError(ExitCode.USAGE, fault)
        return await joined(server, options, work)

    run("udpchat say", checked())
