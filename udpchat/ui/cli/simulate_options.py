"""The options of `udpchat simulate` beside those of the link."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from udpchat.config import Config
from udpchat.ui.cli.options import JsonOption, RebindOption, SeedOption, option, parse_size
from udpchat.ui.cli.sending import Arq, ArqOption, Congestion, CongestionOption, WindowOption

DEFAULT_SIZE: Final = 20_000_000
MAX_REPEAT: Final = 10_000


class Way(StrEnum):
    """Where the file goes."""

    UP = "up"
    DOWN = "down"


SizeOption = Annotated[int, option("--size", parse_size, "SIZE", "Size of the file; 20M by default.")]
WayOption = Annotated[Way, typer.Option("--direction", help="To the server or from it.")]
ClientsOption = Annotated[int, typer.Option("--clients", min=1, help="How many send a file at the same time.")]
TextOption = Annotated[bool, typer.Option("--text", help="Send numbered lines in place of random bytes.")]
ChatOption = Annotated[
    float, typer.Option("--chat", metavar="LINES/S", min=0, help="Lines a second that everybody says meanwhile.")
]
RepeatOption = Annotated[
    int,
    typer.Option("--repeat", metavar="K", min=1, max=MAX_REPEAT, help="Run K times, from --seed on."),
]
RejoinOption = Annotated[
    bool, typer.Option("--rejoin", help="In the end the first client leaves, and joins again by its address token.")
]
PlaintextOption = Annotated[bool, typer.Option("--plaintext", help="Seal nothing, for lessons.")]
CsvOption = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write the sender's state over time.", show_default=False)
]
CaptureOption = Annotated[
    Path | None,
    typer.Option("--capture", metavar="FILE.pcapng", help="Write all datagrams, at both ends.", show_default=False),
]
KeylogOption = Annotated[
    Path | None,
    typer.Option("--keylog", metavar="FILE", help="Write the keys of all sessions.", show_default=False),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """What the user said about the experiment."""

    size: SizeOption = DEFAULT_SIZE
    direction: WayOption = Way.UP
    clients: ClientsOption = 1
    text: TextOption = False
    chat: ChatOption = 0.0
    rebind: RebindOption = 0
    rejoin: RejoinOption = False
    seed: SeedOption = 0
    repeat: RepeatOption = 1
    arq: ArqOption = None
    window: WindowOption = None
    congestion: CongestionOption = None
    plaintext: PlaintextOption = False
    csv: CsvOption = None
    capture: CaptureOption = None
    keylog: KeylogOption = None
    as_json: JsonOption = False

    def config(self) -> Config:
        """The part that the transport works with. UsageError."""
        return Config(
            arq=str(self.arq or Arq.SELECTIVE_REPEAT),
            window=self.window or 0,
            congestion=str(self.congestion or Congestion.BBR),
            plaintext=self.plaintext,
        )
