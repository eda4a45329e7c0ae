"""Servers and clients on loopback sockets, which are closed together."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

from udpchat.config import SECOND, Config
from udpchat.net.client import Client
from udpchat.net.joining import connect
from udpchat.net.server import Server, serve

LOCALHOST = "127.0.0.1"
GUARD = 30  # seconds after which a test that hangs is given up
IMPATIENT = Config(handshake_timeout=SECOND // 2)

Event = TypeVar("Event")


class Party:
    """What one test opens, in folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: list[Server | Client] = []

    async def serve(
        self, config: Config | None = None, *, host: str = LOCALHOST, port: int = 0, data: str = "server", **more: Any
    ) -> Server:
        server = await serve(host, port, data=self.folder / data, config=config, **more)
        self._open.append(server)
        return server

    async def join(
        self, server: Server, nick: str, config: Config | None = None, *, home: str | None = None, **more: Any
    ) -> Client:
        host, port = server.address
        return await self.dial(host, port, nick, config, home=home, **more)

    async def dial(
        self, host: str, port: int, nick: str, config: Config | None = None, *, home: str | None = None, **more: Any
    ) -> Client:
        place = self.folder / (home or nick)
        client = await connect(host, port, nick=nick, config=config, home=place, folder=place / "downloads", **more)
        self._open.append(client)
        return client

    async def end(self, one: Server | Client) -> None:
        self._open.remove(one)
        await one.close()

    async def close(self) -> None:
        await asyncio.gather(*(one.close() for one in self._open if isinstance(one, Client)))
        await asyncio.gather(*(one.close() for one in self._open if isinstance(one, Server)))

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


async def until(events: AsyncIterator[Any], kind: type[Event]) -> Event:
    """The next event of a class."""
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


def content(path: str) -> bytes:
    """What lies in a file."""
    return Path(path).read_bytes()


def has_ipv6() -> bool:
    """Whether the loopback interface speaks IPv6."""
    if not socket.has_ipv6:
        return False
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))
