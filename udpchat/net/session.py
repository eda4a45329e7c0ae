"""What carries a client: its events, the answers it waits for, coming back after a loss. The verbs are in client.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from udpchat.chat.events import (
    AccountChanged,
    Answered,
    BanList,
    Connected,
    Disconnected,
    FileSaid,
    HistoryFound,
    Joined,
    JoinRefused,
    LineSaid,
    NoticeGiven,
    PrivateSaid,
    ReceiptCame,
    Reconnecting,
    Refusal,
    Returned,
    RoomList,
    SlowedDown,
    UserChanged,
    UserList,
    WaitingInQueue,
)
from udpchat.crypto.identity import fingerprint
from udpchat.errors import ConnectionLostError, ErrorCode, HandshakeError, RefusedError, StorageError, UsageError
from udpchat.files.events import (
    Downloaded,
    FileDone,
    FileList,
    FileMarked,
    MarkList,
    MemberList,
    SendingTuned,
    TransferFailed,
    TransferResting,
    TransfersAdopted,
    Uploaded,
)
from udpchat.files.pieces import PiecesOffered
from udpchat.net.answers import Answers
from udpchat.net.driver import Driver, PortClosed
from udpchat.net.feed import Feed
from udpchat.net.hosts import ClientCore
from udpchat.net.remembering import Remembering
from udpchat.net.sockets import DatagramSocket
from udpchat.net.watchdog import FellSilent, HeardAgain, Watchdog
from udpchat.protocol.datagrams import Address
from udpchat.wire.numbers import UserFlag

ClientEvent: TypeAlias = (
    LineSaid
    | PrivateSaid
    | FileSaid
    | UserChanged
    | NoticeGiven
    | ReceiptCame
    | SlowedDown
    | FileMarked
    | Uploaded
    | Downloaded
    | TransferFailed
    | TransferResting
    | TransfersAdopted
    | WaitingInQueue
    | FellSilent
    | HeardAgain
    | Reconnecting
    | Returned
    | Disconnected
)
OnQueue = Callable[[WaitingInQueue], None]
logger = logging.getLogger(__name__)

CLOSED_PORT_REPORTS = 3  # of ICMP, after which an attempt is given up: the first may tell of a server that restarts
GOODBYE = 0.5  # seconds at most for the server to confirm that we leave
KEPT = "what has arrived is kept: the same once more goes on from there"
LOCAL_TROUBLE = {ErrorCode.STORAGE_FAILED, ErrorCode.NO_SPACE, ErrorCode.SOURCE_CHANGED, ErrorCode.DIGEST_MISMATCH}


class Dialer(Protocol):
    """Finds the server again when the network has changed."""

    async def dial(self) -> tuple[Address, DatagramSocket]:
        """Where it is now, and a socket to it. HandshakeError."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a client needs beside its core: what it remembers, how it finds the server again, what is to be closed.

    downloads: folder for downloads that name no other, absolute.
    """

    memory: Remembering
    dialer: Dialer
    logs: ExitStack
    downloads: Path


class Session:
    """A client between its core, its driver and the application."""

    def __init__(
        self,
        core: ClientCore,
        start: Callable[[Callable[[Any], None], Callable[[Exception], None]], Driver],
        around: Surroundings,
    ) -> None:
        self.user_count = 0
        self.flags = UserFlag(0)
        self.is_new_key = False
        self._core = core
        self._around = around
        self._feed: Feed[ClientEvent] = Feed()
        self._answers = Answers()
        self._steps: asyncio.Queue[object] = asyncio.Queue()
        self._lost: Disconnected | Exception | None = None
        self._redialing: asyncio.Task[None] | None = None
        self._driver = start(self._on_event, self._on_failure)
        self._watchdog = Watchdog(core.endpoint, self._driver, self._is_waiting, self._start_redialing, self._feed.put)
        self._driver.act()

    @property
    def nick(self) -> str:
        """Our nickname."""
        return self._core.chat.me.nick

    @property
    def server_public(self) -> bytes:
        """The server's key; empty in plaintext mode."""
        return self._core.chat.me.server_key or b""

    @property
    def server_fingerprint(self) -> str:
        """Of the server's key; empty in plaintext mode."""
        return fingerprint(self.server_public) if self.server_public else ""

    @property
    def newest(self) -> int:
        """Sequence of the newest message that we were told; after joining, of the newest before we came."""
        return self._core.chat.me.seen

    @property
    def is_connected(self) -> bool:
        """We are in; not while we try to come back."""
        return self._core.chat.me.is_in

    # -- joining -------------------------------------------------------------------------------------------------------

    async def opened(self) -> bytes:
        """Wait for the handshake; the server's public key, empty in plaintext mode. HandshakeError."""
        step = await self._steps.get()
        if isinstance(step, Disconnected):
            raise HandshakeError(step.reason)
        if isinstance(step, Exception):
            raise step
        assert isinstance(step, Connected)
        return step.server_key

    async def join(self, nick: str, on_queue: OnQueue | None = None) -> Joined:
        """Ask to be let in. RefusedError, ConnectionLostError. on_queue: told our place while the server is full."""
        me, memory = self._core.chat.me, self._around.memory
        memory.begin(self.server_public, nick)
        me.seen, me.ticket = memory.seen, memory.ticket
        self._core.chat.join(nick)
        self._driver.act()
        while isinstance(step := await self._steps.get(), WaitingInQueue):
            if on_queue is not None:
                on_queue(step)
        if isinstance(step, JoinRefused):
            raise RefusedError(step.code, step.text)
        if isinstance(step, Disconnected | Exception):
            raise _loss(step)
        assert isinstance(step, Joined)
        self.user_count, self.flags = step.user_count, step.flags
        return step

    # -- events and the end --------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[ClientEvent]:
        """What happens, ending with Disconnected."""
        async for event in self._feed.read():
            if isinstance(event, LineSaid | PrivateSaid | FileSaid):
                self._around.memory.given(event)
                yield event
                self._around.memory.done(event)
            else:
                yield event

    async def close(self) -> None:
        """Say goodbye and stop. Who still waits for an answer gets ConnectionLostError."""
        try:
            if self._redialing is not None:
                self._redialing.cancel()
            if self._lost is None:
                await self._driver.wait_until(lambda: not self._core.files.is_settling, GOODBYE)
                self._core.chat.leave()
                self._driver.act()
                await self._driver.wait_until(lambda: self._core.endpoint.is_over, GOODBYE)
        finally:
            self._watchdog.close()
            await self._driver.close()
            self._around.memory.close()
            self._around.logs.close()
            self._on_disconnected(Disconnected(ErrorCode.NO_ERROR, "the connection was closed", remote=False))
            self._feed.close()

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _ask(self, verb: Callable[[], int]) -> Any:
        if self._lost is not None:
            raise _loss(self._lost)
        try:
            request_id = verb()
        except UsageError as error:
            raise ConnectionLostError(ErrorCode.NO_ERROR, str(error)) from error
        self._answers.expect(request_id)
        self._watchdog.watch()
        self._driver.act()
        return await self._answers.wait(request_id)

    def _is_waiting(self) -> bool:
        # A transfer that rests, or waits for another, is waited for by the application and not at the server.
        files = self._core.files
        return files.is_busy or self._answers.is_any_expected(but=files.open_requests())

    def _on_event(self, event: Any) -> None:
        match event:
            case Connected() | Joined() | JoinRefused():
                self._steps.put_nowait(event)
            case Answered() | UserList() | RoomList() | HistoryFound() | AccountChanged() | BanList():
                self._answers.resolve(event.request_id, event)
            case TransfersAdopted(request_id=0):  # of a program that died while we ran
                self._watchdog.watch()
                self._feed.put(event)
            case (
                FileList()
                | MemberList()
                | MarkList()
                | FileDone()
                | TransfersAdopted()
                | SendingTuned()
                | PiecesOffered()
            ):
                self._answers.resolve(event.request_id, event)
            case Uploaded() | Downloaded() | TransferFailed() if not self._answers.is_expected(event.request_id):
                self._feed.put(event)
            case Uploaded() | Downloaded():
                self._answers.resolve(event.request_id, event)
            case TransferFailed(request_id, _, _, code, text, is_remote, number):
                text = f"{text}; {KEPT}" if number else text
                is_local = code in LOCAL_TROUBLE and not is_remote
                error = StorageError(text, ErrorCode(code)) if is_local else RefusedError(code, text)
                self._answers.refuse(request_id, error)
            case Refusal(request_id, code, text):
                self._answers.refuse(request_id, RefusedError(code, text))
            case Disconnected():
                self._on_disconnected(event)
            case PortClosed(times):
                self._on_port_closed(times)
            case LineSaid() | PrivateSaid() | FileSaid():
                self._around.memory.received(event)
                self._feed.put(event)
            case _:
                self._on_news(event)

    def _on_news(self, event: Any) -> None:
        match event:
            case WaitingInQueue() if not self._core.chat.me.was_in:
                self._steps.put_nowait(event)
                return
            case UserChanged() if not event.room:
                self.user_count = event.user_count
            case Returned():
                self.user_count = event.user_count
                self._core.tuning.repeat()
                self._watchdog.watch()
            case Reconnecting(code, reason):
                lost = ConnectionLostError(code, reason)
                said, carried = self._core.chat.outbox, self._core.files.open_requests()
                self._answers.lose(lost, is_kept=lambda request_id: request_id in said or request_id in carried)
                self._start_redialing()
        self._feed.put(event)

    def _start_redialing(self) -> None:
        if self._redialing is None or self._redialing.done():
            self._redialing = asyncio.get_running_loop().create_task(self._redial())

    async def _redial(self) -> None:
        """Go on from the address that we have now, to where the server is now; what fails is tried again later.

        A connection that stands moves with us: the server knows it by its id. It cannot follow the server elsewhere.
        """
        endpoint = self._core.endpoint
        try:
            address, source = await self._around.dialer.dial()
        except HandshakeError:
            return
        if self.is_connected and address != endpoint.server:
            source.close()
            return
        endpoint.server = address
        self._driver.replace_socket(source)
        self._driver.act()

    def _on_disconnected(self, event: Disconnected) -> None:
        if self._lost is not None:
            return
        self._lost = event
        self._steps.put_nowait(event)
        self._answers.lose(ConnectionLostError(event.code, event.reason))
        self._feed.put(event)
        self._feed.close()

    def _on_port_closed(self, times: int) -> None:
        if self.is_connected:
            self._watchdog.port_closed()
        elif times >= CLOSED_PORT_REPORTS and not self._core.chat.returning.is_trying:
            host, port = self._driver.sockets[0].peer or ("", 0)
            text = f"no server is running on {host} port {port}: that machine answers that the port is closed"
            self._on_disconnected(Disconnected(ErrorCode.IDLE_TIMEOUT, text, remote=False))

    def _on_failure(self, error: Exception) -> None:
        """A bug of ours, or a disk that fails: everybody who waits gets it."""
        if self._lost is None:
            self._lost = error
        is_known = self._feed.fail(error) or bool(self._answers) or self._core.endpoint.connection is None
        self._steps.put_nowait(error)
        self._answers.lose(error)
        if not is_known:
            logger.error("the session has ended by an internal error: %s: %s", type(error).__name__, error)


def _loss(event: Disconnected | Exception) -> Exception:
    return ConnectionLostError(event.code, event.reason) if isinstance(event, Disconnected) else event
