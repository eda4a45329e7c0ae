"""What the user asked of the demo, and the files that it sends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from udpchat.capture.rotation import CaptureTarget
from udpchat.config import MIB
from udpchat.errors import StorageError
from udpchat.sim.link import LinkSpec
from udpchat.store.trouble import storage_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the user asked for. capture_at: "server" or "relay", whichever writes the capture.

    sending: options of the server and the clients that say how files are sent.
    """

    file: Path | None
    size: int
    link: LinkSpec
    rebind: int
    seed: int
    plaintext: bool
    capture: CaptureTarget | None = None
    capture_at: str = "server"
    sending: tuple[str, ...] = ()


def make_files(plan: Plan, folder: Path) -> tuple[Path, Path]:
    """The two files that are sent; random ones depend on the seed alone. StorageError."""
    random = Random(plan.seed)
    first = plan.file.absolute() if plan.file is not None else folder / "first.bin"
    second = folder / "second.bin"
    if '"' in first.name:
        raise StorageError(f"{first.name}: the demo takes no file with a quote in its name")
    try:
        if plan.file is None:
            _write_random(first, plan.size, random)
        _write_random(second, first.stat().st_size, random)
    except OSError as error:
        raise storage_error(error, f"write the demo's files to {folder}") from error
    return first, second


def md5_of(path: Path) -> str:
    """The MD5 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _chunks(size: int) -> Iterator[int]:
    for start in range(0, size, MIB):
        yield min(MIB, size - start)


def _write_random(path: Path, size: int, random: Random) -> None:
    with path.open("wb") as file:
        for length in _chunks(size):
            file.write(random.randbytes(length))
