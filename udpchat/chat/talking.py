"""What people say: checked, slowed when it is too fast, stored, and only then acknowledged and delivered."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from udpchat.chat.addressing import Place, nobody_called
from udpchat.chat.delivery import Delivery
from udpchat.chat.hall import Hall, Seat
from udpchat.chat.messages import event_of
from udpchat.chat.names import normal, not_there
from udpchat.chat.ports import NOBODY, AddMessage, Attachment, FindMessage, FindPerson, Message, Person, Stored
from udpchat.chat.text import text_fault
from udpchat.chat.throttle import Throttle, Verdict
from udpchat.config import LOBBY
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import Session, fold
from udpchat.wire.numbers import SaidFlag
from udpchat.wire.records import Said, Say, Slowed, Tell

MAX_UNSTORED = 1_024  # lines of one person that storage has not answered

OTHER_TEXT = "NOT stored: this message has the id of an earlier one that said something else"

Then = Callable[[Stored | StorageError], None]  # what came of `share`


@dataclass(frozen=True, slots=True)
class _Line:
    """Something that somebody has said."""

    received: RecordReceived
    record: Say | Tell
    person_id: int


class Talking:
    """Takes lines. Those of one person are stored in the order in which they came, whatever each has to wait for."""

    def __init__(self, hall: Hall, delivery: Delivery) -> None:
        config = hall.config
        self._hall = hall
        self._delivery = delivery
        self._throttle: Throttle[_Line] = Throttle(config.message_rate, config.message_burst, config.max_waiting_lines)
        self._unstored: Counter[int] = Counter()  # by person: lines that storage works on
        self._looking: dict[int, deque[_Line]] = {}  # by person whose recipient is being looked up: what came after it

    # -- what clients say ----------------------------------------------------------------------------------------------

    def on_line(self, received: RecordReceived, seat: Seat, record: Say | Tell, now: int) -> None:
        """A line for a room or for one person; answered by Said or Refused."""
        if (fault := text_fault(record.text)) is not None:
            self._hall.refuse(received, ErrorCode.TEXT_NOT_ALLOWED, fault)
            return
        line = _Line(received, record, seat.person.person_id)
        match self._throttle.offer(line.person_id, line, now):
            case Verdict.TAKEN:
                self._take(line, now)
            case Verdict.SLOWED:
                self._hall.send(seat, Slowed(self._throttle.wait(line.person_id, now)))
            case Verdict.REFUSED:
                text = f"{self._hall.config.max_waiting_lines} of your lines wait already; say this one later"
                self._hall.refuse(received, ErrorCode.TOO_MANY_REQUESTS, text)

    def on_closed(self, connection_id: bytes) -> None:
        """A connection is over: its lines that wait were not acknowledged, and are said again by who comes back."""
        self._throttle.drop(lambda line: line.received.connection_id == connection_id)

    def is_busy(self, seat: Seat) -> bool:
        """Whether lines of a person wait: who they are must not change then, for it says who has said them."""
        return self._throttle.is_waiting(seat.person.person_id) or seat.person.person_id in self._looking

    def next_timeout(self) -> int | None:
        """When a line that waits is taken."""
        return self._throttle.next_timeout()

    def handle_timeout(self, now: int) -> None:
        """Take the lines whose time has come."""
        for line in self._throttle.take_due(now):
            self._take(line, now)

    # -- one after the other -------------------------------------------------------------------------------------------

    def _take(self, line: _Line, now: int) -> None:
        """Store a line, after those of the same person that came before it."""
        if self._unstored[line.person_id] + len(self._looking.get(line.person_id, ())) >= MAX_UNSTORED:
            text = f"NOT stored: {MAX_UNSTORED} of your lines wait for the server's disk already; say it again later"
            self._hall.refuse(line.received, ErrorCode.TOO_MANY_REQUESTS, text)
        elif line.person_id in self._looking:
            self._looking[line.person_id].append(line)
        else:
            self._post(line, now)

    def _post(self, line: _Line, now: int) -> None:
        """Find out whom a line is for, and store it."""
        seat = self._hall.find(line.received.connection_id)
        if seat is None:
            return  # it was never acknowledged, and its sender has gone
        if seat.person.person_id != line.person_id:
            self._refuse_other(line)
        elif isinstance(line.record, Tell):
            self._post_private(line, seat, line.record, now)
        elif self._hall.is_member(seat, room := normal(line.record.room) or LOBBY):
            self._store(line, seat, room, NOBODY, "", now)
        else:
            self._hall.refuse(line.received, ErrorCode.NOT_IN_ROOM, not_there(room))

    def _post_private(self, line: _Line, seat: Seat, tell: Tell, now: int) -> None:
        name = normal(tell.recipient)
        here = self._hall.find_nick(name)
        if fold(name) == fold(seat.nick) and seat.person.is_account:
            self._search(line, name, deque(), lambda: self._refuse_self(line))  # perhaps said to it by a guest
        elif fold(name) == fold(seat.nick):
            self._refuse_self(line)
        elif here is not None:
            self._store(line, seat, "", here.person.person_id, here.nick, now)
        else:
            self._looking[line.person_id] = deque()
            self._hall.desk.ask(FindPerson(0, name), lambda result, at: self._on_found(line, name, result, at))

    def _on_found(self, line: _Line, name: str, result: Person | StorageError | None, now: int) -> None:
        """Storage says who an absent recipient is; the lines that came meanwhile follow."""
        waiting = self._looking.pop(line.person_id)
        seat = self._hall.find(line.received.connection_id)
        if isinstance(result, StorageError):
            self._refuse_storage(line.received, result)
        elif seat is not None and seat.person.person_id != line.person_id:
            self._refuse_other(line)
        elif seat is not None and result is None:
            self._search(line, name, waiting, lambda: self._refuse_unknown(line, name))
            return
        elif seat is not None and result is not None and result.person_id == line.person_id:
            self._refuse_self(line)
        elif seat is not None and result is not None:
            self._store(line, seat, "", result.person_id, result.nick, now)
        self._go_on(line.person_id, waiting, now)

    def _search(self, line: _Line, name: str, waiting: deque[_Line], refuse: Callable[[], None]) -> None:
        """Nobody can be told this now. Perhaps somebody could: then it is stored, and is said again."""
        seat = self._hall.find(line.received.connection_id)
        key = b"" if seat is None else _former_key(seat)

        def answer(result: Stored | StorageError | None, now: int) -> None:
            self._looking.pop(line.person_id)
            if result is None:
                refuse()
            else:
                self._on_searched(line, name, result)
            self._go_on(line.person_id, waiting, now)

        self._looking[line.person_id] = waiting
        self._hall.desk.ask(FindMessage(0, line.record.message_id, line.person_id, key), answer)

    def _on_searched(self, line: _Line, name: str, result: Stored | StorageError) -> None:
        if isinstance(result, StorageError):
            self._refuse_storage(line.received, result)
        elif (fold(result.message.recipient), result.message.text) != (fold(name), line.record.text):
            self._hall.refuse(line.received, ErrorCode.MESSAGE_CHANGED, OTHER_TEXT)
        else:
            self._acknowledge(line, result.message)

    def _go_on(self, person_id: int, waiting: deque[_Line], now: int) -> None:
        """With the lines of a person that came while a recipient was looked up."""
        while waiting and person_id not in self._looking:
            self._post(waiting.popleft(), now)
        if waiting:
            self._looking[person_id] = waiting

    def _store(self, line: _Line, seat: Seat, room: str, recipient_id: int, recipient: str, now: int) -> None:
        self._unstored[line.person_id] += 1
        request = AddMessage(
            request_id=0,
            message_id=line.record.message_id,
            sender_id=line.person_id,
            sender=seat.nick,
            room=room,
            recipient_id=recipient_id,
            recipient=recipient,
            text=line.record.text,
            sent_at=self._hall.wall(now),
            identity=_former_key(seat),
        )
        self._hall.desk.ask(request, lambda result, at: self._on_stored(line, result, at))

    # -- answers -------------------------------------------------------------------------------------------------------

    def _on_stored(self, line: _Line, result: Stored | StorageError, now: int) -> None:
        self._unstored[line.person_id] -= 1
        if not self._unstored[line.person_id]:
            del self._unstored[line.person_id]
        if isinstance(result, StorageError):
            self._refuse_storage(line.received, result)
            return
        self._acknowledge(line, result.message)
        if result.is_new:
            self._publish(result.message, now)

    def _acknowledge(self, line: _Line, message: Message) -> None:
        waits = bool(message.recipient_id) and self._hall.find_person(message.recipient_id) is None
        flags = SaidFlag.WAITS if waits else SaidFlag(0)
        said = Said(line.record.message_id, message.sequence, message.sent_at, flags)
        self._hall.desk.send(line.received.connection_id, said, line.received.request_id)

    def _publish(self, message: Message, now: int) -> None:
        self._hall.desk.tell(event_of(message))
        self._delivery.deliver(message, now)

    def _refuse_storage(self, received: RecordReceived, error: StorageError) -> None:
        text = error.text if "NOT stored" in error.text else f"NOT stored: {error.text}"
        self._hall.refuse(received, error.code, text)

    def _refuse_other(self, line: _Line) -> None:
        """It would be said under another name than the one it was written under."""
        self._hall.refuse(line.received, ErrorCode.TRY_LATER, "NOT stored: you have logged in meanwhile; say it again")

    def _refuse_self(self, line: _Line) -> None:
        self._hall.refuse(line.received, ErrorCode.UNKNOWN_USER, "that is you; a private line is for somebody else")

    def _refuse_unknown(self, line: _Line, name: str) -> None:
        self._hall.refuse(line.received, ErrorCode.UNKNOWN_USER, nobody_called(self._hall, name))

    # -- files ---------------------------------------------------------------------------------------------------------

    def share(self, session: Session, file: Attachment, then: Then, *, sent_at: int, place: Place) -> None:
        """Make a stored file a message; the file's id is the message's, so that it is said once.

        The session may be over: the file is stored, and those it is for are to know. sent_at: wall clock [us].
        """
        self._write_down(session, place, file.file_id, then, sent_at=sent_at, file=file)

    def leave_word(self, session: Session, message_id: bytes, text: str, *, sent_at: int, place: Place) -> None:
        """Say for somebody what another is to find when they are back; the same id is said once."""
        # When it cannot be stored nobody waits for it: it was only news.
        self._write_down(session, place, message_id, lambda _result: None, sent_at=sent_at, text=text)

    def _write_down(
        self,
        session: Session,
        place: Place,
        message_id: bytes,
        then: Then,
        *,
        sent_at: int,
        text: str = "",
        file: Attachment | None = None,
    ) -> None:
        def answer(result: Stored | StorageError, now: int) -> None:
            self._throttle.charge(session.person_id, now)
            then(result)
            if not isinstance(result, StorageError) and result.is_new:
                self._publish(result.message, now)

        request = AddMessage(
            request_id=0,
            message_id=message_id,
            sender_id=session.person_id,
            sender=session.nick,
            room=place.room,
            recipient_id=place.person_id,
            recipient=place.nick,
            text=text,
            sent_at=sent_at,
            attachment=file,
            identity=session.identity,
        )
        self._hall.desk.ask(request, answer)


def _former_key(seat: Seat) -> bytes:
    """Of an account: a client says again what it said as the guest of this key, before it logged in."""
    return seat.session.identity if seat.person.is_account else b""
