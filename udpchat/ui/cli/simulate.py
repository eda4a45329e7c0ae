"""`udpchat simulate`: files, chat and a bad network in virtual time, and what came of it."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import astuple, fields, replace
from typing import Final

import typer

from udpchat.capture.rotation import CaptureLog, CaptureTarget
from udpchat.errors import UsageError
from udpchat.lab.experiment import Experiment, Outcome, Sample
from udpchat.lab.recording import INTERFACES, Recording
from udpchat.lab.run import EPOCH, run_experiment
from udpchat.sim.link import LinkSpec
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.options import link_options, parse_rate
from udpchat.ui.cli.running import report
from udpchat.ui.cli.simulate_files import LineFile, TableFile
from udpchat.ui.cli.simulate_options import SimulateOptions, Way
from udpchat.ui.cli.simulate_report import experiment_text, missing_text, run_line, run_text, summary_line, summary_text
from udpchat.ui.cli.terminal import Terminal

DEFAULT_RATE: Final = parse_rate("100mbit")
DEFAULT_DELAY: Final = 20_000
UNBOUNDED: Final = 2**63  # bytes of a capture: what is simulated has an end, and its whole is wanted
SAMPLE_COLUMNS: Final = ("seed", *(field.name for field in fields(Sample)))
LEAST_SAMPLE: Final = 1_000  # us between two rows of --csv


@link_options(rate=DEFAULT_RATE, delay=DEFAULT_DELAY)
@grouped(SimulateOptions)
def simulate(*, link: LinkSpec, options: SimulateOptions) -> None:
    """Send a file over a simulated network in virtual time, and say how well that went.

    A server and its clients run in this one process; no socket is opened, and waiting takes no time. The same options
    and seed give the same result, to the byte. The link is 100 Mbit/s with 20 ms each way unless the options say
    otherwise; delay, loss and the rest hold for each direction.
    """
    experiment = _experiment(link, options)
    try:
        code = _simulate(experiment, options)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback ever reaches a user
        code = report("udpchat simulate", error)
    raise typer.Exit(code)


def _simulate(experiment: Experiment, options: SimulateOptions) -> ExitCode:
    terminal = Terminal(as_json=options.as_json)
    terminal.show(experiment_text(experiment))
    outcomes = []
    with ExitStack() as stack:
        table = stack.enter_context(TableFile(options.csv, SAMPLE_COLUMNS)) if options.csv else None
        recording = None
        if options.capture:
            log = stack.enter_context(closing(CaptureLog(CaptureTarget(options.capture, UNBOUNDED), INTERFACES)))
            recording = Recording(log, EPOCH)
        keylog = stack.enter_context(LineFile(options.keylog)) if options.keylog else None
        for seed in range(options.seed, options.seed + options.repeat):
            outcome = run_experiment(
                replace(experiment, seed=seed),
                recording=recording,
                keylog=keylog.write_line if keylog is not None else None,
            )
            if table is not None:
                for sample in outcome.samples:
                    table.write((seed, *astuple(sample)))
            _tell(terminal, experiment, outcome, is_alone=options.repeat == 1)
            outcomes.append(replace(outcome, samples=()))
    if options.repeat > 1:
        terminal.emit(summary_line(outcomes))
        for line in summary_text(outcomes):
            terminal.show(line)
    return ExitCode.OK if all(outcome.is_complete for outcome in outcomes) else ExitCode.FAILED


def _experiment(link: LinkSpec, options: SimulateOptions) -> Experiment:
    if options.repeat > 1 and (options.capture or options.keylog):
        raise typer.BadParameter("--capture and --keylog take a single run; leave --repeat out")
    try:
        return Experiment(
            link=link,
            size=options.size,
            direction="up" if options.direction is Way.UP else "down",
            clients=options.clients,
            text=options.text,
            chat=options.chat,
            rebind=options.rebind,
            rejoin=options.rejoin,
            seed=options.seed,
            config=options.config(),
            sample=max(link.delay // 2, LEAST_SAMPLE) if options.csv else 0,
        )
    except UsageError as error:
        raise typer.BadParameter(str(error)) from error


def _tell(terminal: Terminal, experiment: Experiment, outcome: Outcome, *, is_alone: bool) -> None:
    terminal.emit(run_line(experiment, outcome))
    for line in run_text(outcome, is_alone=is_alone):
        terminal.show(line)
    if not outcome.is_complete:
        terminal.log(f"udpchat simulate: {missing_text(outcome)}")
