"""Who is here: the sessions of a server, found by connection, by nickname and by key. Shared by all services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """A person who has joined.

    identity: Ed25519 public key, who this is. client_id: of the started client. joined_at: wall clock [us].
    """

    connection_id: bytes
    identity: bytes
    client_id: bytes
    nick: str
    joined_at: int


def fold(nick: str) -> str:
    """What makes two nicknames the same."""
    return nick.casefold()


class Members:
    """The sessions of a server, in the order of joining."""

    def __init__(self) -> None:
        self._by_connection: dict[bytes, Session] = {}
        self._by_nick: dict[str, Session] = {}
        self._by_identity: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._by_connection)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_connection.values())

    def find(self, connection_id: bytes) -> Session | None:
        """The session of a connection, when it has joined."""
        return self._by_connection.get(connection_id)

    def find_nick(self, nick: str) -> Session | None:
        """The session under a nickname."""
        return self._by_nick.get(fold(nick))

    def find_identity(self, identity: bytes) -> Session | None:
        """The session of a key."""
        return self._by_identity.get(identity)

    def add(self, session: Session) -> None:
        """Let a session in; its nickname and key must be free."""
        self._by_connection[session.connection_id] = session
        self._by_nick[fold(session.nick)] = session
        self._by_identity[session.identity] = session

    def remove(self, connection_id: bytes) -> Session | None:
        """Take the session of a connection out."""
        session = self._by_connection.pop(connection_id, None)
        if session is not None:
            del self._by_nick[fold(session.nick)]
            del self._by_identity[session.identity]
        return session
