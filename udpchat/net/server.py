"""A server on real sockets: `serve` starts it, `Server` is what the administrator holds."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from udpchat.capture.rotation import CaptureTarget
from udpchat.chat.events import (
    AccountHappened,
    Administered,
    FileSaid,
    LineSaid,
    NoticeGiven,
    PrivateSaid,
    UserChanged,
    UserInfo,
)
from udpchat.chat.ports import BanEntry
from udpchat.config import DEFAULT_PORT, MIN_FREE_SPACE, Config
from udpchat.crypto.identity import fingerprint
from udpchat.crypto.keys import ServerKeys
from udpchat.errors import ErrorCode, StorageError
from udpchat.files.events import FileDelivered, FileMarked, FileRemoved, FileShared, TransferFailed, UploadBegan
from udpchat.files.ports import FileEntry
from udpchat.files.shelf import discreet
from udpchat.files.stored_ports import OPERATOR, ListFiles
from udpchat.net.capturing import open_capture, tap_between, tapped
from udpchat.net.descriptors import allow_many_files
from udpchat.net.driver import Driver
from udpchat.net.feed import Feed
from udpchat.net.home import wall_clock
from udpchat.net.hosts import ServerCore, make_server
from udpchat.net.keylog import open_keylog
from udpchat.net.sockets import buffer_advice, listen
from udpchat.store import failpoints
from udpchat.store.chat_rules import ChatLimits
from udpchat.store.quotas import Limits
from udpchat.store.secrets import MASTER_SECRET, read_or_create_secret
from udpchat.store.server import ServerStore

ServerEvent: TypeAlias = (
    UserChanged
    | LineSaid
    | PrivateSaid
    | FileSaid
    | NoticeGiven
    | AccountHappened
    | Administered
    | UploadBegan
    | FileShared
    | FileDelivered
    | FileMarked
    | FileRemoved
    | TransferFailed
)
logger = logging.getLogger(__name__)

GOODBYE = 1.0  # seconds at most for everybody to confirm that the server is going


async def serve(
    host: str = "",
    port: int = DEFAULT_PORT,
    *,
    data: Path,
    config: Config | None = None,
    keylog: Path | None = None,
    capture: CaptureTarget | None = None,
) -> Server:
    """Start a server. host: empty for all IPv4 and IPv6 addresses; port: 0 for any that is free; data: its folder.

    OSError when the port cannot be had, StorageError when the folder, the key log or the capture cannot.
    """
    config = config or Config()
    allow_many_files()
    with ExitStack() as opened:  # what is open when something fails
        store = _open_store(data, config)
        opened.callback(store.close)
        keys = ServerKeys.from_master(read_or_create_secret(data, MASTER_SECRET, os.urandom))
        logs = opened.enter_context(ExitStack())
        log = open_keylog(keylog, logs)
        record = open_capture(capture, ("server",), logs)
        sockets = listen(host, port, portable=config.portable)
        opened.pop_all()
    offset = wall_clock() - Driver.now()
    tap = tap_between(record, sockets, offset)
    core = make_server(config, keys, os.urandom, wall_offset=offset, keylog=log, watch=tap.watch if tap else None)
    return Server(core, keys, lambda *listeners: Driver(tapped(core.host, tap), sockets, store, *listeners), host, logs)


def _open_store(data: Path, config: Config) -> ServerStore:
    limits = Limits(
        spare=MIN_FREE_SPACE,
        user_quota=config.user_quota,
        total_quota=config.total_quota,
        file_lifetime=config.file_lifetime,
    )
    chat_limits = ChatLimits(
        rooms=config.max_rooms, rooms_per_person=config.max_rooms_per_user, accounts=config.max_accounts
    )
    return ServerStore(data, clock=wall_clock, random_bytes=os.urandom, limits=limits, chat_limits=chat_limits)


class Server:
    """A running server.

    address: where it listens; fingerprint: of its key, empty in plaintext mode; advice: a warning for people, or None.
    """

    def __init__(
        self,
        core: ServerCore,
        keys: ServerKeys,
        start: Callable[[Callable[[Any], None], Callable[[Exception], None]], Driver],
        host: str,
        logs: ExitStack | None = None,
    ) -> None:
        self._core = core
        self._feed: Feed[ServerEvent] = Feed()
        self._asked: set[asyncio.Future[Any]] = set()
        self._driver = start(self._on_event, self._on_failure)
        self._host = host
        self._logs = logs or ExitStack()
        self.address = self._driver.sockets[0].address
        self.fingerprint = fingerprint(keys.static_public)
        self.public_key = keys.static_public
        self.advice = buffer_advice(self._driver.sockets)
        self._driver.act()  # some things are due before anybody comes

    @property
    def addresses(self) -> list[str]:
        """What a client on the local network would type, best first."""
        port = self.address[1]
        hosts = [self._host] if self._host else _own_addresses()
        return [_place(host, port) for host in hosts]

    def events(self) -> AsyncIterator[ServerEvent]:
        """What happens, until the server is closed."""
        return self._feed.read()

    def users(self) -> list[UserInfo]:
        """Who is here, in the order of joining."""
        return self._core.chat.presence.here()

    @property
    def queue_length(self) -> int:
        """How many wait for a place."""
        return self._core.chat.reception.queue_length

    def announce(self, text: str) -> None:
        """Tell everybody something. ValueError when it is no line."""
        self._core.chat.administration.announce(text, self._driver.now())
        self._driver.act()

    def kick(self, nick: str, reason: str = "") -> bool:
        """End somebody's session; False when nobody has that nickname."""
        found = self._core.chat.administration.kick(nick, reason, "")
        self._driver.act()
        return found

    async def ban(self, target: str, reason: str = "") -> BanEntry:
        """Let a nickname or an address in no more, and end its session. RefusedError, StorageError."""
        chat, now = self._core.chat, self._driver.now()
        entry: BanEntry = await self._ask(lambda then: chat.administration.ban(target, reason, "", now, then))
        return entry

    async def unban(self, target: str) -> bool:
        """Lift a ban; False when there is none. StorageError."""
        found: bool = await self._ask(lambda then: self._core.chat.administration.unban(target, "", then))
        return found

    async def bans(self) -> tuple[BanEntry, ...]:
        """All bans, oldest first. StorageError."""
        listed: tuple[BanEntry, ...] = await self._ask(self._core.chat.administration.bans)
        return listed

    async def files(self) -> tuple[FileEntry, ...]:
        """All files, oldest first, those that are being received included; private ones without names. StorageError."""
        listed: tuple[FileEntry, ...] = await self._ask(
            lambda then: self._core.desk.ask(ListFiles(0, OPERATOR), lambda result, _: then(result))
        )
        return tuple(map(discreet, listed))

    async def delete_file(self, file_id: bytes) -> FileEntry:
        """Remove a file or an unfinished upload, whoever owns it; the entry as it was. StorageError."""
        entry: FileEntry = await self._ask(lambda then: self._core.files.delete(file_id, then))
        return discreet(entry)

    async def _ask(self, verb: Callable[[Callable[[Any], None]], None]) -> Any:
        """What a verb brings back through the callback it is given; an error is raised."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def on_answer(result: object) -> None:
            if answer.done():
                return
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        self._asked.add(answer)
        try:
            verb(on_answer)
            self._driver.act()
            return await answer
        finally:
            self._asked.discard(answer)

    def counters(self) -> dict[str, int]:
        """Totals of the connections that are open, UDP payload of the sockets, drops by reason."""
        received, sent = self._driver.datagram_bytes
        totals = {"socket_received_bytes": received, "socket_sent_bytes": sent}
        for connection in self._core.endpoint.connections.values():
            for name, value in asdict(connection.transmitter.recovery.counters).items():
                totals[name] = totals.get(name, 0) + value
        for reason, count in self._core.endpoint.drops.items():
            totals[f"drops_{reason}"] = count
        return totals

    def _on_event(self, event: ServerEvent) -> None:
        if isinstance(event, FileShared):
            # The answer leaves before the loop turns again.
            asyncio.get_running_loop().call_soon(failpoints.reach, "replied")
        self._feed.put(event)

    def _on_failure(self, error: Exception) -> None:
        """A bug of ours: the server stands still, and everybody who waits for it gets the error."""
        is_known = self._feed.fail(error) or bool(self._asked)
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(error)
        if not is_known:
            logger.error("the server has stopped by an internal error: %s: %s", type(error).__name__, error)

    async def close(self) -> None:
        """Say goodbye to everybody and stop."""
        try:
            self._core.chat.reception.close("the server is shutting down")
            members = self._core.desk.members
            for session in [*members, *members.visitors]:
                if (connection := self._core.endpoint.find(session.connection_id)) is not None:
                    connection.close(ErrorCode.SHUTTING_DOWN, "the server is shutting down")
            self._driver.act()
            await self._driver.wait_until(lambda: not self._core.endpoint.connections, GOODBYE)
        finally:
            await self._driver.close()
            self._logs.close()
            for answer in self._asked:
                if not answer.done():
                    answer.set_exception(StorageError("the server was closed"))
            self._feed.close()


def _place(host: str, port: int) -> str:
    if port == DEFAULT_PORT:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _own_addresses() -> list[str]:
    """Addresses of this machine that others may reach, found without sending anything."""
    found: deque[str] = deque()
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
            except OSError:
                continue
            found.append(probe.getsockname()[0])
    try:
        listed = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_DGRAM)
    except OSError:
        listed = []
    found.extend(str(place[0]) for _, _, _, _, place in listed)
    usable = [host for host in dict.fromkeys(found) if not host.startswith(("127.", "fe80", "::1", "0."))]
    return usable or ["127.0.0.1"]
