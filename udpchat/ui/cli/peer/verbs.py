"""What the prompt of a node and the commands for scripts have in common: each does one thing and tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from udpchat.errors import HandshakeError, UdpchatError, UsageError
from udpchat.files.ports import FileEntry
from udpchat.net.peer.api import SEARCHING, Peer
from udpchat.net.peer.fetch import AmbiguousNameError, HolderChosen, HolderFailed
from udpchat.net.peer.notes import PeerInfo
from udpchat.net.peer.search import Found
from udpchat.peers.settings import PeerConfig, PeerConfigError
from udpchat.store.peer_file import PeerFile
from udpchat.ui.cli.exits import CommandError, ExitCode
from udpchat.ui.cli.file_tables import file_table
from udpchat.ui.cli.objects import as_line, event_line
from udpchat.ui.cli.peer.options import tell_faults
from udpchat.ui.cli.peer.tables import config_lines, found_line, found_summary, node_sentence, peer_table
from udpchat.ui.cli.progress import Board
from udpchat.ui.cli.render import visible
from udpchat.ui.cli.terminal import Terminal
from udpchat.ui.cli.transfers import make_folder, tell_error

LINKING: Final = 5.0  # seconds that are waited for neighbours
MAX_SHOWN: Final = 999  # contents of one search that get a number


class PeerVerbs:
    """The verbs that need a running node. links: that its questions travel, for people."""

    def __init__(self, peer: Peer, terminal: Terminal, *, links: int) -> None:
        self.peer = peer
        self._terminal = terminal
        self._links = links
        self._board = Board(terminal)
        self._contents: list[list[Found]] = []  # of the last search, by number

    async def search(self, pattern: str, *, ttl: int | None = None, wait: float = SEARCHING) -> ExitCode:
        """Tell the holders as they answer; the exit code."""
        if not await self.peer.linked(LINKING):
            return self.refused("search", pattern, no_neighbour(self.peer.config))
        contents: list[list[Found]] = []
        numbers: dict[tuple[object, ...], int] = {}
        holders = 0
        try:
            async for found in self.peer.search(pattern, ttl=ttl, wait=wait):
                number = numbers.setdefault(found.content, len(numbers) + 1)
                if number > len(contents):
                    contents.append([])
                contents[number - 1].append(found)
                self._contents = contents[:MAX_SHOWN]
                holders += 1
                self._terminal.show(found_line(number, found))
                self._terminal.emit(event_line(found))
        except (UdpchatError, UsageError) as error:
            return self.refused("search", pattern, error)
        self._terminal.show(found_summary(len(contents), holders, pattern, self._links if ttl is None else ttl))
        self._terminal.emit(as_line("searched", pattern=pattern, contents=len(contents), holders=holders))
        return ExitCode.OK if holders else ExitCode.REFUSED

    async def get(self, name: str, folder: Path | None = None, *, wait: float = SEARCHING) -> ExitCode:
        """Fetch a file or folder; the exit code."""
        shown = self._board.begin()
        try:
            if folder is not None:
                make_folder(folder)
            if not await self.peer.linked(LINKING):
                raise no_neighbour(self.peer.config)
            fetched = await self.peer.get(self._meant(name), folder, shown.show, wait=wait)
        except AmbiguousNameError as error:
            self._contents = [list(holders) for holders in error.choices]
            for number, holders in enumerate(self._contents, start=1):
                for found in holders:
                    self._terminal.show(found_line(number, found))
                    self._terminal.emit(event_line(found))
            return self.refused("get", name, error)
        except (UdpchatError, OSError) as error:
            return self.refused("get", name, error)
        finally:
            shown.end()
        for gave in fetched.gave:
            self._terminal.show(node_sentence(gave))
            self._terminal.emit(event_line(gave))
        self._terminal.event(fetched.downloaded)
        return ExitCode.OK

    def _meant(self, name: str) -> str | Sequence[Found]:
        """A number of the last search is its holders; anything else is a name."""
        if name.isdecimal() and 0 < int(name) <= len(self._contents):
            return self._contents[int(name) - 1]
        return name

    def refused(self, command: str, argument: str, error: UdpchatError | OSError) -> ExitCode:
        """Say that nothing came of it; the exit code."""
        if isinstance(error, UsageError):  # what nobody can look for
            return tell_error(self._terminal, command, argument, CommandError(ExitCode.USAGE, str(error)))
        return tell_error(self._terminal, command, argument, error, tells_loss=True)

    def names(self) -> list[str]:
        """What the last search has found."""
        return sorted({found.file_name for holders in self._contents for found in holders})


async def tell_holders(peer: Peer, terminal: Terminal) -> None:
    """Tell where a command fetches from, until its node is closed."""
    async for event in peer.events():
        if isinstance(event, HolderChosen | HolderFailed):
            terminal.log(node_sentence(event))
            terminal.emit(event_line(event))


def show_peers(peers: Sequence[PeerInfo], terminal: Terminal) -> None:
    """The neighbours."""
    for line in peer_table(peers):
        terminal.show(line)
    for peer in peers:
        terminal.emit(event_line(peer))


def show_shared(entries: Sequence[FileEntry], terminal: Terminal) -> None:
    """What a node shares."""
    for line in file_table(entries):
        terminal.show(line)
    for entry in entries:
        terminal.emit(event_line(entry))


def show_config(
    config: PeerConfig, file: PeerFile, home: Path, *, key: bytes, identity: bytes, terminal: Terminal
) -> None:
    """What a node runs with."""
    path, form, folder = str(file.path), file.form(), str(home)
    for line in config_lines(config, path=path, form=form, home=folder, key=key, identity=identity):
        terminal.show(line)
    shown = as_line("config", path=path, form=form, home=folder, key=key, identity=identity, **asdict(config))
    terminal.emit(shown)


def modified(change: Callable[[], PeerConfig], key: str, terminal: Terminal) -> PeerConfig:
    """Change a value of a file; CommandError has told why that cannot be."""
    try:
        return change()
    except PeerConfigError as error:
        raise tell_faults(error, f"modify {key}", terminal) from None


def told_modified(key: str, text: str, terminal: Terminal) -> None:
    """A value is changed."""
    terminal.show(text)
    terminal.emit(as_line("done", command="modify", argument=key))


def no_neighbour(config: PeerConfig) -> HandshakeError:
    """Nobody can be asked."""
    if not config.neighbours:
        text = "there is nobody to ask: the configuration names no neighbour; modify neighbours HOST:PORT adds one"
    else:
        places = ", ".join(visible(each.place) for each in config.neighbours)
        text = f"no neighbour answers ({places})"
    return HandshakeError(text)
