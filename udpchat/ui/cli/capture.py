"""`udpchat capture`: what is in a capture, as numbers, in plaintext, as files, as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from udpchat.capture.decrypt import decrypt_capture
from udpchat.capture.extract import extract_files
from udpchat.capture.keyring import read_keylog
from udpchat.capture.plot import can_draw, draw, picture_format
from udpchat.capture.reader import read_capture
from udpchat.capture.series import choose, read_series
from udpchat.capture.statistics import analyse
from udpchat.capture.statistics import report as make_report
from udpchat.capture.tolerant import Readable
from udpchat.errors import UsageError
from udpchat.store.names import export_name, numbered
from udpchat.ui.cli.capture_report import (
    capture_line,
    connection_line,
    decrypted_text,
    extracted_text,
    reading_text,
    stats_text,
    transfer_line,
)
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.options import JsonOption
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.running import report
from udpchat.ui.cli.terminal import Terminal

capture = typer.Typer(no_args_is_help=True, help="What a capture holds: numbers, plaintext, files, pictures.")

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A capture: pcapng or pcap, also gzipped.", show_default=False)
]
KeylogOption = Annotated[
    Path | None, typer.Option("--keylog", metavar="FILE", help="The key log of the session.", show_default=False)
]
InterfaceOption = Annotated[
    str | None,
    typer.Option(
        "--interface", metavar="NAME", help="Read this vantage point only; the sender's by default.", show_default=False
    ),
]


@capture.command()
def stats(file: FileArgument, *, interface: InterfaceOption = None, as_json: JsonOption = False) -> None:
    """Count what was sent, lost, sent again and acknowledged, for each connection and transfer."""
    _run("udpchat capture stats", lambda: _stats(file, interface, as_json=as_json))


@capture.command()
def decrypt(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A capture of sealed sessions.", show_default=False)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The capture to write.", show_default=False)],
    *,
    keylog: Annotated[
        Path, typer.Option("--keylog", metavar="FILE", help="The key log of the session.", show_default=False)
    ],
) -> None:
    """Write a capture in which every sealed packet that a key opens is a plaintext one. Every tag is verified."""
    _run("udpchat capture decrypt", lambda: _decrypt(source, target, keylog))


@capture.command()
def extract(
    file: FileArgument,
    *,
    keylog: KeylogOption = None,
    folder: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Folder for the files; made when missing.", show_default=False)
    ] = Path(),
    partial: Annotated[
        bool, typer.Option("--partial", help="Write incomplete files too, with zeros in their holes.")
    ] = False,
) -> None:
    """Write the files that were transferred in a capture, and compare their MD5s. Nothing is overwritten."""
    _run("udpchat capture extract", lambda: _extract(file, keylog, folder, partial=partial))


@capture.command()
def plot(
    file: FileArgument,
    *,
    transfer: Annotated[
        int | None,
        typer.Option("--transfer", metavar="N", help="Which one, as stats numbers them; else the largest."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="PICTURE", help="A .png or .svg file; FILE-N.png here by default.", show_default=False
        ),
    ] = None,
    interface: InterfaceOption = None,
) -> None:
    """Draw a transfer over time: packets, losses, repeats, ACKs, bytes in flight, round trips."""
    _run("udpchat capture plot", lambda: _plot(file, transfer, out, interface))


def _run(command: str, work: Callable[[], ExitCode]) -> None:
    try:
        code = work()
    except UsageError as error:
        raise typer.BadParameter(visible(str(error))) from error
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback ever reaches a user
        code = report(command, error)
    raise typer.Exit(code)


def _stats(file: Path, interface: str | None, *, as_json: bool) -> ExitCode:
    terminal = Terminal(as_json=as_json)
    readable = Readable(read_capture(file))
    found = make_report(readable, analyse(readable), interface)
    for line in stats_text(file, found):
        terminal.show(line)
    for connection in found.connections:
        for each in connection.transfers:
            terminal.emit(transfer_line(each))
        terminal.emit(connection_line(connection))
    terminal.emit(capture_line(found))
    _warn(terminal, "stats", found.trouble)
    return ExitCode.OK


def _decrypt(source: Path, target: Path, keylog: Path) -> ExitCode:
    terminal = Terminal(as_json=False)
    done = decrypt_capture(Readable(read_capture(source)), read_keylog(keylog), target)
    for line in decrypted_text(done, target):
        terminal.show(line)
    _warn(terminal, "decrypt", done.trouble)
    return ExitCode.OK


def _extract(file: Path, keylog: Path | None, folder: Path, *, partial: bool) -> ExitCode:
    terminal = Terminal(as_json=False)
    readable = Readable(read_capture(file))
    keys = read_keylog(keylog) if keylog is not None else None
    files, reading = extract_files(readable, keys, folder, export_name, numbered, partial=partial)
    for each in files:
        for line in extracted_text(each):
            terminal.show(line)
    if not files:
        terminal.show("no file was transferred in this capture")
    for line in reading_text(reading):
        terminal.log(f"udpchat capture extract: {line}")
    _warn(terminal, "extract", readable.trouble)
    return ExitCode.OK if all(each.found.is_genuine for each in files) else ExitCode.FAILED


def _plot(file: Path, number: int | None, out: Path | None, interface: str | None) -> ExitCode:
    if out is not None:
        picture_format(out)
    if not can_draw():
        raise CommandError(
            ExitCode.FAILED, "pictures need matplotlib, which is not installed: pip install 'udpchat[plot]'"
        )
    terminal = Terminal(as_json=False)
    readable = Readable(read_capture(file))
    found = make_report(readable, analyse(readable, None), interface)
    transfer = choose(found.transfers, number)
    connection = next(each for each in found.connections if each.connection_id == transfer.connection_id)
    target = out or Path(f"{Path(file.name.removesuffix('.gz')).stem}-{transfer.number}.png")
    draw(read_series(readable, transfer, interface), transfer, connection, target)
    terminal.show(f"transfer {transfer.number} of {len(found.transfers)}: {visible(str(target))}")
    _warn(terminal, "plot", found.trouble)
    return ExitCode.OK


def _warn(terminal: Terminal, command: str, trouble: str) -> None:
    if trouble:
        terminal.log(visible(f"udpchat capture {command}: {trouble}"))
