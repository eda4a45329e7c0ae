"""What was said: pages of stored messages, as far as the asker may see them."""

from __future__ import annotations

from collections.abc import Iterator

from udpchat.chat.hall import Hall, Seat
from udpchat.chat.messages import record_of
from udpchat.chat.names import normal
from udpchat.chat.ports import FindMessages, Message, Query
from udpchat.chat.questions import Questions
from udpchat.config import MAX_HISTORY, MAX_TEXT
from udpchat.errors import ErrorCode
from udpchat.protocol.events import RecordReceived
from udpchat.wire.records import Finished, History, Record

USUAL_LIMIT = 50  # messages, when the asker does not say


class HistoryDesk:
    """Answers HISTORY."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._questions = Questions(hall, hall.config.max_lists)

    def on_history(self, received: RecordReceived, seat: Seat, record: History, now: int) -> None:  # noqa: ARG002 - as all
        """HISTORY: answered by Line, Private and Shared records, oldest first, and Finished; or Refused."""
        if len(record.words.encode()) > MAX_TEXT:
            text = f"the words that are looked for have at most {MAX_TEXT} bytes"
            self._hall.refuse(received, ErrorCode.TEXT_NOT_ALLOWED, text)
            return

        def answer(messages: tuple[Message, ...], _: int) -> None:
            if self._hall.find(received.connection_id) is seat:
                self._hall.desk.send_list(received, _records(messages))
            else:  # what the person before may see is not for who this is now; nobody hears it when all are gone
                self._hall.refuse(received, ErrorCode.TRY_LATER, "you have logged in since you asked: ask again")

        self._questions.ask(received, FindMessages(0, seat.person.person_id, _query(record)), answer)


def _query(record: History) -> Query:
    return Query(
        room=normal(record.room),
        nick=normal(record.nick),
        sender=normal(record.sender),
        recipient=normal(record.recipient),
        words=record.words,
        sent_from=record.sent_from,
        sent_until=record.sent_until,
        before=record.before,
        after=record.after,
        limit=min(record.limit or USUAL_LIMIT, MAX_HISTORY),
    )


def _records(messages: tuple[Message, ...]) -> Iterator[Record]:
    """As they are sent; each is made when the channel has room for it."""
    for message in messages:
        yield record_of(message)
    yield Finished(len(messages))
