"""Who is let in, under which name, and who waits for a place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2s
from typing import Final

from udpchat.chat.arrivals import TYPING_TIMEOUT, Arrival, Arrivals, Queue, plain_host
from udpchat.chat.delivery import Delivery
from udpchat.chat.hall import Hall, Seat
from udpchat.chat.known_names import KnownNames
from udpchat.chat.lookalikes import is_reserved
from udpchat.chat.names import normal
from udpchat.chat.ports import Admission, AdmitPerson, Person
from udpchat.chat.presence import Presence
from udpchat.chat.seating import Seating, TokenMaker, must_go
from udpchat.chat.text import nick_fault
from udpchat.chat.visits import VISIT, Visits
from udpchat.config import SECOND
from udpchat.crypto.identity import verify
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session
from udpchat.wire.numbers import JoinFlag, UserFlag
from udpchat.wire.records import Join, Queued

TICKET_SIZE: Final = 32

Refusal = tuple[ErrorCode, str]
Then = Callable[[StorageError | None], None]


def hash_ticket(ticket: bytes) -> bytes:
    """A ticket as storage knows it, 32 bytes; empty for what cannot be one."""
    return blake2s(ticket, person=b"ticket").digest() if len(ticket) == TICKET_SIZE else b""


class Reception:
    """The door. make_token: makes address tokens for clients that are let in."""

    def __init__(self, hall: Hall, presence: Presence, delivery: Delivery, make_token: TokenMaker) -> None:
        self._hall = hall
        self._presence = presence
        self._arrivals = Arrivals()
        self._queue = Queue()
        self._visits = Visits(hall)
        self._names = KnownNames(hall, self._on_accounts)
        self._seating = Seating(hall, presence, delivery, self._names, make_token)
        self._closing: str | None = None  # the words for whoever comes, once the server goes away

    # -- what others ask -----------------------------------------------------------------------------------------------

    @property
    def queue_length(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    def account_of(self, connection_id: bytes) -> Person | None:
        """The account that a connection has logged in as, joined or not."""
        if (seat := self._hall.find(connection_id)) is not None:
            return seat.person if seat.person.is_account else None
        arrival = self._arrivals.find(connection_id)
        return None if arrival is None else arrival.account

    def identity_of(self, connection_id: bytes) -> bytes:
        """The key of a connection; empty before a JOIN that was signed well."""
        if (seat := self._hall.find(connection_id)) is not None:
            return seat.session.identity
        arrival = self._arrivals.find(connection_id)
        return b"" if arrival is None else arrival.identity

    def host_of(self, connection_id: bytes) -> str:
        """The address of a connection, as it came, without its port."""
        if (seat := self._hall.find(connection_id)) is not None:
            return seat.host
        arrival = self._arrivals.find(connection_id)
        return "" if arrival is None else arrival.host

    def flags_of(self, seat: Seat) -> UserFlag:
        """What is known of a user who is here."""
        return self._presence.flags_of(seat)

    def is_free(self, nick: str, connection_id: bytes) -> bool:
        """Whether a connection may make a nickname an account: nobody else has it, or is about to."""
        holder = self._hall.find_nick(nick)
        is_ours = holder is None or holder.session.identity == self.identity_of(connection_id)
        return is_ours and not self._arrivals.has_claim(nick, but=connection_id)

    def set_busy(self, connection_id: bytes, now: int, *, is_busy: bool) -> None:
        """A login is under way on a connection, or over: while it is, the connection is not late."""
        if (arrival := self._arrivals.find(connection_id)) is not None:
            arrival.is_busy = is_busy
            arrival.deadline = max(arrival.deadline, now + TYPING_TIMEOUT)

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When a connection may be late in joining or in leaving, or the accounts are to be looked at."""
        deadlines = self._arrivals.next_timeout(), self._visits.next_timeout(), self._names.next_timeout()
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Close connections that had time enough to join, or to do what they came for."""
        for arrival in self._arrivals.take_late(now):
            self._hall.close(arrival.connection_id, ErrorCode.NOT_JOINED, "you did not join in time")
        for seat in self._visits.take_over(now):
            text = f"you were here for one command, and asked for nothing in {VISIT // (60 * SECOND)} minutes"
            self._seating.put_out(seat, ErrorCode.IDLE_TIMEOUT, text, now)
        due = self._names.next_timeout()
        if due is not None and now >= due:
            self._names.refresh(now)

    def close(self, text: str) -> None:
        """The server goes away: nobody is let in any more, and who waits for it is told so."""
        self._closing = text
        for arrival in list(self._arrivals):
            self._hall.close(arrival.connection_id, ErrorCode.SHUTTING_DOWN, text)

    def _on_accounts(self, accounts: tuple[Person, ...], now: int) -> None:
        """The accounts were read: other programs may have removed one, or made one, or changed who may do what."""
        by_id = {person.person_id: person for person in accounts}
        for seat in self._hall.everybody():
            known = by_id.get(seat.person.person_id)
            if known is not None:
                seat.person = replace(seat.person, is_admin=known.is_admin)
            elif seat.person.is_account:
                text = f"the account {seat.nick} was removed by the administrator"
                self._seating.put_out(seat, ErrorCode.LOGIN_REQUIRED, text, now)
            elif self._names.is_account(seat.nick):
                self._seating.put_out(seat, *_registered(seat.nick), now)
        self._settle_queue(now)

    # -- connections ---------------------------------------------------------------------------------------------------

    def on_opened(self, connection_id: bytes, handshake_hash: bytes, now: int) -> None:
        """A connection stands; it may join."""
        if self._closing is not None:
            self._hall.close(connection_id, ErrorCode.SHUTTING_DOWN, self._closing)
            return
        connection = self._hall.desk.endpoint.find(connection_id)
        host = plain_host(connection.address[0]) if connection is not None else ""
        self._arrivals.open(connection_id, handshake_hash, host, now)

    def on_closed(self, connection_id: bytes, code: int, now: int) -> None:
        """A connection is over: whoever was on it is gone, and makes room."""
        change, text = self._presence.farewell(connection_id, code)
        if (arrival := self._arrivals.remove(connection_id)) is not None:
            self._queue.remove(arrival)
        elif (seat := self._hall.find(connection_id)) is not None:
            self._seating.stand_up(seat, now)
            self._presence.present(seat, change, text=text)
        self._settle_queue(now)

    # -- joining -------------------------------------------------------------------------------------------------------

    def on_join(self, received: RecordReceived, join: Join, now: int) -> None:
        """JOIN: somebody wants to come in."""
        arrival = self._arrivals.find(received.connection_id)
        if arrival is None:
            self._hall.refuse(received, ErrorCode.PROTOCOL_VIOLATION, "you have joined already")
        elif arrival.join is not None:
            self._hall.refuse(received, ErrorCode.TOO_MANY_REQUESTS, "your last JOIN is not answered yet")
        elif not verify(join.identity, join.signature, arrival.handshake_hash, join.client_id):
            self._hall.refuse(received, ErrorCode.BAD_SIGNATURE, "the signature in JOIN does not fit its key")
        else:
            arrival.identity = join.identity
            arrival.nick = normal(join.nick)
            arrival.received, arrival.join = received, join
            if (refusal := self._first_objection(arrival, join)) is not None:
                self._refuse(arrival, refusal, now)
            else:
                self._ask(arrival, join, now)

    def _first_objection(self, arrival: Arrival, join: Join) -> Refusal | None:
        """What speaks against somebody, whatever storage knows of them."""
        if (fault := nick_fault(arrival.nick)) is not None:
            return ErrorCode.NICK_NOT_ALLOWED, fault
        if join.ticket and self._hall.config.plaintext:
            return ErrorCode.NOT_IN_PLAINTEXT, "this server's sessions are not sealed: it takes no tickets"
        holder = self._hall.find_nick(arrival.nick)
        may_be_account = arrival.account is not None or join.ticket or self._names.is_account(arrival.nick)
        if holder is None or holder.session.identity == join.identity or holder.person.is_account or may_be_account:
            return None
        return _in_use(arrival.nick)  # asked in vain, storage would remember the nickname for this key

    def _ask(self, arrival: Arrival, join: Join, now: int, *, is_last: bool = False) -> None:
        """Ask storage whether somebody may come in. is_last: and has a place, when it says yes."""
        self._names.refresh(now)
        person_id = arrival.asked_as = arrival.person_id
        ticket, at = hash_ticket(join.ticket), self._hall.wall(now)
        # Storage does not remember guests who will not be let in: there may be very many.
        remembers = is_last or (self._has_place(arrival, join, None) and self._takes_guest(arrival.nick))
        request = AdmitPerson(0, join.identity, arrival.nick, ticket, person_id, arrival.host, at, remembers)
        self._hall.desk.ask(request, lambda result, then: self._on_admission(arrival, remembers, result, then))

    def _takes_guest(self, nick: str) -> bool:
        return not self._hall.config.require_account and not is_reserved(nick)

    def _on_admission(self, arrival: Arrival, was_remembered: bool, result: Admission | StorageError, now: int) -> None:
        join, asked_as, arrival.asked_as = arrival.join, arrival.asked_as, None
        if join is None or self._arrivals.find(arrival.connection_id) is not arrival or self._closing is not None:
            return  # the connection is gone, or goes
        if arrival.person_id != asked_as:
            self._ask(arrival, join, now)  # it has logged in meanwhile
        elif isinstance(result, StorageError):
            self._refuse(arrival, (result.code, result.text), now)
        elif (refusal := self._objection(arrival.nick, join, result.person)) is not None:
            self._refuse(arrival, refusal, now)
        elif not self._has_place(arrival, join, result.person):
            self._send_off(arrival, join, now)
        elif was_remembered or result.person.is_account:
            self._let_in(arrival, join, result, now)
        else:
            self._ask(arrival, join, now, is_last=True)

    def _objection(self, nick: str, join: Join, person: Person) -> Refusal | None:
        """What speaks against somebody whom storage would let in."""
        if not person.is_account:
            if self._hall.config.require_account:
                return (
                    ErrorCode.LOGIN_REQUIRED,
                    "this server lets nobody in without an account: log in, or register one (--register)",
                )
            if is_reserved(nick):
                return ErrorCode.NICK_NOT_ALLOWED, f"the nickname {nick} is kept for an account: choose another"
        if join.flags & JoinFlag.VISITOR:
            holders = self._hall.all_named(nick)
        else:
            holder = self._hall.find_nick(nick)  # a visitor's nickname can be taken
            holders = [] if holder is None else [holder]
        if all(each.person.person_id == person.person_id or must_go(each, person) for each in holders):
            return None
        return _in_use(nick)

    def _has_place(self, arrival: Arrival, join: Join, person: Person | None) -> bool:
        """Whether there is a place for somebody. person: None for whom we do not know yet."""
        config, members = self._hall.config, self._hall.desk.members
        if join.flags & JoinFlag.VISITOR:
            return len(members.visitors) < config.max_users
        if person is not None and (person.is_admin or members.find_person(person.person_id) is not None):
            return True
        free = config.max_users - len(members)
        return arrival in self._queue.first(free) if arrival in self._queue else free > len(self._queue)

    def _send_off(self, arrival: Arrival, join: Join, now: int) -> None:
        """There is no place: wait in the queue, or come back later."""
        limit = self._hall.config.max_users
        if join.flags & JoinFlag.VISITOR:
            self._refuse(arrival, (ErrorCode.SERVER_FULL, "too many commands are being served: try again"), now)
            return
        if arrival not in self._queue:
            waiting = len(self._queue)
            has_room = waiting < self._hall.config.max_queue or self._queue.has_key(arrival.identity)
            if not join.flags & JoinFlag.WAIT or not has_room:
                more = "or wait in the queue (--wait)" if has_room else "the queue is full as well"
                text = f"the server is full ({limit} users, {waiting} wait for a place): try again later, {more}"
                self._refuse(arrival, (ErrorCode.SERVER_FULL, text), now)
                return
            if (former := self._queue.add(arrival)) is not None:
                former.received = former.join = None
                self._hall.close(former.connection_id, ErrorCode.TAKEN_OVER, "you wait on another connection")
        self._settle_queue(now)

    def _settle_queue(self, now: int) -> None:
        """Whoever is next comes in when there is a place; the others hear that they have moved up."""
        if self._closing is not None:
            return
        free = self._hall.config.max_users - self._hall.user_count
        for arrival in self._queue.first(free):
            if arrival.asked_as is None and arrival.join is not None:
                self._ask(arrival, arrival.join, now)
        for arrival in self._queue.take_moved():
            request_id = arrival.received.request_id if arrival.received is not None else 0
            queued = Queued(arrival.position, self._hall.config.max_users)
            self._hall.desk.send(arrival.connection_id, queued, request_id)

    def _refuse(self, arrival: Arrival, refusal: Refusal, now: int) -> None:
        received, arrival.received, arrival.join = arrival.received, None, None
        arrival.deadline = now + TYPING_TIMEOUT
        if received is not None:
            self._hall.refuse(received, *refusal)
        if arrival in self._queue:
            self._queue.remove(arrival)
            self._settle_queue(now)

    def _let_in(self, arrival: Arrival, join: Join, admission: Admission, now: int) -> None:
        self._arrivals.remove(arrival.connection_id)
        self._queue.remove(arrival)
        person, wall = admission.person, self._hall.wall(now)
        nick = person.nick if person.is_account else arrival.nick
        is_visitor = bool(join.flags & JoinFlag.VISITOR)
        person_id, key = person.person_id, join.identity
        session = Session(arrival.connection_id, key, join.client_id, nick, wall, person_id, is_visitor)
        request_id = arrival.received.request_id if arrival.received is not None else 0
        self._seating.let_in(session, arrival.host, admission, join.seen, request_id, now)
        if is_visitor:
            self._visits.begin(arrival.connection_id, now)
        self._settle_queue(now)

    # -- accounts ------------------------------------------------------------------------------------------------------

    def logged_in(self, connection_id: bytes, person: Person, now: int, then: Then) -> None:
        """A connection has proved that it is an account. One that has joined changes into it, on the same connection.

        then: called with None when that is done, before anything is delivered; with the refusal when it cannot be; not
        at all when the connection has gone meanwhile.
        """
        self._names.add_account(person.nick)
        if (arrival := self._arrivals.find(connection_id)) is not None:
            arrival.account = person
            then(None)
            return
        seat = self._hall.find(connection_id)
        if seat is None:
            return
        if seat.person.person_id == person.person_id and seat.nick == person.nick:
            seat.person = person
            then(None)
            return
        identity, at = seat.session.identity, self._hall.wall(now)
        request = AdmitPerson(0, identity, person.nick, b"", person.person_id, seat.host, at)
        self._hall.desk.ask(request, lambda result, when: self._on_change(connection_id, result, then, when))

    def _on_change(self, connection_id: bytes, result: Admission | StorageError, then: Then, now: int) -> None:
        old = self._hall.find(connection_id)
        if old is None:
            return
        if isinstance(result, StorageError):
            then(result)
            return
        self._seating.change(old, result, now, lambda: then(None))
        self._settle_queue(now)


def _in_use(nick: str) -> Refusal:
    return ErrorCode.NICK_IN_USE, f"the nickname {nick} is in use: choose another"


def _registered(nick: str) -> Refusal:
    text = f"the nickname {nick} belongs to an account: log in with its password, or choose another nickname"
    return ErrorCode.NICK_REGISTERED, text
