"""The time-sequence picture of a transfer: what was sent, lost, sent again and acknowledged, and the sender's state.

After the time-sequence graphs of tcptrace, with packet numbers that are never reused. Matplotlib is imported here and
nowhere else, when a picture is drawn. The same capture gives the same SVG, byte for byte, with one version of it.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from udpchat.capture.series import Series
from udpchat.capture.statistics import ConnectionReport, TransferReport
from udpchat.capture.streams import Sent
from udpchat.config import MILLISECOND, SECOND
from udpchat.errors import StorageError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: Final = ("png", "svg")
SIZE: Final = (12.0, 8.6)  # inches: 1,200 pixels wide
RESOLUTION: Final = 100  # dots an inch
FEW: Final = 2_000  # marks up to which an SVG keeps each as a shape; more are drawn as an image inside it
LEGEND_COLUMNS: Final = 3
LEGEND_ROW: Final = 17  # points
HEAD: Final = 50  # points above the legend, for the title
LEFT: Final = 0.072  # of the width, for the labels of the vertical axes
HEADROOM: Final = 1.35  # of the small panels, for their legends
LONG_NAME: Final = 48  # characters of a file name in the title

# Colours that people with any colour vision tell apart (Okabe and Ito, Color Universal Design).
FIRST: Final = "#0072B2"
REPEAT: Final = "#D55E00"
SPURIOUS: Final = "#CC79A7"
LOST: Final = "#000000"
CUMULATIVE: Final = "#009E73"
SELECTIVE: Final = "#7FD3B8"
WINDOW: Final = "#999999"

_STYLE: Final[dict[Any, Any]] = {
    "font.size": 10.5,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.labelpad": 8,
    "legend.frameon": True,
    "legend.framealpha": 0.95,
    "legend.fontsize": 9.5,
    "svg.hashsalt": "udpchat",
    "path.simplify": False,
    "text.parse_math": False,
}


class Scale:
    """Turns numbers into a unit that reads well. text: name of the unit."""

    def __init__(self, most: int, units: Sequence[tuple[int, str]]) -> None:
        self.factor, self.text = next(((size, name) for size, name in units if most >= 2 * size), units[-1])

    def __call__(self, value: int) -> float:
        """The number in the unit."""
        return value / self.factor


_SIZES: Final = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "B"))
_TIMES: Final = ((SECOND, "s"), (MILLISECOND, "ms"), (1, "µs"))


def picture_format(path: Path) -> str:
    """The format that the name of a picture asks for. UsageError when it is none of FORMATS."""
    found = path.suffix.lower().removeprefix(".")
    if found not in FORMATS:
        raise UsageError(f"{path} is no name for a picture; let it end in .png or .svg")
    return found


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw(series: Series, transfer: TransferReport, connection: ConnectionReport, target: Path) -> None:
    """Draw a transfer into a PNG or SVG file, which appears when it is whole. UsageError, StorageError.

    Only when `can_draw`.
    """
    kind = picture_format(target)
    import matplotlib  # noqa: PLC0415 - it takes a second, and is an extra

    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that the font lacks in the name of a file
        matplotlib.rcdefaults()
        for name, value in _STYLE.items():
            matplotlib.rcParams[name] = value
        figure = _figure(series, transfer, connection)
        metadata: dict[str, str | None] = {"Date": None} if kind == "svg" else {"Software": None}
        _save(lambda path: figure.savefig(path, format=kind, dpi=RESOLUTION, metadata=metadata), target)


def _save(save: Callable[[str], None], target: Path) -> None:
    try:
        fd, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
        os.close(fd)
        try:
            save(name)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)  # a picture is not secret
            os.replace(name, target)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}; choose another place") from error


def _figure(series: Series, transfer: TransferReport, connection: ConnectionReport) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - see draw

    figures = transfer.figures
    times = Scale(figures.duration, _TIMES)
    figure = Figure(figsize=SIZE)
    sequence, flight, round_trip = figure.subplots(3, 1, sharex=True, height_ratios=[4.4, 1.3, 1.3])
    figure.suptitle(_title(transfer), x=LEFT, y=0.985, ha="left", va="top", fontsize=14, fontweight="bold")

    def at(us: int) -> float:
        return times(us - figures.first)

    _draw_sequence(sequence, series, at, _subtitle(series, transfer, connection))
    _draw_flight(flight, series, at)
    _draw_round_trips(round_trip, series, at)
    round_trip.set_xlabel(f"time since the first packet of the file [{times.text}]")
    round_trip.set_xlim(-0.01 * times(figures.duration), 1.02 * max(times(figures.duration), 1e-9))
    rows = -(-len(sequence.get_legend_handles_labels()[1]) // LEGEND_COLUMNS)
    top = 1 - (HEAD + LEGEND_ROW * rows) / (72 * SIZE[1])
    # By hand: automatic layouts differ in the last digit from one picture of a process to the next.
    figure.subplots_adjust(left=LEFT, right=0.985, bottom=0.07, top=top, hspace=0.09)
    figure.align_ylabels()
    return figure


def _draw_sequence(axes: Axes, series: Series, at: Callable[[int], float], subtitle: str) -> None:
    packets = [*series.firsts, *series.repeats]
    size = Scale(max((sent.offset + sent.length for sent in packets), default=1), _SIZES)
    spurious = [sent for sent in series.repeats if sent.is_spurious]
    needed = [sent for sent in series.repeats if not sent.is_spurious]
    marks, bars = partial(_draw_marks, axes, at, size), partial(_draw_bars, axes, at, size)
    bars(_spans(series.firsts), FIRST, 4, f"sent for the first time: {series.firsts.total} packets")
    marks(needed, REPEAT, "^", f"sent again: {series.repeats.total - len(spurious)}")
    marks(spurious, SPURIOUS, "D", f"sent again although it had arrived: {len(spurious)}")
    marks(series.lost, LOST, "x", f"lost: {len(series.lost)}")
    if series.cumulative.items:
        axes.step(
            [at(us) for us, _ in series.cumulative],
            [size(edge) for _, edge in series.cumulative],
            where="post",
            color=CUMULATIVE,
            linewidth=1.6,
            label="all below is acknowledged (cumulative ACK)",
            zorder=3,
        )
    bars(series.selective, SELECTIVE, 2, "acknowledged, with a hole below (selective ACK)")
    axes.set_ylabel(f"place in the file [{size.text}]")
    axes.margins(y=0.02)
    rows = -(-len(axes.get_legend_handles_labels()[1]) // LEGEND_COLUMNS)
    axes.set_title(subtitle, fontsize=10, color="#444444", pad=LEGEND_ROW * rows + 10)
    # Above the axes: in them it would cover packets of some transfer or other.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=LEGEND_COLUMNS, borderaxespad=0.3, frameon=False)


def _draw_bars(
    axes: Axes,
    at: Callable[[int], float],
    size: Scale,
    group: Iterable[tuple[int, int, int]],
    colour: str,
    order: int,
    label: str,
) -> None:
    """Bytes from start to stop, at a time."""
    rows = list(group)
    if rows:
        axes.vlines(
            [at(us) for us, _, _ in rows],
            [size(start) for _, start, _ in rows],
            [size(stop) for _, _, stop in rows],
            colors=colour,
            linewidths=2.4,
            label=label,
            zorder=order,
            rasterized=len(rows) > FEW,
        )


def _draw_marks(
    axes: Axes, at: Callable[[int], float], size: Scale, group: list[Sent], colour: str, shape: str, label: str
) -> None:
    """Packets, each as a mark in its middle."""
    if group:
        axes.plot(
            [at(sent.us) for sent in group],
            [size(sent.offset + sent.length // 2) for sent in group],
            shape,
            color=colour,
            markersize=_mark_size(len(group)),
            markeredgewidth=1.6 if shape == "x" else 0,
            label=label,
            zorder=6 if shape == "x" else 5,
            rasterized=len(group) > FEW,
        )


def _draw_flight(axes: Axes, series: Series, at: Callable[[int], float]) -> None:
    most = max((size for _, size in [*series.in_flight, *series.windows]), default=1)
    size = Scale(most, _SIZES)
    if series.windows.items:
        axes.step(
            [at(us) for us, _ in series.windows],
            [size(window) for _, window in series.windows],
            where="post",
            color=WINDOW,
            linewidth=1.4,
            label="congestion window",
        )
    axes.step(
        [at(us) for us, _ in series.in_flight],
        [size(flight) for _, flight in series.in_flight],
        where="post",
        color=FIRST,
        linewidth=1.1,
        label="in flight",
        rasterized=len(series.in_flight.items) > 10 * FEW,
    )
    axes.set_ylabel(f"in flight [{size.text}]")
    axes.set_ylim(0, HEADROOM * size(most))
    if series.windows.items:
        axes.legend(loc="upper right", ncols=2)


def _draw_round_trips(axes: Axes, series: Series, at: Callable[[int], float]) -> None:
    most = max((sample for _, sample in [*series.round_trips, *series.smoothed]), default=1)
    unit = Scale(most, _TIMES)
    axes.plot(
        [at(us) for us, _ in series.round_trips],
        [unit(sample) for _, sample in series.round_trips],
        ".",
        color=CUMULATIVE,
        markersize=4,
        label="of each ACK",
        rasterized=len(series.round_trips.items) > FEW,
    )
    if series.smoothed.items:
        axes.plot(
            [at(us) for us, _ in series.smoothed],
            [unit(value) for _, value in series.smoothed],
            color=WINDOW,
            linewidth=1.4,
            label="smoothed",
        )
        axes.legend(loc="upper right", ncols=2)
    axes.set_ylabel(f"round trip [{unit.text}]")
    axes.set_ylim(0, HEADROOM * unit(most))


def _spans(packets: Iterable[Sent]) -> Iterable[tuple[int, int, int]]:
    return ((sent.us, sent.offset, sent.offset + sent.length) for sent in packets)


def _mark_size(count: int) -> float:
    return 7.0 if count <= 60 else 5.0 if count <= 400 else 3.5


def _title(transfer: TransferReport) -> str:
    figures, announced = transfer.figures, transfer.announced
    name = f"transfer {transfer.number}"
    if announced is not None:
        shown = "".join(letter if letter.isprintable() else "?" for letter in announced.name)
        name = shown if len(shown) <= LONG_NAME else f"{shown[: LONG_NAME - 1]}…"
    way = "from the server" if figures.from_server else "to the server"
    size = Scale(figures.unique, _SIZES)
    speed = f" at {figures.goodput * 8 / 1e6:.2f} Mbit/s" if figures.goodput is not None else ""
    return f"{name}: {size(figures.unique):.4g} {size.text} {way}{speed}"


def _subtitle(series: Series, transfer: TransferReport, connection: ConnectionReport) -> str:
    figures, counts = transfer.figures, transfer.figures.counts
    told = [f"{figures.duration / SECOND:.3f} s", f"{counts.packets} packets"]
    told.append(f"{len(series.lost)} lost ({100 * len(series.lost) / counts.packets:.1f} %)")
    told.append(f"{series.repeats.total} sent again")
    if counts.spurious:
        told.append(f"{counts.spurious} of them needlessly")
    if (trips := figures.round_trips) is not None:
        told.append(f"round trip {trips.least / MILLISECOND:.3g} to {trips.most / MILLISECOND:.3g} ms")
    told.append("sealed" if connection.is_sealed else "plaintext")
    place = f", seen at {figures.interface}" if figures.interface.isprintable() and figures.interface else ""
    return " · ".join(told) + place
