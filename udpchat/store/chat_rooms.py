"""Rooms and their members in the database of chat: the work of the messages' lane."""

from __future__ import annotations

import sqlite3
from typing import Final

from udpchat.chat.names import CANDIDATES, LENGTHS_APART
from udpchat.chat.ports import AddRoom, EnterRoom, LeaveRoom, ListRooms, RoomEntry, SetTopic
from udpchat.protocol.members import fold
from udpchat.store.chat_people import newest
from udpchat.store.chat_rules import (
    ChatLimits,
    lobby_stays,
    not_in_room,
    room_exists,
    too_many_memberships,
    too_many_owned,
    too_many_rooms,
    unknown_room,
)
from udpchat.store.chat_schema import LOBBY_ID

_ROOM: Final = "SELECT room_id, room, topic, owner, created_at FROM rooms"

UNUSED_ROOM: Final = (
    "NOT EXISTS (SELECT 1 FROM members WHERE members.room_id = rooms.room_id)"
    " AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.room_id = rooms.room_id)"
)  # nobody is in it, and nothing was said


class ChatRooms:
    """All rooms. Everybody is a member of the lobby. Every method is one request; to be called in a transaction."""

    __slots__ = ("_connection", "_limits")

    def __init__(self, connection: sqlite3.Connection, limits: ChatLimits) -> None:
        self._connection = connection
        self._limits = limits

    def list_rooms(self, _: ListRooms) -> tuple[RoomEntry, ...]:
        """Perform ListRooms."""
        rows = self._connection.execute(f"{_ROOM} ORDER BY room_id <> ?, room_key", (LOBBY_ID,))
        return tuple(RoomEntry(*row[1:]) for row in rows)

    def add(self, request: AddRoom) -> RoomEntry:
        """Perform AddRoom."""
        key = fold(request.room)
        row = self._connection.execute("SELECT room FROM rooms WHERE room_key = ?", (key,)).fetchone()
        if row is not None:
            raise room_exists(row[0])
        (count,) = self._connection.execute("SELECT count(*) FROM rooms").fetchone()
        if count > self._limits.rooms:
            raise too_many_rooms(self._limits.rooms)
        self._check_memberships(request.person_id)
        self._check_owned(request.person_id)
        values = key, request.room, request.topic, request.nick, request.person_id, request.at
        added = self._connection.execute(
            "INSERT INTO rooms (room_key, room, topic, owner, owner_id, created_at) VALUES (?, ?, ?, ?, ?, ?)", values
        )
        self._add_member(request.person_id, int(added.lastrowid or 0))
        return RoomEntry(request.room, request.topic, request.nick, request.at)

    def enter(self, request: EnterRoom) -> RoomEntry:
        """Perform EnterRoom."""
        room_id, entry = find_room(self._connection, request.room)
        if not is_member(self._connection, request.person_id, room_id):
            self._check_memberships(request.person_id)
            self._add_member(request.person_id, room_id)
        return entry

    def leave(self, request: LeaveRoom) -> RoomEntry:
        """Perform LeaveRoom."""
        room_id, entry = check_member(self._connection, request.person_id, request.room)
        if room_id == LOBBY_ID:
            raise lobby_stays(entry.room)
        self._connection.execute(
            "DELETE FROM members WHERE person_id = ? AND room_id = ?", (request.person_id, room_id)
        )
        self._connection.execute(f"DELETE FROM rooms WHERE room_id = ? AND {UNUSED_ROOM}", (room_id,))
        return entry

    def set_topic(self, request: SetTopic) -> RoomEntry:
        """Perform SetTopic."""
        room_id, _ = check_member(self._connection, request.person_id, request.room)
        self._connection.execute("UPDATE rooms SET topic = ? WHERE room_id = ?", (request.topic, room_id))
        return find_room(self._connection, request.room)[1]

    def _check_owned(self, person_id: int) -> None:
        limit = self._limits.owned_rooms
        (count,) = self._connection.execute("SELECT count(*) FROM rooms WHERE owner_id = ?", (person_id,)).fetchone()
        if count >= limit:
            raise too_many_owned(limit)

    def _check_memberships(self, person_id: int) -> None:
        limit = self._limits.rooms_per_person
        (count,) = self._connection.execute("SELECT count(*) FROM members WHERE person_id = ?", (person_id,)).fetchone()
        if count >= limit:
            raise too_many_memberships(limit)

    def _add_member(self, person_id: int, room_id: int) -> None:
        self._connection.execute("INSERT INTO members VALUES (?, ?, ?)", (person_id, room_id, newest(self._connection)))


def find_room(connection: sqlite3.Connection, room: str) -> tuple[int, RoomEntry]:
    """A room and its id; UNKNOWN_ROOM."""
    row = connection.execute(f"{_ROOM} WHERE room_key = ?", (fold(room),)).fetchone()
    if row is None:
        raise unknown_room(room, _similar(connection, fold(room)))
    return row[0], RoomEntry(*row[1:])


def _similar(connection: sqlite3.Connection, key: str) -> list[str]:
    """The rooms that `nearest` would look at: all of them are too many to be folded while others wait."""
    rows = connection.execute(
        "SELECT room FROM rooms WHERE abs(length(room_key) - ?) <= ?"
        " AND (substr(room_key, 1, 1) = ? OR substr(room_key, -1) = ?) ORDER BY room_id LIMIT ?",
        (len(key), LENGTHS_APART, key[:1], key[-1:], CANDIDATES),
    )
    return [room for (room,) in rows]


def is_member(connection: sqlite3.Connection, person_id: int, room_id: int) -> bool:
    """Whether somebody is in a room."""
    found = connection.execute("SELECT 1 FROM members WHERE person_id = ? AND room_id = ?", (person_id, room_id))
    return room_id == LOBBY_ID or found.fetchone() is not None


def check_member(connection: sqlite3.Connection, person_id: int, room: str) -> tuple[int, RoomEntry]:
    """A room that somebody is in, and its id; UNKNOWN_ROOM, NOT_IN_ROOM."""
    room_id, entry = find_room(connection, room)
    if not is_member(connection, person_id, room_id):
        raise not_in_room(entry.room)
    return room_id, entry
