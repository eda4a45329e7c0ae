"""`udpchat`: all commands, and the last net under every error."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Annotated, Final

import typer

from udpchat.ui.cli.exits import ExitCode
from udpchat.version import __version__

MODULES: Final = {
    "server": "server",
    "servers": "servers",
    "client": "client",
    "put": "oneshot",
    "get": "oneshot",
    "ls": "oneshot",
    "rm": "oneshot",
    "say": "oneshot",
    "history": "history",
    "doctor": "doctor.command",
    "relay": "relay",
    "demo": "demo",
    "simulate": "simulate",
    "lab": "lab",
    "bundle": "bundle.command",
    "peer": "peer.command",
    "transfers": "transfers_command",
    "user": "user",
    "trust": "trust",
    "capture": "capture",
    "wireshark": "wireshark",
}


def make_app(only: str = "") -> typer.Typer:
    """All commands; or, when `only` names one, that one: what others need is not imported, and it starts sooner.

    A module of MODULES has a function or a group of the command's name.
    """
    app = typer.Typer(
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_udpchat)
    for name in (only,) if only in MODULES else MODULES:
        found = getattr(import_module(f"udpchat.ui.cli.{MODULES[name]}"), name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what the terminal's encoding lacks is shown escaped, not raised
            stream.reconfigure(errors="backslashreplace")
    try:
        gc.disable()  # what is imported stays: looking for garbage in it would take a quarter of the start
        app = make_app(sys.argv[1] if len(sys.argv) > 1 else "")
        gc.freeze()
        gc.enable()
        app()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback ever reaches a user
        from udpchat.ui.cli.running import report  # noqa: PLC0415 - every command has it, but --version

        sys.exit(report("udpchat", error))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"udpchat {__version__}")
        raise typer.Exit


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
    if context.invoked_subcommand is not None:
        return
    from udpchat.ui.cli.beginning import begin  # noqa: PLC0415 - it needs all that a client needs

    if not begin():
        print(context.get_help())
        raise typer.Exit(ExitCode.USAGE)
