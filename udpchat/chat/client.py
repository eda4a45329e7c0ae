"""Chat, as a client sees it: verbs that return a request id, events that answer them."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.chat.events import (
    Answered,
    Connected,
    Disconnected,
    Joined,
    JoinRefused,
    LineSaid,
    NoticeGiven,
    PrivateSaid,
    Refusal,
    UserChanged,
    UserList,
)
from udpchat.config import LOBBY
from udpchat.crypto.identity import Identity
from udpchat.errors import ErrorCode, UsageError
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.handshake import FEATURES
from udpchat.protocol.requests import Requests
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import Change
from udpchat.wire.records import (
    Finished,
    Join,
    Line,
    Notice,
    Presence,
    Private,
    Record,
    Refused,
    Said,
    Say,
    Tell,
    Unsupported,
    User,
    Users,
    Welcome,
)

MESSAGE_ID_SIZE = 16
MAX_LIST = 65_536  # users in an answer that is still incomplete
NO_LINK = b""


class ChatClient:
    """One person's chat. requests: shared by all services of the client, so that a refusal finds its asker."""

    handles: frozenset[type] = frozenset(
        {Welcome, Refused, Unsupported, Said, Line, Private, Presence, User, Finished, Notice}
    )

    def __init__(
        self, desk: Desk, requests: Requests, identity: Identity, random_bytes: Callable[[int], bytes], agent: str
    ) -> None:
        self.connection_id = NO_LINK
        self._desk = desk
        self.requests = requests
        self._identity = identity
        self._random_bytes = random_bytes
        self._agent = agent
        self._client_id = random_bytes(16)
        self._handshake_hash = b""
        self._users: dict[int, list[tuple[str, int]]] = {}  # answers to USERS that are coming in, by request id

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def join(self, nick: str) -> int:
        """Ask to be let in under a nickname; answered by Joined or JoinRefused."""
        signature = self._identity.sign(self._handshake_hash, self._client_id)
        join = Join(self._identity.public, signature, self._client_id, FEATURES, nick, self._agent)
        return self._send(join, self._on_join_refused)

    def say(self, text: str) -> int:
        """Say a line in the room; answered by Answered or Refusal."""
        return self._send(Say(self._random_bytes(MESSAGE_ID_SIZE), LOBBY, text))

    def tell(self, nick: str, text: str) -> int:
        """Say a line to one person; answered by Answered or Refusal."""
        return self._send(Tell(self._random_bytes(MESSAGE_ID_SIZE), nick, text))

    def list_users(self) -> int:
        """Ask who is here; answered by UserList."""
        request_id = self._send(Users(), on_finished=self._on_users_finished)
        self._users[request_id] = []
        return request_id

    def leave(self) -> None:
        """Say goodbye; answered by Disconnected."""
        if (connection := self._desk.endpoint.find(self.connection_id)) is not None:
            connection.close(ErrorCode.NO_ERROR, "goodbye")

    def _send(
        self,
        record: Record,
        on_refused: Callable[[int, int, str], None] | None = None,
        on_finished: Callable[[int], None] | None = None,
    ) -> int:
        connection = self._desk.endpoint.find(self.connection_id)
        if connection is None or not connection.is_alive:
            raise UsageError("there is no connection")
        request_id = self.requests.start(on_refused or self._on_refused, on_finished)
        connection.send_record(record, request_id)
        return request_id

    # -- what the connection tells -------------------------------------------------------------------------------------

    def on_event(self, event: ConnectionEvent, now: int) -> None:  # noqa: ARG002 - the Service protocol
        """The connection came or went."""
        match event:
            case ConnectionOpened(connection_id, _, peer_key, handshake_hash):
                self.connection_id = connection_id
                self._handshake_hash = handshake_hash
                self._desk.tell(Connected(peer_key))
            case ConnectionClosed(_, code, reason, remote):
                self._desk.tell(Disconnected(code, reason, remote))

    def on_record(self, received: RecordReceived, now: int) -> None:  # noqa: ARG002 - the Service protocol
        """Something the server says."""
        request_id = received.request_id
        match received.record:
            case Welcome() as welcome:
                self.requests.finish(request_id)
                joined = Joined(welcome.nick, welcome.room, welcome.user_count, welcome.server_time, welcome.token)
                self._desk.tell(joined)
            case Refused(code, text):
                self.requests.refuse(request_id, code, text)
            case Unsupported(record_type):
                text = f"the server is too old for this (record type {record_type})"
                self.requests.refuse(request_id, ErrorCode.PROTOCOL_VIOLATION, text)
            case Said(_, sequence, sent_at):
                if self.requests.finish(request_id):
                    self._desk.tell(Answered(request_id, sequence, sent_at))
            case Finished():
                self.requests.finish_list(request_id)
            case User(joined_at, nick):
                users = self._users.get(request_id)
                if users is not None and len(users) < MAX_LIST:
                    users.append((nick, joined_at))
            case record:
                self._on_news(record)

    def _on_news(self, record: object) -> None:
        match record:
            case Line(sequence, sent_at, room, sender, text):
                self._desk.tell(LineSaid(sequence, sent_at, room, sender, text))
            case Private(sequence, sent_at, sender, recipient, text):
                self._desk.tell(PrivateSaid(sequence, sent_at, sender, recipient, text))
            case Presence(change, user_count, nick):
                known = Change(change) if change in Change.__members__.values() else Change.LOST
                self._desk.tell(UserChanged(nick, known, user_count))
            case Notice(sent_at, text):
                self._desk.tell(NoticeGiven(sent_at, text))

    def _on_users_finished(self, request_id: int) -> None:
        self._desk.tell(UserList(request_id, tuple(self._users.pop(request_id, ()))))

    def _on_refused(self, request_id: int, code: int, text: str) -> None:
        self._users.pop(request_id, None)
        self._desk.tell(Refusal(request_id, code, text))

    def _on_join_refused(self, request_id: int, code: int, text: str) -> None:  # noqa: ARG002 - as _on_refused
        self._desk.tell(JoinRefused(code, text))
