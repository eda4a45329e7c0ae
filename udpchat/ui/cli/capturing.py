"""The options of every command that can write a capture of what it sends and receives."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from udpchat.capture.rotation import MIN_LIMIT, CaptureTarget
from udpchat.net.capturing import open_capture
from udpchat.ui.cli.options import option, parse_size

CaptureOption = Annotated[
    Path | None,
    typer.Option(
        "--capture", metavar="FILE.pcapng", help="Write what this end sends and receives, for Wireshark, to FILE."
    ),
]


def parse_limit(text: str) -> int:
    """Bytes that a capture may take."""
    size = parse_size(text)
    if size < MIN_LIMIT:
        raise typer.BadParameter(f"{text!r} is too small for a capture; write at least {MIN_LIMIT // 10**6}M")
    return size


CaptureLimitOption = Annotated[
    int,
    option(
        "--capture-limit", parse_limit, "SIZE", "Disk space that the capture and its older half take; 256M by default."
    ),
]


def capture_target(path: Path | None, limit: int) -> CaptureTarget | None:
    """What the two options ask for."""
    return None if path is None else CaptureTarget(path, limit)


def check_capture(target: CaptureTarget | None) -> None:
    """Make the file now, because a process that is started later is to write it. StorageError."""
    with ExitStack() as closing:
        open_capture(target, (), closing)
