"""Who is here, and how words reach them: the state that all parts of the chat server share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from udpchat.chat.ports import Person
from udpchat.config import LAG_LIMIT, LOBBY, Config
from udpchat.errors import ErrorCode
from udpchat.protocol.connection import Connection
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session, fold
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import UserFlag
from udpchat.wire.records import Record, encode_record


@dataclass(slots=True)
class Seat:
    """A session's place in the chat.

    rooms: folded names of the rooms it is a member of, without the lobby. away: why; empty when it is not.
    last_seen: when it said or asked something [us, wall clock]. sent: newest message handed to its connection.
    seen: newest that its client has confirmed. is_live: messages go to it as they come; else it reads them.
    """

    session: Session
    person: Person
    flags: UserFlag
    host: str
    rooms: frozenset[str] = frozenset()
    away: str = ""
    last_seen: int = 0
    sent: int = 0
    seen: int = 0
    is_live: bool = False

    @property
    def connection_id(self) -> bytes:
        """Of its connection."""
        return self.session.connection_id

    @property
    def nick(self) -> str:
        """Its nickname."""
        return self.session.nick

    @property
    def is_visitor(self) -> bool:
        """It is here for one command, hears nothing and is not seen."""
        return self.session.is_visitor

    @property
    def is_admin(self) -> bool:
        """It may do what administrators may."""
        return self.person.is_admin


class Hall:
    """All seats. wall_offset: wall clock minus `now` [us]."""

    def __init__(self, desk: Desk, config: Config, wall_offset: int) -> None:
        self.desk = desk
        self.config = config
        self.unheard = 0  # news that somebody was not told, because too much waited for them already
        self._wall_offset = wall_offset
        self._limit = min(LAG_LIMIT, config.max_send_queue // 2)  # bytes that may wait for one client
        self._seats: dict[bytes, Seat] = {}
        self._members: dict[str, dict[bytes, Seat]] = {}  # by folded room, but the lobby, then by connection

    def __iter__(self) -> Iterator[Seat]:
        """All but visitors, in the order of joining."""
        return (seat for seat in self._seats.values() if not seat.is_visitor)

    @property
    def user_count(self) -> int:
        """How many are here, without visitors."""
        return len(self.desk.members)

    @property
    def is_empty(self) -> bool:
        """Nobody is here, not even a visitor."""
        return not self._seats

    def wall(self, now: int) -> int:
        """The wall clock [us]."""
        return now + self._wall_offset

    # -- seats ---------------------------------------------------------------------------------------------------------

    def add(self, seat: Seat) -> None:
        """Somebody sits down."""
        self._seats[seat.connection_id] = seat
        self.desk.members.add(seat.session)
        if not seat.is_visitor:
            for room in seat.rooms:
                self._members.setdefault(room, {})[seat.connection_id] = seat

    def remove(self, connection_id: bytes) -> Seat | None:
        """Somebody stands up."""
        seat = self._seats.pop(connection_id, None)
        if seat is not None:
            self.desk.members.remove(connection_id)
            for room in seat.rooms:
                self._drop_member(room, connection_id)
        return seat

    def find(self, connection_id: bytes) -> Seat | None:
        """The seat of a connection."""
        return self._seats.get(connection_id)

    def find_nick(self, nick: str) -> Seat | None:
        """The seat under a nickname; never a visitor's."""
        session = self.desk.members.find_nick(nick)
        return None if session is None else self._seats[session.connection_id]

    def all_named(self, nick: str) -> list[Seat]:
        """All seats under a nickname, visitors included."""
        folded, member = fold(nick), self.find_nick(nick)
        visitors = [session for session in self.desk.members.visitors if fold(session.nick) == folded]
        seats = [self._seats[session.connection_id] for session in visitors]
        return seats if member is None else [member, *seats]

    def everybody(self) -> list[Seat]:
        """All seats, visitors included, in the order of joining."""
        return list(self._seats.values())

    def find_person(self, person_id: int) -> Seat | None:
        """The seat of a person; never a visitor's."""
        session = self.desk.members.find_person(person_id)
        return None if session is None else self._seats[session.connection_id]

    def all_of(self, person_id: int) -> list[Seat]:
        """The seats of a person, visitors included."""
        return [seat for seat in self._seats.values() if seat.person.person_id == person_id]

    # -- rooms ---------------------------------------------------------------------------------------------------------

    def in_room(self, room: str) -> Iterator[Seat]:
        """Who of a room is here, in the order of joining."""
        return iter(self) if fold(room) == LOBBY else iter(self._members.get(fold(room), {}).values())

    def count_in_room(self, room: str) -> int:
        """How many of a room are here."""
        return self.user_count if fold(room) == LOBBY else len(self._members.get(fold(room), ()))

    def is_member(self, seat: Seat, room: str) -> bool:
        """Whether somebody is a member of a room."""
        return fold(room) == LOBBY or fold(room) in seat.rooms

    def enter(self, seat: Seat, room: str) -> None:
        """Somebody becomes a member of a room."""
        seat.rooms |= {fold(room)}
        if not seat.is_visitor:
            self._members.setdefault(fold(room), {})[seat.connection_id] = seat

    def leave(self, seat: Seat, room: str) -> None:
        """Somebody is a member of a room no more."""
        seat.rooms -= {fold(room)}
        self._drop_member(fold(room), seat.connection_id)

    def _drop_member(self, room: str, connection_id: bytes) -> None:
        members = self._members.get(room, {})
        members.pop(connection_id, None)
        if not members:
            self._members.pop(room, None)

    # -- words ---------------------------------------------------------------------------------------------------------

    def send(self, seat: Seat, record: Record, request_id: int = 0) -> None:
        """Tell one."""
        self.desk.send(seat.connection_id, record, request_id)

    def tell_all(self, record: Record, *, but: bytes = b"") -> None:
        """Tell everybody but one connection some news; not for messages, which Delivery brings."""
        self._tell(self, record, but)

    def tell_room(self, room: str, record: Record, *, but: bytes = b"") -> None:
        """Tell everybody of a room who is here some news."""
        self._tell(self.in_room(room), record, but)

    def _tell(self, seats: Iterator[Seat] | Hall, record: Record, but: bytes) -> None:
        encoded = encode_record(record)
        for seat in seats:
            if seat.connection_id != but:
                self.tell_news(seat, encoded)

    def tell_news(self, seat: Seat, encoded: bytes) -> None:
        """Tell one some encoded news, unless they are behind: they can ask, and must not be cut off for it."""
        connection = self.desk.endpoint.find(seat.connection_id)
        if connection is None:
            return
        if self.is_behind(connection):
            self.unheard += 1
        else:
            connection.send_encoded(encoded)

    def is_behind(self, connection: Connection) -> bool:
        """Whether so much waits for a client that it is given no more for now."""
        return connection.transmitter.messages.channels[0].queued > self._limit

    def address_of(self, connection_id: bytes) -> str:
        """Where a connection comes from, for people; empty when it is gone."""
        connection = self.desk.endpoint.find(connection_id)
        return "{} port {}".format(*connection.address) if connection is not None else ""

    def refuse(self, received: RecordReceived, code: ErrorCode, text: str) -> None:
        """Answer a request with no."""
        self.desk.refuse(received, code, text)

    def close(self, connection_id: bytes, code: ErrorCode, reason: str) -> None:
        """End a connection."""
        if (connection := self.desk.endpoint.find(connection_id)) is not None:
            connection.close(code, reason)
