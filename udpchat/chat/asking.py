"""What a client asks of the chat server beside saying lines: verbs give a request id, events answer them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from udpchat.chat.events import (
    AccountChanged,
    Answered,
    BanInfo,
    BanList,
    HistoryFound,
    Refusal,
    RoomInfo,
    RoomList,
    UserInfo,
    UserList,
)
from udpchat.chat.ports import Query
from udpchat.wire.numbers import AdminAction, Outcome, RoomFlag, Scope, UserFlag
from udpchat.wire.records import (
    Account,
    Administer,
    Away,
    Ban,
    CreateRoom,
    EnterRoom,
    History,
    LeaveRoom,
    ListRooms,
    Login,
    Password,
    Record,
    Register,
    Room,
    SetTopic,
    User,
    Users,
)

if TYPE_CHECKING:
    from udpchat.protocol.requests import OnFinished, OnRefused

MAX_LIST = 65_536  # records of an answer that is still incomplete

Send = Callable[[Record, "OnRefused | None", "OnFinished | None"], int]
MakeAnswer = Callable[[int, tuple[Any, ...]], object]  # request id, what came


class Asking:
    """The requests of one client. send: sends a record and gives its request id; tell: tells the application."""

    def __init__(self, send: Send, tell: Callable[[object], None]) -> None:
        self._send = send
        self._tell = tell
        self._lists: dict[int, list[Any]] = {}  # answers that are coming in, by request id

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def users(self, scope: Scope = Scope.PRESENT, room: str = "") -> int:
        """Ask who is here; answered by UserList."""
        return self._ask_list(Users(scope, room), UserList)

    def rooms(self) -> int:
        """Ask which rooms there are; answered by RoomList."""
        return self._ask_list(ListRooms(), RoomList)

    def create_room(self, room: str, topic: str) -> int:
        """Make a room and enter it; answered by RoomList."""
        return self._send(CreateRoom(room, topic), self.on_refused, None)

    def enter_room(self, room: str) -> int:
        """Become a member; answered by RoomList."""
        return self._send(EnterRoom(room), self.on_refused, None)

    def leave_room(self, room: str) -> int:
        """Be a member no more; answered by Answered."""
        return self._send(LeaveRoom(room), self.on_refused, None)

    def set_topic(self, room: str, topic: str) -> int:
        """Say what a room is about; answered by Answered."""
        return self._send(SetTopic(room, topic), self.on_refused, None)

    def set_away(self, text: str) -> int:
        """Be away, or back when the text is empty; answered by Answered."""
        return self._send(Away(text), self.on_refused, None)

    def register(self, nick: str, password: str) -> int:
        """Make a nickname an account; answered by AccountChanged."""
        return self._send(Register(nick, password), self.on_refused, None)

    def login(self, nick: str, password: str) -> int:
        """Be an account from now on; answered by AccountChanged."""
        return self._send(Login(nick, password), self.on_refused, None)

    def change_password(self, old: str, new: str) -> int:
        """Change the password of our account; answered by AccountChanged."""
        return self._send(Password(old, new), self.on_refused, None)

    def history(self, query: Query) -> int:
        """Ask for messages; answered by HistoryFound."""
        record = History(
            query.sent_from,
            query.sent_until,
            query.before,
            query.after,
            query.limit,
            query.room,
            query.nick,
            query.sender,
            query.recipient,
            query.words,
        )
        return self._ask_list(record, HistoryFound)

    def administer(self, action: AdminAction, target: str, text: str) -> int:
        """What only administrators may; answered by Answered, LIST_BANS by BanList."""
        record = Administer(action, target, text)
        if action is AdminAction.LIST_BANS:
            return self._ask_list(record, BanList)
        return self._send(record, self.on_refused, None)

    # -- answers -------------------------------------------------------------------------------------------------------

    def add(self, request_id: int, item: object) -> None:
        """A part of an answer that is a list."""
        items = self._lists.get(request_id)
        if items is not None and len(items) < MAX_LIST:
            items.append(item)

    def on_record(self, request_id: int, record: object, finish: Callable[[int], bool]) -> None:
        """An answer. finish: takes note that a request is answered; False when nobody asked."""
        match record:
            case User(joined_at, last_seen, flags, nick, away):
                self.add(request_id, UserInfo(nick, joined_at, last_seen, UserFlag(flags), away))
            case Ban(banned_at, target, by, reason):
                self.add(request_id, BanInfo(target, by, reason, banned_at))
            case Room(flags, user_count, created_at, room, owner, topic):
                info = RoomInfo(room, topic, owner, created_at, user_count, RoomFlag(flags))
                if request_id in self._lists:
                    self.add(request_id, info)
                elif finish(request_id):
                    self._tell(RoomList(request_id, (info,)))
            case Account(outcome, flags, ticket, nick):
                if finish(request_id):
                    known = Outcome(outcome) if outcome in Outcome.__members__.values() else Outcome.LOGGED_IN
                    self._tell(AccountChanged(request_id, known, nick, UserFlag(flags), ticket))
            case _:  # Done
                if finish(request_id):
                    self._tell(Answered(request_id))

    def on_refused(self, request_id: int, code: int, text: str) -> None:
        """The server said no."""
        self._lists.pop(request_id, None)
        self._tell(Refusal(request_id, code, text))

    def forget(self) -> None:
        """The connection was lost: what was coming in never ends."""
        self._lists.clear()

    def _ask_list(self, record: Record, answer: MakeAnswer) -> int:
        def on_finished(request_id: int) -> None:
            self._tell(answer(request_id, tuple(self._lists.pop(request_id, ()))))

        request_id = self._send(record, self.on_refused, on_finished)
        self._lists[request_id] = []
        return request_id
