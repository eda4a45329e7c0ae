"""The index of words: what a message is entered under, and how it is asked.

Beside the terms of its text a message has terms of scope: `r3` its room, `p7 p8` the two people of a private one, `s5`
the nickname of its sender, `t6` that of its recipient. They let a search skip what somebody may not see, or does not
look for, without looking at the messages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from udpchat.chat.search import Term, index_terms


@dataclass(frozen=True, slots=True)
class Entry:
    """What is in the index of a message. text: what is searched for words.

    room_id: None when it is private. recipient_name: None when it is not.
    """

    sequence: int
    room_id: int | None
    sender_id: int
    recipient_id: int
    sender_name: int
    recipient_name: int | None
    text: str

    def values(self) -> tuple[int, str, str]:
        """As they are stored; the same when it is removed, for the index keeps no text."""
        scope = [sender_scope(self.sender_name)]
        if self.room_id is None:
            scope += person_scope(self.sender_id), person_scope(self.recipient_id)
        else:
            scope.append(room_scope(self.room_id))
        if self.recipient_name is not None:
            scope.append(recipient_scope(self.recipient_name))
        return self.sequence, index_terms(self.text), " ".join(scope)


def room_scope(room_id: int) -> str:
    """The term of a room."""
    return f"r{room_id}"


def person_scope(person_id: int) -> str:
    """The term of private messages from or to somebody."""
    return f"p{person_id}"


def sender_scope(name_id: int) -> str:
    """The term of a sender's nickname."""
    return f"s{name_id}"


def recipient_scope(name_id: int) -> str:
    """The term of a recipient's nickname."""
    return f"t{name_id}"


def add_words(connection: sqlite3.Connection, entry: Entry) -> None:
    """Enter a message."""
    connection.execute("INSERT INTO words (rowid, terms, scope) VALUES (?, ?, ?)", entry.values())


def remove_words(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Remove messages."""
    connection.executemany(
        "INSERT INTO words (words, rowid, terms, scope) VALUES ('delete', ?, ?, ?)",
        [entry.values() for entry in entries],
    )


def match_expression(terms: Sequence[Term], *scopes: Sequence[str]) -> str:
    """What FTS5 is asked: all of the terms, and one of each of the scopes. Neither may be empty."""
    wanted = [f"terms : {_phrase(term)}" for term in terms]
    allowed = [f"scope : ({' OR '.join(scope)})" for scope in scopes]
    return " AND ".join(f"({each})" for each in wanted + allowed)


def _phrase(term: Term) -> str:
    return f'"{" ".join(term.terms)}"' + (" *" if term.is_prefix else "")
