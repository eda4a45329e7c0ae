"""The room, as the server keeps it: who joins, what is said, who hears it."""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Callable

from udpchat.chat.events import LineSaid, NoticeGiven, PrivateSaid, UserChanged
from udpchat.chat.text import nick_fault, text_fault
from udpchat.config import JOIN_TIMEOUT, LOBBY, Config
from udpchat.crypto.identity import verify
from udpchat.errors import ErrorCode
from udpchat.protocol.datagrams import Address
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.handshake import FEATURES
from udpchat.protocol.members import Session
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import Change
from udpchat.wire.records import (
    Finished,
    Join,
    Line,
    Notice,
    Presence,
    Private,
    Said,
    Say,
    Tell,
    User,
    Users,
    Welcome,
)

LEAVING: dict[int, Change] = {  # what the others are told, by why the connection ended
    ErrorCode.NO_ERROR: Change.LEFT,
    ErrorCode.KICKED: Change.KICKED,
    ErrorCode.TAKEN_OVER: Change.LEFT,
}


TokenMaker = Callable[[Address, int], bytes]  # address, now -> an address token


class ChatServer:
    """Membership and one room. Lines are in memory: the database of a later version will hold them.

    wall_offset: wall clock minus `now` [us].
    """

    handles: frozenset[type] = frozenset({Join, Say, Tell, Users})

    def __init__(self, desk: Desk, config: Config, make_token: TokenMaker, wall_offset: int = 0) -> None:
        self._desk = desk
        self._members = desk.members
        self._config = config
        self._make_token = make_token
        self._wall_offset = wall_offset
        self._sequence = 0
        self._waiting: dict[bytes, tuple[int, bytes]] = {}  # by connection until it joins: opened at, handshake hash
        self._lines: deque[LineSaid] = deque(maxlen=config.max_lines)
        self._answered: dict[bytes, dict[bytes, Said]] = {}  # by key and client id, by message id

    @property
    def lines(self) -> tuple[LineSaid, ...]:
        """The newest lines of the room."""
        return tuple(self._lines)

    # -- verbs of the administrator ------------------------------------------------------------------------------------

    def announce(self, text: str, now: int) -> None:
        """Tell everybody something. ValueError when it is no line."""
        if (fault := text_fault(text)) is not None:
            raise ValueError(fault)
        notice = Notice(self._wall(now), text)
        self._desk.broadcast(notice)
        self._desk.tell(NoticeGiven(notice.sent_at, text))

    def kick(self, nick: str) -> bool:
        """End somebody's session; False when nobody has that nickname."""
        session = self._members.find_nick(nick)
        if session is None:
            return False
        self._close(session.connection_id, ErrorCode.KICKED, "the administrator ended your session")
        return True

    # -- what connections tell -----------------------------------------------------------------------------------------

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        """A connection came or went."""
        match event:
            case ConnectionOpened(connection_id, _, _, handshake_hash):
                self._cut_silent(now)
                self._waiting[connection_id] = (now, handshake_hash)
            case ConnectionClosed(connection_id, code, _, _):
                self._waiting.pop(connection_id, None)
                self._leave(connection_id, LEAVING.get(code, Change.LOST))

    def _cut_silent(self, now: int) -> None:
        """Close connections that had time enough to join; whoever comes next makes room."""
        late = [key for key, (opened, _) in self._waiting.items() if now >= opened + JOIN_TIMEOUT]
        for connection_id in late:
            del self._waiting[connection_id]
            self._close(connection_id, ErrorCode.NOT_JOINED, "you did not join in time")

    def on_record(self, received: RecordReceived, now: int) -> None:
        """A request; everything but JOIN needs a session."""
        record = received.record
        if isinstance(record, Join):
            self._on_join(received, record, now)
            return
        session = self._members.find(received.connection_id)
        if session is None:
            self._desk.refuse(received, ErrorCode.NOT_JOINED, "join first")
            return
        match record:
            case Say():
                self._on_say(received, session, record, now)
            case Tell():
                self._on_tell(received, session, record, now)
            case Users():
                self._on_users(received)

    # -- joining -------------------------------------------------------------------------------------------------------

    def _on_join(self, received: RecordReceived, join: Join, now: int) -> None:
        connection_id = received.connection_id
        _, handshake_hash = self._waiting.get(connection_id, (0, None))
        if handshake_hash is None:
            self._desk.refuse(received, ErrorCode.PROTOCOL_VIOLATION, "you have joined already")
            return
        if not verify(join.identity, join.signature, handshake_hash, join.client_id):
            self._desk.refuse(received, ErrorCode.BAD_SIGNATURE, "the signature in JOIN does not fit its key")
            return
        nick = unicodedata.normalize("NFC", join.nick)
        if (refusal := self._objection(join.identity, nick)) is not None:
            self._desk.refuse(received, *refusal)
            return
        del self._waiting[connection_id]
        if (former := self._members.find_identity(join.identity)) is not None:
            self._leave(former.connection_id, Change.LEFT)
            self._close(former.connection_id, ErrorCode.TAKEN_OVER, "your key has joined from elsewhere")
        session = Session(connection_id, join.identity, join.client_id, nick, self._wall(now))
        self._members.add(session)
        self._remember(session.identity + session.client_id)
        connection = self._desk.endpoint.find(connection_id)
        address = connection.address if connection is not None else ("", 0)
        welcome = Welcome(FEATURES, len(self._members), self._wall(now), self._make_token(address, now), nick, LOBBY)
        self._desk.send(connection_id, welcome, received.request_id)
        self._present(nick, Change.JOINED, but=connection_id, address=f"{address[0]} port {address[1]}")

    def _remember(self, client: bytes) -> None:
        """Keep what a client was answered, also when it comes back after its connection was lost."""
        self._answered[client] = self._answered.pop(client, {})
        if len(self._answered) > 2 * self._config.max_users:
            here = {session.identity + session.client_id for session in self._members}
            del self._answered[next(known for known in self._answered if known not in here)]

    def _objection(self, identity: bytes, nick: str) -> tuple[ErrorCode, str] | None:
        if (fault := nick_fault(nick)) is not None:
            return ErrorCode.NICK_NOT_ALLOWED, fault
        former = self._members.find_identity(identity)
        holder = self._members.find_nick(nick)
        if holder is not None and holder is not former:
            return ErrorCode.NICK_IN_USE, f"the nickname {nick} is in use: choose another"
        if former is None and len(self._members) >= self._config.max_users:
            return ErrorCode.SERVER_FULL, f"the server is full ({self._config.max_users} users): try again later"
        return None

    def _leave(self, connection_id: bytes, change: Change) -> None:
        session = self._members.remove(connection_id)
        if session is not None:
            self._present(session.nick, change)

    def _present(self, nick: str, change: Change, *, but: bytes = b"", address: str = "") -> None:
        count = len(self._members)
        self._desk.broadcast(Presence(change, count, nick), but=but)
        self._desk.tell(UserChanged(nick, change, count, address))

    def _close(self, connection_id: bytes, code: ErrorCode, reason: str) -> None:
        if (connection := self._desk.endpoint.find(connection_id)) is not None:
            connection.close(code, reason)

    # -- talking -------------------------------------------------------------------------------------------------------

    def _on_say(self, received: RecordReceived, session: Session, say: Say, now: int) -> None:
        if say.room and say.room != LOBBY:
            self._desk.refuse(received, ErrorCode.UNKNOWN_ROOM, f"there is no room {say.room}")
            return
        said = self._take(received, session, say.message_id, say.text, now)
        if said is not None:
            line = LineSaid(said.sequence, said.sent_at, LOBBY, session.nick, say.text)
            self._lines.append(line)
            self._desk.broadcast(Line(line.sequence, line.sent_at, line.room, line.sender, line.text))
            self._desk.tell(line)

    def _on_tell(self, received: RecordReceived, session: Session, tell: Tell, now: int) -> None:
        recipient = self._members.find_nick(tell.recipient)
        if recipient is None and tell.message_id not in self._answered[session.identity + session.client_id]:
            self._desk.refuse(received, ErrorCode.UNKNOWN_USER, f"nobody here is called {tell.recipient}")
            return
        said = self._take(received, session, tell.message_id, tell.text, now)
        if said is not None and recipient is not None:
            line = Private(said.sequence, said.sent_at, session.nick, recipient.nick, tell.text)
            self._desk.send(recipient.connection_id, line)
            if recipient is not session:
                self._desk.send(session.connection_id, line)
            self._desk.tell(PrivateSaid(said.sequence, said.sent_at, session.nick, recipient.nick, ""))

    def _take(self, received: RecordReceived, session: Session, message_id: bytes, text: str, now: int) -> Said | None:
        """Acknowledge a line; None when it was refused or is a repetition, which gets the first answer again."""
        answered = self._answered[session.identity + session.client_id]
        if (fault := text_fault(text)) is not None:
            self._desk.refuse(received, ErrorCode.TEXT_NOT_ALLOWED, fault)
            return None
        said = answered.get(message_id)
        if said is not None:
            self._desk.send(session.connection_id, said, received.request_id)
            return None
        self._sequence += 1
        said = answered[message_id] = Said(message_id, self._sequence, self._wall(now))
        if len(answered) > self._config.max_remembered_messages:
            del answered[next(iter(answered))]
        self._desk.send(session.connection_id, said, received.request_id)
        return said

    def _on_users(self, received: RecordReceived) -> None:
        users = [User(session.joined_at, session.nick) for session in self._members]
        self._desk.send_list(received, (*users, Finished(len(users))))

    def _wall(self, now: int) -> int:
        return now + self._wall_offset
