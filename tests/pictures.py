"""Makes docs/pictures/ anew: python -m tests.pictures [NAME.png ...]

Each picture is what the commands beside it write, as the pages of docs/ that show it say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "docs" / "pictures"
CAPTURES: Final = "captures/"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and how it is made.

    commands: what a user types in an empty folder beside captures/, one after the other; the last one writes `name`.
    """

    name: str
    commands: tuple[str, ...]


def _seen(name: str, words: str) -> Picture:
    """The time-sequence picture of a simulated transfer."""
    return Picture(
        f"{name}.png",
        (
            f"udpchat simulate {words} --capture {name}.pcapng",
            f"udpchat capture plot {name}.pcapng --out {name}.png",
        ),
    )


SCHEMES: Final = "--size 60K --rate 4M --delay 20ms --loss 5% --queue 64 --congestion fixed --window 16 --seed 3"

PICTURES: Final = (
    Picture("loss10-seed11.png", ("udpchat capture plot captures/loss10-seed11.pcapng --out loss10-seed11.png",)),
    _seen("stop-and-wait", f"{SCHEMES} --arq stop-and-wait"),
    _seen("go-back-n", f"{SCHEMES} --arq go-back-n"),
    _seen("selective-repeat", f"{SCHEMES} --arq selective-repeat"),
    _seen("queue-newreno", "--size 800K --rate 8M --delay 20ms --queue 30 --congestion newreno --seed 1"),
    Picture("lab-grid.png", ("udpchat lab --size 1M --rtt 2ms,20ms --chat 0 --out lab-grid.png",)),
    Picture("lab-chat.png", ("udpchat lab --size 1M --rtt 20ms --out lab-chat.png",)),
    # In real time: needs root and a link emulator, see docs/lab.md.
    Picture(
        "udp-beside-tcp.png",
        ("python -m tests.benchmarks.udp_beside_tcp --turns 1 --picture udp-beside-tcp.png",),
    ),
)


def make(picture: Picture) -> None:
    """Run the commands and put the picture into docs/pictures/."""
    with tempfile.TemporaryDirectory() as folder:
        for command in picture.commands:
            subprocess.run(_arguments(command), cwd=folder, env=_environment(), check=True, stdout=subprocess.DEVNULL)
        FOLDER.mkdir(exist_ok=True)
        shutil.copy(Path(folder, picture.name), FOLDER / picture.name)


def _arguments(command: str) -> list[str]:
    program, *words = command.split()
    if program == "python":
        return [sys.executable, *words]
    if program != "udpchat":
        raise ValueError(f"{command!r} is no udpchat command")
    words = [str(ROOT / word) if word.startswith(CAPTURES) else word for word in words]
    return [sys.executable, "-m", "udpchat", *words]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def main() -> None:
    """Make the pictures named on the command line, or all."""
    wanted = sys.argv[1:]
    for picture in PICTURES:
        if not wanted or picture.name in wanted:
            make(picture)
            print(f"{FOLDER / picture.name}: {(FOLDER / picture.name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
