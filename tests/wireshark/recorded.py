"""Captures of simulated transfers, seen at both ends; comments say why each packet was sent and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from udpchat.capture.pcapng import PcapngWriter
from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.files.events import Downloaded, Uploaded
from udpchat.lab.recording import INTERFACES, Recording
from udpchat.lab.world import WALL, Setting, World, client
from udpchat.sim.link import LinkSpec

APART = 1_000 * SECOND  # between the days of one capture


class Recorder:
    """Writes what was seen at some of the interfaces."""

    def __init__(self, file: BinaryIO, only: int | None = None) -> None:
        self._writer = PcapngWriter(file, INTERFACES)
        self._only = only

    def write(self, *args: object, interface: int = 0, **options: object) -> None:
        """See PcapngWriter."""
        if self._only is None or interface == self._only:
            self._writer.write(*args, interface=interface, **options)  # type: ignore[arg-type]


def record(
    recorder: Recorder,
    seed: int,
    link: LinkSpec,
    size: int,
    config: Config | None = None,
    keylog: Callable[[str], None] | None = None,
) -> bytes:
    """Somebody uploads a file and downloads it again; returns the file."""
    recording = Recording(recorder, WALL + seed * APART)
    setting = Setting(fit=recording.fitting)
    world = World(seed, link, config or Config(plaintext=True), keylog=keylog, setting=setting)
    recording.attach(world.network)
    anna = world.add_client("anna")
    world.join(anna)
    anna.store.local["a.bin"] = file = world.random.randbytes(size)
    world.do(lambda: client(anna).files.put("a.bin"))
    world.run_until(lambda: bool(anna.told(Uploaded)))
    world.do(lambda: client(anna).files.get("a.bin"))
    world.run_until(lambda: bool(anna.told(Downloaded)))
    world.network.run_for(500 * MILLISECOND)
    return file
