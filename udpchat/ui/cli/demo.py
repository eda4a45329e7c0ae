"""`udpchat demo`: the whole program on one machine, over a network as bad as asked for."""

from __future__ import annotations

import json
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from udpchat.capture.rotation import DEFAULT_LIMIT
from udpchat.errors import StorageError
from udpchat.sim.link import LinkSpec
from udpchat.ui.cli.capturing import (
    CaptureLimitOption,
    CaptureOption,
    capture_target,
    check_capture,
)
from udpchat.ui.cli.client_options import PlaintextOption
from udpchat.ui.cli.demo_files import Plan
from udpchat.ui.cli.demo_report import summary_lines
from udpchat.ui.cli.demo_run import Demo
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.options import JsonOption, RebindOption, SeedOption, convert, link_options, parse_rate, parse_size
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.running import run
from udpchat.ui.cli.sending import ArqOption, CongestionOption, WindowOption, sending_arguments
from udpchat.ui.cli.sources import check_source
from udpchat.ui.cli.terminal import Terminal

DEFAULT_SIZE: Final = 20_000_000
DEFAULT_RATE: Final = parse_rate("100mbit")
DEFAULT_DELAY: Final = 5_000


class Vantage(StrEnum):
    """Where the demo can be captured."""

    SERVER = "server"
    RELAY = "relay"


@link_options(rate=DEFAULT_RATE, delay=DEFAULT_DELAY)
def demo(  # noqa: PLR0913 - an option each
    *,
    file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The file to send; a random one by default.", show_default=False)
    ] = None,
    size: Annotated[
        int,
        typer.Option(
            parser=convert(parse_size),
            metavar="SIZE",
            help="Size of the random file; 20M by default.",
            show_default=False,
        ),
    ] = DEFAULT_SIZE,
    link: LinkSpec,
    rebind: RebindOption = 0,
    seed: SeedOption = 0,
    arq: ArqOption = None,
    window: WindowOption = None,
    congestion: CongestionOption = None,
    plaintext: PlaintextOption = False,
    capture: CaptureOption = None,
    capture_limit: CaptureLimitOption = DEFAULT_LIMIT,
    capture_at: Annotated[
        Vantage,
        typer.Option("--capture-at", help="Who writes the capture: the server, or the relay, which sees what is lost."),
    ] = Vantage.SERVER,
    as_json: JsonOption = False,
) -> None:
    """Run a server, two clients and a lossy network between them, and check that everything arrives intact.

    Alice uploads a file; Bob downloads it while Alice uploads a second one; both chat all the time. The link is 100
    Mbit/s with 5 ms each way unless the options say otherwise. Exit code 0 only when nothing was lost or changed.
    """
    plan = Plan(
        file=file,
        size=size,
        link=link,
        rebind=rebind,
        seed=seed,
        plaintext=plaintext,
        sending=sending_arguments(arq, window, congestion),
        capture=capture_target(capture, capture_limit),
        capture_at=str(capture_at),
    )
    with Terminal(as_json=as_json) as terminal:
        run("udpchat demo", _demonstrate(plan, terminal), terminal, has_children=True)


async def _demonstrate(plan: Plan, terminal: Terminal) -> ExitCode:
    if plan.file is not None:
        check_source(plan.file)
        if plan.file.is_dir():
            raise StorageError(f"{plan.file} is a folder; the demo sends one file")
    check_capture(plan.capture)
    with tempfile.TemporaryDirectory(prefix="udpchat-demo-") as name:
        show = Demo(plan, terminal, Path(name))
        try:
            await show.run()
        except CommandError as error:
            if error.code is not ExitCode.FAILED:
                raise
            show.faults.append(str(error))
        summary = show.summary()
    for fault in show.faults:
        terminal.log(f"FAULT: {visible(fault)}")
    for line in summary_lines(summary):
        terminal.show(line)
    terminal.emit(json.dumps(summary.as_object()))
    return ExitCode.OK if summary.ok else ExitCode.FAILED
