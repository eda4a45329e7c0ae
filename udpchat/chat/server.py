"""Chat, as the server sees it: hands what connections say to the part that it is for, and keeps the parts' time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from udpchat.chat.accounts import Accounts
from udpchat.chat.addressing import Place, Then, address
from udpchat.chat.administration import Administration
from udpchat.chat.delivery import Delivery
from udpchat.chat.hall import Hall, Seat
from udpchat.chat.history import HistoryDesk
from udpchat.chat.pace import Pace
from udpchat.chat.ports import Attachment, Stored
from udpchat.chat.presence import Presence
from udpchat.chat.reception import Reception
from udpchat.chat.retention import Retention
from udpchat.chat.rooms import Rooms
from udpchat.chat.seating import TokenMaker
from udpchat.chat.talking import Talking
from udpchat.config import LOBBY, Config
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.members import Session
from udpchat.protocol.service import Desk, TimedService
from udpchat.wire.records import (
    Administer,
    Away,
    CreateRoom,
    EnterRoom,
    History,
    Join,
    LeaveRoom,
    ListRooms,
    Login,
    Password,
    Read,
    Register,
    Say,
    Seen,
    SetTopic,
    Tell,
    Users,
)

Request = Callable[[RecordReceived, Seat, Any, int], None]  # received, who asks, its record, now


class ChatServer:
    """The chat of a server. administration: the verbs of its own terminal. wall_offset: wall clock minus `now` [us]."""

    handles: frozenset[type] = frozenset(
        {Join, Register, Login, Password, Say, Tell, Seen, Read, Users, Away, History, Administer}
        | {ListRooms, CreateRoom, EnterRoom, LeaveRoom, SetTopic}
    )

    def __init__(
        self,
        desk: Desk,
        config: Config,
        make_token: TokenMaker,
        random_bytes: Callable[[int], bytes],
        wall_offset: int = 0,
    ) -> None:
        self.hall = hall = Hall(desk, config, wall_offset)
        self.presence = Presence(hall)
        self.administration = Administration(hall, self.presence)
        self._delivery = Delivery(hall)
        self._talking = Talking(hall, self._delivery)
        self._rooms = Rooms(hall, self.presence)
        self._history = HistoryDesk(hall)
        self.reception = Reception(hall, self.presence, self._delivery, make_token)
        self._pace = Pace(hall)
        self._accounts = Accounts(hall, self.reception, random_bytes)
        self._requests = self._table()
        parts = self._talking, self._delivery, self.reception, self.presence.news, Retention(hall)
        self._timed: tuple[TimedService, ...] = parts

    def _table(self) -> dict[type, Request]:
        """What is done about each request of somebody who is here."""
        rooms = self._rooms
        return {
            Say: self._talking.on_line,
            Tell: self._talking.on_line,
            Seen: self._delivery.on_seen,
            Read: self._delivery.on_read,
            Password: self._accounts.on_password,
            Users: self.presence.on_users,
            Away: self.presence.on_away,
            History: self._history.on_history,
            Administer: self.administration.on_administer,
            ListRooms: rooms.on_list,
            CreateRoom: rooms.on_create,
            EnterRoom: rooms.on_enter,
            LeaveRoom: rooms.on_leave,
            SetTopic: rooms.on_topic,
        }

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When a part has something to do."""
        return min((at for part in self._timed if (at := part.next_timeout()) is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Let the parts act on their deadlines."""
        for part in self._timed:
            deadline = part.next_timeout()
            if deadline is not None and deadline <= now:
                part.handle_timeout(now)

    # -- what connections tell -----------------------------------------------------------------------------------------

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        """A connection came or went."""
        match event:
            case ConnectionOpened(connection_id, _, _, handshake_hash):
                self.reception.on_opened(connection_id, handshake_hash, now)
            case ConnectionClosed(connection_id, code, _, _):
                self._talking.on_closed(connection_id)
                self._accounts.on_closed(connection_id)
                self.reception.on_closed(connection_id, code, now)

    def on_record(self, received: RecordReceived, now: int) -> None:
        """A request; all but those of who is coming in need a seat."""
        match received.record:
            case Join() as record:
                self.reception.on_join(received, record, now)
            case Register() | Login() if self._is_speaking(received.connection_id):
                text = "some of your lines still wait, to be said as who you are now: try again when they are stored"
                self.hall.refuse(received, ErrorCode.TRY_LATER, text)
            case Register() as record:
                self._accounts.on_register(received, record, now)
            case Login() as record:
                self._accounts.on_login(received, record, now)
            case _:
                seat = self.hall.find(received.connection_id)
                if seat is None:
                    self.hall.refuse(received, ErrorCode.NOT_JOINED, "join first")
                else:
                    self._on_request(received, seat, now)

    def _is_speaking(self, connection_id: bytes) -> bool:
        seat = self.hall.find(connection_id)
        return seat is not None and self._talking.is_busy(seat)

    def _on_request(self, received: RecordReceived, seat: Seat, now: int) -> None:
        if not self._pace.takes(received, seat, now):
            return
        record = received.record
        self._requests[type(record)](received, seat, record, now)
        if not isinstance(record, Seen):  # that a program says, not a person
            seat.last_seen = self.hall.wall(now)

    # -- what the file service asks and tells --------------------------------------------------------------------------

    def address(self, session: Session, room: str, nick: str, then: Then) -> None:
        """Where a file goes that somebody sends; see addressing.py."""
        address(self.hall, session, room, nick, then)

    def share(
        self,
        session: Session,
        place: Place,
        file: Attachment,
        then: Callable[[StorageError | None], None],
        *,
        sent_at: int,
    ) -> None:
        """A file was stored: make it a message. then: called when it is one, or could not be. sent_at: wall [us]."""

        def on_stored(result: Stored | StorageError) -> None:
            then(result if isinstance(result, StorageError) else None)

        self._talking.share(session, file, on_stored, sent_at=sent_at, place=place)

    def leave_word(self, session: Session, message_id: bytes, text: str, *, sent_at: int, place: Place) -> None:
        """Say for somebody what another is to find when they are back. message_id: the same is said once."""
        self._talking.leave_word(session, message_id, text, sent_at=sent_at, place=place)

    def rooms_of(self, session: Session) -> frozenset[str]:
        """The rooms that somebody is a member of, the lobby among them; folded names."""
        seat = self.hall.find(session.connection_id)
        return frozenset({LOBBY}) if seat is None else seat.rooms | {LOBBY}

    def is_admin(self, session: Session) -> bool:
        """Whether somebody may do what administrators may."""
        seat = self.hall.find(session.connection_id)
        return seat is not None and seat.is_admin
