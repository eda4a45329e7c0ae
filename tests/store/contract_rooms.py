"""What every store must do: rooms and their members. The fixture's server has 4 rooms, 3 of one person, 4 accounts."""

from __future__ import annotations

import pytest

from tests.store.actions import refusal
from tests.store.talk import NOW, admit, code, enter, guest, page, room, speakers, texts
from udpchat.chat.ports import AddRoom, EnterRoom, LeaveRoom, ListRooms, RoomEntry, SetTopic
from udpchat.errors import ErrorCode
from udpchat.protocol.ports import Store, perform
from udpchat.store.chat_rules import ChatLimits

LIMITS = ChatLimits(rooms=4, rooms_per_person=3, owned_rooms=3, accounts=4)


class RoomContract:
    """Who is in which room."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_lobby_is_there_and_everybody_is_in_it(self, store: Store) -> None:
        alice = guest(store, "alice")
        (lobby,) = perform(store, ListRooms(1))
        assert (lobby.room, lobby.topic, lobby.owner) == ("lobby", "", "")
        assert lobby.created_at > 0
        assert perform(store, EnterRoom(1, alice.person_id, "LOBBY")) == lobby
        assert code(store, LeaveRoom(1, alice.person_id, "lobby")) == ErrorCode.NOT_ALLOWED
        assert perform(store, SetTopic(1, alice.person_id, "Lobby", "welcome")).topic == "welcome"
        assert admit(store, "alice").rooms == ()

    def test_maker_of_a_room_is_its_member(self, store: Store) -> None:
        alice = guest(store, "alice")
        entry = perform(store, AddRoom(1, alice.person_id, "alice", "Books", "what we read", NOW))
        assert entry == RoomEntry("Books", "what we read", "alice", NOW)
        assert admit(store, "alice").rooms == ("Books",)
        assert perform(store, EnterRoom(1, alice.person_id, "bOOKS")) == entry

    def test_rooms_are_listed_by_name_after_the_lobby(self, store: Store) -> None:
        alice = guest(store, "alice")
        for name in ("Zoo", "art", "Äpfel"):
            room(store, alice, name)
        assert [each.room for each in perform(store, ListRooms(1))] == ["lobby", "art", "Zoo", "Äpfel"]

    def test_room_is_made_once_however_it_is_written(self, store: Store) -> None:
        alice, bob = guest(store, "alice"), guest(store, "bob")
        room(store, alice, "Books")
        for name in ("books", "LOBBY"):
            assert code(store, AddRoom(1, bob.person_id, "bob", name, "", NOW)) == ErrorCode.ROOM_EXISTS

    def test_unknown_room_is_refused_with_the_nearest_name(self, store: Store) -> None:
        alice = guest(store, "alice")
        room(store, alice, "Books")
        for request in (
            EnterRoom(1, alice.person_id, "boks"),
            LeaveRoom(1, alice.person_id, "boks"),
            SetTopic(1, alice.person_id, "boks", ""),
        ):
            refused = refusal(store, request)
            assert (refused.code, "Books" in refused.text) == (ErrorCode.UNKNOWN_ROOM, True)

    def test_who_is_in_no_room_can_neither_leave_it_nor_set_its_topic(self, store: Store) -> None:
        alice, bob = guest(store, "alice"), guest(store, "bob")
        room(store, alice, "books")
        assert code(store, LeaveRoom(1, bob.person_id, "books")) == ErrorCode.NOT_IN_ROOM
        assert code(store, SetTopic(1, bob.person_id, "books", "mine")) == ErrorCode.NOT_IN_ROOM
        assert perform(store, ListRooms(1))[1].topic == ""

    def test_topic_is_kept(self, store: Store) -> None:
        alice = guest(store, "alice")
        entry = room(store, alice, "books")
        changed = perform(store, SetTopic(1, alice.person_id, "BOOKS", "what we read"))
        assert changed == RoomEntry("books", "what we read", "alice", entry.created_at)
        assert perform(store, ListRooms(1))[1] == changed

    def test_who_leaves_a_room_is_no_member_and_may_come_back(self, store: Store) -> None:
        alice = guest(store, "alice")
        entry = room(store, alice, "books")
        enter(store, guest(store, "bob"), "books")
        assert perform(store, LeaveRoom(1, alice.person_id, "Books")) == entry
        assert admit(store, "alice").rooms == ()
        assert code(store, LeaveRoom(1, alice.person_id, "books")) == ErrorCode.NOT_IN_ROOM
        enter(store, alice, "books")
        assert admit(store, "alice").rooms == ("books",)

    def test_server_takes_so_many_rooms(self, store: Store) -> None:
        alice, bob = guest(store, "alice"), guest(store, "bob")
        for number, owner in enumerate([alice] * 2 + [bob] * 2):
            room(store, owner, f"room-{number}")
        refused = refusal(store, AddRoom(1, alice.person_id, "alice", "one-more", "", NOW))
        assert (refused.code, "4" in refused.text) == (ErrorCode.TOO_MANY_ROOMS, True)

    def test_person_is_in_so_many_rooms(self, store: Store) -> None:
        alice, bob = guest(store, "alice"), guest(store, "bob")
        room(store, bob, "bobs")
        for number in range(3):
            room(store, alice, f"room-{number}")
        enter(store, bob, "room-1")
        assert code(store, EnterRoom(1, alice.person_id, "bobs")) == ErrorCode.TOO_MANY_ROOMS
        enter(store, alice, "room-1")
        perform(store, LeaveRoom(1, alice.person_id, "room-1"))
        enter(store, alice, "bobs")
        assert admit(store, "alice").rooms == ("bobs", "room-0", "room-2")

    def test_who_may_be_in_no_more_rooms_makes_none(self, store: Store) -> None:
        alice = guest(store, "alice")
        for number in range(3):
            room(store, alice, f"room-{number}")
        refused = refusal(store, AddRoom(1, alice.person_id, "alice", "room-3", "", NOW))
        assert (refused.code, "leave one" in refused.text) == (ErrorCode.TOO_MANY_ROOMS, True)
        assert len(perform(store, ListRooms(1))) == 4

    def test_person_makes_so_many_rooms_in_them_or_not(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        for number in range(3):
            room(store, alice.person, f"room-{number}")
            alice.say("mine", room=f"room-{number}")
            perform(store, LeaveRoom(1, alice.person.person_id, f"room-{number}"))
        refused = refusal(store, AddRoom(1, alice.person.person_id, "alice", "room-3", "", NOW))
        assert (refused.code, "you have made 3 rooms" in refused.text) == (ErrorCode.TOO_MANY_ROOMS, True)
        room(store, guest(store, "bob"), "room-3")

    def test_room_in_which_nothing_was_said_goes_with_its_last_member(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        for name in ("empty", "spoken", "shared"):
            room(store, alice.person, name)
        alice.say("hello", room="spoken")
        enter(store, bob.person, "shared")
        for name in ("empty", "spoken", "shared"):
            perform(store, LeaveRoom(1, alice.person.person_id, name))
        assert [each.room for each in perform(store, ListRooms(1))] == ["lobby", "shared", "spoken"]
        assert code(store, EnterRoom(1, alice.person.person_id, "empty")) == ErrorCode.UNKNOWN_ROOM
        perform(store, LeaveRoom(1, bob.person.person_id, "shared"))
        assert [each.room for each in perform(store, ListRooms(1))] == ["lobby", "spoken"]
        room(store, bob.person, "empty")
        assert admit(store, "alice").rooms == ()

    def test_member_gets_what_is_said_since_they_entered(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        room(store, alice.person, "books")
        alice.say("before", room="books")
        enter(store, bob.person, "books")
        enter(store, bob.person, "books")
        alice.say("after", room="books")
        assert texts(page(store, bob.person).messages) == ["after"]
        perform(store, LeaveRoom(1, bob.person.person_id, "books"))
        assert page(store, bob.person).messages == ()
        alice.say("without bob", room="books")
        enter(store, bob.person, "books")
        assert page(store, bob.person).messages == ()
