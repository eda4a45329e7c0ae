"""Who gets which message, once and in order: live, or read from storage by those who are behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from udpchat.chat.hall import Hall, Seat
from udpchat.chat.messages import record_of
from udpchat.chat.names import normal
from udpchat.chat.ports import FindMessages, MarkRead, Message, Page, Person, Progress, Query, ReadMessages
from udpchat.chat.progress import KEPT_PER_PLACE, ProgressKeeper
from udpchat.chat.questions import Questions
from udpchat.chat.receipts import Outstanding, Receipts
from udpchat.chat.rounds import Rounds
from udpchat.config import MAX_HISTORY, MILLISECOND, PAGE_SIZE, SECOND
from udpchat.errors import StorageError
from udpchat.protocol.connection import Connection
from udpchat.protocol.events import RecordReceived
from udpchat.wire.numbers import BEGIN_ANEW
from udpchat.wire.records import Read, Seen, encode_record

LOOK_INTERVAL = 100 * MILLISECOND  # between two looks at those whose queue is too long
READ_RETRY = SECOND  # after the disk could not be read


class Delivery:
    """Hands messages to seats. `seat.sent` is the newest one that was handed over: nothing goes out twice.

    A seat is live, or it catches up: it reads a page at a time, and the next one only when its connection takes it. So
    somebody slow costs no memory and loses nothing.
    """

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._newest = 0  # sequence of the newest message that we know of
        self._behind: dict[bytes, Seat] = {}  # by connection: to be looked at
        self._look_at: int | None = None
        self._left: dict[bytes, tuple[Seat, Outstanding]] = {}  # by connection: who it was, and may change into others
        self._changed: set[bytes] = set()  # connections whose clients may still confirm as who they were
        self._progress = ProgressKeeper(hall, KEPT_PER_PLACE * hall.config.max_users)
        self._receipts = Receipts(hall)
        self._questions = Questions(hall)
        self._rounds = Rounds()

    # -- coming and going ----------------------------------------------------------------------------------------------

    def start_of(self, person: Person, seen: int, newest: int) -> int:
        """After which message delivery to somebody begins. seen: as JOIN says, 0 for as we remember.

        newest: of all messages. Somebody new hears what is said from now on.
        """
        newest = max(newest, self._newest)
        if seen:
            return min(seen, newest)  # a client that knows more than there is comes from another server's data
        return min(self._progress.confirmed(person) or newest, newest)

    def begin(self, seat: Seat, seen: int, newest: int, now: int, progress: Iterable[Progress] = ()) -> None:
        """A seat has joined, and gets what it missed. progress: of private messages that its person sent earlier."""
        if seat.is_visitor:
            return
        known = self._progress.confirmed(seat.person)
        seat.sent = seat.seen = self.start_of(seat.person, seen, newest)
        self._newest = max(self._newest, newest)
        self._change(seat)
        self._receipts.begin(seat, self._newest, progress)
        if not known:
            self._progress.save(seat, now)  # from here on they miss nothing, whatever happens next
        elif seat.seen > known:
            self._progress.note(seat, now)
            self._settle(seat, known)
        self._go_on(seat, now)

    def end(self, seat: Seat, now: int) -> None:
        """A seat is gone."""
        if seat.is_visitor:
            return
        seat.is_live = False
        self._behind.pop(seat.connection_id, None)
        outstanding = self._receipts.end(seat)
        self._progress.save(seat, now)
        self._changed.discard(seat.connection_id)
        connection = self._hall.desk.endpoint.find(seat.connection_id)
        if connection is not None and connection.is_alive:
            self._left[seat.connection_id] = seat, outstanding

    def _change(self, seat: Seat) -> None:
        """A connection that was somebody else goes on as this person, or as the same under another name."""
        left, outstanding = self._left.pop(seat.connection_id, (None, None))
        self._left.clear()  # who becomes somebody else does so at once
        if left is None:
            return
        if left.person.person_id != seat.person.person_id:
            self._changed.add(seat.connection_id)
        else:
            seat.sent, seat.seen = max(seat.sent, left.sent), max(seat.seen, left.seen)
            self._receipts.go_on(seat, outstanding)

    def _settle(self, seat: Seat, known: int) -> None:
        """The client has private messages that we did not know to have come: their senders hear it."""

        def answer(result: tuple[Message, ...] | StorageError, _: int) -> None:
            if not isinstance(result, StorageError) and self._hall.find(seat.connection_id) is seat:
                self._receipts.on_known(seat, result)

        query = Query(after=known, limit=MAX_HISTORY)  # what was sent to an earlier nickname, too
        self._hall.desk.ask(FindMessages(0, seat.person.person_id, query), answer)

    # -- live ----------------------------------------------------------------------------------------------------------

    def deliver(self, message: Message, now: int) -> None:
        """Hand a newly stored message to everybody who may see it and is up to date; to a crowd in rounds."""
        if self._rounds.offer(message, self._people(message), now):
            self._hand(message, now)

    def _people(self, message: Message) -> int:
        return self._hall.count_in_room(message.room) if message.room else 2

    def _hand(self, message: Message, now: int) -> None:
        sequence = message.sequence
        self._newest = max(self._newest, sequence)
        encoded = encode_record(record_of(message))
        find, is_behind = self._hall.desk.endpoint.find, self._hall.is_behind
        for seat in self._hall.in_room(message.room) if message.room else self._the_two(message):
            if not seat.is_live or sequence <= seat.sent:
                continue
            connection = find(seat.session.connection_id)
            if connection is None:
                continue
            if is_behind(connection):
                self._fall_behind(seat, now)
                continue
            connection.send_encoded(encoded)
            seat.sent = sequence
            if not message.room:
                self._receipts.on_handed(seat, message)
        if message.room:
            self._receipts.on_said(message, now)

    def _the_two(self, message: Message) -> Iterator[Seat]:
        for person_id in {message.recipient_id: None, message.sender_id: None}:
            if (seat := self._hall.find_person(person_id)) is not None:
                yield seat

    # -- catching up ---------------------------------------------------------------------------------------------------

    def _fall_behind(self, seat: Seat, now: int, wait: int = LOOK_INTERVAL) -> None:
        """Look at it again later."""
        seat.is_live = False
        self._behind[seat.connection_id] = seat
        if self._look_at is None or self._look_at > now + wait:
            self._look_at = now + wait

    def _go_on(self, seat: Seat, now: int) -> None:
        """Live, or the next page, or later."""
        if seat.sent >= self._newest:
            seat.is_live = True
            return
        connection = self._hall.desk.endpoint.find(seat.connection_id)
        if connection is not None and self._hall.is_behind(connection):
            self._fall_behind(seat, now)
        else:
            self._read(seat)

    def _read(self, seat: Seat) -> None:
        after, newest = seat.sent, self._newest

        def answer(page: Page | StorageError, now: int) -> None:
            if self._hall.find(seat.connection_id) is not seat:
                return  # gone, or another person by now
            if isinstance(page, StorageError):
                self._fall_behind(seat, now, READ_RETRY)
                return
            connection = self._hall.desk.endpoint.find(seat.connection_id)
            if connection is None:
                return
            if self._hand_over(seat, connection, page.messages):
                # Nothing up to the newest of then: what there was, storage has forgotten.
                nothing = not page.messages and page.upto <= after
                seat.sent = max(seat.sent, newest if nothing else page.upto)
            self._go_on(seat, now)

        self._hall.desk.ask(ReadMessages(0, seat.person.person_id, after, PAGE_SIZE), answer)

    def _hand_over(self, seat: Seat, connection: Connection, messages: Iterable[Message]) -> bool:
        """Send what was read; False when the connection did not take all."""
        for message in messages:
            if self._hall.is_behind(connection):
                return False
            seat.sent = message.sequence
            connection.send_encoded(encode_record(record_of(message)))
            self._receipts.on_handed(seat, message)
        return True

    # -- what clients tell ---------------------------------------------------------------------------------------------

    def on_seen(self, received: RecordReceived, seat: Seat, record: Seen, now: int) -> None:  # noqa: ARG002 - as all
        """A client has handed messages up to this one to its application.

        After a change of person this may be meant for what the former one was told, until the client says BEGIN_ANEW:
        it knows of the change then.
        """
        sequence = record.sequence
        if seat.connection_id in self._changed:
            if sequence == BEGIN_ANEW:
                self._changed.remove(seat.connection_id)
            else:
                self._count(seat, "seen-before-login")
        elif sequence > seat.sent:
            self._count(seat, "seen-unsent")
        elif sequence > seat.seen:
            seat.seen = sequence
            self._progress.note(seat, now)
            self._receipts.on_seen(seat)

    def _count(self, seat: Seat, reason: str) -> None:
        if (connection := self._hall.desk.endpoint.find(seat.connection_id)) is not None:
            connection.receiver.drops[reason] += 1

    def on_read(self, received: RecordReceived, seat: Seat, record: Read, now: int) -> None:  # noqa: ARG002 - as all
        """Somebody has read the private messages of a user."""
        sequence = min(record.sequence, self._newest)  # nobody has read what is not there yet

        def answer(sender: Person | None, _: int) -> None:
            if sender is not None:
                self._receipts.on_read(seat, sender.person_id, sequence)

        self._questions.ask(received, MarkRead(0, seat.person.person_id, normal(record.nick), sequence), answer)

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When `handle_timeout` has something to do."""
        parts = (self._rounds, self._receipts, self._progress)
        deadlines = (self._look_at, *(part.next_timeout() for part in parts))
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Hand over what waited, look at those who are behind, tell senders how far everybody is, save progress."""
        most = 0
        for message in self._rounds.take_due(now):
            most = max(most, self._people(message))
            self._hand(message, now)
        self._rounds.round_of(most, now)
        self._receipts.handle_timeout(now)
        self._progress.handle_timeout(now)
        if self._look_at is not None and now >= self._look_at:
            behind, self._behind, self._look_at = self._behind, {}, None
            for seat in behind.values():
                self._go_on(seat, now)
