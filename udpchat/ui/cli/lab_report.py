"""What `udpchat lab` says of its cells: a line of a table, a JSON object, a row of CSV."""

from __future__ import annotations

from typing import Final

from udpchat.lab.experiment import limit
from udpchat.lab.figures import Spread
from udpchat.lab.grid import Cell, Grid
from udpchat.sim.link import LinkSpec
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.render import size_text

COLUMNS: Final = (
    "scheme",
    "loss",
    "rtt_ms",
    "window",
    "runs",
    "complete",
    "throughput_mbps",
    "efficiency",
    "efficiency_min",
    "efficiency_max",
    "textbook",
    "deviation",
    "seconds",
    "retransmitted",
    "chat_p50_ms",
    "chat_p99_ms",
)
_HEADER: Final = (
    f"{'scheme':<16} {'loss':>6} {'RTT ms':>7} {'window':>6} {'Mbit/s':>8} {'efficiency':>10} {'textbook':>8} "
    f"{'differs':>7} {'seconds':>8} {'again':>6} {'chat 50%':>8} {'99% ms':>7}"
)


def grid_text(grid: Grid) -> list[str]:
    """What is about to be done, and the head of the table."""
    most = (limit(LinkSpec(rate=grid.rate)) or 0) * 8 / 1e6
    told = f"{size_text(grid.size)} over {grid.rate * 8 / 1e6:g} Mbit/s, of which a file can have {most:.1f}"
    runs = f"medians of {grid.repeat} runs" if grid.repeat > 1 else "one run each"
    return [f"{told}; {grid.congestion}; {runs}", _HEADER]


def cell_text(cell: Cell) -> str:
    """A line of the table."""
    deviation = cell.deviation
    return (
        f"{cell.scheme:<16} {100 * cell.loss:>5.3g}% {cell.round_trip / 1_000:>7g} {cell.window:>6} "
        f"{_text(cell.throughput, '8.3f', 8 / 1e6)} {_text(cell.efficiency, '10.4f')} "
        f"{'-' if cell.textbook is None else f'{cell.textbook:.4f}':>8} "
        f"{'-' if deviation is None else f'{100 * deviation:+.1f}%':>7} {_text(cell.seconds, '8.2f')} "
        f"{_text(cell.retransmitted, '6.0f')} {_delay(cell.chat_p50):>8} {_delay(cell.chat_p99):>7}"
    )


def cell_line(cell: Cell) -> str:
    """A JSON object; its keys are COLUMNS and `missing`."""
    return as_line("cell", missing=list(cell.missing), **cell_figures(cell))


def cell_row(cell: Cell) -> list[object]:
    """The values of COLUMNS; empty where there is none."""
    return [cell_figures(cell)[name] for name in COLUMNS]


def cell_figures(cell: Cell) -> dict[str, object]:
    """By COLUMNS: medians in Mbit/s, shares, seconds, milliseconds."""
    efficiency, deviation = cell.efficiency, cell.deviation
    return {
        "scheme": cell.scheme,
        "loss": cell.loss,
        "rtt_ms": cell.round_trip / 1_000,
        "window": cell.window,
        "runs": cell.runs,
        "complete": cell.runs - len(cell.missing),
        "throughput_mbps": _median(cell.throughput, 8 / 1e6, 4),
        "efficiency": _median(efficiency, 1, 5),
        "efficiency_min": None if efficiency is None else round(efficiency.least, 5),
        "efficiency_max": None if efficiency is None else round(efficiency.most, 5),
        "textbook": None if cell.textbook is None else round(cell.textbook, 5),
        "deviation": None if deviation is None else round(deviation, 4),
        "seconds": _median(cell.seconds, 1, 6),
        "retransmitted": _median(cell.retransmitted, 1, 1),
        "chat_p50_ms": None if cell.chat_p50 is None else cell.chat_p50 / 1_000,
        "chat_p99_ms": None if cell.chat_p99 is None else cell.chat_p99 / 1_000,
    }


def _median(found: Spread | None, factor: float, digits: int) -> float | None:
    return None if found is None else round(found.median * factor, digits)


def _text(found: Spread | None, form: str, factor: float = 1.0) -> str:
    """The median in a format, or a dash of the same width."""
    width = form.partition(".")[0]
    return f"{'-':>{width}}" if found is None else f"{found.median * factor:{form}}"


def _delay(delay: int | None) -> str:
    return "-" if delay is None else f"{delay / 1_000:.1f}"
