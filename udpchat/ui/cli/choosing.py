"""Which server is meant when none was named: the only one that is found, or the one that a person chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, TypeVar

import typer

from udpchat.crypto.identity import fingerprint
from udpchat.net.discovery.searching import WAIT, Search, found_servers
from udpchat.net.home import Home
from udpchat.net.interfaces import chosen_interfaces, own_interfaces
from udpchat.ui.cli.client_options import ClientOptions
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.options import HostPort, parse_host_port
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.server_list import ListedServer, listed_servers, server_line, server_table
from udpchat.ui.cli.terminal import Terminal

Options = TypeVar("Options", bound=ClientOptions)

NAME_IT: Final = "name one: udpchat client HOST"


class Start(Enum):
    """What a person may choose besides a server."""

    HERE = "start one here"


@dataclass(frozen=True, slots=True)
class Listing:
    """What a search has brought, with what we know besides."""

    rows: list[ListedServer]
    search: Search

    @property
    def places(self) -> str:
        """Where was searched, for people."""
        names = ", ".join(map(visible, self.search.interfaces))
        return f"on {names}" if names else "as this machine has no network"


async def list_servers(options: ClientOptions, wait: float = WAIT) -> Listing:
    """Search, and add the servers that we know. InterfaceError, StorageError, OSError."""
    home = Home(options.home)
    known, pins = home.known_servers(), home.trust.pins()
    interfaces = chosen_interfaces(options.interface, own_interfaces())
    search = await found_servers(wait, interfaces, {fingerprint(pin.key) for pin in pins})
    return Listing(listed_servers(search.servers, known, pins), search)


def suits(row: ListedServer, options: ClientOptions) -> bool:
    """Whether a server is there that could be joined with these options, if what it says is true."""
    if not row.speaks(plaintext=options.plaintext):
        return False
    if options.strict and options.server_key is None and not row.known_key:
        return False
    return options.server_key is None or row.fingerprint == _as_fingerprint(options.server_key)


def only_one(rows: Sequence[ListedServer], options: ClientOptions) -> ListedServer | None:
    """The server to join without a question: the only one that could be joined, if it is on our network."""
    possible = [row for row in rows if suits(row, options)]
    if len(possible) != 1 or possible[0].found is None or not possible[0].found.is_near:
        return None
    return possible[0]


def bound_to(row: ListedServer, options: Options) -> Options:
    """The options for a server from a list: it must have the key that was shown.

    With --strict that is only one that is trusted already: what a server says of itself is no reason to trust it.
    """
    if options.server_key is not None or options.plaintext or not row.fingerprint:
        return options
    if options.strict and not row.known_key:
        return options
    return replace(options, server_key=row.fingerprint)


async def choose_server(
    options: Options, terminal: Terminal, *, may_start: bool = False
) -> tuple[HostPort, Options] | Start:
    """The server to join, with the options for it. CommandError when there is none, or nobody can be asked.

    may_start: a person may choose to start a server instead.
    """
    while True:
        if terminal.is_interactive:
            terminal.show("looking for servers on the local network")
        listing = await list_servers(options)
        row = only_one(listing.rows, options)
        if row is not None and row.found is not None and row.place is not None:
            key = f", key {row.fingerprint} ({'known' if row.known else 'not known yet'})" if row.fingerprint else ""
            where = f"{visible(str(row.place))} on {visible(row.found.spots[0].interface)}"
            terminal.log(f"found one: joining {row.shown_name} at {where}{key}")
            return row.place, bound_to(row, options)
        if not terminal.is_interactive:
            _give_up(listing, terminal)
        chosen = await _ask(listing, options, terminal, may_start=may_start)
        if chosen is not None:
            return chosen


def _as_fingerprint(server_key: str) -> str:
    """What `--server-key` names, which may be the key itself."""
    text = server_key.lower().replace(":", "-")
    return fingerprint(bytes.fromhex(text)) if re.fullmatch("[0-9a-f]{64}", text) else text


def _give_up(listing: Listing, terminal: Terminal) -> None:
    """Nobody can be asked."""
    found = [row for row in listing.rows if row.found is not None]
    if not found:
        raise CommandError(ExitCode.NO_SERVER, f"no server was found {listing.places}; {NAME_IT}")
    for row in found:
        terminal.emit(server_line(row))
    if not terminal.as_json:
        for line in server_table(found):
            terminal.log(line)
    count = (
        "one server was found, but not one to join unasked" if len(found) == 1 else f"{len(found)} servers were found"
    )
    raise CommandError(ExitCode.UNDECIDED, f"{count}; {NAME_IT}")


async def _ask(
    listing: Listing, options: Options, terminal: Terminal, *, may_start: bool
) -> tuple[HostPort, Options] | Start | None:
    """What a person chooses; None: search again."""
    rows = [row for row in listing.rows if row.place is not None]
    if not any(row.found is not None for row in rows):
        terminal.show(f"no server was found {listing.places}" + ("; those that you know:" if rows else ""))
    for line in server_table(rows, numbered=True):
        terminal.show(line)
    if listing.search.left_out:
        terminal.show(f"{listing.search.left_out} more are not shown")
    what = "number, or address" if rows else "address"
    start = ", s to start a server here" if may_start else ""
    while True:
        answer = await terminal.next_line(f"{what}{start} (Enter: look again): ")
        if answer is None:
            raise CommandError(ExitCode.NO_SERVER, "no server was chosen")
        typed = answer.strip()
        if not typed:
            return None
        if may_start and typed.lower() == "s":
            return Start.HERE
        try:
            return _chosen(typed, rows, options)
        except typer.BadParameter as error:
            terminal.show(visible(str(error)))


def _chosen(typed: str, rows: Sequence[ListedServer], options: Options) -> tuple[HostPort, Options]:
    """The server of a number, or at an address. typer.BadParameter."""
    if not re.fullmatch(r"\d{1,4}", typed, re.ASCII):
        return parse_host_port(typed), options
    if not 1 <= int(typed) <= len(rows):
        raise typer.BadParameter(f"there is no number {typed} in the list")
    row = rows[int(typed) - 1]
    if row.place is None:
        raise typer.BadParameter("no address of that server is known")
    return row.place, bound_to(row, options)
