"""The options of `udpchat lab`. Several values of one kind are separated by commas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from udpchat.config import ARQ_SCHEMES, MAX_WINDOW_PACKETS
from udpchat.lab.grid import FIXED, Grid
from udpchat.ui.cli.options import (
    JsonOption,
    SeedOption,
    option,
    parse_duration,
    parse_probability,
    parse_rate,
    parse_size,
)
from udpchat.ui.cli.sending import Congestion
from udpchat.ui.cli.simulate_options import Way

DEFAULT_RATE: Final = parse_rate("20mbit")
DEFAULT_SIZE: Final = 1_000_000
DEFAULT_REPEAT: Final = 3
DEFAULT_CHAT: Final = 10.0


def parse_scheme(text: str) -> str:
    """A scheme by its name."""
    if text not in ARQ_SCHEMES:
        raise typer.BadParameter(f"{text!r} is no ARQ scheme; there are {', '.join(ARQ_SCHEMES)}")
    return text


@dataclass(frozen=True, slots=True)
class Values:
    """What stood between commas; no tuple, which typer takes for an option with several arguments."""

    each: tuple[Any, ...]


def parse_list(parse: Callable[[str], Any]) -> Callable[[str], Values]:
    """A parser of values between commas, each of which is parsed."""

    def parsed(text: str) -> Values:
        return Values(tuple(dict.fromkeys(parse(part.strip()) for part in text.split(","))))

    return parsed


ALL_SCHEMES: Final = Values(ARQ_SCHEMES)
DEFAULT_LOSSES: Final = Values((0.0, 0.01, 0.05, 0.1))
DEFAULT_ROUND_TRIPS: Final = Values((2_000, 20_000, 100_000))

ArqListOption = Annotated[
    Values, option("--arq", parse_list(parse_scheme), "NAME,...", "ARQ schemes; all three by default.")
]
LossListOption = Annotated[
    Values,
    option("--loss", parse_list(parse_probability), "SHARE,...", "Packets lost, each way; 0,1%,5%,10% by default."),
]
RttListOption = Annotated[
    Values,
    option("--rtt", parse_list(parse_duration), "TIME,...", "Round trips; 2ms,20ms,100ms by default."),
]
LabRateOption = Annotated[int, option("--rate", parse_rate, "RATE", "Rate of the line; 20mbit by default.")]
LabSizeOption = Annotated[int, option("--size", parse_size, "SIZE", "Size of the file; 1M by default.")]
LabWindowOption = Annotated[
    int,
    typer.Option(
        "--window",
        metavar="N",
        min=0,
        max=MAX_WINDOW_PACKETS,
        help="Packets in flight; 0, the default, fills each path.",
        show_default=False,
    ),
]
LabCongestionOption = Annotated[
    Congestion, typer.Option("--congestion", help="Congestion control; there are formulas for fixed windows only.")
]
LabChatOption = Annotated[
    float,
    typer.Option("--chat", metavar="LINES/S", min=0, help="Lines a second of each of two people."),
]
LabRepeatOption = Annotated[
    int, typer.Option("--repeat", metavar="K", min=1, max=1_000, help="Runs of each cell, from --seed on.")
]
WayOption = Annotated[Way, typer.Option("--direction", help="To the server or from it.")]
LabCsvOption = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write the table to FILE.", show_default=False)
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Draw a picture: FILE.png or FILE.svg.", show_default=False),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabOptions:
    """What the user said about the grid."""

    arq: ArqListOption = ALL_SCHEMES
    loss: LossListOption = DEFAULT_LOSSES
    rtt: RttListOption = DEFAULT_ROUND_TRIPS
    rate: LabRateOption = DEFAULT_RATE
    size: LabSizeOption = DEFAULT_SIZE
    window: LabWindowOption = 0
    congestion: LabCongestionOption = Congestion.FIXED
    direction: WayOption = Way.UP
    chat: LabChatOption = DEFAULT_CHAT
    seed: SeedOption = 0
    repeat: LabRepeatOption = DEFAULT_REPEAT
    csv: LabCsvOption = None
    out: OutOption = None
    as_json: JsonOption = False

    def grid(self) -> Grid:
        """What is to be tried. UsageError."""
        return Grid(
            schemes=tuple(scheme for scheme in ARQ_SCHEMES if scheme in self.arq.each),
            losses=tuple(sorted(self.loss.each)),
            round_trips=tuple(sorted(self.rtt.each)),
            rate=self.rate,
            size=self.size,
            window=self.window,
            congestion=FIXED if self.congestion is Congestion.FIXED else str(self.congestion),
            direction="up" if self.direction is Way.UP else "down",
            chat=self.chat,
            seed=self.seed,
            repeat=self.repeat,
        )
