"""Who is told that their messages have come: at once for private ones, every second for those of rooms."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from udpchat.chat.hall import Hall, Seat
from udpchat.chat.ports import Message, Progress
from udpchat.config import RECEIPT_INTERVAL
from udpchat.wire.numbers import ReceiptState
from udpchat.wire.records import Receipt

MAX_OUTSTANDING = 16_384  # messages of rooms that somebody has not confirmed; the oldest goes, a newer one covers it
MAX_PRIVATE = 1_024  # of one reader, private messages that are not confirmed; the same
EVERYTHING = 2**63  # above any sequence

Outstanding = deque[tuple[int, int]] | None  # private messages of one reader, not confirmed: sequence, sender id


class Receipts:
    """What has been handed to people and not been confirmed by them."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._said: deque[tuple[int, str, int]] = deque(maxlen=MAX_OUTSTANDING)  # sequence, room, sender id
        self._told: dict[bytes, deque[tuple[int, int]]] = {}  # by the reader's connection: `Outstanding`
        self._came_at: dict[bytes, int] = {}  # by connection: the newest message when it came
        self._look_at: int | None = None

    # -- who is here ---------------------------------------------------------------------------------------------------

    def begin(self, seat: Seat, newest: int, progress: Iterable[Progress]) -> None:
        """Somebody has come, and hears what became of the private messages that they sent earlier."""
        self._came_at[seat.connection_id] = newest
        for each in progress:
            for state, sequence in ((ReceiptState.DELIVERED, each.delivered), (ReceiptState.READ, each.read)):
                if sequence:
                    self._hall.send(seat, Receipt(state, sequence, "", each.nick))

    def end(self, seat: Seat) -> Outstanding:
        """Somebody has gone: nobody waits for their confirmation. What was waited for."""
        self._came_at.pop(seat.connection_id, None)
        return self._told.pop(seat.connection_id, None)

    def go_on(self, seat: Seat, outstanding: Outstanding) -> None:
        """It was the same person under another name: what was waited for is waited for again."""
        if outstanding is not None:
            self._told[seat.connection_id] = outstanding

    # -- messages ------------------------------------------------------------------------------------------------------

    def on_said(self, message: Message, now: int) -> None:
        """A message was said in a room."""
        self._said.append((message.sequence, message.room, message.sender_id))
        if self._look_at is None:
            self._look_at = now + RECEIPT_INTERVAL

    def on_handed(self, seat: Seat, message: Message) -> None:
        """A message was handed to a connection; private ones to its owner are waited for."""
        if not message.room and message.recipient_id == seat.person.person_id:
            told = self._told.setdefault(seat.connection_id, deque(maxlen=MAX_PRIVATE))
            told.append((message.sequence, message.sender_id))

    def on_seen(self, seat: Seat) -> None:
        """Somebody has confirmed messages: the senders of private ones hear it."""
        told = self._told.get(seat.connection_id)
        newest: dict[int, int] = {}  # by sender
        while told and told[0][0] <= seat.seen:
            sequence, sender_id = told.popleft()
            newest[sender_id] = sequence
        self._tell_senders(seat, newest, ReceiptState.DELIVERED)

    def on_known(self, seat: Seat, messages: Iterable[Message]) -> None:
        """It turned out that somebody who comes back has these messages."""
        newest = {
            message.sender_id: message.sequence
            for message in messages
            if not message.room and message.recipient_id == seat.person.person_id and message.sequence <= seat.seen
        }
        self._tell_senders(seat, newest, ReceiptState.DELIVERED)

    def on_read(self, seat: Seat, sender_id: int, sequence: int) -> None:
        """Somebody has read the private messages of a sender up to a sequence."""
        self._tell_senders(seat, {sender_id: sequence}, ReceiptState.READ)

    def _tell_senders(self, reader: Seat, newest: dict[int, int], state: ReceiptState) -> None:
        for sender_id, sequence in newest.items():
            if (sender := self._hall.find_person(sender_id)) is not None:
                self._hall.send(sender, Receipt(state, sequence, "", reader.nick))

    # -- rooms, in turns -----------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When to look at what everybody has confirmed."""
        return self._look_at

    def handle_timeout(self, now: int) -> None:
        """Tell senders in rooms how far everybody is, when it is time."""
        if self._look_at is not None and now >= self._look_at:
            self._look()
            self._look_at = now + RECEIPT_INTERVAL if self._said else None

    def _look(self) -> None:
        marks: dict[str, int] = {}  # by room: what everybody has
        newest: dict[tuple[str, int], int] = {}  # by room and sender
        left: deque[tuple[int, str, int]] = deque(maxlen=MAX_OUTSTANDING)
        for sequence, room, sender_id in self._said:
            if room not in marks:
                marks[room] = min(map(self._mark, self._hall.in_room(room)), default=EVERYTHING)
            if sequence <= marks[room]:
                newest[room, sender_id] = sequence
            else:
                left.append((sequence, room, sender_id))
        self._said = left
        for (room, sender_id), sequence in newest.items():
            if (sender := self._hall.find_person(sender_id)) is not None:
                self._hall.send(sender, Receipt(ReceiptState.DELIVERED, sequence, room, ""))

    def _mark(self, seat: Seat) -> int:
        """Up to which message nobody has to wait for a seat: it has them, or was not here when they were said."""
        if seat.is_live and seat.seen >= seat.sent:
            return EVERYTHING
        return max(seat.seen, self._came_at.get(seat.connection_id, 0))
