"""`udpchat lab`: ARQ schemes over loss and round-trip time, as a table and a picture, beside the textbook."""

from __future__ import annotations

from contextlib import ExitStack

import typer

from udpchat.errors import UsageError
from udpchat.lab.grid import Cell, Grid, run_grid
from udpchat.lab.picture import check_picture, draw_grid
from udpchat.store.trouble import storage_error
from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.grouping import grouped
from udpchat.ui.cli.lab_options import LabOptions
from udpchat.ui.cli.lab_report import COLUMNS, cell_line, cell_row, cell_text, grid_text
from udpchat.ui.cli.running import report
from udpchat.ui.cli.simulate_files import TableFile
from udpchat.ui.cli.terminal import Terminal


@grouped(LabOptions)
def lab(*, options: LabOptions) -> None:
    """Compare ARQ schemes in virtual time: throughput, efficiency and delay over loss and round-trip time.

    Each scheme sends the same file over each path, with a fixed window and packets of one size, as the textbooks
    assume; what their formulas promise stands beside it.
    """
    grid = _grid(options)
    try:
        code = _try_all(grid, options)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback ever reaches a user
        code = report("udpchat lab", error)
    raise typer.Exit(code)


def _grid(options: LabOptions) -> Grid:
    try:
        if options.out is not None:
            check_picture(options.out)
        return options.grid()
    except UsageError as error:
        raise typer.BadParameter(str(error)) from error


def _try_all(grid: Grid, options: LabOptions) -> ExitCode:
    terminal = Terminal(as_json=options.as_json)
    for line in grid_text(grid):
        terminal.show(line)
    cells: list[Cell] = []
    with ExitStack() as stack:
        table = stack.enter_context(TableFile(options.csv, COLUMNS)) if options.csv else None
        for cell in run_grid(grid):
            cells.append(cell)
            terminal.show(cell_text(cell))
            terminal.emit(cell_line(cell))
            if table is not None:
                table.write(cell_row(cell))
            for missing in cell.missing:
                terminal.log(f"udpchat lab: {cell.scheme}: {missing}")
    if options.out is not None:
        try:
            draw_grid(grid, cells, options.out)
        except OSError as error:
            raise storage_error(error, f"write {options.out}") from error
        terminal.show(f"picture: {options.out}")
    return ExitCode.FAILED if any(cell.missing for cell in cells) else ExitCode.OK
