"""A client that is connected: its verbs and its events. `joining.connect` makes one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from udpchat.chat.events import (
    Answered,
    Connected,
    Disconnected,
    Joined,
    JoinRefused,
    LineSaid,
    NoticeGiven,
    PrivateSaid,
    Refusal,
    UserChanged,
    UserList,
)
from udpchat.config import Config
from udpchat.crypto.identity import fingerprint
from udpchat.errors import ConnectionLostError, ErrorCode, HandshakeError, RefusedError, StorageError, UsageError
from udpchat.files.events import Downloaded, FileList, FileShared, Progress, SendingTuned, TransferFailed, Uploaded
from udpchat.net.driver import Driver, PortClosed
from udpchat.net.feed import Feed
from udpchat.net.hosts import ClientCore
from udpchat.protocol.ports import FileEntry
from udpchat.protocol.stats import PathStats, path_stats

ClientEvent: TypeAlias = LineSaid | PrivateSaid | UserChanged | NoticeGiven | FileShared | Disconnected
OnProgress = Callable[[Progress], None]
Result = TypeVar("Result")
logger = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds of silence, while an answer is waited for, after which the server is asked whether it is there
PROGRESS_INTERVAL = 0.2  # seconds between two reports
CLOSED_PORT_REPORTS = 3  # of ICMP, after which an attempt is given up: the first may tell of a server that restarts
GOODBYE = 0.5  # seconds at most for the server to confirm that we leave
LOCAL_TROUBLE = {ErrorCode.STORAGE_FAILED, ErrorCode.NO_SPACE, ErrorCode.SOURCE_CHANGED, ErrorCode.DIGEST_MISMATCH}


class Client:
    """A session. Its verbs raise RefusedError, StorageError or ConnectionLostError."""

    def __init__(
        self,
        core: ClientCore,
        start: Callable[[Callable[[Any], None], Callable[[Exception], None]], Driver],
        logs: ExitStack | None = None,
    ) -> None:
        self.nick = ""
        self.user_count = 0
        self.server_public = b""
        self.is_new_key = False
        self._core = core
        self._feed: Feed[ClientEvent] = Feed()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._steps: asyncio.Queue[Connected | Joined | JoinRefused | Disconnected | Exception] = asyncio.Queue()
        self._lost: Disconnected | Exception | None = None
        self._logs = logs or ExitStack()
        self._watch: asyncio.TimerHandle | None = None
        self._driver = start(self._on_event, self._on_failure)
        self._driver.act()

    @property
    def server_fingerprint(self) -> str:
        """Of the server's key; empty in plaintext mode."""
        return fingerprint(self.server_public) if self.server_public else ""

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

    async def join(self, nick: str) -> Joined:
        """Ask to be let in. RefusedError, ConnectionLostError."""
        self._core.chat.join(nick)
        self._driver.act()
        step = await self._steps.get()
        if isinstance(step, JoinRefused):
            raise RefusedError(step.code, step.text)
        if isinstance(step, Disconnected | Exception):
            raise _loss(step)
        assert isinstance(step, Joined)
        self.nick, self.user_count = step.nick, step.user_count
        return step

    # -- verbs ---------------------------------------------------------------------------------------------------------

    async def say(self, text: str) -> Answered:
        """Say a line in the room; returns when the server has it."""
        answer: Answered = await self._ask(lambda: self._core.chat.say(text))
        return answer

    async def tell(self, nick: str, text: str) -> Answered:
        """Say a line to one person."""
        answer: Answered = await self._ask(lambda: self._core.chat.tell(nick, text))
        return answer

    async def users(self) -> tuple[tuple[str, int], ...]:
        """Who is here: nickname, and wall clock of joining [us]."""
        listed: UserList = await self._ask(self._core.chat.list_users)
        return listed.users

    async def files(self) -> tuple[FileEntry, ...]:
        """The files of the server, oldest first."""
        listed: FileList = await self._ask(self._core.files.list_files)
        return listed.files

    async def put(
        self, path: Path | str, progress: OnProgress | None = None, upload_id: bytes | None = None
    ) -> Uploaded:
        """Upload a file; returns when it is stored and both MD5s are equal.

        upload_id: 16 bytes; the id of an earlier try of the same file goes on where that one ended.
        """
        try:
            uploaded: Uploaded = await self._transfer(lambda: self._core.files.put(str(path), upload_id), progress)
        except RefusedError as error:
            if error.code == ErrorCode.UNKNOWN_FILE:  # the one on this disk: the server knows none that is not uploaded
                raise StorageError(error.text, ErrorCode.UNKNOWN_FILE) from None
            raise
        return uploaded

    async def get(self, name: str, folder: Path | None = None, progress: OnProgress | None = None) -> Downloaded:
        """Download a file; returns when it is on this disk and both MD5s are equal."""
        place = str(folder) if folder is not None else ""
        downloaded: Downloaded = await self._transfer(lambda: self._core.files.get(name, place), progress)
        return downloaded

    async def tune(self, config: Config) -> None:
        """Ask the server to send us files as `config` says: arq, congestion, window."""
        await self._ask(lambda: self._core.tuning.tune(config.arq, config.congestion, config.window))

    def transfers(self) -> list[Progress]:
        """How far every running transfer is."""
        return self._core.files.progress()

    def stats(self) -> PathStats:
        """What this end knows of the path now. ConnectionLostError."""
        if (connection := self._core.endpoint.connection) is None:
            raise ConnectionLostError(ErrorCode.NO_ERROR, "there is no connection")
        return path_stats(connection)

    def events(self) -> AsyncIterator[ClientEvent]:
        """What happens, ending with Disconnected."""
        return self._feed.read()

    def counters(self) -> dict[str, int]:
        """What this connection has sent and received, and the UDP payload of its socket."""
        received, sent = self._driver.datagram_bytes
        totals = {"socket_received_bytes": received, "socket_sent_bytes": sent}
        connection = self._core.endpoint.connection
        if connection is not None:
            totals |= asdict(connection.transmitter.recovery.counters)
            totals["smoothed_rtt"] = connection.transmitter.recovery.rtt.smoothed_rtt
            totals["datagram_size"] = connection.transmitter.mtu.datagram_size
            totals |= {f"drops_{reason}": count for reason, count in connection.receiver.drops.items()}
        return totals

    async def close(self) -> None:
        """Say goodbye and stop. Who still waits for an answer gets ConnectionLostError."""
        try:
            if self._lost is None:
                self._core.chat.leave()
                self._driver.act()
                await self._driver.wait_until(lambda: self._core.endpoint.is_over, GOODBYE)
        finally:
            if self._watch is not None:
                self._watch.cancel()
            await self._driver.close()
            self._logs.close()
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
        answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
        if self._watch is None:
            self._ask_after(self._driver.datagram_bytes[0])
        self._driver.act()
        try:
            return await answer
        finally:
            self._answers.pop(request_id, None)

    def _ask_after(self, heard: int) -> None:
        self._watch = asyncio.get_running_loop().call_later(PATIENCE, self._ask_if_alive, heard)

    def _ask_if_alive(self, heard: int) -> None:
        """While an answer is waited for and nothing comes, see whether the server knows us: RESET comes if it does not.

        heard: bytes received when this was asked last.
        """
        self._watch = None
        connection = self._core.endpoint.connection
        if not self._answers or self._lost is not None or connection is None:
            return
        received = self._driver.datagram_bytes[0]
        if received == heard and self._core.endpoint.find(connection.connection_id) is not None:
            connection.transmitter.ping_due = True
            self._driver.act()
        self._ask_after(received)

    async def _transfer(self, verb: Callable[[], int], progress: OnProgress | None) -> Any:
        if progress is None:
            return await self._ask(verb)
        started: list[int] = []

        def begin() -> int:
            started.append(verb())
            return started[0]

        async def report() -> None:
            while True:
                await asyncio.sleep(PROGRESS_INTERVAL)
                for each in self._core.files.progress():
                    if each.request_id in started:
                        progress(each)

        reporter = asyncio.create_task(report())
        try:
            return await self._ask(begin)
        finally:
            reporter.cancel()

    def _on_event(self, event: Any) -> None:
        match event:
            case Connected() | Joined() | JoinRefused():
                self._steps.put_nowait(event)
            case Answered(request_id) | UserList(request_id) | FileList(request_id):
                self._answer(request_id, event)
            case Uploaded() | Downloaded() | SendingTuned():
                self._answer(event.request_id, event)
            case Refusal(request_id, code, text):
                self._refuse(request_id, RefusedError(code, text))
            case TransferFailed(request_id, _, _, code, text):
                is_local = code in LOCAL_TROUBLE
                self._refuse(request_id, StorageError(text, ErrorCode(code)) if is_local else RefusedError(code, text))
            case Disconnected():
                self._on_disconnected(event)
            case PortClosed(times):
                self._on_port_closed(times)
            case UserChanged():
                self.user_count = event.user_count
                self._feed.put(event)
            case _:
                self._feed.put(event)

    def _on_disconnected(self, event: Disconnected) -> None:
        if self._lost is not None:
            return
        self._lost = event
        self._steps.put_nowait(event)
        for request_id in list(self._answers):
            self._refuse(request_id, ConnectionLostError(event.code, event.reason))
        self._feed.put(event)
        self._feed.close()

    def _on_port_closed(self, times: int) -> None:
        # ICMP can be forged, so a connection that stands does not listen to it; an attempt can be made again.
        if self._core.endpoint.connection is None and times >= CLOSED_PORT_REPORTS:
            host, port = self._driver.sockets[0].peer or ("", 0)
            text = f"no server is running on {host} port {port}: that machine answers that the port is closed"
            self._on_disconnected(Disconnected(ErrorCode.IDLE_TIMEOUT, text, remote=False))

    def _on_failure(self, error: Exception) -> None:
        """A bug of ours: everybody who waits gets it."""
        if self._lost is None:
            self._lost = error
        is_known = self._feed.fail(error) or bool(self._answers) or self._core.endpoint.connection is None
        self._steps.put_nowait(error)
        for request_id in list(self._answers):
            self._refuse(request_id, error)
        if not is_known:
            logger.error("the session has ended by an internal error: %s: %s", type(error).__name__, error)

    def _answer(self, request_id: int, event: object) -> None:
        answer = self._answers.pop(request_id, None)
        if answer is not None and not answer.done():
            answer.set_result(event)

    def _refuse(self, request_id: int, error: Exception) -> None:
        answer = self._answers.pop(request_id, None)
        if answer is not None and not answer.done():
            answer.set_exception(error)


def _loss(event: Disconnected | Exception) -> Exception:
    return ConnectionLostError(event.code, event.reason) if isinstance(event, Disconnected) else event
