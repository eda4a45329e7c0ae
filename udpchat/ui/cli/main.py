"""`udpchat`: all commands, and the last net under every error."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from udpchat.ui.cli.beginning import begin
from udpchat.ui.cli.bundle.command import bundle
from udpchat.ui.cli.capture import capture
from udpchat.ui.cli.client import client
from udpchat.ui.cli.demo import demo
from udpchat.ui.cli.doctor.command import doctor
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.history import history
from udpchat.ui.cli.lab import lab
from udpchat.ui.cli.oneshot import get, ls, put, rm, say
from udpchat.ui.cli.peer.command import peer
from udpchat.ui.cli.relay import relay
from udpchat.ui.cli.running import report
from udpchat.ui.cli.server import server
from udpchat.ui.cli.servers import servers
from udpchat.ui.cli.simulate import simulate
from udpchat.ui.cli.transfers_command import transfers
from udpchat.ui.cli.trust import trust
from udpchat.ui.cli.user import user
from udpchat.ui.cli.wireshark import wireshark
from udpchat.version import __version__

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what the terminal's encoding lacks is shown escaped, not raised
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback ever reaches a user
        sys.exit(report("udpchat", error))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"udpchat {__version__}")
        raise typer.Exit


@app.callback()
def _udpchat(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Chat and files for a local network over one UDP port.

    On a terminal and without a command it looks for servers: it joins the only one, or offers what there is.
    """
    if context.invoked_subcommand is None and not begin():
        print(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


for command in (server, servers, client, put, get, ls, rm, say, history, doctor, relay, demo, simulate, lab, bundle):
    app.command()(command)
app.add_typer(peer, name="peer")
app.add_typer(transfers, name="transfers")
app.add_typer(user, name="user")
app.add_typer(trust, name="trust")
app.add_typer(capture, name="capture")
app.add_typer(wireshark, name="wireshark")
