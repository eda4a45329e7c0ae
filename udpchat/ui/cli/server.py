"""`udpchat server`: runs a server, shows what happens, and takes the administrator's commands on a terminal."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from platformdirs import user_data_path

from udpchat.capture.rotation import DEFAULT_LIMIT
from udpchat.chat.text import text_fault
from udpchat.config import DEFAULT_PORT, MAX_DATAGRAM_IPV4, Config
from udpchat.errors import UdpchatError
from udpchat.net.server import Server, serve
from udpchat.store.trouble import storage_error
from udpchat.ui.cli.capturing import CaptureLimitOption, CaptureOption, capture_target
from udpchat.ui.cli.client_options import (
    KeylogOption,
    MaxDatagramOption,
    PlaintextOption,
    PortableOption,
)
from udpchat.ui.cli.commands import SERVER_VERBS, Command, Mistake, Text, help_lines, parse_line
from udpchat.ui.cli.exits import CommandError, ExitCode, error_text
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import JsonOption, convert, parse_port
from udpchat.ui.cli.render import file_table, user_table, visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.sending import Arq, ArqOption, Congestion, CongestionOption, WindowOption
from udpchat.ui.cli.terminal import Terminal

PROMPT: Final = "server> "


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What the user said about the server."""

    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is every one, IPv4 and IPv6.", show_default=False)
    ] = ""
    port: Annotated[
        int, typer.Option(parser=convert(parse_port), metavar="PORT", help="UDP port; 0 is any free one.")
    ] = DEFAULT_PORT
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of files and keys; one server each.", show_default=False)
    ] = None
    max_users: Annotated[int, typer.Option(min=1, help="How many may be here at once.")] = Config().max_users
    plaintext: PlaintextOption = False
    keylog: KeylogOption = None
    capture: CaptureOption = None
    capture_limit: CaptureLimitOption = DEFAULT_LIMIT
    arq: ArqOption = None
    window: WindowOption = None
    congestion: CongestionOption = None
    max_datagram: MaxDatagramOption = MAX_DATAGRAM_IPV4
    portable: PortableOption = False
    as_json: JsonOption = False

    def config(self) -> Config:
        """The part that the transport works with."""
        return Config(
            max_users=self.max_users,
            plaintext=self.plaintext,
            arq=str(self.arq or Arq.SELECTIVE_REPEAT),
            window=self.window or 0,
            congestion=str(self.congestion or Congestion.BBR),
            max_datagram=self.max_datagram,
            portable=self.portable,
        )

    def folder(self) -> Path:
        """The data folder."""
        return self.data or user_data_path("udpchat", appauthor=False) / "server"


@grouped(ServerOptions)
def server(*, options: ServerOptions) -> None:
    """Run a server until Ctrl-C or SIGTERM. On a terminal it takes /users /say /kick /files /help /quit."""
    with Terminal(as_json=options.as_json) as terminal:
        run("udpchat server", _serve(options, terminal), terminal)


async def _serve(options: ServerOptions, terminal: Terminal) -> ExitCode:
    folder = options.folder()
    running = await _start(options, folder)
    try:
        _announce_start(running, options, folder, terminal)
        tasks = [asyncio.create_task(_show_events(running, terminal))]
        if terminal.is_interactive:
            tasks.append(asyncio.create_task(_take_commands(running, terminal)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
    except asyncio.CancelledError:  # Ctrl-C: the way to stop a server, so no failure
        terminal.log("saying goodbye")
        if (current := asyncio.current_task()) is not None:
            current.uncancel()
    finally:
        terminal.emit(as_line("counters", **running.counters()))
        await running.close()
    return ExitCode.OK


async def _start(options: ServerOptions, folder: Path) -> Server:
    _make_data_folder(folder)
    try:
        return await serve(
            options.host,
            options.port,
            data=folder,
            config=options.config(),
            keylog=options.keylog,
            capture=capture_target(options.capture, options.capture_limit),
        )
    except OSError as error:
        raise CommandError(ExitCode.USAGE, _listen_trouble(error, options)) from error


def _make_data_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"use the data folder {folder}") from error


def _listen_trouble(error: OSError, options: ServerOptions) -> str:
    place = f"{options.host} port {options.port}" if options.host else f"port {options.port}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{place} is in use; stop the other program or choose another port with --port"
        case errno.EACCES:
            return f"no permission to listen on {place}; choose a port above 1023 with --port"
        case errno.EADDRNOTAVAIL:
            return f"{options.host} is not an address of this machine; leave --host out to listen on all"
        case _:
            return f"cannot listen on {place}: {error.strerror or error}"


def _announce_start(running: Server, options: ServerOptions, folder: Path, terminal: Terminal) -> None:
    terminal.emit(
        as_line(
            "listening",
            host=running.address[0],
            port=running.address[1],
            addresses=running.addresses,
            fingerprint=running.fingerprint,
            key=running.public_key,
            is_plaintext=options.plaintext,
            data=str(folder),
        )
    )
    terminal.show("on the other machines, one of:")
    for address in running.addresses:
        terminal.show(f"  udpchat client {address}")
    if options.plaintext:
        terminal.log("PLAINTEXT: whoever sees the network reads, and can change, all that is said and sent")
    else:
        terminal.show(f"key fingerprint {running.fingerprint}")
        terminal.show(f"key {running.public_key.hex()}")
    if options.keylog is not None:
        terminal.log(f"KEY LOG: whoever reads {visible(str(options.keylog))} reads every session")
    if running.advice:
        terminal.log(running.advice)
    terminal.show(
        f"data in {visible(str(folder))}; Ctrl-C stops" + (", /help helps" if terminal.is_interactive else "")
    )


async def _show_events(running: Server, terminal: Terminal) -> None:
    async for event in running.events():
        terminal.event(event)


async def _take_commands(running: Server, terminal: Terminal) -> None:
    """Until /quit or the end of the input."""
    while (line := await terminal.next_line(PROMPT)) is not None:
        match parse_line(line, SERVER_VERBS):
            case Command("quit"):
                return
            case Command() as command:
                try:
                    for answer in await _perform(running, command):
                        terminal.show(answer)
                except UdpchatError as error:
                    terminal.show(error_text(error))
            case Text():
                terminal.show("to tell everybody something write /say TEXT; /help lists the commands")
            case Mistake(text):
                terminal.show(visible(text))


async def _perform(running: Server, command: Command) -> list[str]:
    """Do a command of the administrator; the lines that answer it."""
    match command:
        case Command("users"):
            return user_table((session.nick, session.joined_at) for session in running.users())
        case Command("files"):
            return file_table(await running.files())
        case Command("say", (text,)):
            if (fault := text_fault(text)) is not None:
                return [fault]
            running.announce(text)
            return []
        case Command("kick", (nick,)):
            return [] if running.kick(nick) else [f"nobody here is called {visible(nick)}"]
        case _:
            return help_lines(SERVER_VERBS)
