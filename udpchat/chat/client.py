"""Chat, as a client sees it: it joins, says lines, hears others, and comes back by itself when it is lost."""

from __future__ import annotations

from collections.abc import Callable

from udpchat.chat.asking import Asking
from udpchat.chat.events import (
    Answered,
    Connected,
    Disconnected,
    FileSaid,
    Joined,
    JoinRefused,
    LineSaid,
    NoticeGiven,
    PrivateSaid,
    ReceiptCame,
    Reconnecting,
    Refusal,
    Returned,
    SlowedDown,
    UserChanged,
    WaitingInQueue,
)
from udpchat.chat.membership import Membership
from udpchat.chat.messages import attachment_of
from udpchat.chat.outbox import Outbox
from udpchat.chat.returning import FINAL, PASSING, Returning
from udpchat.config import LOBBY, SEEN_DELAY
from udpchat.crypto.identity import Identity
from udpchat.errors import ErrorCode, UsageError
from udpchat.protocol.endpoint import ClientEndpoint
from udpchat.protocol.events import ConnectionClosed, ConnectionEvent, ConnectionOpened, RecordReceived
from udpchat.protocol.handshake import FEATURES
from udpchat.protocol.requests import OnFinished, OnRefused, Requests
from udpchat.protocol.service import Desk
from udpchat.wire.numbers import BEGIN_ANEW, Change, JoinFlag, ReceiptState, SaidFlag, UserFlag
from udpchat.wire.records import (
    Account,
    Ban,
    Done,
    Finished,
    Join,
    Line,
    Login,
    Notice,
    Presence,
    Private,
    Queued,
    Read,
    Receipt,
    Record,
    Refused,
    Register,
    Room,
    Said,
    Say,
    Seen,
    Shared,
    Slowed,
    Tell,
    Unsupported,
    User,
    Welcome,
)

CLIENT_ID_SIZE = 16
MESSAGE_ID_SIZE = 16
SERVER_CHANGED = "the server that answers now has another key: it is not the one you joined"


class ChatClient:
    """One person's chat. requests: shared by all services of the client, so that a refusal finds its asker.

    me: what is known of ourselves; its nick, flags, ticket and seen may be set before `join`. asking: further verbs.
    patience: how long it tries to come back [us]; 0: not at all, None: for ever.
    """

    handles: frozenset[type] = frozenset(
        {Welcome, Queued, Refused, Unsupported, Said, Line, Private, Shared, Receipt, Presence, Notice, Slowed}
        | {Finished, User, Room, Account, Ban, Done}
    )

    def __init__(
        self,
        desk: Desk,
        endpoint: ClientEndpoint,
        requests: Requests,
        identity: Identity,
        random_bytes: Callable[[int], bytes],
        agent: str,
        patience: int | None = 0,
    ) -> None:
        self.me = Membership(random_bytes(CLIENT_ID_SIZE))
        self.outbox = Outbox()
        self.returning = Returning(patience, random_bytes)
        self.asking = Asking(self._send, desk.tell)
        self._desk = desk
        self._endpoint = endpoint
        self.requests = requests
        self._identity = identity
        self._random_bytes = random_bytes
        self._agent = agent
        self._confirm_at: int | None = None  # when the server is to be told what we have seen
        self._is_over = False

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def join(self, nick: str) -> int:
        """Ask to be let in under a nickname; answered by Joined, JoinRefused or, while it waits, WaitingInQueue."""
        me = self.me
        me.nick = nick
        signature = self._identity.sign(me.handshake_hash, me.client_id)
        key, seen, ticket = self._identity.public, me.seen, me.ticket
        join = Join(key, signature, me.client_id, FEATURES, me.flags, seen, ticket, nick, self._agent)
        return self._send(join, self._on_join_refused)

    def say(self, text: str, room: str = LOBBY) -> int:
        """Say a line in a room; answered by Answered or Refusal, perhaps on a later connection."""
        return self._post(Say(self._random_bytes(MESSAGE_ID_SIZE), room, text))

    def tell(self, nick: str, text: str) -> int:
        """Say a line to one person; answered by Answered or Refusal, perhaps on a later connection."""
        return self._post(Tell(self._random_bytes(MESSAGE_ID_SIZE), nick, text))

    def mark_read(self, nick: str, sequence: int) -> None:
        """A person has read the private messages of a user up to a sequence."""
        self._desk.send(self.me.connection_id, Read(sequence, nick))

    def leave(self) -> None:
        """Say goodbye, and do not come back; answered by Disconnected."""
        connection = self._desk.endpoint.find(self.me.connection_id)
        if connection is not None and connection.is_alive:
            self._confirm()
            connection.close(ErrorCode.NO_ERROR, "goodbye")
        elif self.returning.is_trying:
            self._give_up(ErrorCode.NO_ERROR, "goodbye", remote=False)

    def _post(self, message: Say | Tell) -> int:
        """Send a message, or keep it until we are in again."""
        if not self.me.is_in and not self.returning.is_trying:
            raise UsageError("there is no connection")
        request_id = self.requests.start(self._on_message_refused)
        self.outbox.add(request_id, message)
        self._say_all()
        return request_id

    def _say_all(self) -> None:
        """Send what waits.

        Not while a login is under way: if the connection were lost then, nobody could know who had said it, and who
        has to say it again. What was sent before is answered before the login is.
        """
        if self.me.is_in and not self.me.logins:
            for request_id, message in self.outbox.to_send():
                self.outbox.sent(request_id)
                self._desk.send(self.me.connection_id, message, request_id)

    def _send(self, record: Record, on_refused: OnRefused | None = None, on_finished: OnFinished | None = None) -> int:
        connection = self._desk.endpoint.find(self.me.connection_id)
        is_too_early = self.returning.is_trying and not isinstance(record, Join | Login)  # we are not in again
        if connection is None or not connection.is_alive or is_too_early:
            raise UsageError("there is no connection")
        request_id = self.requests.start(on_refused or self.asking.on_refused, on_finished)
        if isinstance(record, Login | Register):
            self.me.logins.add(request_id)
        connection.send_record(record, request_id)
        return request_id

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> int | None:
        """When something is to be confirmed, or tried again."""
        confirm_at = None if self.me.logins else self._confirm_at
        deadlines = (confirm_at, self.returning.due, self.returning.ends)
        return min((at for at in deadlines if at is not None), default=None)

    def handle_timeout(self, now: int) -> None:
        """Confirm what we have seen; try to come back."""
        if self._confirm_at is not None and self._confirm_at <= now:
            self._confirm()
        if self.returning.ends is not None and self.returning.ends <= now:
            self._give_up(ErrorCode.IDLE_TIMEOUT, "the server did not come back", remote=False)
        elif self.returning.due is not None and self.returning.due <= now:
            self.returning.due = None
            self._endpoint.reconnect(now, self.me.token)
            self.me.token = b""  # of use once

    def _confirm(self) -> None:
        """Not while a login is under way: the server could not tell whether we mean what came before or after it."""
        if self._confirm_at is not None and not self.me.logins:
            self._confirm_at = None
            self._desk.send(self.me.connection_id, Seen(self.me.seen))

    # -- the connection ------------------------------------------------------------------------------------------------

    def on_event(self, event: ConnectionEvent, now: int) -> None:
        """The connection came or went."""
        match event:
            case ConnectionOpened(connection_id, _, server_key, handshake_hash):
                self._on_opened(connection_id, server_key, handshake_hash)
            case ConnectionClosed(_, code, reason, remote):
                self._on_closed(code, reason, now, remote=remote)

    def _on_opened(self, connection_id: bytes, server_key: bytes, handshake_hash: bytes) -> None:
        me = self.me
        me.connection_id, me.handshake_hash = connection_id, handshake_hash
        if not self.returning.is_trying:
            me.server_key = server_key
            self._desk.tell(Connected(server_key))
        elif me.server_key != server_key:
            self._give_up(ErrorCode.NO_ERROR, SERVER_CHANGED, remote=True)
        else:
            me.flags |= JoinFlag.WAIT
            self.join(me.nick)

    def _on_closed(self, code: int, reason: str, now: int, *, remote: bool) -> None:
        may_return = self.me.is_in or self.me.is_queued or self.returning.is_trying
        self._confirm_at = None
        self.me.lost()
        self.outbox.lost()
        self.asking.forget()
        self.requests.forget(keep=self.outbox)
        if not may_return or code in FINAL:
            self._give_up(code, reason, remote=remote)
        else:
            self._try_again(code, reason, now)

    def _try_again(self, code: int, reason: str, now: int) -> None:
        wait = self.returning.next_wait(now)
        if wait is None:
            self._give_up(code, reason, remote=True)
        else:
            self._desk.tell(Reconnecting(code, reason, self.returning.attempt, wait))

    def _give_up(self, code: int, reason: str, *, remote: bool) -> None:
        """It is over: nobody will answer what is in the outbox."""
        if self._is_over:
            return
        self._is_over = True
        self.returning.stop()
        if (connection := self._desk.endpoint.find(self.me.connection_id)) is not None and connection.is_alive:
            self.me.is_in = False
            connection.close(ErrorCode.NO_ERROR, "goodbye")
        self._desk.tell(Disconnected(code, reason, remote))

    def _on_welcome(self, request_id: int, welcome: Welcome, now: int) -> None:
        if not self.requests.finish(request_id):
            return
        me, is_back, away_for = self.me, self.me.was_in, self.returning.returned(now)
        me.came_in(welcome)
        if is_back:
            self._desk.tell(Returned(welcome.nick, welcome.user_count, away_for))
            if me.away:
                self.asking.set_away(me.away)
        else:
            server_time, sequence, flags = welcome.server_time, welcome.sequence, UserFlag(welcome.flags)
            count, token = welcome.user_count, welcome.token
            self._desk.tell(Joined(welcome.nick, welcome.room, count, server_time, token, sequence, flags))
        self._say_all()
        if me.on_in is not None:
            me.on_in(welcome.nick)

    def _on_join_refused(self, request_id: int, code: int, text: str) -> None:  # noqa: ARG002 - as all refusals
        if not self.returning.is_trying:
            self._desk.tell(JoinRefused(code, text))
        elif code in PASSING:
            connection = self._desk.endpoint.find(self.me.connection_id)
            if connection is not None:
                connection.close(ErrorCode.SERVER_FULL, text)  # tried again, as after a loss
        else:
            self._give_up(code, text, remote=True)

    # -- what the server says ------------------------------------------------------------------------------------------

    def on_record(self, received: RecordReceived, now: int) -> None:
        """Something the server says."""
        request_id = received.request_id
        match received.record:
            case Line() | Private() | Shared() as record:
                self._on_message(request_id, record, now)
            case Said(_, sequence, sent_at, flags):
                self.outbox.settle(request_id)
                if self.requests.finish(request_id):
                    self._desk.tell(Answered(request_id, sequence, sent_at, bool(flags & SaidFlag.WAITS)))
            case Welcome() as welcome:
                self._on_welcome(request_id, welcome, now)
            case Refused(code, text):
                self.requests.refuse(request_id, code, text)
                self._on_login_answered(request_id)
            case Unsupported(record_type):
                text = f"the server is too old for this (record type {record_type})"
                self.requests.refuse(request_id, ErrorCode.PROTOCOL_VIOLATION, text)
                self._on_login_answered(request_id)
            case Finished():
                self.requests.finish_list(request_id)
            case Done() if self.requests.finish_list(request_id):
                pass  # what another service asked
            case User() | Room() | Account() | Ban() | Done() as record:
                if isinstance(record, Account):
                    self._on_account(record)
                    self._on_login_answered(request_id)
                self.asking.on_record(request_id, record, self.requests.finish)
            case record:
                self._on_news(record)

    def _on_account(self, record: Account) -> None:
        if self.me.became(record):
            self._confirm_at = None

    def _on_login_answered(self, request_id: int) -> None:
        """The server counts what we confirm for who we are now from here on."""
        self.me.logins.discard(request_id)
        if self.me.is_other and not self.me.logins:
            self.me.is_other = False
            self._desk.send(self.me.connection_id, Seen(BEGIN_ANEW))
        self._say_all()

    def _on_message(self, request_id: int, record: Line | Private | Shared, now: int) -> None:
        event = message_event(record)
        if request_id:
            self.asking.add(request_id, event)
        elif record.sequence > self.me.seen:  # each is told once, whatever a server repeats
            self.me.seen = record.sequence
            if self.me.told.add(record.sequence):
                self._desk.tell(event)
            is_private = isinstance(record, Private) or (isinstance(record, Shared) and not record.room)
            due = now if is_private else now + SEEN_DELAY
            self._confirm_at = due if self._confirm_at is None else min(self._confirm_at, due)

    def _on_news(self, record: object) -> None:
        match record:
            case Presence(change, user_count, flags, nick, room, text):
                known = Change(change) if change in Change.__members__.values() else change
                self._desk.tell(UserChanged(nick, known, user_count, "", UserFlag(flags), room, text))
            case Notice(sent_at, text):
                self._desk.tell(NoticeGiven(sent_at, text))
            case Receipt(state, sequence, room, nick):
                if state in ReceiptState.__members__.values():
                    self._desk.tell(ReceiptCame(ReceiptState(state), sequence, room, nick))
            case Slowed(wait):
                self._desk.tell(SlowedDown(wait))
            case Queued(position, max_users):
                self.me.is_queued = True
                self._desk.tell(WaitingInQueue(position, max_users))

    def _on_message_refused(self, request_id: int, code: int, text: str) -> None:
        self.outbox.settle(request_id)
        self._desk.tell(Refusal(request_id, code, text))


def message_event(record: Line | Private | Shared) -> LineSaid | PrivateSaid | FileSaid:
    """A message as the application is told it."""
    match record:
        case Line(sequence, sent_at, room, sender, text):
            return LineSaid(sequence, sent_at, room, sender, text)
        case Private(sequence, sent_at, sender, recipient, text):
            return PrivateSaid(sequence, sent_at, sender, recipient, text)
        case Shared() as shared:
            file = attachment_of(shared)
            return FileSaid(shared.sequence, shared.sent_at, shared.room, shared.owner, file, shared.to)
