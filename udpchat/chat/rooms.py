"""Rooms: made, entered, left, listed, and what they are about."""

from __future__ import annotations

from udpchat.chat.hall import Hall, Seat
from udpchat.chat.names import normal, room_fault
from udpchat.chat.ports import AddRoom, RoomEntry, SetTopic
from udpchat.chat.ports import EnterRoom as EnterRequest
from udpchat.chat.ports import LeaveRoom as LeaveRequest
from udpchat.chat.ports import ListRooms as ListRequest
from udpchat.chat.presence import Presence
from udpchat.chat.questions import Questions
from udpchat.chat.text import remark_fault
from udpchat.config import LOBBY, MAX_TOPIC
from udpchat.errors import ErrorCode
from udpchat.protocol.events import RecordReceived
from udpchat.protocol.members import fold
from udpchat.wire.numbers import Change, RoomFlag
from udpchat.wire.records import CreateRoom, Done, EnterRoom, Finished, LeaveRoom, ListRooms, Room
from udpchat.wire.records import SetTopic as SetTopicRecord


class Rooms:
    """The rooms of a server. Storage has them; the hall knows which members are here."""

    def __init__(self, hall: Hall, presence: Presence) -> None:
        self._hall = hall
        self._presence = presence
        self._questions = Questions(hall)

    def on_list(self, received: RecordReceived, seat: Seat, record: ListRooms, now: int) -> None:  # noqa: ARG002 - as all
        """LIST_ROOMS: answered by Room records and Finished."""

        def answer(entries: tuple[RoomEntry, ...], _: int) -> None:
            if (asker := self._hall.find(received.connection_id)) is not None:
                rooms = [self._record(asker, entry) for entry in entries]
                self._hall.desk.send_list(received, (*rooms, Finished(len(rooms))))

        self._questions.ask(received, ListRequest(0), answer)

    def on_create(self, received: RecordReceived, seat: Seat, record: CreateRoom, now: int) -> None:
        """CREATE_ROOM: answered by Room or Refused."""
        room = normal(record.room)
        fault = room_fault(room) or remark_fault(record.topic, MAX_TOPIC, "a topic")
        if fault is not None:
            self._hall.refuse(received, ErrorCode.ROOM_NOT_ALLOWED, fault)
            return
        person_id = seat.person.person_id
        request = AddRoom(0, person_id, seat.nick, room, record.topic, self._hall.wall(now))
        self._questions.ask(received, request, lambda entry, _: self._on_entered(received, person_id, entry))

    def on_enter(self, received: RecordReceived, seat: Seat, record: EnterRoom, now: int) -> None:  # noqa: ARG002 - as all
        """ENTER_ROOM: answered by Room or Refused."""
        person_id = seat.person.person_id
        request = EnterRequest(0, person_id, normal(record.room))
        self._questions.ask(received, request, lambda entry, _: self._on_entered(received, person_id, entry))

    def _on_entered(self, received: RecordReceived, person_id: int, entry: RoomEntry) -> None:
        present = self._hall.find_person(person_id)
        is_new = present is not None and not self._hall.is_member(present, entry.room)
        if fold(entry.room) != LOBBY:
            for seat in self._hall.all_of(person_id):
                self._hall.enter(seat, entry.room)
        if (asker := self._hall.find(received.connection_id)) is not None:
            self._hall.send(asker, self._record(asker, entry), received.request_id)
        if present is not None and is_new:
            self._presence.present(present, Change.ENTERED, room=entry.room, but=received.connection_id)

    def on_leave(self, received: RecordReceived, seat: Seat, record: LeaveRoom, now: int) -> None:  # noqa: ARG002 - as all
        """LEAVE_ROOM: answered by Done or Refused."""
        person_id = seat.person.person_id

        def answer(entry: RoomEntry, _: int) -> None:
            for each in self._hall.all_of(person_id):
                self._hall.leave(each, entry.room)
            self._hall.desk.send(received.connection_id, Done(), received.request_id)
            if (present := self._hall.find_person(person_id)) is not None:
                self._presence.present(present, Change.WENT, room=entry.room)

        self._questions.ask(received, LeaveRequest(0, person_id, normal(record.room)), answer)

    def on_topic(self, received: RecordReceived, seat: Seat, record: SetTopicRecord, now: int) -> None:  # noqa: ARG002 - as all
        """SET_TOPIC: answered by Done or Refused."""
        if (fault := remark_fault(record.topic, MAX_TOPIC, "a topic")) is not None:
            self._hall.refuse(received, ErrorCode.ROOM_NOT_ALLOWED, fault)
            return
        person_id = seat.person.person_id

        def answer(entry: RoomEntry, _: int) -> None:
            self._hall.desk.send(received.connection_id, Done(), received.request_id)
            if (present := self._hall.find_person(person_id)) is not None:
                self._presence.present(present, Change.TOPIC, room=entry.room, text=entry.topic)

        request = SetTopic(0, person_id, normal(record.room), record.topic)
        self._questions.ask(received, request, answer)

    def _record(self, asker: Seat, entry: RoomEntry) -> Room:
        flags = RoomFlag.MEMBER if self._hall.is_member(asker, entry.room) else RoomFlag(0)
        count = self._hall.count_in_room(entry.room)
        return Room(flags, count, entry.created_at, entry.room, entry.owner, entry.topic)
