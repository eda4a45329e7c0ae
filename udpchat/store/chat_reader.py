"""What is read of the messages, beside the writer: the work of the reading lane."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from udpchat.chat.ports import FindMessages, Message, Page, Query, ReadMessages
from udpchat.chat.search import Term, query_terms
from udpchat.protocol.members import fold
from udpchat.store.chat_messages import MESSAGE, as_message
from udpchat.store.chat_people import newest
from udpchat.store.chat_rooms import check_member
from udpchat.store.chat_schema import LOBBY_ID
from udpchat.store.chat_spans import sequences_of
from udpchat.store.chat_words import match_expression, person_scope, recipient_scope, room_scope, sender_scope
from udpchat.store.database import snapshot

MAX_SCANNED: Final = 8_192  # sequences that one page of ReadMessages goes over, so that it takes milliseconds
MAX_NUMBER: Final = 2**63 - 1  # that SQLite knows; of sequences and times
_AT_ONCE: Final = 500  # values in one statement


@dataclass(frozen=True, slots=True)
class _Where:
    """Conditions in SQL, on `messages AS m`, and their values."""

    sql: str
    values: tuple[object, ...] = ()

    def __and__(self, other: _Where) -> _Where:
        return _Where(f"{self.sql} AND {other.sql}", self.values + other.values)


Names: TypeAlias = tuple[int, ...] | None  # ids of nicknames, one of which it must be; None: any


@dataclass(frozen=True, slots=True)
class _Private:
    """Private messages that somebody sent, or got, from and to certain nicknames."""

    person_id: int
    is_sent: bool
    senders: Names
    recipients: Names

    def where(self) -> _Where:
        """What such a message must have."""
        return self._mine() & _named("m.sender_name", self.senders) & _named("m.recipient_name", self.recipients)

    def places(self) -> Iterator[_Where]:
        """The same in parts, each of which an index has in order: by the other one's nickname, else by their own."""
        own = ("m.sender_name", self.senders) if self.is_sent else ("m.recipient_name", self.recipients)
        other = ("m.recipient_name", self.recipients) if self.is_sent else ("m.sender_name", self.senders)
        (column, names), (rest, rest_names) = (other, own) if other[1] is not None else (own, other)
        private = _Where("m.room_id IS NULL") & self._mine()
        if names is None:
            yield private
        else:
            # +: the index is that of the other condition
            yield from (private & _is(column, name) & _named(f"+{rest}", rest_names) for name in names)

    def _mine(self) -> _Where:
        return _is("m.sender_id" if self.is_sent else "m.recipient_id", self.person_id)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A query, looked up: what messages of each kind must have.

    rooms: that may be looked into. common: of all messages. senders: of those in rooms. private: empty when private
    messages may not be looked at.
    """

    person_id: int
    rooms: tuple[int, ...]
    common: _Where
    senders: Names
    private: tuple[_Private, ...]


class ChatReader:
    """Reads messages through a connection of its own."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(self, request: ReadMessages) -> Page:
        """Perform ReadMessages. A page may be empty and yet not be the last: `upto` says."""
        with snapshot(self._connection):
            return self._read(request)

    def find(self, request: FindMessages) -> tuple[Message, ...]:
        """Perform FindMessages."""
        query = request.query
        terms = query_terms(query.words)
        if query.limit <= 0 or (query.words and not terms):
            if query.room:
                check_member(self._connection, request.person_id, query.room)
            return ()
        with snapshot(self._connection):
            wanted = self._wanted(request.person_id, query)
            sequences = self._by_words(wanted, query, terms) if terms else self._by_place(wanted, query)
            return self._messages(sequences)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # -- the next messages for somebody --------------------------------------------------------------------------------

    def _read(self, request: ReadMessages) -> Page:
        last = max(request.after, newest(self._connection))
        (first,) = self._connection.execute(
            "SELECT min(sequence) FROM messages WHERE sequence > ?", (request.after,)
        ).fetchone()
        if first is None:
            return Page((), last)
        upto = min(last, first + MAX_SCANNED - 1)
        rows = self._connection.execute(
            f"{MESSAGE} WHERE m.sequence BETWEEN ?1 AND ?2 AND (m.room_id = ?3"
            " OR (m.room_id IS NULL AND (m.sender_id = ?4 OR m.recipient_id = ?4))"
            " OR EXISTS (SELECT 1 FROM members WHERE members.person_id = ?4 AND members.room_id = m.room_id"
            " AND members.since < m.sequence)) ORDER BY m.sequence LIMIT ?5",
            (first, upto, LOBBY_ID, request.person_id, max(request.limit, 0)),
        )
        found = tuple(map(as_message, rows))
        return Page(found, found[-1].sequence if found and len(found) == request.limit else upto)

    # -- history -------------------------------------------------------------------------------------------------------

    def _wanted(self, person_id: int, query: Query) -> _Wanted:
        only_private = bool(query.nick or query.recipient)
        rooms: tuple[int, ...] = ()
        if query.room:
            room_id, _ = check_member(self._connection, person_id, query.room)
            rooms = () if only_private else (room_id,)
        elif not only_private:
            members = self._connection.execute("SELECT room_id FROM members WHERE person_id = ?", (person_id,))
            rooms = (LOBBY_ID, *(room_id for (room_id,) in members))
        return _Wanted(
            person_id=person_id,
            rooms=rooms,
            common=self._common(query),
            senders=self._names(query.sender),
            private=() if query.room else self._private(person_id, query),
        )

    def _common(self, query: Query) -> _Where:
        """Sequences and times. Times bound the sequences as well, so that a long history is not gone through."""
        first, last = min(query.after, MAX_NUMBER - 1) + 1, min(query.before or MAX_NUMBER, MAX_NUMBER) - 1
        sent_from, sent_until = min(query.sent_from, MAX_NUMBER), min(query.sent_until, MAX_NUMBER)
        where = _Where("m.sent_at >= ?", (sent_from,)) if sent_from else _Where("1")
        if sent_until:
            where &= _Where("m.sent_at < ?", (sent_until,))
        if sent_from or sent_until:
            span = sequences_of(self._connection, sent_from, sent_until)
            first, last = (max(first, span[0]), min(last, span[1])) if span is not None else (first, 0)
        return _Where("m.sequence BETWEEN ? AND ?", (first, last)) & where

    def _private(self, person_id: int, query: Query) -> tuple[_Private, _Private]:
        """Those that somebody sent, and those that they got."""
        senders, recipients, nick = self._names(query.sender), self._names(query.recipient), self._names(query.nick)
        return (
            _Private(person_id, is_sent=True, senders=senders, recipients=_both(recipients, nick)),
            _Private(person_id, is_sent=False, senders=_both(senders, nick), recipients=recipients),
        )

    def _names(self, nick: str) -> Names:
        """The ways in which a nickname was written."""
        if not nick:
            return None
        rows = self._connection.execute("SELECT name_id FROM names WHERE nick_key = ?", (fold(nick),))
        return tuple(name_id for (name_id,) in rows)

    def _by_place(self, wanted: _Wanted, query: Query) -> list[int]:
        """The sequences wanted: of each room and of the private messages the first ones, then the first of those."""
        order = "ASC" if query.after else "DESC"
        tail = _Where(f"ORDER BY m.sequence {order} LIMIT ?", (query.limit,))
        found = [self._sequences(place & wanted.common, tail) for place in self._places(wanted)]
        merged = heapq.merge(*found, reverse=not query.after)
        return list(islice(_without_repeats(merged), query.limit))

    def _places(self, wanted: _Wanted) -> Iterator[_Where]:
        for room_id in wanted.rooms:
            room = _is("m.room_id", room_id)
            if wanted.senders is None:
                yield room
            else:
                yield from (room & _is("m.sender_name", name) for name in wanted.senders)
        for private in wanted.private:
            yield from private.places()

    def _sequences(self, where: _Where, tail: _Where) -> list[int]:
        rows = self._connection.execute(
            f"SELECT m.sequence FROM messages AS m WHERE {where.sql} {tail.sql}", where.values + tail.values
        )
        return [sequence for (sequence,) in rows]

    def _by_words(self, wanted: _Wanted, query: Query, terms: tuple[Term, ...]) -> list[int]:
        scopes = self._scopes(wanted, query)
        if not all(scopes):
            return []
        common = _Where(wanted.common.sql.replace("m.sequence", "words.rowid"), wanted.common.values)
        where = _Where("words MATCH ?", (match_expression(terms, *scopes),)) & common
        if wanted.private and (query.nick or query.recipient):
            sent, got = (private.where() for private in wanted.private)
            where &= _Where(f"(({sent.sql}) OR ({got.sql}))", sent.values + got.values)
        order = "ASC" if query.after else "DESC"
        # CROSS JOIN: the index of words comes first, and is read in order until there are enough.
        rows = self._connection.execute(
            "SELECT words.rowid FROM words CROSS JOIN messages AS m ON m.sequence = words.rowid"
            f" WHERE {where.sql} ORDER BY words.rowid {order} LIMIT ?",
            (*where.values, query.limit),
        )
        return [sequence for (sequence,) in rows]

    def _scopes(self, wanted: _Wanted, query: Query) -> list[list[str]]:
        """Of each of these a message has one in the index of words. Who is who of the two is for SQL to see."""
        scopes = [[room_scope(room_id) for room_id in wanted.rooms]]
        if wanted.private:
            scopes[0].append(person_scope(wanted.person_id))
        if wanted.senders is not None:
            scopes.append([sender_scope(name) for name in wanted.senders])
        if (nicks := self._names(query.nick)) is not None:
            scopes.append([scope(name) for name in nicks for scope in (sender_scope, recipient_scope)])
        if (recipients := self._names(query.recipient)) is not None:
            scopes.append([recipient_scope(name) for name in recipients])
        return scopes

    def _messages(self, sequences: list[int]) -> tuple[Message, ...]:
        found: list[Message] = []
        for start in range(0, len(sequences), _AT_ONCE):
            some = sequences[start : start + _AT_ONCE]
            where = _one_of("m.sequence", some)
            found.extend(map(as_message, self._connection.execute(f"{MESSAGE} WHERE {where.sql}", where.values)))
        return tuple(sorted(found, key=lambda message: message.sequence))


def _is(column: str, value: int) -> _Where:
    return _Where(f"{column} = ?", (value,))


def _named(column: str, names: Names) -> _Where:
    return _Where("1") if names is None else _one_of(column, names)


def _both(names: Names, others: Names) -> Names:
    """What is in both of them."""
    if names is None or others is None:
        return others if names is None else names
    return tuple(name for name in names if name in others)


def _one_of(column: str, values: Iterable[int]) -> _Where:
    some = tuple(values)
    return _Where(f"{column} IN ({', '.join('?' * len(some))})", some)


def _without_repeats(ordered: Iterable[int]) -> Iterator[int]:
    """A message to oneself is in two places."""
    previous = None
    for each in ordered:
        if each != previous:
            yield each
        previous = each
