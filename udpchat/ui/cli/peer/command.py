"""`udpchat peer`: a node of a network of equals, with a prompt; and single commands for scripts."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from udpchat.config import MAX_TTL
from udpchat.crypto.identity import fingerprint
from udpchat.errors import StorageError
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import OPERATOR, ListFiles
from udpchat.net.joining import connect
from udpchat.net.peer.api import SEARCHING, Peer, start_guest, start_peer
from udpchat.net.peer.node import Means, open_server_store
from udpchat.net.peer.notes import SERVER, PeerInfo, read_note
from udpchat.peers.settings import PeerConfig, shown_place
from udpchat.protocol.ports import perform
from udpchat.store.peer_file import PeerFile
from udpchat.ui.cli.capturing import capture_target
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.peer.options import PeerOptions, read_config
from udpchat.ui.cli.peer.prompt import PeerPrompt
from udpchat.ui.cli.peer.verbs import (
    PeerVerbs,
    modified,
    show_config,
    show_peers,
    show_shared,
    tell_holders,
    told_modified,
)
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.transfers import make_folder

peer = typer.Typer(invoke_without_command=True, help="Share a folder with equals, and search theirs: no server needed.")

Work: TypeAlias = Callable[[PeerOptions, Terminal], Coroutine[Any, Any, ExitCode]]
FolderOption = Annotated[
    Path | None, typer.Option("--to", metavar="DIR", help="Folder for what is fetched; the current one by default.")
]
WaitOption = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0.1, max=30, help="How long answers are waited for.")
]


@peer.callback()
@grouped(PeerOptions)
def _peer(context: typer.Context, to: FolderOption = None, *, options: PeerOptions) -> None:
    """Run a node. On a terminal it takes commands; `help` lists them. Without one it runs until it is stopped."""
    context.obj = options
    if context.invoked_subcommand is None:
        _run(options, lambda options, terminal: _node(options, terminal, to), has_prompt=True)


@peer.command()
def search(
    context: typer.Context,
    pattern: Annotated[list[str], typer.Argument(metavar="PATTERN", show_default=False)],
    *,
    ttl: Annotated[
        int | None, typer.Option("--ttl", metavar="N", min=1, max=MAX_TTL, help="How many links it travels.")
    ] = None,
    wait: WaitOption = SEARCHING,
) -> None:
    """Find files and folders: by words of their names, by a pattern with * and ?, or by MD5."""

    async def work(options: PeerOptions, terminal: Terminal) -> ExitCode:
        async with _guest(options, terminal) as (guest, config):
            return await PeerVerbs(guest, terminal, links=config.ttl).search(" ".join(pattern), ttl=ttl, wait=wait)

    _run(context.obj, work)


@peer.command()
def get(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    *,
    to: FolderOption = None,
    wait: WaitOption = SEARCHING,
) -> None:
    """Find a file or folder by its name or MD5, and fetch it directly from the best of those who have it."""

    async def work(options: PeerOptions, terminal: Terminal) -> ExitCode:
        if to is not None:
            make_folder(to)
        async with _guest(options, terminal) as (guest, config):
            telling = asyncio.create_task(tell_holders(guest, terminal))
            try:
                return await PeerVerbs(guest, terminal, links=config.ttl).get(name, to, wait=wait)
            finally:
                telling.cancel()

    _run(context.obj, work)


@peer.command()
def ls(context: typer.Context) -> None:
    """List what this node shares."""

    async def work(options: PeerOptions, terminal: Terminal) -> ExitCode:
        home, config = options.folder(), read_config(options.file(), terminal)
        show_shared(await _shared(home, config, options), terminal)
        return ExitCode.OK

    _run(context.obj, work)


@peer.command()
def peers(context: typer.Context) -> None:
    """List the neighbours: who is there, who is not and why."""

    async def work(options: PeerOptions, terminal: Terminal) -> ExitCode:
        config, note = read_config(options.file(), terminal), read_note(options.folder())
        show_peers(_configured(config) if note is None else note.peers, terminal)
        return ExitCode.OK

    _run(context.obj, work)


@peer.command("config")
def show(context: typer.Context) -> None:
    """Show the configuration, and the keys by which others know this node."""

    async def work(options: PeerOptions, terminal: Terminal) -> ExitCode:
        file = options.file()
        config = read_config(file, terminal)
        means = Means(options.folder(), options.transport(), open_server_store)
        key = b"" if options.plaintext else means.keys().static_public
        show_config(config, file, options.folder(), key=key, identity=means.identity().public, terminal=terminal)
        return ExitCode.OK

    _run(context.obj, work)


@peer.command()
def modify(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", show_default=False)],
    value: Annotated[str, typer.Argument(metavar="VALUE", show_default=False)],
) -> None:
    """Change one value: it is checked and saved, and a node that runs follows within a second."""

    async def work(options: PeerOptions, terminal: Terminal) -> ExitCode:
        file = options.file()
        read_config(file, terminal)
        modified(lambda: file.modify(key, value), key, terminal)
        is_running = read_note(options.folder()) is not None
        told_modified(key, "saved; the running node follows" if is_running else "saved", terminal)
        return ExitCode.OK

    _run(context.obj, work)


# -- one command -------------------------------------------------------------------------------------------------------


def _run(options: PeerOptions, work: Work, *, has_prompt: bool = False) -> None:
    with Terminal(as_json=options.as_json, has_prompt=has_prompt) as terminal:
        run("udpchat peer", work(options, terminal), terminal)


@asynccontextmanager
async def _guest(options: PeerOptions, terminal: Terminal) -> AsyncIterator[tuple[Peer, PeerConfig]]:
    """A node for one command, and the configuration of the user's own."""
    file, home = options.file(), options.folder()
    config = read_config(file, terminal)
    async with await start_guest(config, home, read_note(home), options.transport()) as guest:
        yield guest, config


async def _shared(home: Path, config: PeerConfig, options: PeerOptions) -> Sequence[FileEntry]:
    """What the node that runs shares; when none does, what it shared last."""
    note = read_note(home)
    if note is None:
        store = open_server_store(home / SERVER, config)
        try:
            listed: Sequence[FileEntry] = perform(store, ListFiles(0, OPERATOR))
        finally:
            store.close()
        return listed
    client = await connect(
        note.host,
        note.port,
        nick="visitor",
        config=replace(options.transport(), plaintext=note.is_plaintext),
        home=home,
        server_key=note.key.hex() or None,
        pins=False,
        visitor=True,
    )
    try:
        return await client.files()
    finally:
        await client.close()


def _configured(config: PeerConfig) -> list[PeerInfo]:
    """The neighbours of a node that does not run."""
    text = "this node does not run"
    return [PeerInfo(each.name, each.host, each.port, False, True, text=text) for each in config.neighbours]


# -- the node ----------------------------------------------------------------------------------------------------------


async def _node(options: PeerOptions, terminal: Terminal, to: Path | None) -> ExitCode:
    if to is not None:
        make_folder(to)
    file = options.file()
    config = read_config(file, terminal)
    running = await _start(options, config, file)
    try:
        await _announce(running, file, terminal)
        return await PeerPrompt(running, file, terminal, to).run(stays=not _has_input())
    except asyncio.CancelledError:  # Ctrl-C: the way to stop a node, so no failure
        terminal.log("saying goodbye")
        if (current := asyncio.current_task()) is not None:
            current.uncancel()
        return ExitCode.OK
    finally:
        with contextlib.suppress(StorageError):
            terminal.emit(as_line("counters", **running.counters()))
        await running.close()


async def _start(options: PeerOptions, config: PeerConfig, file: PeerFile) -> Peer:
    try:
        return await start_peer(
            config,
            options.folder(),
            file=file,
            transport=options.transport(),
            keylog=options.keylog,
            capture=capture_target(options.capture, options.capture_limit),
        )
    except OSError as error:
        place = shown_place(config.host, config.port) if config.host else f"port {config.port}"
        if error.errno == errno.EADDRINUSE:
            text = f"{place} is in use; stop the other program, or: udpchat peer modify port N"
        else:
            text = f"cannot listen on {place}: {error.strerror or error}"
        raise CommandError(ExitCode.USAGE, text) from error


async def _announce(running: Peer, file: PeerFile, terminal: Terminal) -> None:
    config = running.config
    terminal.emit(
        as_line(
            "node",
            name=config.name,
            host=running.address[0],
            port=running.address[1],
            addresses=running.addresses,
            key=running.key,
            fingerprint=fingerprint(running.key) if running.key else "",
            identity=running.identity,
            share=config.share,
            path=str(file.path),
            home=str(running.home),
            is_plaintext=not running.key,
        )
    )
    shares = f"shares {visible(config.share)}" if config.share else "shares nothing"
    terminal.show(f"{visible(config.name)} {shares}; others reach it at:")
    for address in running.addresses:
        terminal.show(f"  {visible(address)}")
    if running.key:
        terminal.show(f"key {fingerprint(running.key)}, identity {fingerprint(running.identity)}")
    else:
        terminal.log("PLAINTEXT: whoever sees the network reads, and can change, all that is searched and fetched")
    if running.advice:
        terminal.log(running.advice)
    if terminal.is_interactive:
        terminal.show("help lists the commands; exit or Ctrl-C leaves")


def _has_input() -> bool:
    """Whether commands can come: a service has /dev/null there."""
    try:
        status = os.fstat(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return not os.path.samestat(status, os.stat(os.devnull))
