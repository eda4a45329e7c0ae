"""Rooms and who is a member of them, without a disk."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from udpchat.chat.ports import AddRoom, EnterRoom, LeaveRoom, ListRooms, RoomEntry, SetTopic
from udpchat.config import LOBBY
from udpchat.protocol.members import fold
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


class MemoryRooms:
    """All rooms. Everybody is a member of the lobby. created_at: of the lobby, wall clock [us]."""

    def __init__(self, limits: ChatLimits, created_at: int) -> None:
        self._limits = limits
        self._rooms = {LOBBY: RoomEntry(LOBBY, "", "", created_at)}  # by folded name
        self._owners: dict[str, int] = {}  # by folded name
        self._since: dict[tuple[int, str], int] = {}  # by person and folded name: newest message when they entered

    def find(self, room: str) -> RoomEntry:
        """A room; UNKNOWN_ROOM."""
        entry = self._rooms.get(fold(room))
        if entry is None:
            raise unknown_room(room, (each.room for each in self._rooms.values()))
        return entry

    def since(self, person_id: int, room: str) -> int | None:
        """From which message on somebody is a member; None when they are not. The lobby: from the first."""
        return 0 if fold(room) == LOBBY else self._since.get((person_id, fold(room)))

    def check_member(self, person_id: int, room: str) -> RoomEntry:
        """A room that somebody is a member of; UNKNOWN_ROOM, NOT_IN_ROOM."""
        entry = self.find(room)
        if self.since(person_id, room) is None:
            raise not_in_room(entry.room)
        return entry

    def of_person(self, person_id: int) -> tuple[str, ...]:
        """What somebody is a member of, without the lobby, by name."""
        return tuple(self._rooms[name].room for member, name in sorted(self._since) if member == person_id)

    def list_rooms(self, _: ListRooms) -> tuple[RoomEntry, ...]:
        """Perform ListRooms."""
        return tuple(self._rooms[name] for name in sorted(self._rooms, key=lambda name: (name != LOBBY, name)))

    def add(self, request: AddRoom, newest: int) -> RoomEntry:
        """Perform AddRoom. newest: sequence after which messages are for the members, here and below."""
        name = fold(request.room)
        if name in self._rooms:
            raise room_exists(self._rooms[name].room)
        if len(self._rooms) > self._limits.rooms:
            raise too_many_rooms(self._limits.rooms)
        self._check_memberships(request.person_id)
        if sum(1 for owner in self._owners.values() if owner == request.person_id) >= self._limits.owned_rooms:
            raise too_many_owned(self._limits.owned_rooms)
        entry = self._rooms[name] = RoomEntry(request.room, request.topic, request.nick, request.at)
        self._owners[name] = request.person_id
        self._since[request.person_id, name] = newest
        return entry

    def enter(self, request: EnterRoom, newest: int) -> RoomEntry:
        """Perform EnterRoom."""
        entry = self.find(request.room)
        if self.since(request.person_id, request.room) is None:
            self._check_memberships(request.person_id)
            self._since[request.person_id, fold(request.room)] = newest
        return entry

    def leave(self, request: LeaveRoom, spoken_in: set[str]) -> RoomEntry:
        """Perform LeaveRoom. spoken_in: folded names of rooms in which something was said, here and below."""
        name = fold(request.room)
        entry = self.check_member(request.person_id, request.room)
        if name == LOBBY:
            raise lobby_stays(entry.room)
        del self._since[request.person_id, name]
        if name not in spoken_in and all(room != name for _, room in self._since):
            del self._rooms[name], self._owners[name]
        return entry

    def set_topic(self, request: SetTopic) -> RoomEntry:
        """Perform SetTopic."""
        entry = self.check_member(request.person_id, request.room)
        changed = self._rooms[fold(request.room)] = replace(entry, topic=request.topic)
        return changed

    def forget(self, known: Container[int], before: int, spoken_in: set[str]) -> None:
        """Keep members who are known, then drop rooms without members that are older and in which nothing was said."""
        self._since = {key: since for key, since in self._since.items() if key[0] in known}
        kept = {LOBBY, *spoken_in, *(name for _, name in self._since)}
        self._rooms = {n: each for n, each in self._rooms.items() if n in kept or each.created_at >= before}
        self._owners = {name: owner for name, owner in self._owners.items() if name in self._rooms}

    def _check_memberships(self, person_id: int) -> None:
        limit = self._limits.rooms_per_person
        if sum(1 for member, _ in self._since if member == person_id) >= limit:
            raise too_many_memberships(limit)
