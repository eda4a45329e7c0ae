"""The names that the server knows, for the Tab key: asked for when they are wanted, and kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import TimeoutError as Timeout
from types import MappingProxyType
from typing import Any, Final

from udpchat.errors import UdpchatError
from udpchat.net.client import Client
from udpchat.ui.cli.commands import Completes
from udpchat.ui.cli.completion import Names

FRESH: Final = 5.0  # seconds for which an answer is good
PATIENCE: Final = 1.0  # seconds that a person waits after Tab


class KnownNames:
    """Names of users, rooms and files. Called from the thread that reads the keyboard; the loop asks the server."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop
        self._answers: dict[Completes, tuple[float, list[str]]] = {}

    @property
    def by_kind(self) -> Mapping[Completes, Names]:
        """What completion asks."""
        return MappingProxyType(
            {
                Completes.NICK: self._asker(Completes.NICK, self._nicks),
                Completes.ROOM: self._asker(Completes.ROOM, self._rooms),
                Completes.FILE: self._asker(Completes.FILE, self._files),
            }
        )

    def _asker(self, kind: Completes, ask: Callable[[], Coroutine[Any, Any, list[str]]]) -> Names:
        def names() -> list[str]:
            asked_at, known = self._answers.get(kind, (-FRESH, []))
            if time.monotonic() - asked_at < FRESH or not self._client.is_connected:
                return known
            answer = asyncio.run_coroutine_threadsafe(ask(), self._loop)
            try:
                known = answer.result(PATIENCE)
            except (UdpchatError, Timeout):  # what was known is offered instead: nobody needs the Tab key
                answer.cancel()
            self._answers[kind] = (time.monotonic(), known)
            return known

        return names

    async def _nicks(self) -> list[str]:
        return [user.nick for user in await self._client.users()]

    async def _rooms(self) -> list[str]:
        return [room.room for room in await self._client.rooms()]

    async def _files(self) -> list[str]:
        return list(dict.fromkeys(entry.file_name for entry in await self._client.files()))
