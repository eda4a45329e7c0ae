"""A client that is connected: its verbs. `joining.connect` makes one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from udpchat.chat.events import (
    AccountChanged,
    Answered,
    BanInfo,
    BanList,
    FileSaid,
    HistoryFound,
    LineSaid,
    PrivateSaid,
    RoomInfo,
    RoomList,
    UserInfo,
    UserList,
)
from udpchat.chat.ports import Query
from udpchat.config import LOBBY, Config
from udpchat.errors import ConnectionLostError, ErrorCode, RefusedError, StorageError
from udpchat.files.events import Downloaded, FileList, Progress, Uploaded
from udpchat.files.ports import FileEntry
from udpchat.net.session import Session
from udpchat.protocol.stats import PathStats, path_stats
from udpchat.wire.numbers import AdminAction, Scope

OnProgress = Callable[[Progress], None]

PROGRESS_INTERVAL = 0.2  # seconds between two reports


class Client(Session):
    """A session. Its verbs raise RefusedError, StorageError or ConnectionLostError.

    While the client tries to come back after a loss, `say` and `tell` wait for it; the other verbs raise.
    """

    # -- messages and rooms --------------------------------------------------------------------------------------------

    async def say(self, text: str, room: str = LOBBY) -> Answered:
        """Say a line in a room; returns when the server has stored it."""
        answer: Answered = await self._ask(lambda: self._core.chat.say(text, room))
        return answer

    async def tell(self, nick: str, text: str) -> Answered:
        """Say a line to one person; returns when the server has stored it."""
        answer: Answered = await self._ask(lambda: self._core.chat.tell(nick, text))
        return answer

    def mark_read(self, nick: str, sequence: int) -> None:
        """A person has read the private messages of a user up to a sequence."""
        self._core.chat.mark_read(nick, sequence)
        self._driver.act()

    async def history(self, query: Query) -> tuple[LineSaid | PrivateSaid | FileSaid, ...]:
        """Messages that were said, oldest first."""
        found: HistoryFound = await self._ask(lambda: self._core.chat.asking.history(query))
        return found.messages

    async def rooms(self) -> tuple[RoomInfo, ...]:
        """All rooms."""
        listed: RoomList = await self._ask(self._core.chat.asking.rooms)
        return listed.rooms

    async def create_room(self, room: str, topic: str = "") -> RoomInfo:
        """Make a room and enter it."""
        made: RoomList = await self._ask(lambda: self._core.chat.asking.create_room(room, topic))
        return made.rooms[0]

    async def enter_room(self, room: str) -> RoomInfo:
        """Become a member of a room."""
        entered: RoomList = await self._ask(lambda: self._core.chat.asking.enter_room(room))
        return entered.rooms[0]

    async def leave_room(self, room: str) -> None:
        """Be a member of a room no more."""
        await self._ask(lambda: self._core.chat.asking.leave_room(room))

    async def set_topic(self, room: str, topic: str) -> None:
        """Say what a room is about."""
        await self._ask(lambda: self._core.chat.asking.set_topic(room, topic))

    # -- people --------------------------------------------------------------------------------------------------------

    async def users(self, scope: Scope = Scope.PRESENT, room: str = "") -> tuple[UserInfo, ...]:
        """Who is here, in the order of joining; of all accounts when scope says so."""
        listed: UserList = await self._ask(lambda: self._core.chat.asking.users(scope, room))
        return listed.users

    async def set_away(self, text: str) -> None:
        """Be away, and why, until we say that we are back: the text is empty then."""
        await self._ask(lambda: self._core.chat.asking.set_away(text))
        self._core.chat.me.away = text

    async def register(self, nick: str, password: str) -> AccountChanged:
        """Make a nickname an account, and be it."""
        return await self._account(lambda: self._core.chat.asking.register(nick, password))

    async def login(self, nick: str, password: str) -> AccountChanged:
        """Be an account."""
        return await self._account(lambda: self._core.chat.asking.login(nick, password))

    async def change_password(self, old: str, new: str) -> AccountChanged:
        """Change the password of our account."""
        return await self._account(lambda: self._core.chat.asking.change_password(old, new))

    async def kick(self, nick: str, reason: str = "") -> None:
        """End somebody's session; for administrators, as all below."""
        await self._administer(AdminAction.KICK, nick, reason)

    async def ban(self, target: str, reason: str = "") -> None:
        """Let a nickname or an address in no more."""
        await self._administer(AdminAction.BAN, target, reason)

    async def unban(self, target: str) -> None:
        """Lift a ban."""
        await self._administer(AdminAction.UNBAN, target, "")

    async def announce(self, text: str) -> None:
        """Tell everybody something as the administrator."""
        await self._administer(AdminAction.ANNOUNCE, "", text)

    async def bans(self) -> tuple[BanInfo, ...]:
        """All bans."""
        listed: BanList = await self._ask(lambda: self._core.chat.asking.administer(AdminAction.LIST_BANS, "", ""))
        return listed.bans

    async def _administer(self, action: AdminAction, target: str, text: str) -> None:
        await self._ask(lambda: self._core.chat.asking.administer(action, target, text))

    async def _account(self, verb: Callable[[], int]) -> AccountChanged:
        if not self.server_public:
            raise RefusedError(ErrorCode.NOT_IN_PLAINTEXT, "this session is not sealed: no password is sent over it")
        changed: AccountChanged = await self._ask(verb)
        self.flags = changed.flags
        memory = self._around.memory
        memory.keep_ticket(changed.nick, changed.ticket)
        if self.is_connected:
            memory.begin(self.server_public, changed.nick)
        return changed

    # -- files and the path --------------------------------------------------------------------------------------------

    async def files(self) -> tuple[FileEntry, ...]:
        """The files of the server, oldest first."""
        listed: FileList = await self._ask(self._core.files.list_files)
        return listed.files

    async def put(
        self,
        path: Path | str,
        progress: OnProgress | None = None,
        upload_id: bytes | None = None,
        room: str = LOBBY,
    ) -> Uploaded:
        """Upload a file for a room; returns when it is stored and both MD5s are equal.

        upload_id: 16 bytes; the id of an earlier try of the same file goes on where that one ended.
        """
        try:
            uploaded: Uploaded = await self._transfer(
                lambda: self._core.files.put(str(path), upload_id, room), progress
            )
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
