"""What administrators may do: end sessions, keep people out, tell everybody something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from udpchat.chat.arrivals import is_address, plain_host
from udpchat.chat.events import Administered, NoticeGiven
from udpchat.chat.hall import Hall, Seat
from udpchat.chat.names import nearest, normal
from udpchat.chat.ports import NOBODY, AddBan, BanEntry, FindPerson, ListBans, Person, RemoveBan
from udpchat.chat.presence import Presence
from udpchat.chat.text import remark_fault, text_fault
from udpchat.errors import ErrorCode, StorageError
from udpchat.protocol.events import RecordReceived
from udpchat.wire.numbers import AdminAction, Change
from udpchat.wire.records import Administer, Ban, Done, Finished, Notice

MAX_REMARK: Final = 200  # characters of a reason

ThenBan = Callable[[BanEntry | StorageError], None]
ThenBool = Callable[[bool | StorageError], None]
ThenBans = Callable[[tuple[BanEntry, ...] | StorageError], None]


@dataclass(frozen=True, slots=True)
class Target:
    """Who is to be kept out. name: nickname or address, as the list of bans shows it; host: empty for a nickname."""

    name: str
    identity: bytes = b""
    person_id: int = NOBODY
    host: str = ""

    def fits(self, seat: Seat) -> bool:
        """Whether somebody who is here is meant."""
        return (
            (self.person_id != NOBODY and seat.person.person_id == self.person_id)
            or (bool(self.identity) and seat.session.identity == self.identity)
            or (bool(self.host) and seat.host == self.host)
        )


class Administration:
    """The verbs of administrators, in the chat and at the server's terminal. by: nickname, empty for the terminal."""

    def __init__(self, hall: Hall, presence: Presence) -> None:
        self._hall = hall
        self._presence = presence

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def kick(self, nick: str, reason: str, by: str) -> bool:
        """End somebody's session, and their visits; they may come back. False when nobody has that nickname.

        ValueError: reason.
        """
        _check(reason)
        seats = self._hall.all_named(normal(nick))
        words = f"you were kicked: {reason}" if reason else "the administrator ended your session"
        for seat in seats:
            self._presence.dismiss(seat, Change.KICKED, ErrorCode.KICKED, reason, words)
        if seats:
            self._tell(by, AdminAction.KICK, seats[0].nick, reason)
        return bool(seats)

    def ban(self, target: str, reason: str, by: str, now: int, then: ThenBan) -> None:
        """Keep somebody out, and end their sessions. target: nickname of somebody here or of an account, or address.

        then: called with the ban when it is on the disk, or why it is not. ValueError: reason.
        """
        _check(reason)
        if is_address(target):
            host = plain_host(target)
            self._ban(Target(host, host=host), reason, by, now, then)
            return
        name = normal(target)
        if seats := self._hall.all_named(name):
            self._ban(_target_of(seats[0]), reason, by, now, then)  # all others under that nickname are this person
        else:
            self._hall.desk.ask(
                FindPerson(0, name), lambda found, at: self._on_found(name, found, reason, by, at, then)
            )

    def _on_found(
        self, target: str, found: Person | StorageError | None, reason: str, by: str, now: int, then: ThenBan
    ) -> None:
        if isinstance(found, StorageError):
            then(found)
        elif found is None:
            then(StorageError(self._nobody(target), ErrorCode.UNKNOWN_USER))
        else:
            self._ban(Target(found.nick, person_id=found.person_id), reason, by, now, then)

    def _ban(self, target: Target, reason: str, by: str, now: int, then: ThenBan) -> None:
        def answer(result: BanEntry | StorageError, _: int) -> None:
            if not isinstance(result, StorageError):
                self._put_out(target, reason)
                self._tell(by, AdminAction.BAN, target.name, reason)
            then(result)

        at = self._hall.wall(now)
        ban = AddBan(0, target.name, target.identity, target.person_id, target.host, by, reason, at)
        self._hall.desk.ask(ban, answer)

    def _put_out(self, target: Target, reason: str) -> None:
        words = f"you are banned from this server: {reason}" if reason else "you are banned from this server"
        for seat in self._hall.everybody():
            if target.fits(seat):
                self._presence.dismiss(seat, Change.BANNED, ErrorCode.BANNED, reason, words)

    def unban(self, target: str, by: str, then: ThenBool) -> None:
        """Let somebody in again; then is called with False when there was no such ban."""
        name = plain_host(normal(target))

        def answer(result: bool | StorageError, _: int) -> None:
            if result is True:
                self._tell(by, AdminAction.UNBAN, name, "")
            then(result)

        self._hall.desk.ask(RemoveBan(0, name), answer)

    def bans(self, then: ThenBans) -> None:
        """All bans, oldest first."""
        self._hall.desk.ask(ListBans(0), lambda result, _: then(result))

    def announce(self, text: str, now: int) -> None:
        """Tell everybody something. ValueError when it is no line."""
        if (fault := text_fault(text)) is not None:
            raise ValueError(fault)
        notice = Notice(self._hall.wall(now), text)
        self._hall.desk.broadcast(notice)
        self._hall.desk.tell(NoticeGiven(notice.sent_at, text))

    # -- requests ------------------------------------------------------------------------------------------------------

    def on_administer(self, received: RecordReceived, seat: Seat, record: Administer, now: int) -> None:
        """ADMINISTER: what an administrator asks for."""
        if not seat.is_admin:
            self._hall.refuse(received, ErrorCode.NOT_ALLOWED, "only administrators may do that")
            return
        try:
            self._perform(received, seat, record, now)
        except ValueError as fault:
            self._hall.refuse(received, ErrorCode.TEXT_NOT_ALLOWED, str(fault))

    def _perform(self, received: RecordReceived, seat: Seat, record: Administer, now: int) -> None:
        target, text = record.target, record.text
        match record.action:
            case AdminAction.KICK:
                if self.kick(target, text, seat.nick):
                    self._done(received)
                else:
                    self._hall.refuse(received, ErrorCode.UNKNOWN_USER, self._nobody(target))
            case AdminAction.BAN:
                if self._is_oneself(seat, target):
                    self._hall.refuse(received, ErrorCode.NOT_ALLOWED, "that would keep yourself out")
                else:
                    self.ban(target, text, seat.nick, now, lambda result: self._on_done(received, result))
            case AdminAction.UNBAN:
                self.unban(target, seat.nick, lambda result: self._on_unbanned(received, target, result))
            case AdminAction.LIST_BANS:
                self.bans(lambda result: self._on_bans(received, result))
            case AdminAction.ANNOUNCE:
                self.announce(text, now)
                self._tell(seat.nick, AdminAction.ANNOUNCE, "", text)
                self._done(received)
            case action:
                text = f"this server knows no action {action} of administrators"
                self._hall.refuse(received, ErrorCode.PROTOCOL_VIOLATION, text)

    def _is_oneself(self, seat: Seat, target: str) -> bool:
        if is_address(target):
            return plain_host(target) == seat.host
        holders = self._hall.all_named(normal(target))
        return any(holder.person.person_id == seat.person.person_id for holder in holders)

    def _on_unbanned(self, received: RecordReceived, target: str, result: bool | StorageError) -> None:
        if result is False:
            text = f"nobody is banned as {target}; /bans lists them"
            self._hall.refuse(received, ErrorCode.UNKNOWN_USER, text)
        else:
            self._on_done(received, result)

    def _on_bans(self, received: RecordReceived, result: tuple[BanEntry, ...] | StorageError) -> None:
        if isinstance(result, StorageError):
            self._hall.refuse(received, result.code, result.text)
        else:
            bans = [Ban(entry.banned_at, entry.target, entry.by, entry.reason) for entry in result]
            self._hall.desk.send_list(received, (*bans, Finished(len(bans))))

    def _on_done(self, received: RecordReceived, result: object) -> None:
        if isinstance(result, StorageError):
            self._hall.refuse(received, result.code, result.text)
        else:
            self._done(received)

    def _done(self, received: RecordReceived) -> None:
        self._hall.desk.send(received.connection_id, Done(), received.request_id)

    def _nobody(self, target: str) -> str:
        like = nearest(target, (seat.nick for seat in self._hall))
        return f"nobody here is called {target}" + (f"; did you mean {like}?" if like else "")

    def _tell(self, by: str, action: AdminAction, target: str, text: str) -> None:
        self._hall.desk.tell(Administered(by, action, target, text))


def _check(reason: str) -> None:
    if (fault := remark_fault(reason, MAX_REMARK, "a reason")) is not None:
        raise ValueError(fault)


def _target_of(seat: Seat) -> Target:
    """Somebody who is here: by key, and by account when they have one."""
    person_id = seat.person.person_id if seat.person.is_account else NOBODY
    return Target(seat.nick, seat.session.identity, person_id)
