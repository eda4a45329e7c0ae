"""`udpchat trust`: the servers whose keys this user trusts."""

from __future__ import annotations

import re
import time
from typing import Annotated, Final

import typer

from udpchat.crypto.identity import fingerprint
from udpchat.net.home import Home
from udpchat.store.trust import Pin
from udpchat.ui.cli.client_options import HomeOption, HostArgument
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import JsonOption, parse_host_port
from udpchat.ui.cli.render import clock_time, visible

KEY: Final = re.compile(r"[0-9a-fA-F]{64}")

trust = typer.Typer(no_args_is_help=True, help="The servers whose keys are trusted.")


@trust.command("list")
def list_pins(*, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the servers that are trusted: fingerprint, addresses, since when."""
    pins = Home(home).trust.pins()
    for pin in pins:
        shown, addresses = fingerprint(pin.key), [visible(address) for address in pin.addresses]
        if as_json:
            print(
                as_line(
                    "pin",
                    fingerprint=shown,
                    key=pin.key,
                    addresses=pin.addresses,
                    first_seen=pin.first_seen,
                )
            )
        else:
            print(f"{shown}  {' '.join(addresses) or '(no address)'}  since {clock_time(pin.first_seen)}")
    if not pins and not as_json:
        print("no server is trusted yet; the first connection to one does that")


@trust.command()
def add(
    server: HostArgument,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The server's key: 64 hex digits.", show_default=False)],
    *,
    home: HomeOption = None,
) -> None:
    """Trust a server's key at an address. The server prints its key when it starts."""
    if not KEY.fullmatch(key):
        raise CommandError(
            ExitCode.USAGE,
            "the key is not 64 hex digits; the server prints it when it starts "
            "(a fingerprint is shorter: it goes with --server-key)",
        )
    Home(home).trust.add(f"{server.host}:{server.port}", bytes.fromhex(key), time.time_ns() // 1_000)
    print(f"{visible(str(server))} is trusted with the key {fingerprint(bytes.fromhex(key))}")


@trust.command()
def forget(
    what: Annotated[str, typer.Argument(metavar="HOST[:PORT]|KEY", show_default=False)], *, home: HomeOption = None
) -> None:
    """Trust a server no longer: by an address, the fingerprint or the key. Exit code 7 when there is none."""
    store = Home(home).trust
    gone = store.forget(_as_stored(what, store.pins()))
    if not gone:
        raise CommandError(ExitCode.REFUSED, f"nothing is trusted under {visible(what)}; see: udpchat trust list")
    for pin in gone:
        print(f"forgot {fingerprint(pin.key)} ({' '.join(visible(address) for address in pin.addresses)})")


def _as_stored(what: str, pins: tuple[Pin, ...]) -> str:
    """An address or key as the pins have it."""
    for pin in pins:
        if what in pin.addresses or what.lower() == fingerprint(pin.key):
            return pin.key.hex()
    if KEY.fullmatch(what):
        return what
    place = parse_host_port(what)
    return f"{place.host}:{place.port}"
