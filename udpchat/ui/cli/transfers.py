"""Uploads and downloads as commands do them: checked first, shown on their way, told about at the end."""

from __future__ import annotations

import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from udpchat.config import LOBBY, SECOND
from udpchat.errors import ConnectionLostError, StorageError, UdpchatError
from udpchat.files.events import Downloaded, Progress, Uploaded
from udpchat.net.client import Client
from udpchat.store.trouble import storage_error
from udpchat.ui.cli.exits import CommandError, ExitCode, error_text, exit_code
from udpchat.ui.cli.objects import as_line, event_line
from udpchat.ui.cli.render import Meter, visible
from udpchat.ui.cli.terminal import Terminal

LINE_INTERVAL: Final = 1 * SECOND  # between two lines about one transfer, at least
LONG_SILENCE: Final = 10 * SECOND  # after which there is a line even when little was done
LINE_SHARE: Final = 10  # tenths of a file that deserve a line

Start: TypeAlias = Callable[[Callable[[Progress], None]], Awaitable[Uploaded | Downloaded]]


def check_local_file(path: Path) -> None:
    """Raise StorageError unless this is a file that can be read: before anybody is connected to."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise StorageError(
                f"{path} is a folder; pack it first, for example: tar czf {path.name or 'folder'}.tgz {path}"
            )
        if not stat.S_ISREG(mode):
            raise StorageError(f"{path} is no file; only files can be sent")
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise storage_error(error, f"read {path}") from error
        raise StorageError(f"{path} is no name of a file") from error


def make_folder(path: Path) -> None:
    """Make a folder for downloads unless it is there. StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StorageError(f"{path} is no folder; choose another with --to") from error
    except OSError as error:
        raise storage_error(error, f"make the folder {path}") from error


async def upload(
    client: Client, terminal: Terminal, path: Path, *, room: str = LOBBY, tells_loss: bool = False
) -> ExitCode:
    """Upload a file for a room and tell how it went; the exit code. tells_loss: see `tell_error`."""

    async def start(progress: Callable[[Progress], None]) -> Uploaded:
        check_local_file(path)
        return await client.put(path, progress, room=room)

    return await _transfer(terminal, "put", str(path), start, tells_loss=tells_loss)


async def download(
    client: Client, terminal: Terminal, name: str, folder: Path | None = None, *, tells_loss: bool = False
) -> ExitCode:
    """Download a file and tell how it went; the exit code. tells_loss: see `tell_error`."""
    return await _transfer(
        terminal, "get", name, lambda progress: client.get(name, folder, progress), tells_loss=tells_loss
    )


def tell_error(
    terminal: Terminal,
    command: str,
    argument: str,
    error: UdpchatError | OSError | CommandError,
    *,
    tells_loss: bool = False,
) -> ExitCode:
    """Say what went wrong with one command of several; its exit code.

    tells_loss: also that the connection was lost. Without, that is told once for all that runs, when the session ends.
    """
    code = exit_code(error)
    if tells_loss or terminal.as_json or not isinstance(error, ConnectionLostError):
        terminal.log(f"{command} {visible(argument)}".rstrip() + f": {error_text(error)}")
    terminal.emit(as_line("error", command=command, argument=argument, exit_code=int(code), text=str(error)))
    return code


class ProgressLines:
    """Shows one transfer: a line that is rewritten where that can be, lines now and then elsewhere."""

    __slots__ = ("_meter", "_next_share", "_terminal", "_told_at")

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._meter = Meter()
        self._told_at = _now()
        self._next_share = 0

    def show(self, progress: Progress) -> None:
        """Something was done."""
        now = _now()
        if self._terminal.as_json:
            self._terminal.emit(event_line(progress))
            return
        line = self._meter.line(progress, now)
        if self._terminal.shows_status:
            self._terminal.status(line)
        elif self._is_worth_a_line(progress, now):
            self._told_at = now
            self._next_share = LINE_SHARE * progress.done // max(progress.size, 1) + 1
            self._terminal.show(f"  {line}")

    def _is_worth_a_line(self, progress: Progress, now: int) -> bool:
        silence = now - self._told_at
        if silence < LINE_INTERVAL or not self._terminal.is_interactive:
            return False
        return silence >= LONG_SILENCE or LINE_SHARE * progress.done >= self._next_share * progress.size


async def _transfer(terminal: Terminal, command: str, argument: str, start: Start, *, tells_loss: bool) -> ExitCode:
    try:
        done = await start(ProgressLines(terminal).show)
    except (UdpchatError, OSError) as error:
        return tell_error(terminal, command, argument, error, tells_loss=tells_loss)
    terminal.event(done)
    return ExitCode.OK


def _now() -> int:
    return time.monotonic_ns() // 1_000
