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
from udpchat.ui.cli.finding import find_one, members_of, offers

FRESH: Final = 5.0  # seconds for which an answer is good
PATIENCE: Final = 1.0  # seconds that a person waits after Tab
MAX_KEPT: Final = 64  # answers


class KnownNames:
    """Names of users, rooms, files and transfers. Called from the thread that reads the keyboard; the loop asks."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop
        self._answers: dict[tuple[Completes, str], tuple[float, list[str]]] = {}

    @property
    def by_kind(self) -> Mapping[Completes, Names]:
        """What completion asks."""
        return MappingProxyType(
            {
                Completes.NICK: self._asker(Completes.NICK, self._nicks),
                Completes.ROOM: self._asker(Completes.ROOM, self._rooms),
                Completes.FILE: self._file_names,
                Completes.OFFER: self._asker(Completes.OFFER, self._offers),
                Completes.TRANSFER: self._asker(Completes.TRANSFER, self._transfers),
            }
        )

    def _asker(self, kind: Completes, ask: Callable[[], Coroutine[Any, Any, list[str]]]) -> Names:
        return lambda word: self._answer((kind, ""), ask)  # noqa: ARG005 - the same whatever is typed

    def _file_names(self, word: str) -> list[str]:
        """Names of files; behind the slash of a folder what is in it."""
        folder, slash, _ = word.partition("/")
        if not slash:
            return self._answer((Completes.FILE, ""), self._files)
        return self._answer((Completes.FILE, folder), lambda: self._members(folder))

    def _answer(self, key: tuple[Completes, str], ask: Callable[[], Coroutine[Any, Any, list[str]]]) -> list[str]:
        asked_at, known = self._answers.get(key, (-FRESH, []))
        is_ours = key[0] is Completes.TRANSFER  # no server is asked
        if not is_ours and (time.monotonic() - asked_at < FRESH or not self._client.is_connected):
            return known
        answer = asyncio.run_coroutine_threadsafe(ask(), self._loop)
        try:
            known = answer.result(PATIENCE)
        except (UdpchatError, Timeout):  # what was known is offered instead: nobody needs the Tab key
            answer.cancel()
        while len(self._answers) >= MAX_KEPT:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (time.monotonic(), known)
        return known

    async def _nicks(self) -> list[str]:
        return [user.nick for user in await self._client.users()]

    async def _rooms(self) -> list[str]:
        return [room.room for room in await self._client.rooms()]

    async def _files(self) -> list[str]:
        names = (f"{each.file_name}/" if each.is_folder else each.file_name for each in await self._client.files())
        return list(dict.fromkeys(names))

    async def _members(self, folder: str) -> list[str]:
        entry = await find_one(self._client, folder)
        return [
            f"{folder}/{member.path}{'/' if member.is_directory else ''}"
            for member in await members_of(self._client, entry)
        ]

    async def _offers(self) -> list[str]:
        offered = await offers(self._client)
        return list(dict.fromkeys([*(each.file_name for each in offered), *(each.owner_nick for each in offered)]))

    async def _transfers(self) -> list[str]:
        return [str(each.transfer.number) for each in self._client.transfers()]
