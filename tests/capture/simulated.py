"""Simulated transfers with captures and key logs, each made once in a run of the tests."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from udpchat.capture.pcapng import PcapngWriter
from udpchat.capture.reader import read_capture
from udpchat.capture.tolerant import Readable
from udpchat.config import MILLISECOND, Config
from udpchat.lab.experiment import Direction, Experiment, Outcome
from udpchat.lab.recording import INTERFACES, Recording
from udpchat.lab.run import EPOCH, run_experiment
from udpchat.sim.link import LinkSpec

LOSSY = LinkSpec(rate=1_250_000, delay=5 * MILLISECOND, loss=0.05, reorder=0.01, duplicate=0.01)
DAMAGING = LinkSpec(rate=1_250_000, delay=5 * MILLISECOND, loss=0.05, corrupt=0.02)
CLEAN = LinkSpec(rate=1_250_000, delay=5 * MILLISECOND)


@dataclass(frozen=True)
class Simulated:
    """capture, keylog: contents of the files. outcome: what the simulation itself says."""

    capture: bytes
    keylog: str
    outcome: Outcome

    def save(self, folder: Path) -> Path:
        """The capture as a file."""
        path = folder / "run.pcapng"
        path.write_bytes(self.capture)
        return path

    def readable(self, folder: Path) -> Readable:
        """The capture, opened."""
        return Readable(read_capture(self.save(folder)))

    def save_keys(self, folder: Path) -> Path:
        """The key log as a file."""
        path = folder / "run.keys"
        path.write_text(self.keylog)
        return path


@cache
def simulated(
    seed: int = 1,
    link: LinkSpec = LOSSY,
    *,
    size: int = 300_000,
    direction: Direction = "up",
    plaintext: bool = False,
    rekey: int = 0,
) -> Simulated:
    """A transfer with both ends in one capture. rekey: packets after which keys are updated; 0 is the default."""
    config = Config(plaintext=plaintext, rekey_packets=rekey) if rekey else Config(plaintext=plaintext)
    experiment = Experiment(link=link, size=size, direction=direction, seed=seed, config=config)
    file, lines = io.BytesIO(), [""]
    recording = Recording(PcapngWriter(file, INTERFACES), EPOCH)
    outcome = run_experiment(experiment, recording=recording, keylog=lines.append)
    return Simulated(file.getvalue(), "\n".join(lines), outcome)
