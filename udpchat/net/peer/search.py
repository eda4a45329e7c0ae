"""What a node looks for in its network: questions under way, and the holders that answer them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Container, Iterable
from dataclasses import dataclass
from typing import Final

from udpchat.config import MILLISECOND, SEARCH_TIME, SECOND
from udpchat.peers.events import HitCame, QueryOver
from udpchat.peers.mesh import Mesh
from udpchat.peers.patterns import MD5_DIGITS, ROOT_DIGITS
from udpchat.peers.ports import NO_ROOT
from udpchat.peers.roster import NO_KEY
from udpchat.peers.settings import shown_place
from udpchat.wire.numbers import FileFlag, QueryKind

GATHERING: Final = 250 * MILLISECOND  # that further holders have after the first one has answered

_HEX: Final = re.compile(r"[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A node has what was looked for.

    size: bytes, of all members of a folder together. root: block root, or NO_ROOT. file_id: what the holder calls it.
    host, port, key: of the holder; hops: links between us. neighbour: who told us; waited: from the question on [us].
    """

    file_name: str
    size: int
    md5: bytes
    root: bytes
    members: int
    flags: FileFlag
    file_id: bytes
    host: str
    port: int
    key: bytes
    hops: int
    neighbour: str
    waited: int

    @property
    def is_folder(self) -> bool:
        """Many files."""
        return bool(self.flags & FileFlag.FOLDER)

    @property
    def place(self) -> str:
        """Where the holder is, as people write it."""
        return shown_place(self.host, self.port)

    @property
    def content(self) -> tuple[object, ...]:
        """The same for the same bytes, wherever they are. Never by MD5 alone: two files of one MD5 are easily made.

        With it all the same: who claims the block root of others has to give bytes of their MD5 as well.
        """
        if self.root != NO_ROOT:
            return self.root, self.size, self.is_folder, self.md5
        return self.key, self.host, self.port, self.file_id, self.file_name, self.md5, self.size


def by_content(found: Iterable[Found]) -> list[list[Found]]:
    """What was found, the holders of the same content together, the nearest first."""
    groups: dict[tuple[object, ...], list[Found]] = {}
    for each in sorted(found, key=lambda one: (one.hops, one.waited)):
        groups.setdefault(each.content, []).append(each)
    return list(groups.values())


def kind_of(pattern: str) -> QueryKind:
    """What somebody means who types this: a hash by its length, a pattern by its stars, else words of the name."""
    if _HEX.fullmatch(pattern) and len(pattern) in (MD5_DIGITS, ROOT_DIGITS):
        return QueryKind.MD5 if len(pattern) == MD5_DIGITS else QueryKind.ROOT
    return QueryKind.GLOB if set(pattern) & set("*?") else QueryKind.WORDS


class Searches:
    """The questions of one node. now: the clock of the mesh [us]; act: hands out what the mesh has to say.

    neighbours: keys of those that are, whichever way an answer of them has come first. detour: links between us and the
    node that we ask for, 1 for a visitor of it; own: keys whose holders are not told.
    """

    def __init__(
        self,
        mesh: Mesh,
        now: Callable[[], int],
        act: Callable[[], None],
        neighbours: Callable[[], Container[bytes]],
        *,
        detour: int,
        own: frozenset[bytes],
    ) -> None:
        self._mesh = mesh
        self._now = now
        self._act = act
        self._neighbours = neighbours
        self._detour = detour
        self._own = own
        self._asked: dict[bytes, tuple[int, asyncio.Queue[Found | None]]] = {}  # by query: when, and what came

    async def find(
        self, kind: QueryKind, pattern: str, *, ttl: int | None = None, wait: int = SEARCH_TIME
    ) -> AsyncIterator[Found]:
        """Holders as they answer, until the time [us] is over. UsageError: this cannot be looked for; RefusedError."""
        started = self._now()
        query_id = self._mesh.search(kind, pattern, started, ttl=ttl, duration=wait)
        answers: asyncio.Queue[Found | None] = asyncio.Queue()
        self._asked[query_id] = started, answers
        self._act()
        told: set[tuple[object, ...]] = set()
        try:
            while (found := await answers.get()) is not None:
                holder = (found.key, found.host, found.port, found.file_id, found.file_name)
                if found.key not in self._own and holder not in told:
                    told.add(holder)
                    yield found
        finally:
            del self._asked[query_id]
            self._mesh.stop(query_id)

    async def holders(self, name: str, *, ttl: int | None = None, wait: int = SEARCH_TIME) -> list[list[Found]]:
        """The contents of a name or a hash, each with its holders. Once one has answered, the others have to hurry."""
        kind = kind_of(name)
        kind = QueryKind.EXACT if kind is QueryKind.WORDS else kind
        found: list[Found] = []
        first = asyncio.Event()

        async def gather() -> None:
            async for each in self.find(kind, name, ttl=ttl, wait=wait):
                found.append(each)
                first.set()

        gathering, waiting = asyncio.create_task(gather()), asyncio.create_task(first.wait())
        try:
            await asyncio.wait({gathering, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if found:  # the others are hardly slower than a few times this
                await asyncio.wait({gathering}, timeout=max(GATHERING, 4 * found[0].waited) / SECOND)
            if gathering.done():
                gathering.result()
        finally:
            for task in (gathering, waiting):
                task.cancel()
            await asyncio.gather(gathering, waiting, return_exceptions=True)
        return by_content(found)

    def on_event(self, event: HitCame | QueryOver) -> None:
        """The mesh tells something about a question."""
        asked = self._asked.get(event.query_id)
        if asked is None:
            return
        started, answers = asked
        if isinstance(event, QueryOver):
            answers.put_nowait(None)
        else:
            answers.put_nowait(self._found(event, self._now() - started))

    def end(self) -> None:
        """The node is going: all questions are over."""
        for _, answers in self._asked.values():
            answers.put_nowait(None)

    def _found(self, event: HitCame, waited: int) -> Found:
        hit = event.hit
        hops = 1 if hit.key != NO_KEY and hit.key in self._neighbours() else event.hops - self._detour
        return Found(
            file_name=hit.file_name,
            size=hit.size,
            md5=hit.md5,
            root=hit.root,
            members=hit.members,
            flags=FileFlag(hit.flags),
            file_id=hit.file_id,
            host=hit.host,
            port=hit.port,
            key=hit.key,
            hops=max(hops, 0),
            neighbour=event.neighbour,
            waited=waited,
        )
