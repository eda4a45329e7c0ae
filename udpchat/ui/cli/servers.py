"""`udpchat servers`: which servers announce themselves on the local network, and which of them we know."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from udpchat.net.discovery.searching import WAIT
from udpchat.ui.cli.choosing import list_servers
from udpchat.ui.cli.client_options import ClientOptions, HomeOption, InterfaceOption
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import JsonOption
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.server_list import server_line, server_table
from udpchat.ui.cli.terminal import Terminal

MAX_WAIT: Final = 3_600.0


def servers(
    *,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, max=MAX_WAIT, help="How long to listen.")] = WAIT,
    interface: InterfaceOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the servers that announce themselves on the local network, and those that you know. Connects to none."""
    options = ClientOptions(interface=interface, home=home, as_json=as_json)
    with Terminal(as_json=as_json, has_prompt=False) as terminal:
        run("udpchat servers", _list(options, wait, terminal), terminal)


async def _list(options: ClientOptions, wait: float, terminal: Terminal) -> ExitCode:
    listing = await list_servers(options, wait)
    search = listing.search
    for row in listing.rows:
        terminal.emit(server_line(row))
    terminal.emit(as_line("search", interfaces=search.interfaces, left_out=search.left_out, troubles=search.troubles))
    for line in server_table(listing.rows):
        terminal.show(line)
    if search.left_out:
        terminal.log(f"{search.left_out} more servers are not shown")
    for name, why in search.troubles.items():
        terminal.log(f"no search on {visible(name)}: {visible(why)}")
    if not search.servers:
        terminal.log(f"no server was found {listing.places}")
    return ExitCode.OK if search.servers else ExitCode.NO_SERVER
