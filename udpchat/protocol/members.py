"""Who is here: the sessions of a server, found by connection, by nickname and by key. Shared by all services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """A person who has joined.

    identity: Ed25519 public key of the client. client_id: of the started client. joined_at: wall clock [us].
    person_id: under which storage knows who this is. is_visitor: here for one command, unseen by the others.
    """

    connection_id: bytes
    identity: bytes
    client_id: bytes
    nick: str
    joined_at: int
    person_id: int = 0
    is_visitor: bool = False


def fold(nick: str) -> str:
    """What makes two nicknames the same."""
    return nick.casefold()


class Members:
    """The sessions of a server, in the order of joining. Visitors are found by their connection only."""

    def __init__(self) -> None:
        self._by_connection: dict[bytes, Session] = {}
        self._by_nick: dict[str, Session] = {}
        self._by_person: dict[int, Session] = {}
        self._visitors: dict[bytes, Session] = {}
        self._kept: set[bytes] = set()  # connections

    def __len__(self) -> int:
        return len(self._by_connection)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_connection.values())

    @property
    def visitors(self) -> list[Session]:
        """Who is here for one command."""
        return list(self._visitors.values())

    def find(self, connection_id: bytes) -> Session | None:
        """The session of a connection, when it has joined."""
        return self._by_connection.get(connection_id) or self._visitors.get(connection_id)

    def find_nick(self, nick: str) -> Session | None:
        """The session under a nickname."""
        return self._by_nick.get(fold(nick))

    def find_person(self, person_id: int) -> Session | None:
        """The session of a person."""
        return self._by_person.get(person_id)

    def add(self, session: Session) -> None:
        """Let a session in; its nickname and person must be free, unless it is a visitor."""
        if session.is_visitor:
            self._visitors[session.connection_id] = session
            return
        self._by_connection[session.connection_id] = session
        self._by_nick[fold(session.nick)] = session
        self._by_person[session.person_id] = session

    def keep(self, connection_id: bytes) -> None:
        """A visitor may stay for as long as its connection: for a service it is more than that."""
        self._kept.add(connection_id)

    def is_kept(self, connection_id: bytes) -> bool:
        """Whether a visitor may stay however long it asks for nothing."""
        return connection_id in self._kept

    def remove(self, connection_id: bytes) -> Session | None:
        """Take the session of a connection out."""
        self._kept.discard(connection_id)
        session = self._by_connection.pop(connection_id, None)
        if session is not None:
            del self._by_nick[fold(session.nick)]
            del self._by_person[session.person_id]
            return session
        return self._visitors.pop(connection_id, None)
