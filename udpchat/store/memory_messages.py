"""Messages without a disk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable
from itertools import islice

from udpchat.chat.ports import AddMessage, FindMessage, Message, Page, Query, Stored
from udpchat.chat.search import index_terms, matches, query_terms
from udpchat.protocol.members import fold
from udpchat.store.chat_rules import (
    BEFORE_ALL,
    MAX_PROGRESS,
    MAX_PRUNED,
    check_message,
    is_repeated,
    message_changed,
    searchable,
)


class MemoryMessages:
    """All messages, in order; who may see them is for others to say."""

    def __init__(self) -> None:
        self.newest = BEFORE_ALL
        self._messages: list[Message] = []
        self._by_id: dict[tuple[int, bytes], Message] = {}
        self._ids: dict[int, bytes] = {}  # by sequence
        self._read: dict[tuple[int, int], int] = {}  # by reader and sender: sequence

    def repeated(self, request: AddMessage, guest_id: int) -> Stored | None:
        """The message, when it is stored already; MESSAGE_CHANGED when that says something else."""
        check_message(request)
        stored = self.find_by_id(request, guest_id)
        if stored is not None and not is_repeated(stored.message, request):
            raise message_changed()
        return stored

    def find_by_id(self, request: AddMessage | FindMessage, guest_id: int) -> Stored | None:
        """The message that a sender, or the guest that they were, has said under an id."""
        people = request.sender_id, guest_id
        found = (self._by_id.get((person_id, request.message_id)) for person_id in people)
        old = next((message for message in found if message is not None), None)
        return None if old is None else Stored(old, is_new=False)

    def add(self, request: AddMessage, room: str) -> Stored:
        """Store a message. room: as it is written in the list of rooms."""
        self.newest += 1
        message = Message(
            sequence=self.newest,
            sent_at=request.sent_at,
            sender_id=request.sender_id,
            sender=request.sender,
            room=room,
            recipient_id=request.recipient_id,
            recipient=request.recipient,
            text=request.text,
            attachment=request.attachment,
        )
        self._messages.append(message)
        self._by_id[request.sender_id, request.message_id] = message
        self._ids[self.newest] = request.message_id
        return Stored(message, is_new=True)

    def read(self, after: int, limit: int, visible: Callable[[Message], bool]) -> Page:
        """The next messages that somebody may see."""
        start = bisect_right(self._messages, after, key=lambda message: message.sequence)
        found = tuple(islice(filter(visible, islice(self._messages, start, None)), max(limit, 0)))
        return Page(found, found[-1].sequence if found and len(found) == limit else max(after, self.newest))

    def find(self, query: Query, visible: Callable[[Message], bool]) -> tuple[Message, ...]:
        """Those that a query wants, of what somebody may see; oldest first. Its room and nick are for `visible`."""
        fits = _condition(query)
        limit = max(query.limit, 0)
        if query.after:
            return tuple(islice((each for each in self._messages if visible(each) and fits(each)), limit))
        found = islice((each for each in reversed(self._messages) if visible(each) and fits(each)), limit)
        return tuple(found)[::-1]

    def of_sender(self, person_id: int, since: int) -> Iterable[tuple[Message, int]]:
        """The newest private messages of somebody, newest first, with how far their recipient has read."""
        own = (
            (each, self._read.get((each.recipient_id, person_id), 0))
            for each in reversed(self._messages)
            if each.sender_id == person_id and not each.room and each.sent_at >= since
        )
        return islice(own, MAX_PROGRESS)

    def mark_read(self, person_id: int, nick: str, sequence: int) -> int | None:
        """Somebody has read the private messages of a user; the id of that user, or None."""
        for each in reversed(self._messages):
            if each.recipient_id == person_id and each.sequence <= sequence and fold(each.sender) == fold(nick):
                key = person_id, each.sender_id
                self._read[key] = max(self._read.get(key, 0), each.sequence)
                return each.sender_id
        return None

    def prune(self, before: int) -> int:
        """Forget messages sent before a time, the oldest ones, `MAX_PRUNED` at most; how many."""
        gone = list(islice((each for each in self._messages if each.sent_at < before), MAX_PRUNED))
        for each in gone:
            del self._by_id[each.sender_id, self._ids.pop(each.sequence)]
        sequences = {each.sequence for each in gone}
        self._messages = [each for each in self._messages if each.sequence not in sequences]
        return len(gone)

    def keep_people(self, known: Container[int]) -> None:
        """Forget what others have read and who has read theirs."""
        self._read = {key: value for key, value in self._read.items() if key[0] in known and key[1] in known}

    @property
    def people(self) -> set[int]:
        """Whose messages there are, or to whom."""
        return {each.sender_id for each in self._messages} | {each.recipient_id for each in self._messages}

    @property
    def rooms(self) -> set[str]:
        """In which rooms something was said; folded names."""
        return {fold(each.room) for each in self._messages}


def _condition(query: Query) -> Callable[[Message], bool]:
    terms = query_terms(query.words)

    def found_by(message: Message) -> list[str]:
        file = message.attachment
        return index_terms(searchable(message.text, None if file is None else file.file_name)).split(" ")

    def fits(message: Message) -> bool:
        return (
            (not query.sender or fold(message.sender) == fold(query.sender))
            and (not query.recipient or fold(message.recipient) == fold(query.recipient))
            and message.sent_at >= query.sent_from
            and (not query.sent_until or message.sent_at < query.sent_until)
            and message.sequence > query.after
            and (not query.before or message.sequence < query.before)
            and (not query.words or matches(terms, found_by(message)))
        )

    return fits
