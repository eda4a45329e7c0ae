"""`udpchat wireshark`: the dissector and the profile in Wireshark's folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.render import visible
from udpchat.wireshark.install import (
    PROFILE,
    Change,
    Folders,
    Outcome,
    dissector_path,
    find_folders,
    folders_below,
)
from udpchat.wireshark.install import install as install_files
from udpchat.wireshark.install import uninstall as uninstall_files

WORDS: Final = {
    Outcome.WRITTEN: "wrote {}",
    Outcome.REPLACED: "replaced another version of {}",
    Outcome.UNCHANGED: "{} is up to date",
    Outcome.KEPT: "left {} alone: it was changed since, or udpchat did not install it",
    Outcome.REMOVED: "removed {}",
}

ToOption = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="DIR",
        file_okay=False,
        help="A Wireshark configuration folder: plugins and profiles below it. Your own by default.",
        show_default=False,
    ),
]

wireshark = typer.Typer(no_args_is_help=True, help="The dissector for Wireshark and tshark.")


@wireshark.command()
def path() -> None:
    """Print where the dissector is: tshark -X lua_script:$(udpchat wireshark path)."""
    print(dissector_path())


@wireshark.command()
def install(*, to: ToOption = None) -> None:
    """Copy the dissector and the profile into Wireshark's personal folders."""
    folders = _folders(to)
    _report(install_files(folders))
    print("in a running Wireshark press Ctrl+Shift+L; from now on leave out -X lua_script")
    print(f"columns, colours and filter buttons: choose the profile {PROFILE} (tshark -C {PROFILE})")
    if _is_root():
        print("root runs this: Wireshark and tshark 4.4 and newer load no Lua when root runs them", file=sys.stderr)


@wireshark.command()
def uninstall(*, to: ToOption = None) -> None:
    """Remove what install wrote. Exit code 7 when nothing of it is there."""
    changes = uninstall_files(_folders(to))
    _report(changes)
    if not changes:
        raise CommandError(ExitCode.REFUSED, "nothing is installed there")


def _folders(to: Path | None) -> Folders:
    if to is not None:
        return folders_below(to.expanduser())
    folders = find_folders()
    if not folders.asked:
        print("neither tshark nor wireshark is here to say where its folders are: these are the usual", file=sys.stderr)
    return folders


def _report(changes: list[Change]) -> None:
    for change in changes:
        print(WORDS[change.outcome].format(visible(str(change.path))))


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
