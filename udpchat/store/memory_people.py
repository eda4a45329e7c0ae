"""People, tickets and bans without a disk."""

from __future__ import annotations

from dataclasses import dataclass

from udpchat.chat.ports import (
    NOBODY,
    AccountSecret,
    AddAccount,
    AddBan,
    AddTicket,
    AdmitPerson,
    BanEntry,
    FindAccount,
    FindPerson,
    ListAccounts,
    ListBans,
    Person,
    RemoveBan,
    SaveProgress,
    SetPassword,
)
from udpchat.protocol.members import fold
from udpchat.store.chat_rules import (
    ChatLimits,
    banned,
    is_valid_ticket,
    name_taken,
    nick_registered,
    too_many_accounts,
    unknown_account,
)


@dataclass(slots=True)
class Someone:
    """A person. identity: of a guest, else empty. password_hash: of an account, else empty."""

    person_id: int
    nick: str
    identity: bytes = b""
    password_hash: str = ""
    is_account: bool = False
    is_admin: bool = False
    delivered: int = 0
    last_seen: int = 0

    @property
    def person(self) -> Person:
        """As others see it."""
        return Person(self.person_id, self.nick, self.is_account, self.is_admin, self.delivered, self.last_seen)


@dataclass(slots=True)
class Ticket:
    """What lets a key in as an account. used_at: wall clock [us]."""

    digest: bytes
    person_id: int
    used_at: int


class MemoryPeople:
    """Everybody the server remembers."""

    def __init__(self, limits: ChatLimits) -> None:
        self._limits = limits
        self.people: dict[int, Someone] = {}
        self._count = 0
        self._guests: dict[bytes, Someone] = {}
        self._accounts: dict[str, Someone] = {}
        self._tickets: dict[bytes, Ticket] = {}  # by key
        self._bans: list[AddBan] = []

    # -- coming in -----------------------------------------------------------------------------------------------------

    def admit(self, request: AdmitPerson) -> Someone:
        """Who comes in."""
        someone = self._account_of(request)
        known = someone or self._guests.get(request.identity)
        self._check_bans(request, NOBODY if known is None else known.person_id)
        if someone is None:
            if fold(request.nick) in self._accounts:
                raise nick_registered(request.nick)
            if not request.remembers:
                return known or Someone(NOBODY, request.nick)
            someone = known or self._add(Someone(self._next_id(), request.nick, request.identity))
            someone.nick = request.nick
        someone.last_seen = max(someone.last_seen, request.at)
        return someone

    def _account_of(self, request: AdmitPerson) -> Someone | None:
        someone = self.people.get(request.person_id)
        if someone is not None and someone.is_account:
            return someone
        account = self._accounts.get(fold(request.nick))
        ticket = self._tickets.get(request.identity)
        if account is None or ticket is None or not request.ticket:
            return None
        if (ticket.digest, ticket.person_id) != (request.ticket, account.person_id):
            return None
        if not is_valid_ticket(ticket.used_at, request.at):
            return None
        ticket.used_at = max(ticket.used_at, request.at)
        return account

    def _add(self, someone: Someone) -> Someone:
        self.people[someone.person_id] = someone
        if someone.identity:
            self._guests[someone.identity] = someone
        if someone.is_account:
            self._accounts[fold(someone.nick)] = someone
        return someone

    def _next_id(self) -> int:
        self._count += 1
        return self._count

    def save_progress(self, request: SaveProgress) -> None:
        """Perform SaveProgress."""
        for person_id, delivered, last_seen in request.people:
            if (someone := self.people.get(person_id)) is not None:
                someone.delivered = max(someone.delivered, delivered)
                someone.last_seen = max(someone.last_seen, last_seen)

    def forget_guests(self, before: int, authors: set[int]) -> None:
        """Guests who were not here since then and are no authors go."""
        gone = {
            someone.person_id
            for someone in self.people.values()
            if not someone.is_account and someone.last_seen < before and someone.person_id not in authors
        }
        for person_id in gone:
            self._guests.pop(self.people.pop(person_id).identity, None)

    # -- accounts ------------------------------------------------------------------------------------------------------

    def add_account(self, request: AddAccount, newest: int) -> Person:
        """Perform AddAccount. newest: sequence from which on an account that is new gets its messages."""
        if fold(request.nick) in self._accounts:
            raise name_taken(request.nick)
        if len(self._accounts) >= self._limits.accounts:
            raise too_many_accounts(self._limits.accounts)
        someone = self._guests.get(request.identity)
        if someone is not None and fold(someone.nick) == fold(request.nick):
            del self._guests[someone.identity]
        else:
            someone = Someone(self._next_id(), request.nick)
        someone.nick, someone.identity, someone.password_hash = request.nick, b"", request.password_hash
        someone.is_account, someone.is_admin = True, request.is_admin
        someone.delivered = someone.delivered or newest
        someone.last_seen = max(someone.last_seen, request.at)
        self._add(someone)
        self._give_ticket(request.identity, request.ticket, someone.person_id, request.at)
        return someone.person

    def find_account(self, request: FindAccount) -> AccountSecret | None:
        """Perform FindAccount."""
        someone = self._accounts.get(fold(request.nick))
        return None if someone is None else AccountSecret(someone.person, someone.password_hash)

    def find_person(self, request: FindPerson) -> Person | None:
        """Perform FindPerson."""
        someone = self._accounts.get(fold(request.nick))
        return None if someone is None else someone.person

    def guest_id(self, identity: bytes) -> int:
        """The guest of a key; NOBODY when there is none."""
        someone = self._guests.get(identity) if identity else None
        return NOBODY if someone is None else someone.person_id

    def list_accounts(self, _: ListAccounts) -> tuple[Person, ...]:
        """Perform ListAccounts."""
        return tuple(self._accounts[name].person for name in sorted(self._accounts))

    def add_ticket(self, request: AddTicket) -> None:
        """Perform AddTicket."""
        self._account(request.person_id)
        self._give_ticket(request.identity, request.ticket, request.person_id, request.at)

    def set_password(self, request: SetPassword) -> None:
        """Perform SetPassword."""
        self._account(request.person_id).password_hash = request.password_hash
        for identity in [key for key, ticket in self._tickets.items() if ticket.person_id == request.person_id]:
            del self._tickets[identity]
        self._give_ticket(request.identity, request.ticket, request.person_id, request.at)

    def _account(self, person_id: int) -> Someone:
        someone = self.people.get(person_id)
        if someone is None or not someone.is_account:
            raise unknown_account()
        return someone

    def _give_ticket(self, identity: bytes, digest: bytes, person_id: int, now: int) -> None:
        if digest:
            self._tickets[identity] = Ticket(digest, person_id, now)

    # -- bans ----------------------------------------------------------------------------------------------------------

    def add_ban(self, request: AddBan) -> BanEntry:
        """Perform AddBan."""
        whom = fold(request.target), request.identity, request.person_id, request.host
        self._bans = [ban for ban in self._bans if (fold(ban.target), ban.identity, ban.person_id, ban.host) != whom]
        self._bans.append(request)
        return _ban_entry(request)

    def remove_ban(self, request: RemoveBan) -> bool:
        """Perform RemoveBan."""
        kept = [ban for ban in self._bans if fold(ban.target) != fold(request.target)]
        was_there = len(kept) < len(self._bans)
        self._bans = kept
        return was_there

    def list_bans(self, _: ListBans) -> tuple[BanEntry, ...]:
        """Perform ListBans. Somebody who was banned twice, under another key, is named once."""
        newest = {fold(ban.target): ban for ban in self._bans}
        return tuple(_ban_entry(ban) for ban in self._bans if newest[fold(ban.target)] is ban)

    def _check_bans(self, request: AdmitPerson, person_id: int) -> None:
        for ban in self._bans:
            if (
                (ban.identity and ban.identity == request.identity)
                or (ban.host and ban.host == request.host)
                or (ban.person_id != NOBODY and ban.person_id == person_id)
            ):
                raise banned(_ban_entry(ban))


def _ban_entry(ban: AddBan) -> BanEntry:
    return BanEntry(ban.target, ban.by, ban.reason, ban.at)
