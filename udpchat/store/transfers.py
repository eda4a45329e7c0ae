"""Transfers of a client that are not finished, as they are written down, for all programs of one user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from udpchat.errors import ErrorCode, StorageError
from udpchat.files.local_ports import ClaimTransfer, Direction, EndTransfer, ListTransfers, SaveTransfer, Transfer, Wish
from udpchat.protocol.ports import Job, Lane, Result
from udpchat.store.database import transaction
from udpchat.store.downloads import discard
from udpchat.store.jobs import as_result, make_job
from udpchat.store.lock import LifeSign
from udpchat.store.names import readable_name
from udpchat.store.part_rows import LATEST
from udpchat.store.transfer_schema import TransferDatabase
from udpchat.store.trouble import storage_error
from udpchat.wire.numbers import Priority

MAX_TRANSFERS: Final = 10_000  # that are not finished, of one user
LIFE_SIGNS: Final = "programs"  # folder of the files that say which programs live
_NO_FILE_ID: Final = bytes(16)

_COLUMNS: Final = (
    "part_id, direction, server, path, file_name, nick, room, recipient, file_id, member, size, mark, wish, priority,"
    " rate, place, done, number, added_at, text"
)
_SELECT: Final = f"SELECT {_COLUMNS}, holder FROM transfers"
_INSERT: Final = f"INSERT INTO transfers ({_COLUMNS}, holder) VALUES ({', '.join('?' * 21)})"
_SAVE: Final = "UPDATE transfers SET path = ?, file_name = ?, file_id = ?, size = ?, mark = ?, done = ?, text = ?"


class TransferTable:
    """Performs the requests about transfers; see files/local_ports.py. clock: wall clock since 1970 [us]."""

    __slots__ = ("_clock", "_database", "_known", "_programs")

    def __init__(self, database: TransferDatabase, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._programs = Programs(database.home)
        self._known: dict[bytes, Transfer] = {}  # as the asker was told, or said, last

    def claim(self, request: ClaimTransfer) -> Job:
        """Perform ClaimTransfer."""
        return _job("write a transfer down", lambda: self._claim(request.transfer), self._learn)

    def save(self, request: SaveTransfer) -> Job:
        """Perform SaveTransfer."""
        wanted = request.transfer
        known = self._known.get(wanted.part_id, wanted)
        self._known[wanted.part_id] = wanted
        return _job("write a transfer down", lambda: self._save(wanted, known))

    def list(self, request: ListTransfers) -> Job:
        """Perform ListTransfers."""

        def work() -> tuple[Transfer, ...]:
            if not self._database.exists:
                return ()
            with self._database.writing() as connection:
                return self._programs.look(listed(connection, request.server))

        return _job("read the list of transfers", work, self._learn)

    def end(self, request: EndTransfer) -> Job:
        """Perform EndTransfer."""
        self._known.pop(request.part_id, None)

        def work() -> None:
            with self._database.writing() as connection, transaction(connection):
                connection.execute("DELETE FROM transfers WHERE part_id = ?", (request.part_id,))
                connection.execute("DELETE FROM finished WHERE part_id = ?", (request.part_id,))

        return _job("end a transfer", work)

    def close(self) -> None:
        """Whatever was ours may be gone on with by others."""
        if self._programs.has_ours:
            with suppress(StorageError, OSError, sqlite3.Error), self._database.writing():
                self._programs.end()
        self._programs.end()

    def _learn(self, outcome: object) -> Result:
        for transfer in outcome if isinstance(outcome, tuple) else (outcome,):
            if isinstance(transfer, Transfer) and not transfer.is_elsewhere:
                self._known[transfer.part_id] = transfer
        return outcome

    def _claim(self, wanted: Transfer) -> Transfer:
        with self._database.writing() as connection:
            ours = self._programs.ours()
            with transaction(connection):
                row = _same(connection, wanted)
                if row is None:
                    return _add(connection, wanted, ours, self._clock())
                transfer, holder = _transfer(row), row[-1]
                if holder != ours and self._programs.lives(holder):
                    return replace(transfer, is_elsewhere=True)
                connection.execute("UPDATE transfers SET holder = ? WHERE part_id = ?", (ours, transfer.part_id))
                return transfer

    def _save(self, wanted: Transfer, known: Transfer) -> None:
        name, text = readable_name(wanted.file_name), readable_name(wanted.text)
        what = (os.fsencode(wanted.path), name, wanted.file_id, _bounded(wanted.size), wanted.mark)
        progress = (*what, _bounded(wanted.done), text)
        # What another program has changed meanwhile stays, unless it was changed here as well.
        changed = {
            "wish": (known.wish.value, wanted.wish.value),
            "priority": (int(known.priority), int(wanted.priority)),
            "rate": (known.rate, _bounded(wanted.rate)),
            "place": (known.place, wanted.place),
        }
        columns = {name: after for name, (before, after) in changed.items() if before != after}
        statement = ", ".join([_SAVE, *(f"{name} = ?" for name in columns)]) + " WHERE part_id = ?"
        with self._database.writing() as connection:
            connection.execute(statement, (*progress, *columns.values(), wanted.part_id))


class Programs:
    """Which programs of this user live. home: None: there is only this one. To be used only while writing."""

    __slots__ = ("_folder", "_sign")

    def __init__(self, home: Path | None) -> None:
        self._folder = None if home is None else home / LIFE_SIGNS
        self._sign: tuple[str, LifeSign] | None = None

    @property
    def has_ours(self) -> bool:
        """Whether this program has said that it lives."""
        return self._sign is not None

    def ours(self) -> str:
        """Name of this program's sign, which is made now when there is none."""
        if self._folder is None:
            return "here"
        if self._sign is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._sweep(self._folder)
            name = os.urandom(8).hex()
            self._sign = (name, LifeSign(self._folder / name))
        return self._sign[0]

    def lives(self, holder: str) -> bool:
        """Whether another program, by the name of its sign, lives."""
        if not holder or self._folder is None or (self._sign is not None and holder == self._sign[0]):
            return False
        return LifeSign.is_there(self._folder / holder)

    def look(self, found: list[tuple[Transfer, str]]) -> tuple[Transfer, ...]:
        """Transfers, with what another living program is at marked."""
        alive = {holder: self.lives(holder) for holder in {holder for _, holder in found}}
        return tuple(replace(transfer, is_elsewhere=True) if alive[holder] else transfer for transfer, holder in found)

    def end(self) -> None:
        """This program is done."""
        if self._sign is not None:
            self._sign[1].end()
            self._sign = None

    @staticmethod
    def _sweep(folder: Path) -> None:
        for path in folder.iterdir():
            LifeSign.is_there(path)


class TransferBook:
    """The unfinished transfers of a user, to look at and to steer, whichever programs are at them.

    Programs that are at them notice within a second. StorageError when there is no such transfer (UNKNOWN_TRANSFER) or
    the database cannot be used. number: see `Transfer`.
    """

    __slots__ = ("_database", "_programs")

    def __init__(self, home: Path) -> None:
        self._database = TransferDatabase(home)
        self._programs = Programs(home)

    def list(self) -> tuple[Transfer, ...]:
        """All of them, in their order."""
        if not self._database.exists:
            return ()
        try:
            with self._database.writing() as connection:
                return self._programs.look(listed(connection))
        except (OSError, sqlite3.Error) as error:
            raise storage_error(error, "read the list of transfers") from error

    def set_wish(self, number: int, wish: Wish) -> None:
        """Run, pause or cancel a transfer. A cancelled download that no program is at is removed at once."""
        self._set(number, "wish = ?", wish.value)
        if wish is Wish.CANCEL:
            try:
                self._remove(number)
            except (OSError, sqlite3.Error) as error:
                raise storage_error(error, "remove what had arrived") from error

    def set_rate(self, number: int, rate: int) -> None:
        """Limit a transfer to so many bytes a second; 0: no limit."""
        self._set(number, "rate = ?", _bounded(rate))

    def set_priority(self, number: int, priority: Priority) -> None:
        """Which transfers go first."""
        self._set(number, "priority = ?", int(priority))

    def move_first(self, number: int) -> None:
        """Before all others that wait."""
        self._set(number, "place = (SELECT min(place) FROM transfers) - ?", 1)

    def move(self, number: int, server: bytes, file_id: bytes) -> bool:
        """Let a download go on at another server, which has the same content under that id.

        False when another program is at it, or it is no download.
        """
        try:
            with self._database.writing() as connection:
                row = connection.execute(f"{_SELECT} WHERE number = ?", (number,)).fetchone()
                if row is None or _transfer(row).direction is Direction.UPLOAD or self._programs.lives(row[-1]):
                    return False
                statement = "UPDATE transfers SET server = ?, file_id = ?, wish = ?, text = '' WHERE number = ?"
                connection.execute(statement, (server, file_id, Wish.RUN.value, number))
                return True
        except (OSError, sqlite3.Error) as error:
            raise storage_error(error, "change a transfer") from error

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _remove(self, number: int) -> None:
        with self._database.writing() as connection:
            row = connection.execute(f"{_SELECT} WHERE number = ?", (number,)).fetchone()
            if row is None or _transfer(row).direction is Direction.UPLOAD or self._programs.lives(row[-1]):
                return  # of an upload the server has a part as well: the next program that is there removes it
            ours, part_id = self._programs.ours(), row[0]
            connection.execute("UPDATE transfers SET holder = ? WHERE number = ?", (ours, number))
        try:
            discard(self._database, part_id)
            with self._database.writing() as connection:
                connection.execute("DELETE FROM transfers WHERE part_id = ?", (part_id,))
        finally:
            self._programs.end()  # else nobody but we could take it

    def _set(self, number: int, change: str, value: str | int) -> None:
        try:
            count = 0
            if self._database.exists:
                with self._database.writing() as connection:
                    statement = f"UPDATE transfers SET {change} WHERE number = ?"
                    count = connection.execute(statement, (value, number)).rowcount
        except (OSError, sqlite3.Error) as error:
            raise storage_error(error, "change a transfer") from error
        if count == 0:
            text = f"there is no transfer {number}; the list of them: udpchat transfers"
            raise StorageError(text, ErrorCode.UNKNOWN_TRANSFER)


def _job(doing: str, work: Callable[[], object], finish: Callable[[object], Result] = as_result) -> Job:
    # Not behind the disk of a file, which may take its time.
    return replace(make_job(doing, work, finish), lane=Lane.MESSAGES)


def listed(connection: sqlite3.Connection, server: bytes = b"") -> list[tuple[Transfer, str]]:
    """Transfers in their order, each with its holder. server: empty for all servers."""
    where, values = (" WHERE server = ?", (server,)) if server else ("", ())
    rows = connection.execute(f"{_SELECT}{where} ORDER BY place, number", values).fetchall()
    return [(_transfer(row), row[-1]) for row in rows]


def _same(connection: sqlite3.Connection, wanted: Transfer) -> tuple[Any, ...] | None:
    """The row of an unfinished transfer that is the same; of several the oldest.

    A download that is a file already, and was not ended, is the same by its ids only: by name another may be wanted.
    """
    row = connection.execute(f"{_SELECT} WHERE part_id = ?", (wanted.part_id,)).fetchone()
    if row is not None:
        return tuple(row)
    # One that the user has cancelled is on its way out: who asks again wants a new one.
    where = "server = ? AND direction = ? AND path = ? AND room = ? AND recipient = ? AND member = ? AND wish != ?"
    values: list[object] = [wanted.server, wanted.direction.value, os.fsencode(wanted.path), wanted.room, wanted.to]
    values += [wanted.member, Wish.CANCEL.value]
    if wanted.direction is Direction.UPLOAD:
        where, values = f"{where} AND mark = ?", [*values, wanted.mark]
    if wanted.file_id != _NO_FILE_ID:
        where, values = f"{where} AND file_id = ?", [*values, wanted.file_id]
    else:
        where = f"{where} AND file_name = ? AND part_id NOT IN (SELECT part_id FROM finished)"
        values.append(readable_name(wanted.file_name))
    found = connection.execute(f"{_SELECT} WHERE {where} ORDER BY added_at, number LIMIT 1", values).fetchone()
    return None if found is None else tuple(found)


def _add(connection: sqlite3.Connection, wanted: Transfer, holder: str, now: int) -> Transfer:
    taken = {number for (number,) in connection.execute("SELECT number FROM transfers")}
    if len(taken) >= MAX_TRANSFERS:
        text = "you have too many unfinished transfers; finish or cancel some first (udpchat transfers)"
        raise StorageError(text, ErrorCode.TOO_MANY_TRANSFERS)
    number = next(number for number in range(1, len(taken) + 2) if number not in taken)
    (last,) = connection.execute("SELECT coalesce(max(place), 0) FROM transfers").fetchone()
    transfer = replace(wanted, number=number, place=last + 1, added_at=wanted.added_at or now, is_elsewhere=False)
    connection.execute(_INSERT, (*_values(transfer), holder))
    return transfer


def _values(transfer: Transfer) -> tuple[object, ...]:
    path, size, done = os.fsencode(transfer.path), _bounded(transfer.size), _bounded(transfer.done)
    name, text = readable_name(transfer.file_name), readable_name(transfer.text)
    what = (transfer.part_id, transfer.direction.value, transfer.server, path, name)
    who = (transfer.nick, transfer.room, transfer.to, transfer.file_id, transfer.member, size, transfer.mark)
    how = (transfer.wish.value, int(transfer.priority), _bounded(transfer.rate), transfer.place, done, transfer.number)
    return (*what, *who, *how, transfer.added_at, text)


def _bounded(number: int) -> int:
    """As large as the database takes it: what a server says may be anything."""
    return min(number, LATEST)


def _transfer(row: tuple[Any, ...]) -> Transfer:
    part_id, direction, server, path, file_name, nick, room, to, file_id, member, size, mark = row[:12]
    wish, priority, rate, place, done, number, added_at, text = row[12:20]
    return Transfer(
        part_id=part_id,
        direction=Direction(direction),
        server=server,
        path=os.fsdecode(path),
        file_name=file_name,
        nick=nick,
        room=room,
        to=to,
        file_id=file_id,
        member=member,
        size=size,
        mark=mark,
        wish=Wish(wish),
        priority=Priority(priority),
        rate=rate,
        place=place,
        done=done,
        number=number,
        added_at=added_at,
        text=text,
    )
