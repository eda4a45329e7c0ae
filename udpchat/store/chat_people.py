"""People, accounts, tickets and bans in the database of chat: the work of the messages' lane."""

from __future__ import annotations

import sqlite3
from typing import Final

from udpchat.chat.ports import (
    NOBODY,
    AccountSecret,
    AddAccount,
    AddBan,
    AddTicket,
    Admission,
    AdmitPerson,
    BanEntry,
    FindAccount,
    FindPerson,
    ListAccounts,
    ListBans,
    Person,
    Progress,
    RemoveBan,
    SaveProgress,
    SetPassword,
)
from udpchat.config import TICKET_LIFETIME
from udpchat.protocol.members import fold
from udpchat.store.chat_rules import (
    MAX_PROGRESS,
    PROGRESS_AGE,
    ChatLimits,
    banned,
    is_valid_ticket,
    name_taken,
    nick_registered,
    progress_of,
    too_many_accounts,
    unknown_account,
)
from udpchat.store.chat_schema import LOBBY_ID
from udpchat.store.chat_spans import sequences_of

_PERSON: Final = "SELECT person_id, nick, name_key IS NOT NULL, is_admin, delivered, last_seen FROM people"
_BAN: Final = "SELECT target, banned_by, reason, banned_at FROM bans"


class ChatPeople:
    """Everybody the server remembers. Every method is one request; to be called in a transaction."""

    __slots__ = ("_connection", "_limits")

    def __init__(self, connection: sqlite3.Connection, limits: ChatLimits | None = None) -> None:
        self._connection = connection
        self._limits = limits or ChatLimits()

    # -- coming in -----------------------------------------------------------------------------------------------------

    def admit(self, request: AdmitPerson) -> Admission:
        """Perform AdmitPerson."""
        account = self._account_of(request)
        known = account or self._person("identity = ?", request.identity)
        self._check_bans(request, NOBODY if known is None else known.person_id)
        if account is not None:
            self._touch_ticket(request, account.person_id)
        elif self._person("name_key = ?", fold(request.nick)) is not None:
            raise nick_registered(request.nick)
        elif not request.remembers:
            return self._admission(known or Person(NOBODY, request.nick, is_account=False), request.at)
        person = known or self._by_id(
            self._insert(
                "INSERT INTO people (identity, nick, last_seen) VALUES (?, ?, ?)",
                (request.identity, request.nick, request.at),
            )
        )
        self._connection.execute(
            "UPDATE people SET nick = ?, last_seen = max(last_seen, ?) WHERE person_id = ?",
            (person.nick if person.is_account else request.nick, request.at, person.person_id),
        )
        return self._admission(self._by_id(person.person_id), request.at)

    def _admission(self, person: Person, at: int) -> Admission:
        progress = self._progress(person.person_id, at - PROGRESS_AGE)
        return Admission(person, self._rooms(person.person_id), newest(self._connection), progress)

    def _account_of(self, request: AdmitPerson) -> Person | None:
        person = self._person("person_id = ?", request.person_id)
        if person is not None and person.is_account:
            return person
        account = self._person("name_key = ?", fold(request.nick))
        if account is None or not request.ticket:
            return None
        row = self._connection.execute(
            "SELECT used_at FROM tickets WHERE identity = ? AND digest = ? AND person_id = ?",
            (request.identity, request.ticket, account.person_id),
        ).fetchone()
        return account if row is not None and is_valid_ticket(row[0], request.at) else None

    def _touch_ticket(self, request: AdmitPerson, person_id: int) -> None:
        self._connection.execute(
            "UPDATE tickets SET used_at = max(used_at, ?) WHERE identity = ? AND digest = ? AND person_id = ?",
            (request.at, request.identity, request.ticket, person_id),
        )

    def _rooms(self, person_id: int) -> tuple[str, ...]:
        rows = self._connection.execute(
            "SELECT room FROM members JOIN rooms USING (room_id) WHERE person_id = ? AND room_id <> ?"
            " ORDER BY room_key",
            (person_id, LOBBY_ID),
        )
        return tuple(room for (room,) in rows)

    def _progress(self, person_id: int, since: int) -> tuple[Progress, ...]:
        sequences = sequences_of(self._connection, since)
        if sequences is None:
            return ()
        rows = self._connection.execute(
            "SELECT m.sequence, m.recipient_id, names.nick, ifnull(people.delivered, 0), ifnull(reads.sequence, 0)"
            " FROM messages AS m JOIN names ON names.name_id = m.recipient_name"
            " LEFT JOIN people ON people.person_id = m.recipient_id"
            " LEFT JOIN reads ON reads.reader_id = m.recipient_id AND reads.sender_id = m.sender_id"
            " WHERE m.sender_id = ? AND m.room_id IS NULL AND m.sequence >= ? AND m.sent_at >= ?"
            " ORDER BY m.sequence DESC LIMIT ?",
            (person_id, sequences[0], since, MAX_PROGRESS),
        )
        return progress_of(rows)

    def save_progress(self, request: SaveProgress) -> None:
        """Perform SaveProgress."""
        self._connection.executemany(
            "UPDATE people SET delivered = max(delivered, ?), last_seen = max(last_seen, ?) WHERE person_id = ?",
            [(delivered, last_seen, person_id) for person_id, delivered, last_seen in request.people],
        )

    # -- accounts ------------------------------------------------------------------------------------------------------

    def add_account(self, request: AddAccount) -> Person:
        """Perform AddAccount. One that is new gets the messages from now on."""
        key = fold(request.nick)
        if self._person("name_key = ?", key) is not None:
            raise name_taken(request.nick)
        (count,) = self._connection.execute("SELECT count(*) FROM people WHERE name_key IS NOT NULL").fetchone()
        if count >= self._limits.accounts:
            raise too_many_accounts(self._limits.accounts)
        guest = self._person("identity = ?", request.identity)
        if guest is not None and fold(guest.nick) == key:
            person_id = guest.person_id
        else:
            person_id = self._insert("INSERT INTO people (nick, last_seen) VALUES (?, ?)", (request.nick, request.at))
        self._connection.execute(
            "UPDATE people SET identity = NULL, name_key = ?, nick = ?, password_hash = ?, is_admin = ?,"
            " delivered = CASE delivered WHEN 0 THEN ? ELSE delivered END, last_seen = max(last_seen, ?)"
            " WHERE person_id = ?",
            (
                key,
                request.nick,
                request.password_hash,
                request.is_admin,
                newest(self._connection),
                request.at,
                person_id,
            ),
        )
        self._give_ticket(request, person_id)
        return self._by_id(person_id)

    def find_account(self, request: FindAccount) -> AccountSecret | None:
        """Perform FindAccount."""
        person = self._person("name_key = ?", fold(request.nick))
        if person is None:
            return None
        (password_hash,) = self._connection.execute(
            "SELECT password_hash FROM people WHERE person_id = ?", (person.person_id,)
        ).fetchone()
        return AccountSecret(person, password_hash)

    def find_person(self, request: FindPerson) -> Person | None:
        """Perform FindPerson."""
        return self._person("name_key = ?", fold(request.nick))

    def list_accounts(self, _: ListAccounts) -> tuple[Person, ...]:
        """Perform ListAccounts."""
        rows = self._connection.execute(f"{_PERSON} WHERE name_key IS NOT NULL ORDER BY name_key")
        return tuple(map(_as_person, rows))

    def add_ticket(self, request: AddTicket) -> None:
        """Perform AddTicket. Tickets of the account that have expired go."""
        self._check_account(request.person_id)
        self._connection.execute(
            "DELETE FROM tickets WHERE person_id = ? AND used_at < ?",
            (request.person_id, request.at - TICKET_LIFETIME),
        )
        self._give_ticket(request, request.person_id)

    def set_password(self, request: SetPassword) -> None:
        """Perform SetPassword."""
        self._check_account(request.person_id)
        self._connection.execute(
            "UPDATE people SET password_hash = ? WHERE person_id = ?", (request.password_hash, request.person_id)
        )
        self._connection.execute("DELETE FROM tickets WHERE person_id = ?", (request.person_id,))
        self._give_ticket(request, request.person_id)

    def remove_account(self, nick: str) -> None:
        """The account is one no more: its name is free, its messages stay and are nobody's. UNKNOWN_ACCOUNT."""
        person = self._person("name_key = ?", fold(nick))
        if person is None:
            raise unknown_account(nick)
        self._connection.execute(
            "UPDATE people SET name_key = NULL, password_hash = '', is_admin = 0 WHERE person_id = ?",
            (person.person_id,),
        )
        self._connection.execute("DELETE FROM tickets WHERE person_id = ?", (person.person_id,))
        self._connection.execute("DELETE FROM members WHERE person_id = ?", (person.person_id,))

    def _check_account(self, person_id: int) -> None:
        person = self._person("person_id = ?", person_id)
        if person is None or not person.is_account:
            raise unknown_account()

    def _give_ticket(self, request: AddAccount | AddTicket | SetPassword, person_id: int) -> None:
        if request.ticket:
            self._connection.execute(
                "INSERT OR REPLACE INTO tickets VALUES (?, ?, ?, ?)",
                (request.identity, request.ticket, person_id, request.at),
            )

    # -- bans ----------------------------------------------------------------------------------------------------------

    def add_ban(self, request: AddBan) -> BanEntry:
        """Perform AddBan."""
        whom = fold(request.target), request.identity, request.person_id, request.host
        self._connection.execute(
            "DELETE FROM bans WHERE target_key = ? AND identity = ? AND person_id = ? AND host = ?", whom
        )
        self._connection.execute(
            "INSERT INTO bans (target_key, identity, person_id, host, target, banned_by, reason, banned_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*whom, request.target, request.by, request.reason, request.at),
        )
        return BanEntry(request.target, request.by, request.reason, request.at)

    def remove_ban(self, request: RemoveBan) -> bool:
        """Perform RemoveBan."""
        gone = self._connection.execute("DELETE FROM bans WHERE target_key = ?", (fold(request.target),))
        return gone.rowcount > 0

    def list_bans(self, _: ListBans) -> tuple[BanEntry, ...]:
        """Perform ListBans. Somebody who was banned twice, under another key, is named once."""
        rows = self._connection.execute(
            f"{_BAN} WHERE ban_id IN (SELECT max(ban_id) FROM bans GROUP BY target_key) ORDER BY ban_id"
        )
        return tuple(BanEntry(*row) for row in rows)

    def _check_bans(self, request: AdmitPerson, person_id: int) -> None:
        row = self._connection.execute(
            f"{_BAN} WHERE (identity <> x'' AND identity = ?) OR (host <> '' AND host = ?)"
            " OR (person_id <> 0 AND person_id = ?) ORDER BY ban_id LIMIT 1",
            (request.identity, request.host, person_id),
        ).fetchone()
        if row is not None:
            raise banned(BanEntry(*row))

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _person(self, where: str, value: bytes | str | int) -> Person | None:
        row = self._connection.execute(f"{_PERSON} WHERE {where}", (value,)).fetchone()
        return None if row is None else _as_person(row)

    def _by_id(self, person_id: int) -> Person:
        return _as_person(self._connection.execute(f"{_PERSON} WHERE person_id = ?", (person_id,)).fetchone())

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        return int(self._connection.execute(statement, values).lastrowid or 0)

    def person(self, person_id: int) -> Person | None:
        """The person of that id."""
        return self._person("person_id = ?", person_id)


def newest(connection: sqlite3.Connection) -> int:
    """The sequence of the newest message that there ever was."""
    (sequence,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone()
    return int(sequence)


def _as_person(row: tuple[int, str, int, int, int, int]) -> Person:
    person_id, nick, is_account, is_admin, delivered, last_seen = row
    return Person(person_id, nick, bool(is_account), bool(is_admin), delivered, last_seen)
