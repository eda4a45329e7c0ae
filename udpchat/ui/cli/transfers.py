"""Uploads and downloads as commands do them: shown on their way, told about at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from udpchat.config import LOBBY
from udpchat.errors import ConnectionLostError, StorageError, UdpchatError
from udpchat.files.events import Downloaded, Progress, Uploaded
from udpchat.net.client import Client
from udpchat.store.trouble import storage_error
from udpchat.ui.cli.exits import CommandError, ExitCode, error_text, exit_code
from udpchat.ui.cli.finding import Wanted
from udpchat.ui.cli.objects import as_line
from udpchat.ui.cli.options import ANY_PACE, Pace
from udpchat.ui.cli.progress import Board
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.sources import check_source
from udpchat.ui.cli.terminal import Terminal

Done = TypeVar("Done", Uploaded, Downloaded)
Keep: TypeAlias = Callable[[Uploaded | Downloaded], None]


def make_folder(path: Path) -> None:
    """Make a folder for downloads unless it is there. StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StorageError(f"{path} is no folder; choose another") from error
    except OSError as error:
        raise storage_error(error, f"make the folder {path}") from error


class Carrier:
    """Starts transfers and tells how they went. tells_loss: see `tell_error`. keep: told of those that are done."""

    def __init__(
        self, client: Client, terminal: Terminal, *, tells_loss: bool = False, keep: Keep | None = None
    ) -> None:
        self._client = client
        self._terminal = terminal
        self._board = Board(terminal, tells_resumed=not tells_loss)
        self._tells_loss = tells_loss
        self._keep = keep

    async def upload(self, path: Path, *, room: str = LOBBY, to: str = "", pace: Pace = ANY_PACE) -> ExitCode:
        """Upload a file or folder for a room, or for one person; the exit code."""

        async def start(progress: Callable[[Progress], None]) -> Uploaded:
            check_source(path)
            return await self._client.put(path, progress, room=room, to=to, rate=pace.rate, priority=pace.priority)

        return await self._told("put", str(path), self._carry(start))

    async def download(self, wanted: Wanted, folder: Path | None = None, *, pace: Pace = ANY_PACE) -> ExitCode:
        """Download a file, a folder, or one file of a folder; the exit code."""
        return await self._told("get", wanted.name, self.fetch(wanted, folder, pace=pace))

    async def fetch(self, wanted: Wanted, folder: Path | None = None, *, pace: Pace = ANY_PACE) -> Downloaded:
        """The same for who goes on with the file; the errors of `Client.get`."""

        async def start(progress: Callable[[Progress], None]) -> Downloaded:
            return await self._client.get(
                wanted.name,
                folder,
                progress,
                file_id=wanted.file_id,
                member=wanted.member,
                rate=pace.rate,
                priority=pace.priority,
            )

        return await self._carry(start)

    async def _carry(self, start: Callable[[Callable[[Progress], None]], Awaitable[Done]]) -> Done:
        shown = self._board.begin()
        try:
            done = await start(shown.show)
        finally:
            shown.end()
        if self._keep is not None:
            self._keep(done)
        self._terminal.event(done)
        return done

    async def _told(self, command: str, argument: str, work: Awaitable[Uploaded | Downloaded]) -> ExitCode:
        try:
            await work
        except (UdpchatError, OSError) as error:
            return tell_error(self._terminal, command, argument, error, tells_loss=self._tells_loss)
        return ExitCode.OK


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
