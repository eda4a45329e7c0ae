"""`udpchat put`, `get`, `ls` and `say`: join, do one thing, leave. For scripts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from udpchat.chat.text import text_fault
from udpchat.errors import ConnectionLostError, ErrorCode
from udpchat.net.client import Client
from udpchat.ui.cli.client_options import ClientOptions, HostArgument
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.joining import join
from udpchat.ui.cli.objects import as_line, event_line
from udpchat.ui.cli.options import HostPort
from udpchat.ui.cli.running import run
from udpchat.ui.cli.tables import file_table
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.transfers import check_local_file, download, make_folder, upload

Work: TypeAlias = Callable[[Client, Terminal], Awaitable[ExitCode]]


@grouped(ClientOptions)
def put(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    server: HostArgument,
    *,
    options: ClientOptions,
) -> None:
    """Upload files, one after the other, and leave."""

    async def work(client: Client, terminal: Terminal) -> ExitCode:
        return _first_failure([await upload(client, terminal, path) for path in files])

    async def checked() -> ExitCode:
        for path in files:
            check_local_file(path)
        return await joined(server, options, work)

    run("udpchat put", checked())


@grouped(ClientOptions)
def get(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", show_default=False)],
    server: HostArgument,
    *,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder for the files; the current one by default.")
    ] = None,
    options: ClientOptions,
) -> None:
    """Download files, one after the other, and leave."""

    async def work(client: Client, terminal: Terminal) -> ExitCode:
        return _first_failure([await download(client, terminal, name, to) for name in names])

    async def checked() -> ExitCode:
        if to is not None:
            make_folder(to)
        return await joined(server, options, work, folder=to, fetches=True)

    run("udpchat get", checked())


@grouped(ClientOptions)
def ls(server: HostArgument, *, options: ClientOptions) -> None:
    """List the files of a server: size, MD5, time, who uploaded it, name."""

    async def work(client: Client, terminal: Terminal) -> ExitCode:
        files = await client.files()
        if terminal.as_json:
            for entry in files:
                terminal.emit(event_line(entry))
        else:
            for line in file_table(files):
                terminal.show(line)
        return ExitCode.OK

    run("udpchat ls", joined(server, options, work))


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


async def joined(
    server: HostPort, options: ClientOptions, work: Work, folder: Path | None = None, *, fetches: bool = False
) -> ExitCode:
    """Join, do the work, leave. ConnectionLostError when the server ends the session meanwhile."""
    with Terminal(as_json=options.as_json) as terminal:
        client = await join(server, options, terminal, folder=folder, fetches=fetches)
        return await _worked(client, terminal, work)


async def _worked(client: Client, terminal: Terminal, work: Work) -> ExitCode:
    try:
        code = await work(client, terminal)
        if code is ExitCode.CONNECTION_LOST and not terminal.as_json:
            raise ConnectionLostError(ErrorCode.NO_ERROR, "the connection to the server was lost; try again")
        return code
    finally:
        await client.close()


def _first_failure(codes: list[ExitCode]) -> ExitCode:
    return next((code for code in codes if code is not ExitCode.OK), ExitCode.OK)
