"""A picture of a grid: efficiency beside the textbook's, and the delay of chat lines, over loss. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from udpchat.config import ARQ_SCHEMES
from udpchat.errors import UsageError
from udpchat.lab.experiment import limit
from udpchat.lab.figures import Spread
from udpchat.lab.grid import Cell, Grid, textbook
from udpchat.sim.link import LinkSpec

SUFFIXES: Final = (".png", ".svg")
CURVE: Final = 100  # pieces of a curve of the textbook
ASIDE: Final = 0.012  # of the width, by which the marks of schemes are apart
LEGEND: Final = 2.4  # inches that a scheme takes in the legend


_COLORS: Final = dict(zip(ARQ_SCHEMES, ("tab:green", "tab:orange", "tab:red"), strict=True))
_SHORT: Final = dict(zip(ARQ_SCHEMES, ("SR", "GBN", "SW"), strict=True))
_MARKERS: Final = dict(zip(ARQ_SCHEMES, ("o", "s", "^"), strict=True))


def check_picture(path: Path) -> None:
    """Whether a picture can be drawn there. UsageError."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"a picture is a .png or .svg file, not {path.name}")
    try:
        import_module("matplotlib.figure")
    except ImportError as error:
        raise UsageError('pictures need matplotlib, which is not installed; try pip install "udpchat[plot]"') from error


def draw_grid(grid: Grid, cells: Sequence[Cell], path: Path) -> None:
    """Draw all cells into a file; the same cells give the same SVG. UsageError, OSError."""
    check_picture(path)
    matplotlib = import_module("matplotlib")
    rows = 2 if any(cell.chat_p99 is not None for cell in cells) else 1
    columns = len(grid.round_trips)
    size = (max(1.6 + 3.6 * columns, LEGEND * len(grid.schemes)), 1.5 + 3.1 * rows)
    with matplotlib.rc_context({"svg.hashsalt": "udpchat", "svg.fonttype": "path"}):
        figure = import_module("matplotlib.figure").Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharey="row", sharex=True)
        for column, round_trip in enumerate(grid.round_trips):
            there = [cell for cell in cells if cell.round_trip == round_trip]
            _draw_efficiency(axes[0][column], grid, there)
            if rows == 2:
                _draw_delay(axes[1][column], there, round_trip)
            axes[-1][column].set_xlabel("packets lost, each way [%]")
        axes[0][0].set_ylabel("efficiency (share of the line's time)")
        _add_throughput(axes[0][-1], grid)
        if rows == 2:
            axes[1][0].set_ylabel("delay of chat lines [ms]")
        shares = [spread.least for cell in cells if (spread := cell.efficiency) is not None and spread.least > 0]
        axes[0][0].set_ylim(0.7 * min(shares, default=0.1), 1.3)
        figure.suptitle(_title(grid))
        handles, labels = axes[0][0].get_legend_handles_labels()
        named = sorted(
            zip(labels, handles, strict=True), key=lambda pair: _place(pair[0], grid)
        )  # a column for each scheme
        legend = {"loc": "outside lower center", "ncols": len(grid.schemes), "frameon": False}
        figure.legend([handle for _, handle in named], [label for label, _ in named], **legend)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {"Software": None}
        figure.savefig(path, dpi=150, metadata=metadata)


def _draw_efficiency(axes: Any, grid: Grid, cells: Sequence[Cell]) -> None:
    for scheme in grid.schemes:
        mine = [cell for cell in cells if cell.scheme == scheme]
        found = [(100 * cell.loss, cell.efficiency) for cell in mine if cell.efficiency is not None]
        _points(axes, found, scheme, f"{scheme}, simulated")
        book = [(100 * loss, textbook(grid, scheme, loss, mine[0].round_trip)) for loss in _losses(grid)]
        if all(share is not None for _, share in book):
            line = {"color": _COLORS[scheme], "linestyle": "--", "alpha": 0.7}
            axes.plot(*zip(*book, strict=True), **line, label=f"{scheme}, textbook")
    windows = {cell.scheme: cell.window for cell in cells}
    told = ", ".join(f"{_SHORT[scheme]} {windows[scheme]}" for scheme in grid.schemes)
    _scale(axes, f"round trip {cells[0].round_trip / 1_000:g} ms; windows: {told}")


def _draw_delay(axes: Any, cells: Sequence[Cell], round_trip: int) -> None:
    for scheme in dict.fromkeys(cell.scheme for cell in cells):
        mine = [cell for cell in cells if cell.scheme == scheme]
        half = [(100 * cell.loss, cell.chat_p50 / 1_000) for cell in mine if cell.chat_p50 is not None]
        most = [(100 * cell.loss, cell.chat_p99 / 1_000) for cell in mine if cell.chat_p99 is not None]
        _points(axes, [(loss, Spread(delay, delay, delay)) for loss, delay in most], scheme)
        if half:
            axes.plot(*zip(*half, strict=True), color=_COLORS[scheme], linestyle=":")
    axes.axhline(round_trip / 1_000, color="grey", linewidth=1)
    _scale(axes, "99 % within (marks), half within (dots), empty path (grey)")


def _scale(axes: Any, title: str) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(import_module("matplotlib.ticker").FuncFormatter(_minor_label))
    axes.tick_params(axis="y", which="minor", labelsize="small")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.set_title(title, fontsize="medium" if "windows" in title else "small")


def _minor_label(value: float, _: int) -> str:
    """Between powers of ten only 2 and 5 have room for a number."""
    return f"{value:g}" if f"{value:e}"[0] in "25" and f"{value:.1e}"[2] == "0" else ""


def _losses(grid: Grid) -> list[float]:
    """Close enough for a smooth curve."""
    least, most = min(grid.losses), max(grid.losses)
    return [least + (most - least) * place / CURVE for place in range(CURVE + 1)]


def _points(axes: Any, found: Sequence[tuple[float, Spread]], scheme: str, label: str = "") -> None:
    """Medians with bars from the least to the most; each scheme a little aside, so that none hides another."""
    if not found:
        return
    aside = (ARQ_SCHEMES.index(scheme) - 1) * ASIDE * max(loss for loss, _ in found)
    medians = [each.median for _, each in found]
    bars = [[each.median - each.least for _, each in found], [each.most - each.median for _, each in found]]
    style = {"color": _COLORS[scheme], "marker": _MARKERS[scheme], "linestyle": "none", "capsize": 3}
    axes.errorbar([loss + aside for loss, _ in found], medians, yerr=bars, label=label or None, **style)


def _place(label: str, grid: Grid) -> tuple[int, str]:
    return grid.schemes.index(label.partition(",")[0]), label


def _add_throughput(axes: Any, grid: Grid) -> None:
    """The same scale as throughput of the file, on the right."""
    most = (limit(LinkSpec(rate=grid.rate)) or 0) * 8 / 1e6
    other = axes.secondary_yaxis("right", functions=(lambda share: share * most, lambda speed: speed / most))
    other.set_ylabel("throughput [Mbit/s]")
    other.yaxis.set_major_formatter("{x:g}")
    other.yaxis.set_minor_formatter(import_module("matplotlib.ticker").FuncFormatter(_minor_label))
    other.tick_params(axis="y", which="minor", labelsize="small")


def _title(grid: Grid) -> str:
    controller = "" if grid.congestion == "fixed" else f", {grid.congestion}"
    return f"ARQ schemes over {grid.rate * 8 / 1e6:g} Mbit/s, a file of {grid.size / 1e6:g} MB{controller}"
