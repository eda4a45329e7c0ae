"""How people sit down and stand up: who must go for whom, what a newcomer is told, and the others of them."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.chat.delivery import Delivery
from udpchat.chat.hall import Hall, Seat
from udpchat.chat.known_names import KnownNames
from udpchat.chat.ports import Admission, Person
from udpchat.chat.presence import Presence
from udpchat.config import LOBBY
from udpchat.errors import ErrorCode
from udpchat.protocol.datagrams import Address
from udpchat.protocol.handshake import FEATURES
from udpchat.protocol.members import Session, fold
from udpchat.wire.numbers import Change, UserFlag
from udpchat.wire.records import Welcome

TokenMaker = Callable[[Address, int], bytes]  # address, now -> an address token


class Seating:
    """Everybody has one seat, beside visitors. make_token: makes address tokens for clients that are let in."""

    def __init__(
        self, hall: Hall, presence: Presence, delivery: Delivery, names: KnownNames, make_token: TokenMaker
    ) -> None:
        self._hall = hall
        self._presence = presence
        self._delivery = delivery
        self._names = names
        self._make_token = make_token

    def let_in(self, session: Session, host: str, admission: Admission, seen: int, request_id: int, now: int) -> None:
        """Somebody takes a seat, and is welcomed. seen: as JOIN says; request_id: of that JOIN."""
        self._make_room(session, admission.person, now)
        rooms = frozenset(fold(room) for room in admission.rooms)
        seat = Seat(session, admission.person, UserFlag(0), host, rooms, last_seen=self._hall.wall(now))
        alike = self._sit_down(seat)
        newest = admission.newest
        start = newest if seat.is_visitor else self._delivery.start_of(admission.person, seen, newest)
        self._welcome(seat, start, request_id, now)
        self._start(seat, alike, seen, admission, now)

    def change(self, old: Seat, admission: Admission, now: int, then: Callable[[], None]) -> None:
        """Somebody is another person from now on, on the same connection. then: called before anything is delivered."""
        person, was = admission.person, old.session
        session = Session(
            was.connection_id,
            was.identity,
            was.client_id,
            person.nick,
            self._hall.wall(now),
            person.person_id,
            was.is_visitor,
        )
        self.stand_up(old, now)
        self._presence.present(old, Change.LEFT, but=was.connection_id)
        self._make_room(session, person, now)
        rooms = frozenset(fold(room) for room in admission.rooms)
        seat = Seat(session, person, UserFlag(0), old.host, rooms, old.away, session.joined_at)
        alike = self._sit_down(seat)
        then()
        self._start(seat, alike, 0, admission, now)

    def put_out(self, seat: Seat, code: ErrorCode, reason: str, now: int) -> None:
        """End a session at once, with words to its user."""
        self.stand_up(seat, now)
        self._presence.present(seat, Change.LEFT)
        self._hall.close(seat.connection_id, code, reason)

    def stand_up(self, seat: Seat, now: int) -> None:
        """A session is over."""
        self._hall.remove(seat.connection_id)
        if not seat.is_visitor:
            self._names.go(seat.nick)
            self._delivery.end(seat, now)

    def _make_room(self, session: Session, person: Person, now: int) -> None:
        """End the session that this person has, and those of others under the nickname, who have less right to it."""
        if not session.is_visitor and (former := self._hall.find_person(person.person_id)) is not None:
            self.put_out(former, ErrorCode.TAKEN_OVER, "you have joined from elsewhere", now)
        for holder in self._hall.all_named(session.nick):
            if holder.person.person_id == person.person_id:
                continue
            if must_go(holder, person):
                text = f"the nickname {session.nick} belongs to an account now: choose another"
                self.put_out(holder, ErrorCode.NICK_REGISTERED, text, now)
            elif holder.is_visitor and not session.is_visitor:
                text = f"somebody has joined as {session.nick}: choose another nickname"
                self.put_out(holder, ErrorCode.NICK_IN_USE, text, now)

    def _sit_down(self, seat: Seat) -> str:
        """Take a seat; the nickname that its own looks like, or empty."""
        alike = "" if seat.is_visitor else self._names.come(seat.nick, is_account=seat.person.is_account)
        if alike:
            seat.flags |= UserFlag.LOOKALIKE
        self._hall.add(seat)
        return alike

    def _welcome(self, seat: Seat, start: int, request_id: int, now: int) -> None:
        connection = self._hall.desk.endpoint.find(seat.connection_id)
        token = self._make_token(connection.address, now) if connection is not None else b""
        count, wall, flags = self._hall.user_count, self._hall.wall(now), self._presence.flags_of(seat)
        self._hall.send(seat, Welcome(FEATURES, count, wall, start, flags, token, seat.nick, LOBBY), request_id)

    def _start(self, seat: Seat, alike: str, seen: int, admission: Admission, now: int) -> None:
        """Tell the others who is here now, and begin to bring messages. seen: as JOIN says."""
        if seat.is_visitor:
            return
        address = self._hall.address_of(seat.connection_id)
        self._presence.present(seat, Change.JOINED, text=alike, but=seat.connection_id, address=address)
        self._delivery.begin(seat, seen, admission.newest, now, admission.progress)


def must_go(holder: Seat, person: Person) -> bool:
    """Whether somebody holds a nickname as a guest that has become the account of who comes in."""
    return person.is_account and not holder.person.is_account
