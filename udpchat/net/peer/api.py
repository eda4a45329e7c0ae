"""A node of a peer network: `start_peer` starts it, `Peer` is what its user holds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

from udpchat.capture.rotation import CaptureTarget
from udpchat.config import MAX_TTL, SEARCH_TIME, SECOND, Config
from udpchat.errors import StorageError, UdpchatError, UsageError
from udpchat.files.events import Progress
from udpchat.files.ports import FileEntry
from udpchat.net.feed import Feed
from udpchat.net.peer.events import ConfigApplied, ConfigBroken, PeerEvent
from udpchat.net.peer.fetch import AmbiguousNameError, Fetched, Fetcher, NoHolderError
from udpchat.net.peer.node import Means, OpenStore, hold_visit, listening_host, open_no_store, open_server_store
from udpchat.net.peer.notes import Note, PeerInfo, remove_note, write_note
from udpchat.net.peer.run import Run
from udpchat.net.peer.search import Found, kind_of
from udpchat.net.sockets import listen
from udpchat.peers.settings import Fault, NeighbourConfig, PeerConfig, PeerConfigError
from udpchat.protocol.acceptor import is_loopback
from udpchat.protocol.datagrams import Address
from udpchat.store.lock import FolderLock
from udpchat.store.peer_file import PeerFile
from udpchat.wire.numbers import FileState, QueryKind

logger = logging.getLogger(__name__)

TICK: Final = 1.0  # seconds between two looks at the configuration, at names to be looked up, and at the neighbours
SEARCHING: Final = SEARCH_TIME / SECOND  # seconds
SETTLED: Final = ("ttl", "neighbours", "allow", "client_port")  # what a node can change where it stands


async def start_peer(
    config: PeerConfig,
    home: Path,
    *,
    file: PeerFile | None = None,
    transport: Config | None = None,
    open_store: OpenStore = open_server_store,
    keylog: Path | None = None,
    capture: CaptureTarget | None = None,
) -> Peer:
    """Start a node. home: folder of its keys, trust and data; file: of its configuration, which it follows.

    OSError when the port cannot be had; StorageError, InterfaceError.
    """
    peer = Peer(config, Means(home, transport or Config(), open_store, keylog=keylog, capture=capture), file)
    await peer.begin()
    return peer


async def start_guest(config: PeerConfig, home: Path, running: Note | None, transport: Config | None = None) -> Peer:
    """A node for one command: it shares nothing, and leaves nothing behind but what it fetches.

    running: the node of that home, when one runs: it is asked then. Otherwise the neighbours are.
    """
    transport = transport or Config()
    config = replace(config, share="", allow=(), is_read_only=True, port=0, host="", interface="")
    if running is not None:
        ours = NeighbourConfig(running.host, running.port, running.name, running.key.hex())
        host = running.host if is_loopback(running.host) else ""
        ttl = min(config.ttl + 1, MAX_TTL)  # one link more, to the node itself
        config = replace(config, host=host, neighbours=(ours,), ttl=ttl, max_ttl=max(ttl, config.max_ttl))
        transport = replace(transport, plaintext=running.is_plaintext)
    visit, hold = hold_visit(home)
    # The first may have the name of the node, unless that runs itself; two connections of one identity cannot be.
    own = visit if running is not None or visit else None
    peer = Peer(config, Means(home, transport, open_no_store, is_guest=True, visit=own), None, running, hold)
    await peer.begin()
    return peer


class Peer:
    """A running node. config: what it runs with; home: its folder. To be used as `async with await start_peer(...)`."""

    def __init__(
        self,
        config: PeerConfig,
        means: Means,
        file: PeerFile | None = None,
        running: Note | None = None,
        hold: FolderLock | None = None,
    ) -> None:
        """hold: is released at the end."""
        self.config = config
        self.home = means.home
        self._means = means
        self._file = file
        self._stamp = () if file is None else file.stamp()
        self._running = running
        self._feed: Feed[PeerEvent] = Feed()
        self._turn = asyncio.Lock()  # of who changes the configuration
        self._run: Run | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._left: Note | None = None  # in the home
        self._hold = hold

    async def begin(self) -> None:
        """Start; told by who makes one. OSError, StorageError, InterfaceError."""
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        self._ticker = asyncio.create_task(self._tick())

    async def __aenter__(self) -> Peer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Part from all neighbours, and stop. What is being fetched can be gone on with later."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        try:
            await self._stop()
        finally:
            self._feed.close()
            if self._hold is not None:
                self._hold.release()

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._standing.node.server.address

    @property
    def addresses(self) -> list[str]:
        """What others would write in their configuration, best first."""
        return self._standing.node.server.addresses

    @property
    def key(self) -> bytes:
        """Static public key of its server, which others name in `key`; empty in plaintext mode."""
        return self._standing.node.key

    @property
    def identity(self) -> bytes:
        """Public key that it dials with, which others name in `allow`."""
        return self._standing.node.identity.public

    @property
    def advice(self) -> str | None:
        """A warning for people, or None."""
        return self._standing.node.server.advice

    def events(self) -> AsyncIterator[PeerEvent]:
        """What happens, until the node is closed."""
        return self._feed.read()

    def counters(self) -> dict[str, int]:
        """As of a server, and what the mesh dropped and sent."""
        node = self._standing.node
        found = node.server.counters()
        found |= {f"mesh_drops_{reason}": count for reason, count in node.core.mesh.drops.items()}
        return found | {f"mesh_sent_{kind}": count for kind, count in node.core.mesh.sent.items()}

    def peers(self) -> list[PeerInfo]:
        """The neighbours, and the nodes that are wanted as such; those of the configuration first."""
        return list(self._running.peers) if self._running is not None else self._standing.peers()

    async def shared(self) -> tuple[FileEntry, ...]:
        """What others can fetch here. StorageError."""
        return tuple(
            entry for entry in await self._standing.node.server.files() if entry.state is not FileState.RECEIVING
        )

    async def linked(self, seconds: float) -> bool:
        """Wait until every neighbour that is wanted is there, or could not be reached; whether one is there."""
        return await self._standing.linked(seconds)

    # -- searching and fetching ----------------------------------------------------------------------------------------

    def search(
        self, pattern: str, kind: QueryKind | None = None, *, ttl: int | None = None, wait: float = SEARCHING
    ) -> AsyncIterator[Found]:
        """Who has what is looked for, as they answer, for so many seconds.

        kind: by the look of the pattern when it is None. ttl: links that the question travels at most. UsageError:
        nothing can be looked for by this; RefusedError: too much at once.
        """
        chosen = kind_of(pattern) if kind is None else kind
        return self._standing.searches.find(chosen, pattern, ttl=self._ttl(ttl), wait=round(wait * SECOND))

    async def holders(self, name: str, *, ttl: int | None = None, wait: float = SEARCHING) -> list[list[Found]]:
        """The contents of a name, a pattern with stars or a hash, each with its holders, the nearest first.

        Once one has answered, the others have to hurry. Raises as `search`.
        """
        return await self._standing.searches.holders(name, ttl=self._ttl(ttl), wait=round(wait * SECOND))

    async def get(
        self,
        wanted: str | Sequence[Found],
        folder: Path | None = None,
        progress: Callable[[Progress], None] | None = None,
        *,
        wait: float = SEARCHING,
    ) -> Fetched:
        """Fetch a file or folder, by its name or hash or from the holders of one content, into a folder.

        It comes from the best holder and, when that fails, from the next; what has arrived is checked. NoHolderError,
        AmbiguousNameError, StorageError; UsageError and RefusedError as `search`.
        """
        if isinstance(wanted, str):
            choices = await self.holders(wanted, wait=wait)
            if not choices:
                links = self.config.ttl - self._detour
                raise NoHolderError(f"no node within {links} link{'' if links == 1 else 's'} has {wanted}")
            if len(choices) > 1:
                raise AmbiguousNameError(wanted, choices)
            wanted = choices[0]
        fetcher = Fetcher(self.home, self._means.transport, f"node-{self.identity.hex()[:16]}", self._feed.put)
        return await fetcher.fetch(wanted, (folder or Path.cwd()).absolute(), progress)

    def _ttl(self, wanted: int | None) -> int:
        if wanted is None or self._running is None:
            return self.config.ttl if wanted is None else wanted
        return min(wanted + 1, self.config.max_ttl)  # the first link leads to the node itself

    # -- changing ------------------------------------------------------------------------------------------------------

    async def modify(self, key: str, value: str) -> PeerConfig:
        """Change one value of the configuration: it is checked, written down, and holds at once.

        key, value: see `PeerFile.plan`. PeerConfigError: it cannot be, and nothing is changed. UsageError: this node
        has no file. StorageError.
        """
        if self._file is None:
            raise UsageError("this node was started without a file of its configuration")
        async with self._turn:
            config, text = self._file.plan(key, value)
            self._check_listening(config, key)
            self._file.save(text)
            self._stamp = self._file.stamp()
            await self._apply(config)
        return config

    def _check_listening(self, config: PeerConfig, key: str) -> None:
        """Whether the node can move there."""
        if config.port == self.config.port:
            return
        try:
            for each in listen(listening_host(config), config.port, portable=True):
                each.close()
        except (OSError, UdpchatError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            text = f"cannot listen on port {config.port}: {reason}; choose another"
            raise PeerConfigError(str(self._file.path if self._file else ""), [Fault(0, key, text)]) from error

    async def _apply(self, config: PeerConfig) -> None:
        before = self.config
        if config == before:
            return
        self.config = config
        if replace(before, **{name: getattr(config, name) for name in SETTLED}) == config:
            self._standing.node.allow(config, self._means)
            await self._standing.dialling.want(config.neighbours)
        else:
            await self._move(before)
        self._feed.put(ConfigApplied(config))

    async def _move(self, before: PeerConfig) -> None:
        """Stop, and start as the configuration says; as before when that fails."""
        await self._stop()
        try:
            await self._start()
        except (OSError, UdpchatError):
            self.config = before
            await self._start()
            raise

    async def _follow(self) -> None:
        """The file may have been changed by hand, or by another command."""
        if self._file is None or self._file.stamp() == self._stamp:
            return
        async with self._turn:
            self._stamp = self._file.stamp()
            try:
                config = self._file.read()
                self._check_listening(config, "port")
                await self._apply(config)
            except PeerConfigError as error:
                self._feed.put(ConfigBroken(tuple(error.lines)))
            except (OSError, UdpchatError) as error:
                self._feed.put(ConfigBroken((str(error),)))

    # -- inside --------------------------------------------------------------------------------------------------------

    @property
    def _standing(self) -> Run:
        if self._run is None:
            raise StorageError("the node does not run, or is just moving to another address; try it again")
        return self._run

    @property
    def _detour(self) -> int:
        return 0 if self._running is None else 1

    async def _start(self) -> None:
        self._run = Run(self.config, self._means, self._running, self._feed.put, self._on_failure)
        await self._run.dialling.want(self.config.neighbours)
        self._leave_note()

    async def _stop(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            if self._left is not None:
                self._left = None
                remove_note(self.home)
            await run.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                await self._follow()
                if self._run is not None:  # it is not just moving
                    await self._run.dialling.go_on()
                    self._leave_note()
            except (OSError, UdpchatError) as error:
                self._on_failure(error)
                return

    def _leave_note(self) -> None:
        """Tell other programs of this user who the neighbours are, when that has changed."""
        if self._means.is_guest or self._run is None:
            return
        note = self._run.note()
        known = replace(note, peers=tuple(replace(peer, rtt=0) for peer in note.peers))
        if known != self._left:
            write_note(self.home, note)
            self._left = known

    def _on_failure(self, error: Exception) -> None:
        """A bug of ours, or a disk that fails: the node stands still."""
        if not self._feed.fail(error):
            logger.error("the node has stopped by an internal error: %s: %s", type(error).__name__, error)
