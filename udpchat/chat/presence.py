"""What people see of one another: who came and went, who is away, who is there."""

from __future__ import annotations

from collections.abc import Iterator

from udpchat.chat.events import UserChanged, UserInfo
from udpchat.chat.hall import Hall, Seat
from udpchat.chat.names import normal, not_there
from udpchat.chat.news import News
from udpchat.chat.ports import ListAccounts, Person
from udpchat.chat.text import remark_fault
from udpchat.config import MAX_AWAY
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.events import RecordReceived
from udpchat.wire.numbers import Change, Scope, UserFlag
from udpchat.wire.records import Away, Done, Finished, User, Users
from udpchat.wire.records import Presence as PresenceRecord

MAX_ASKED = 4  # requests for all accounts of one connection that wait for an answer


def person_flags(person: Person) -> UserFlag:
    """What is known of somebody, here or not."""
    flags = UserFlag(0)
    if person.is_account:
        flags |= UserFlag.ACCOUNT
    if person.is_admin:
        flags |= UserFlag.ADMIN
    return flags


class Presence:
    """Who is told what about whom. news: how they are told, see news.py."""

    def __init__(self, hall: Hall) -> None:
        self.news = News(hall)
        self._hall = hall
        self._askers: list[RecordReceived] = []  # for whom the accounts are being read, all at once
        self._dismissed: dict[bytes, tuple[Change, str]] = {}  # by connection that is being ended by an administrator

    def present(
        self, seat: Seat, change: Change, *, room: str = "", text: str = "", but: bytes = b"", address: str = ""
    ) -> None:
        """Tell everybody, or the room's members, and the application what happened to a user; call it afterwards.

        but: the connection that is not told, because it is the one that this is about.
        """
        if seat.is_visitor:
            return
        hall, flags = self._hall, self.flags_of(seat)
        count = hall.count_in_room(room) if room else hall.user_count
        record = PresenceRecord(change, count, flags, seat.nick, room, text)
        self.news.tell(record, room=room, but=but, is_first=change is Change.JOINED)
        hall.desk.tell(UserChanged(seat.nick, change, count, address, flags, room, text))

    def flags_of(self, seat: Seat) -> UserFlag:
        """What is known of a user who is here."""
        flags = seat.flags | person_flags(seat.person) | UserFlag.PRESENT
        return flags | UserFlag.AWAY if seat.away else flags & ~UserFlag.AWAY

    def here(self) -> list[UserInfo]:
        """Who is here, in the order of joining: for the server's own terminal."""
        return [
            UserInfo(seat.nick, seat.session.joined_at, seat.last_seen, self.flags_of(seat), seat.away)
            for seat in self._hall
        ]

    # -- leaving -------------------------------------------------------------------------------------------------------

    def dismiss(self, seat: Seat, change: Change, code: ErrorCode, reason: str, words: str) -> None:
        """End a connection, with words to its user. The others hear the reason, as `change`, when it is over."""
        connection = self._hall.desk.endpoint.find(seat.connection_id)
        if connection is not None and connection.is_alive:
            self._dismissed[seat.connection_id] = change, reason
            connection.close(code, words)

    def farewell(self, connection_id: bytes, code: int) -> tuple[Change, str]:
        """What the others are to be told of a connection that has ended with a code, and in which words.

        Being kicked is our word, never the client's: it could close with any code.
        """
        return self._dismissed.pop(connection_id, (Change.LEFT if code == ErrorCode.NO_ERROR else Change.LOST, ""))

    # -- requests ------------------------------------------------------------------------------------------------------

    def on_users(self, received: RecordReceived, seat: Seat, record: Users, now: int) -> None:  # noqa: ARG002 - as all
        """USERS: who is here; or all accounts, with when they were here last."""
        room = normal(record.room)
        if room and not self._hall.is_member(seat, room):
            self._hall.refuse(received, ErrorCode.NOT_IN_ROOM, not_there(room))
        elif record.scope == Scope.PRESENT or (record.scope == Scope.ACCOUNTS and room):
            self._answer(received, room, ())
        elif record.scope == Scope.ACCOUNTS:
            self._ask_for_accounts(received)
        else:
            self._hall.refuse(received, ErrorCode.PROTOCOL_VIOLATION, f"there is no scope {record.scope} of users")

    def _ask_for_accounts(self, received: RecordReceived) -> None:
        """Read them once for all who ask meanwhile: there may be many, and lines are stored after them."""
        if sum(asker.connection_id == received.connection_id for asker in self._askers) >= MAX_ASKED:
            text = f"{MAX_ASKED} of your requests for all accounts are being answered; wait for them"
            self._hall.refuse(received, ErrorCode.TOO_MANY_REQUESTS, text)
            return
        self._askers.append(received)
        if len(self._askers) == 1:
            self._hall.desk.ask(ListAccounts(0), lambda result, _: self._on_accounts(result))

    def _on_accounts(self, result: tuple[Person, ...] | StorageError) -> None:
        askers, self._askers = self._askers, []
        for received in askers:
            if isinstance(result, StorageError):
                self._hall.refuse(received, result.code, result.text)
            elif self._hall.find(received.connection_id) is not None:
                self._answer(received, "", result)

    def _answer(self, received: RecordReceived, room: str, accounts: tuple[Person, ...]) -> None:
        users = [*self._users(room), *self._absent(accounts)]
        self._hall.desk.send_list(received, (*users, Finished(len(users))))

    def _users(self, room: str) -> Iterator[User]:
        for seat in self._hall.in_room(room) if room else self._hall:
            yield User(seat.session.joined_at, seat.last_seen, self.flags_of(seat), seat.nick, seat.away)

    def _absent(self, accounts: tuple[Person, ...]) -> Iterator[User]:
        for person in accounts:
            if self._hall.find_person(person.person_id) is None:
                yield User(0, person.last_seen, person_flags(person), person.nick, "")

    def on_away(self, received: RecordReceived, seat: Seat, record: Away, now: int) -> None:  # noqa: ARG002 - as all
        """AWAY: somebody is away, and why; or back."""
        if seat.is_visitor:
            self._hall.refuse(received, ErrorCode.NOT_ALLOWED, "who is here for one command only cannot be away")
            return
        if (fault := remark_fault(record.text, MAX_AWAY, "an away message")) is not None:
            self._hall.refuse(received, ErrorCode.TEXT_NOT_ALLOWED, fault)
            return
        text = record.text if record.text.strip() else ""
        has_changed, seat.away = text != seat.away, text
        self._hall.send(seat, Done(), received.request_id)
        if has_changed:
            self.present(seat, Change.AWAY if text else Change.BACK, text=text, but=seat.connection_id)
