"""Nodes of a peer network on loopback, which have files to give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from udpchat.config import Config
from udpchat.net.peer.api import Peer, start_peer
from udpchat.net.peer.node import open_server_store
from udpchat.peers.ports import SearchShared, SharedFile, ShareScanned
from udpchat.peers.settings import NeighbourConfig, PeerConfig
from udpchat.protocol.ports import Job, StoreRequest
from udpchat.store.peer_file import PeerFile

LOCALHOST = "127.0.0.1"
LIMIT = 30.0  # seconds; what is tested takes one or two
FAST = Config()


class LyingStore:
    """The storage of a node. lies: what it says of a file that it shares instead of the truth."""

    def __init__(self, folder: Path, config: PeerConfig, lies: Callable[[SharedFile], SharedFile]) -> None:
        self._inner = open_server_store(folder, config)
        self._lies = lies

    def submit(self, request: StoreRequest) -> Any:
        answer = self._inner.submit(request)
        if not isinstance(request, SearchShared) or not isinstance(answer, Job):
            return answer
        return Job(answer.run, lambda found: tuple(map(self._lies, answer.finish(found))), answer.lane)

    def close(self) -> None:
        self._inner.close()


def neighbour(peer: Peer, name: str = "", key: str = "") -> NeighbourConfig:
    return NeighbourConfig(*peer.address, name, key)


def honest(file: SharedFile) -> SharedFile:
    return file


class Neighbourhood:
    """Starts nodes, and stops them."""

    def __init__(self, folder: Path, opened: AsyncExitStack) -> None:
        self.folder = folder
        self._opened = opened

    async def start(
        self,
        name: str,
        *neighbours: NeighbourConfig,
        transport: Config = FAST,
        lies: Callable[[SharedFile], SharedFile] = honest,
        **settings: Any,
    ) -> Peer:
        config = PeerConfig(**{"name": name, "host": LOCALHOST, "port": 0, "neighbours": neighbours, **settings})
        peer = await start_peer(
            config,
            self.folder / name,
            transport=transport,
            open_store=lambda folder, config: LyingStore(folder, config, lies),
        )
        self._opened.push_async_callback(peer.close)
        return peer

    async def start_giver(
        self,
        name: str,
        goods: dict[str, bytes],
        *neighbours: NeighbourConfig,
        transport: Config = FAST,
        lies: Callable[[SharedFile], SharedFile] = honest,
        **settings: Any,
    ) -> Peer:
        """A node that shares files, by their paths."""
        share = self.folder / f"goods of {name}"
        for path, data in goods.items():
            (share / path).parent.mkdir(parents=True, exist_ok=True)
            (share / path).write_bytes(data)
        share.mkdir(exist_ok=True)
        peer = await self.start(name, *neighbours, transport=transport, lies=lies, share=str(share), **settings)
        await told(peer, ShareScanned)
        return peer

    async def start_by_file(self, name: str, text: str) -> tuple[Peer, PeerFile]:
        path = self.folder / f"{name}.toml"
        path.write_text(text)
        file = PeerFile(path, self.folder / name)
        peer = await start_peer(file.read(), self.folder / name, file=file)
        self._opened.push_async_callback(peer.close)
        return peer, file


@asynccontextmanager
async def neighbourhood(folder: Path) -> AsyncIterator[Neighbourhood]:
    async with asyncio.timeout(2 * LIMIT), AsyncExitStack() as opened:
        yield Neighbourhood(folder, opened)


async def told(peer: Peer, kind: type, fits: Callable[[Any], bool] = lambda _: True) -> Any:
    """The next event of a kind."""
    async with asyncio.timeout(LIMIT):
        async for event in peer.events():
            if isinstance(event, kind) and fits(event):
                return event
    raise AssertionError(f"no {kind.__name__}")
