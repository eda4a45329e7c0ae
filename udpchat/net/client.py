"""A client that is connected: its verbs. `joining.connect` makes one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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
from udpchat.files.events import Downloaded, FileList, MarkList, MemberList, Progress, TransfersAdopted, Uploaded
from udpchat.files.local_ports import Transfer, Wish
from udpchat.files.members import WHOLE, MemberInfo
from udpchat.files.pieces import PiecesOffered
from udpchat.files.ports import FileEntry
from udpchat.files.stored_ports import NO_FILE_ID, FileMark
from udpchat.net.session import GOODBYE, Session
from udpchat.protocol.stats import PathStats, path_stats
from udpchat.wire.numbers import AdminAction, FileState, Priority, Scope

OnProgress = Callable[[Progress], None]

PROGRESS_INTERVAL = 0.2  # seconds between two reports


class Client(Session):
    """A session. Its verbs raise RefusedError, StorageError or ConnectionLostError.

    While the client tries to come back after a loss, `say`, `tell`, `put` and `get` wait for it; the other verbs raise.
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

    # -- files ---------------------------------------------------------------------------------------------------------

    async def files(self, room: str = "") -> tuple[FileEntry, ...]:
        """The files of the server that we may see, oldest first; room: only of that one."""
        listed: FileList = await self._ask(lambda: self._core.files.ask.list_files(room))
        return listed.files

    async def members(self, file_id: bytes) -> tuple[MemberInfo, ...]:
        """What is in a folder of the server."""
        listed: MemberList = await self._ask(lambda: self._core.files.ask.list_members(file_id))
        return listed.members

    async def marks(self, file_id: bytes) -> tuple[FileMark, ...]:
        """How far a file is with everybody, oldest first."""
        listed: MarkList = await self._ask(lambda: self._core.files.ask.list_marks(file_id))
        return listed.marks

    async def mark(self, file_id: bytes, state: FileState) -> None:
        """Say what we did with a file: OPENED or DECLINED."""
        await self._ask(lambda: self._core.files.ask.mark(file_id, state))

    async def delete_file(self, file_id: bytes) -> None:
        """Remove a file from the server: one of ours or, for administrators, of anybody."""
        await self._ask(lambda: self._core.files.ask.delete(file_id))

    # -- transfers -----------------------------------------------------------------------------------------------------

    async def put(
        self,
        path: Path | str,
        progress: OnProgress | None = None,
        *,
        room: str = LOBBY,
        to: str = "",
        rate: int | None = None,
        priority: Priority | None = None,
    ) -> Uploaded:
        """Upload a file or folder for a room or, when `to` is given, for one user; returns when it is stored.

        Both MD5s are equal then. An unfinished upload of the same file to the same place is gone on with. rate: bytes a
        second at most, 0 any. Without a rate or a priority such a one keeps its own.
        """
        place, chosen = _absolute(path), "" if to else room
        try:
            uploaded: Uploaded = await self._transfer(
                lambda: self._core.files.put(place, chosen, to, rate, priority), progress
            )
        except RefusedError as error:
            if error.code == ErrorCode.UNKNOWN_FILE:  # the one on this disk: the server knows none that is not uploaded
                raise StorageError(error.text, ErrorCode.UNKNOWN_FILE) from None
            raise
        return uploaded

    async def get(
        self,
        name: str,
        folder: Path | None = None,
        progress: OnProgress | None = None,
        *,
        file_id: bytes = NO_FILE_ID,
        member: int = WHOLE,
        rate: int | None = None,
        priority: Priority | None = None,
    ) -> Downloaded:
        """Download a file or folder; returns when it is on this disk and both MD5s are equal.

        file_id: which one, instead of the newest of that name. member: number of the member of a folder that is wanted
        alone. An unfinished download of the same into the same folder is gone on with. rate: as in `put`.
        """
        place = _absolute(folder or self._around.downloads)
        downloaded: Downloaded = await self._transfer(
            lambda: self._core.files.get(name, place, file_id, member, rate, priority), progress
        )
        return downloaded

    async def adopt_transfers(self) -> tuple[Transfer, ...]:
        """Unfinished transfers of earlier runs go on, but for those that are paused; their ends come as events."""
        adopted: TransfersAdopted = await self._ask(self._core.files.wishes.adopt)
        self._watchdog.watch()
        return adopted.transfers

    def transfers(self) -> list[Progress]:
        """How far every transfer of ours is, in the order in which they go; `transfer.number` names it for people."""
        return self._core.files.progress()

    def pause(self, number: int) -> None:
        """Let a transfer rest; who waits for its end goes on waiting. RefusedError: no such number, or too late."""
        self._core.files.wishes.pause(number)
        self._driver.act()

    def resume(self, number: int) -> None:
        """Let a transfer go on. RefusedError when there is no such number, here and below."""
        self._core.files.wishes.resume(number)
        self._watchdog.watch()
        self._driver.act()

    def cancel(self, number: int) -> None:
        """Give a transfer up, at both ends; who waits for it gets RefusedError(CANCELLED)."""
        self._core.files.wishes.cancel(number)
        self._driver.act()

    async def rest_all(self) -> tuple[Transfer, ...]:
        """All transfers rest, and those that do now; before the end of a program that its user has interrupted.

        No other program goes on with them then unless the user wants that. Who waits for one goes on waiting.
        """
        ran = {each.transfer.part_id for each in self.transfers() if each.transfer.wish is Wish.RUN}
        self._core.files.wishes.rest_all()
        self._driver.act()
        await self._driver.wait_until(lambda: not self._core.files.wishes.is_claiming, GOODBYE)
        transfers = (each.transfer for each in self.transfers() if each.transfer.number)
        return tuple(each for each in transfers if each.wish is Wish.PAUSE and each.part_id in ran)

    def set_rate(self, number: int, rate: int) -> None:
        """Let a transfer have so many bytes a second at most, 0 any number."""
        self._core.files.wishes.set_rate(number, rate)
        self._driver.act()

    def set_priority(self, number: int, priority: Priority) -> None:
        """Let a transfer go before others, or after them."""
        self._core.files.wishes.set_priority(number, priority)
        self._driver.act()

    def move_first(self, number: int) -> None:
        """Let a transfer go before all of its priority that wait."""
        self._core.files.wishes.move_first(number)
        self._driver.act()

    # -- blocks of a file ----------------------------------------------------------------------------------------------

    async def open_pieces(self, file_id: bytes, size: int) -> PiecesOffered:
        """Ask for a file of this size, to take single blocks of it; they come as events: BlockCame, or PiecesEnded."""
        offered: PiecesOffered = await self._ask(lambda: self._core.files.pieces.open(file_id, size))
        return offered

    def want_blocks(self, transfer_id: int, numbers: Sequence[int]) -> None:
        """Ask for blocks of what was offered."""
        self._core.files.pieces.want(transfer_id, numbers)
        self._watchdog.watch()
        self._driver.act()

    def want_hashes(self, transfer_id: int) -> None:
        """Ask for the SHA-256 of all its blocks; they come as HashesCame."""
        self._core.files.pieces.want_hashes(transfer_id)
        self._watchdog.watch()
        self._driver.act()

    def end_pieces(self, transfer_id: int, md5: bytes = b"") -> None:
        """Take no more of it. md5: of the whole file, when it is durable here."""
        self._core.files.pieces.end(transfer_id, md5)
        self._driver.act()

    # -- the path ------------------------------------------------------------------------------------------------------

    async def tune(self, config: Config) -> None:
        """Ask the server to send us files as `config` says: arq, congestion, window."""
        await self._ask(lambda: self._core.tuning.tune(config.arq, config.congestion, config.window))

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
                found = self._core.files.progress_of(started[0]) if started else None
                if found is not None:
                    progress(found)

        reporter = asyncio.create_task(report())
        try:
            return await self._ask(begin)
        finally:
            reporter.cancel()


def _absolute(path: Path | str) -> str:
    """As it is written down: another program of this user may go on with it in another folder.

    A ~ is a letter of a name here: who lets people type paths expands it, as a shell has done for commands.
    """
    return str(Path(path).absolute())
