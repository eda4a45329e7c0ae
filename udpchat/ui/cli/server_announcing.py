"""How `udpchat server` tells the local network of itself, and its administrator where it does."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

from udpchat.net.discovery.announcement import Announcement, default_name
from udpchat.net.interfaces import Interface, InterfaceError, chosen_interfaces, own_interfaces
from udpchat.net.server import Server
from udpchat.ui.cli.exits import CommandError, ExitCode, error_text
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.server_options import ServerOptions
from udpchat.ui.cli.terminal import Terminal
from udpchat.wire.packets import VERSION


def check_interface(options: ServerOptions) -> None:
    """InterfaceError when the one that was chosen is not there; CommandError when the server does not listen there."""
    if options.interface:
        chosen = chosen_interfaces(options.interface, own_interfaces())
        if options.host and not _at(options.host, chosen):
            text = f"{options.host} is no address of {options.interface}; leave out --host or --interface"
            raise CommandError(ExitCode.USAGE, text)


def start_announcing(running: Server, options: ServerOptions, terminal: Terminal) -> asyncio.Task[None] | None:
    """Announce the server until the task is ended; None when that is not wanted. Trouble with it is only told."""
    own = ipaddress.ip_address(running.address[0].partition("%")[0])
    if not (options.announce if options.announce is not None else not own.is_loopback):
        return None
    host = "" if own.is_unspecified else str(own)
    name = options.name or default_name(socket.gethostname())

    def announcement() -> Announcement:
        fingerprint = "" if options.plaintext else running.fingerprint
        return Announcement(name, len(running.users()), fingerprint, not options.plaintext, VERSION)

    def interfaces() -> Sequence[Interface]:
        try:
            found = chosen_interfaces(options.interface, own_interfaces())
        except InterfaceError:  # it was there at the start, and may come back
            return ()
        return _at(host, found) if host else found

    def tell(places: tuple[str, ...], trouble: str) -> None:
        terminal.emit(as_line("announced", name=name, interfaces=places, text=trouble))
        if places:
            terminal.show(f"announced as {visible(name)} on {visible(', '.join(places))}")
        elif not terminal.as_json:
            terminal.log(f"not announced on the network ({visible(trouble)}): clients have to type the address")

    def on_end(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            terminal.log(f"announcing the server has stopped: {error_text(error)}")

    # Imported here, for it brings zeroconf only when something is announced.
    from udpchat.net.discovery.announcing import Announcer, Subject  # noqa: PLC0415

    subject = Subject(running.public_key, running.address[1], host, announcement, interfaces)
    task = asyncio.create_task(Announcer(subject, tell).run())
    task.add_done_callback(on_end)
    return task


async def end_announcing(task: asyncio.Task[None] | None) -> None:
    """Take it back, so that nobody is offered a server that is gone."""
    if task is not None:
        task.cancel()
        await asyncio.wait([task])


def _at(host: str, found: Sequence[Interface]) -> tuple[Interface, ...]:
    """The interfaces that an address belongs to; a name is looked up by the server alone, so it belongs to all."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return tuple(found)
    return tuple(each for each in found if address in each.addresses)
