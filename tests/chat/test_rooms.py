"""Rooms: made, entered, left, listed, named; and what the others hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chat.speaker import Speaker, come, only, refused, said, wait, world_of
from udpchat.chat.names import nearest, normal, room_fault
from udpchat.chat.pace import REQUEST_RATE
from udpchat.config import MAX_ROOM, MAX_TOPIC, Config
from udpchat.errors import ErrorCode
from udpchat.net.hosts import ServerCore
from udpchat.sim.disk import DiskSpec
from udpchat.store.chat_rules import MAX_OWNED_ROOMS
from udpchat.wire.numbers import Change, JoinFlag, RoomFlag
from udpchat.wire.records import (
    CreateRoom,
    Done,
    EnterRoom,
    Finished,
    LeaveRoom,
    ListRooms,
    Presence,
    Record,
    Room,
    SetTopic,
)

KEY = bytes(31) + b"k"


def ask(who: Speaker, record: Record) -> Any:
    return only(who.ask(record))


def rooms(who: Speaker) -> list[tuple[str, int, int]]:
    """Name, members who are here, and whether the asker is one; checks the end of the list."""
    *records, end = who.ask(ListRooms())
    assert end == Finished(len(records))
    return [(record.room, record.user_count, record.flags) for record in records]


def changes(who: Speaker) -> list[tuple[str, Change, str, int]]:
    """What it was told of rooms."""
    return [(p.nick, Change(p.change), p.room, p.user_count) for p in who.told(Presence) if p.room]


def test_there_is_a_lobby_and_everybody_is_in_it() -> None:
    _, (anna, _) = world_of("anna", "ben")
    assert rooms(anna) == [("lobby", 2, RoomFlag.MEMBER)]


def test_who_makes_a_room_is_in_it_and_owns_it() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    room = ask(anna, CreateRoom("Cellar", "wine, mostly"))
    assert (room.room, room.topic, room.owner, room.user_count) == ("Cellar", "wine, mostly", "anna", 1)
    assert room.flags == RoomFlag.MEMBER
    assert world.setting.wall < room.created_at <= world.setting.wall + world.network.now
    assert rooms(anna) == [("lobby", 2, RoomFlag.MEMBER), ("Cellar", 1, RoomFlag.MEMBER)]
    assert rooms(ben) == [("lobby", 2, RoomFlag.MEMBER), ("Cellar", 1, 0)]


def test_members_hear_who_enters_and_who_leaves_and_how_many_are_left_and_nobody_else_does() -> None:
    _, (anna, ben, carl) = world_of("anna", "ben", "carl")
    ask(anna, CreateRoom("cellar", ""))
    room = ask(ben, EnterRoom("CELLAR"))
    assert (room.room, room.user_count, room.flags) == ("cellar", 2, RoomFlag.MEMBER)
    assert ask(ben, LeaveRoom("Cellar")) == Done()
    assert changes(anna) == [("ben", Change.ENTERED, "cellar", 2), ("ben", Change.WENT, "cellar", 1)]
    assert changes(ben) == changes(carl) == []


def test_entering_twice_is_fine_and_told_once() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    ask(anna, CreateRoom("cellar", ""))
    assert ask(ben, EnterRoom("cellar")) == ask(ben, EnterRoom("cellar"))
    assert changes(anna) == [("ben", Change.ENTERED, "cellar", 2)]
    assert ask(ben, EnterRoom("Lobby")).room == "lobby"
    assert rooms(ben)[0] == ("lobby", 2, RoomFlag.MEMBER)
    assert isinstance(world.server.core, ServerCore)
    seat = world.server.core.chat.hall.find_nick("ben")
    assert seat is not None
    assert seat.rooms == {"cellar"}


def test_members_hear_a_new_topic() -> None:
    _, (anna, ben, carl) = world_of("anna", "ben", "carl")
    ask(anna, CreateRoom("cellar", "old"))
    ask(ben, EnterRoom("cellar"))
    assert ask(ben, SetTopic("Cellar", "new")) == Done()
    told = [(p.nick, p.room, p.text) for p in anna.told(Presence) if p.change == Change.TOPIC]
    assert told == [("ben", "cellar", "new")]
    assert not changes(carl)
    assert [record.topic for record in carl.ask(ListRooms())[:-1]] == ["", "new"]


@pytest.mark.parametrize(
    ("record", "code", "words"),
    [
        (CreateRoom("cellar", ""), ErrorCode.ROOM_EXISTS, "enter it"),
        (CreateRoom("CELLAR", ""), ErrorCode.ROOM_EXISTS, "enter it"),
        (CreateRoom("lobby", ""), ErrorCode.ROOM_EXISTS, "lobby"),
        (EnterRoom("celar"), ErrorCode.UNKNOWN_ROOM, "did you mean cellar?"),
        (EnterRoom("elsewhere"), ErrorCode.UNKNOWN_ROOM, "elsewhere"),
        (EnterRoom(""), ErrorCode.UNKNOWN_ROOM, ""),
        (LeaveRoom("celar"), ErrorCode.UNKNOWN_ROOM, "did you mean cellar?"),
        (LeaveRoom("cellar"), ErrorCode.NOT_IN_ROOM, "cellar"),
        (LeaveRoom("lobby"), ErrorCode.NOT_ALLOWED, "cannot be left"),
        (LeaveRoom("LOBBY"), ErrorCode.NOT_ALLOWED, "cannot be left"),
        (SetTopic("cellar", "mine now"), ErrorCode.NOT_IN_ROOM, "cellar"),
        (SetTopic("elsewhere", "x"), ErrorCode.UNKNOWN_ROOM, "elsewhere"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nobody_else_hears_of_it(
    record: Record, code: ErrorCode, words: str
) -> None:
    _, (anna, ben) = world_of("anna", "ben")
    ask(anna, CreateRoom("cellar", ""))
    refusal = refused(ask(ben, record))
    assert refusal.code == code
    assert words in refusal.text
    assert not changes(anna)
    assert rooms(anna) == [("lobby", 2, RoomFlag.MEMBER), ("cellar", 1, RoomFlag.MEMBER)]


@pytest.mark.parametrize(
    ("room", "is_fine"),
    [
        ("x", True),
        ("x" * MAX_ROOM, True),
        ("李" * MAX_ROOM, True),
        ("Cafe\u0301", True),
        ("x" * (MAX_ROOM + 1), False),
        ("", False),
        ("two words", False),
        (" ", False),
        ("#room", False),
        ("/room", False),
        ("@room", False),
        ("a\nb", False),
        ("a\x1b[2J", False),
        ("a\u202eb", False),
        ("a\u200bb", False),
        ("a\0", False),
    ],
)
def test_what_a_room_may_be_called(room: str, is_fine: bool) -> None:
    assert (room_fault(room) is None) == is_fine
    _, (anna,) = world_of("anna")
    answer = ask(anna, CreateRoom(room, ""))
    if is_fine:
        assert isinstance(answer, Room)
        assert answer.room == normal(room)
        assert isinstance(ask(anna, EnterRoom(room)), Room), "it is found in the form in which it was typed"
    else:
        assert refused(answer).code == ErrorCode.ROOM_NOT_ALLOWED


@pytest.mark.parametrize(
    ("topic", "is_fine"),
    [
        ("", True),
        ("x" * MAX_TOPIC, True),
        ("👩‍🚀 吃饭", True),
        ("x" * (MAX_TOPIC + 1), False),
        ("two\nlines", False),
        ("two\u2028lines", False),
    ],
)
def test_what_a_topic_may_be(topic: str, is_fine: bool) -> None:
    _, (anna,) = world_of("anna")
    answers = [ask(anna, CreateRoom("cellar", topic)), ask(anna, SetTopic("lobby", topic))]
    if is_fine:
        assert [type(answer) for answer in answers] == [Room, Done]
    else:
        assert {refused(answer).code for answer in answers} == {ErrorCode.ROOM_NOT_ALLOWED}


def test_rooms_of_a_person_are_limited() -> None:
    world, (anna,) = world_of("anna")
    limit = Config().max_rooms_per_user
    for number in range(limit + 1):
        if number % MAX_OWNED_ROOMS == 0:
            maker = come(world, f"maker{number}")
        assert isinstance(ask(maker, CreateRoom(f"room{number}", "")), Room)
    for number in range(limit):
        wait(world, 1 / REQUEST_RATE)
        assert isinstance(ask(anna, EnterRoom(f"room{number}")), Room)
    wait(world, 1)
    assert refused(ask(anna, EnterRoom(f"room{limit}"))).code == ErrorCode.TOO_MANY_ROOMS
    assert ask(anna, LeaveRoom("room0")) == Done()
    assert isinstance(ask(anna, EnterRoom(f"room{limit}")), Room)


def test_a_person_makes_so_many_rooms_and_more_when_one_that_was_never_used_is_gone() -> None:
    _, (anna,) = world_of("anna")
    for number in range(MAX_OWNED_ROOMS):
        assert isinstance(ask(anna, CreateRoom(f"room{number}", "")), Room)
    answer = refused(ask(anna, CreateRoom("more", "")))
    assert (answer.code, f"you have made {MAX_OWNED_ROOMS} rooms" in answer.text) == (ErrorCode.TOO_MANY_ROOMS, True)
    assert ask(anna, LeaveRoom("room0")) == Done()
    assert isinstance(ask(anna, CreateRoom("more", "")), Room)
    assert "room0" not in [room for room, _, _ in rooms(anna)]


def test_who_comes_back_is_still_in_their_rooms_also_after_a_restart() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    ask(anna, CreateRoom("cellar", ""))
    ask(ben, EnterRoom("cellar"))
    world.server = world.start_server(world.crash_server())
    anna, ben = come(world, "anna", key=anna.key), come(world, "ben", key=KEY)
    assert rooms(ben) == [("lobby", 2, RoomFlag.MEMBER), ("cellar", 2, RoomFlag.MEMBER)]
    said(anna.say("still here", room="cellar"))
    assert ben.texts == ["still here"]


def test_what_a_visitor_enters_its_person_is_in() -> None:
    world, (ben,) = world_of("ben")
    anna = come(world, "anna", key=KEY)
    ask(ben, CreateRoom("cellar", ""))
    visitor = come(world, "anna", key=KEY, flags=JoinFlag.VISITOR)
    assert ask(visitor, EnterRoom("cellar")).user_count == 2
    assert changes(ben) == [("anna", Change.ENTERED, "cellar", 2)]
    said(ben.say("welcome", room="cellar"))
    assert anna.texts == ["welcome"]
    assert ask(visitor, LeaveRoom("cellar")) == Done()
    said(ben.say("gone", room="cellar"))
    assert anna.texts == ["welcome"]


def test_what_the_disk_refuses_is_refused_and_changes_nothing() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    ask(anna, CreateRoom("cellar", "old"))
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    records: list[Record] = [CreateRoom("attic", ""), SetTopic("cellar", "new"), LeaveRoom("cellar"), ListRooms()]
    for record in records:
        assert refused(ask(anna, record)).code == ErrorCode.STORAGE_FAILED
    assert refused(ask(ben, EnterRoom("cellar"))).code == ErrorCode.STORAGE_FAILED
    world.server.disk.spec = DiskSpec(delay=0)
    assert rooms(ben) == [("lobby", 2, RoomFlag.MEMBER), ("cellar", 1, 0)]
    assert [record.topic for record in anna.ask(ListRooms())[:-1]] == ["", "old"]


@pytest.mark.parametrize(("requests", "refusals"), [(63, 0), (64, 0), (65, 1)])
def test_requests_of_one_connection_that_wait_for_the_disk_are_limited(requests: int, refusals: int) -> None:
    world, (anna, ben) = world_of("anna", "ben")
    world.server.disk.spec = DiskSpec(delay=60_000_000)
    asked = [anna.send(ListRooms()) for _ in range(requests)]
    wait(world, 0.2)
    answers = [answer for request in asked for answer in anna.answers(request)]
    assert [refused(answer).code for answer in answers] == [ErrorCode.TOO_MANY_REQUESTS] * refusals
    assert not ben.ask(ListRooms()), "the other's waits for the disk"


def test_a_client_that_is_gone_when_its_room_is_made_hurts_nobody() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    world.server.disk.spec = DiskSpec(delay=1_000_000)
    anna.send(CreateRoom("cellar", ""))
    wait(world, 0.1)
    anna.leave()
    wait(world, 3)
    world.server.disk.spec = DiskSpec(delay=0)
    assert rooms(ben) == [("lobby", 1, RoomFlag.MEMBER), ("cellar", 0, 0)]


@pytest.mark.parametrize(
    ("name", "others", "found"),
    [
        ("bem", ["anna", "ben"], "ben"),
        ("ANA", ["anna", "ben"], "anna"),
        ("cellr", ["attic", "cellar"], "cellar"),
        ("zzz", ["anna", "ben"], None),
        ("", ["anna"], None),
        ("x" * 1_000, ["x" * 1_000], None),
        ("anna", [], None),
    ],
)
def test_the_nearest_name(name: str, others: list[str], found: str | None) -> None:
    assert nearest(name, others) == found
