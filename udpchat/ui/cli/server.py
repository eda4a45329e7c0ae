"""`udpchat server`: runs a server, shows what happens, and takes the administrator's commands on a terminal."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

from udpchat.chat.events import FileSaid
from udpchat.files.events import FileMarked
from udpchat.net.server import Server, serve
from udpchat.ui.cli.capturing import capture_target
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.objects import as_line, event_line
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.server_announcing import check_interface, end_announcing, start_announcing
from udpchat.ui.cli.server_options import ServerOptions, make_data_folder
from udpchat.ui.cli.server_terminal import take_commands
from udpchat.ui.cli.terminal import Terminal
from udpchat.wire.numbers import FileState


@grouped(ServerOptions)
def server(*, options: ServerOptions) -> None:
    """Run a server until Ctrl-C or SIGTERM. On a terminal it takes the administrator's commands; /help lists them."""
    with Terminal(as_json=options.as_json) as terminal:
        run("udpchat server", keep_serving(options, terminal), terminal)


async def keep_serving(options: ServerOptions, terminal: Terminal) -> ExitCode:
    """Serve until somebody stops it."""
    check_interface(options)
    folder = options.folder()
    running = await _start(options, folder)
    announcing: asyncio.Task[None] | None = None
    try:
        _tell_start(running, options, folder, terminal)
        announcing = start_announcing(running, options, terminal)
        tasks = [asyncio.create_task(_show_events(running, terminal))]
        if terminal.is_interactive:
            tasks.append(asyncio.create_task(take_commands(running, folder, terminal)))
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
        await asyncio.gather(end_announcing(announcing), running.close())
    return ExitCode.OK


async def _start(options: ServerOptions, folder: Path) -> Server:
    make_data_folder(folder)
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


def _tell_start(running: Server, options: ServerOptions, folder: Path, terminal: Terminal) -> None:
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
        # People were told by FileShared and FileDelivered, with the MD5 of both ends.
        if isinstance(event, FileSaid) or (isinstance(event, FileMarked) and event.state <= FileState.VERIFIED):
            terminal.emit(event_line(event))
        else:
            terminal.event(event)
