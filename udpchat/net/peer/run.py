"""One run of a node with its neighbours and its searches. When the node moves, it ends and another begins."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from udpchat.errors import ErrorCode, StorageError
from udpchat.net.driver import Driver
from udpchat.net.home import Home
from udpchat.net.peer.dialling import Dialling, Wanted
from udpchat.net.peer.events import KeyPinned, ShareUnread
from udpchat.net.peer.node import Means, Node
from udpchat.net.peer.notes import Note, PeerInfo
from udpchat.net.peer.search import Searches
from udpchat.peers.events import DialFailed, HitCame, NeighbourCame, NeighbourGone, QueryOver
from udpchat.peers.ports import ScanShare, ShareScanned
from udpchat.peers.roster import NO_KEY, Acquaintance
from udpchat.peers.settings import PeerConfig

OTHERS = 0.5  # seconds that further neighbours have to come when one is there
SCAN_INTERVAL = 30.0  # seconds between two looks at the shared folder
EVERY_IPV4, EVERY_IPV6 = "0.0.0.0", "::"


class Run:
    """What is made anew when a node moves. tell, fail: the application. running: see `start_guest`.

    OSError, StorageError, InterfaceError.
    """

    def __init__(
        self,
        config: PeerConfig,
        means: Means,
        running: Note | None,
        tell: Callable[[Any], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self.node = node = Node(config, means)
        self.searches = Searches(
            node.core.mesh,
            Driver.now,
            node.act,
            lambda: {who.key for _, who in node.core.roster.links},
            detour=0 if running is None else 1,
            own=frozenset({running.key} if running is not None and running.key else ()),
        )
        self.dialling = Dialling(node.core.host, Home(means.home), Driver.now, node.act, self._pass)
        self._name = config.name
        self._visitors = means.visitors()
        self._tell = tell
        self._fail = fail
        self._visits: set[int] = set()  # links of commands of our user
        self._changed = asyncio.Event()
        self._tasks = [asyncio.create_task(self._hand_on())]
        if config.share:
            self._tasks.append(asyncio.create_task(self._scan()))

    # -- neighbours ----------------------------------------------------------------------------------------------------

    def peers(self) -> list[PeerInfo]:
        """The nodes that are wanted as neighbours, and the others that are."""
        roster = self.node.core.roster
        here = {link: who for link, who in roster.links if link not in self._visits and who.connection is not None}
        dialled = {who.address: link for link, who in here.items() if who.was_dialled}
        found = []
        for wanted in self.dialling.wanted:
            link = dialled.get(wanted.address) if wanted.address is not None else None
            if link is not None:
                found.append(_neighbour_info(here.pop(link), wanted))
            elif wanted.failure is None or wanted.failure.code != ErrorCode.NEIGHBOURS_ALREADY:  # it has dialled us
                found.append(_wanted_info(wanted))
        return found + [_neighbour_info(who) for who in here.values()]

    async def linked(self, seconds: float) -> bool:
        """Wait until every neighbour that is wanted is there, or could not be reached; whether one is there.

        Once one is there, the others have only a moment more.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds) as limit:
                is_first = True
                while self._is_waiting():
                    if is_first and len(self.node.core.roster):
                        limit.reschedule(min(limit.when() or math.inf, asyncio.get_running_loop().time() + OTHERS))
                        is_first = False
                    self._changed.clear()
                    await self._changed.wait()
        return len(self.node.core.roster) > 0

    def _is_waiting(self) -> bool:
        here = {who.address for _, who in self.node.core.roster.links}
        return any(each.address not in here and each.failure is None for each in self.dialling.wanted)

    def note(self) -> Note:
        """What other programs of the user are to know."""
        host, port = self.node.server.address
        reached = {EVERY_IPV4: "127.0.0.1", EVERY_IPV6: "::1"}.get(host, host)
        return Note(self._name, reached, port, self.node.key, not self.node.key, tuple(self.peers()))

    # -- events --------------------------------------------------------------------------------------------------------

    async def _hand_on(self) -> None:
        try:
            async for event in self.node.server.events():
                self._on_event(event)
        except Exception as error:  # noqa: BLE001 - a bug of ours, or a disk that fails: the application gets it
            self._fail(error)

    def _on_event(self, event: Any) -> None:
        match event:
            case HitCame() | QueryOver():
                self.searches.on_event(event)
                return
            case NeighbourCame(link=link) if event.identity in self._visitors:
                self._visits.add(link)
                return
            case NeighbourGone(link=link) if link in self._visits:
                self._visits.discard(link)
                return
            case NeighbourCame():
                if self.dialling.on_came(event):
                    self._tell(KeyPinned(f"{event.address[0]}:{event.address[1]}", event.key))
            case DialFailed() if not self.dialling.on_failed(event):
                self._changed.set()
                return
        self._pass(event)

    def _pass(self, event: Any) -> None:
        self._changed.set()
        self._tell(event)

    # -- the shared folder ---------------------------------------------------------------------------------------------

    async def _scan(self) -> None:
        """Look at the shared folder again and again; what has changed is told."""
        told: ShareScanned | ShareUnread | None = None
        while True:
            try:
                scanned: ShareScanned | ShareUnread = await self.node.ask(ScanShare(0))
            except StorageError as error:
                scanned = ShareUnread(error.text)
            if isinstance(scanned, ShareScanned) and not scanned.is_done:
                continue
            news = replace(scanned, read=0, gone=0) if isinstance(scanned, ShareScanned) else scanned
            if news != told:
                told = news
                self._tell(scanned)
            await asyncio.sleep(SCAN_INTERVAL)

    async def close(self) -> None:
        """Part from all, and stop."""
        self.searches.end()
        pump, *others = self._tasks
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.node.close()
        await pump


def _neighbour_info(who: Acquaintance, wanted: Wanted | None = None) -> PeerInfo:
    connection = who.connection
    rtt = 0 if connection is None else connection.transmitter.recovery.rtt.smoothed_rtt
    host, port = (wanted.config.host, wanted.config.port) if wanted is not None else who.address
    key = b"" if who.key == NO_KEY else who.key
    return PeerInfo(who.name, host, port, True, who.was_dialled, key, who.identity, rtt)


def _wanted_info(wanted: Wanted) -> PeerInfo:
    config, failure = wanted.config, wanted.failure
    text = failure.reason if failure is not None else "being dialled"
    return PeerInfo(config.name, config.host, config.port, False, True, text=text)
