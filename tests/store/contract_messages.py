"""What every store must do: messages are stored once, in order, and reach who may see them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.store.talk import (
    FOLDER,
    NOW,
    PICTURE,
    account,
    admit,
    code,
    enter,
    find,
    guest,
    history,
    key_of,
    message_id,
    page,
    room,
    speaker,
    speakers,
    texts,
)
from udpchat.chat.ports import NOBODY, FindMessage, LeaveRoom, ListRooms, Message, Page, PruneMessages, Stored
from udpchat.errors import ErrorCode, UsageError
from udpchat.protocol.ports import Job, Lane, Store, perform
from udpchat.store.chat_rules import MAX_PRUNED


class MessageContract:
    """Writing and catching up."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_message_is_stored_as_it_was_said(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        newest = admit(store, "alice").newest
        line = alice.say("  ../\x1b[2J\0\u202e吃饭 😀 ", room="LOBBY")
        assert line == Message(
            newest + 1, NOW, alice.person.person_id, "alice", "lobby", NOBODY, "", "  ../\x1b[2J\0\u202e吃饭 😀 "
        )
        private = alice.say("psst", to=bob.person, sent_at=NOW + 7)
        assert private == Message(
            newest + 2, NOW + 7, alice.person.person_id, "alice", "", bob.person.person_id, "bob", "psst"
        )
        shared = bob.say("", attachment=PICTURE)
        assert (shared.sequence, shared.attachment) == (newest + 3, PICTURE)
        sent = alice.say("", to=bob.person, attachment=FOLDER)
        assert (sent.room, sent.recipient, sent.attachment) == ("", "bob", FOLDER)
        assert page(store, alice.person).messages == (line, private, shared, sent)
        assert find(store, alice.person) == (line, private, shared, sent)

    def test_file_for_one_person_is_seen_and_found_by_the_two_alone(self, store: Store) -> None:
        alice, bob, eve = speakers(store, "alice", "bob", "eve")
        sent = alice.say("", to=bob.person, attachment=FOLDER)
        for conditions in ({}, {"words": "fotos"}, {"nick": "bob"}, {"recipient": "bob"}):
            assert find(store, eve.person, **conditions) == ()
            assert find(store, alice.person, **conditions) == (sent,)
        assert find(store, bob.person, words="fotos") == find(store, bob.person, nick="alice") == (sent,)
        assert page(store, eve.person).messages == ()

    def test_file_of_which_more_is_known_by_now_is_the_same_message(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        request = alice.request("", attachment=replace(PICTURE, media="", width=0, height=0))
        first = perform(store, request)
        assert perform(store, replace(request, attachment=PICTURE)) == Stored(first.message, is_new=False)
        assert code(store, replace(request, attachment=replace(PICTURE, md5=bytes(16)))) == ErrorCode.MESSAGE_CHANGED

    def test_same_message_said_again_is_the_first_one(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        for request in (
            alice.request("hello"),
            alice.request("psst", to=bob.person),
            alice.request("", attachment=PICTURE),
        ):
            first = perform(store, request)
            again = perform(store, replace(request, sent_at=NOW + 5, room=request.room.upper()))
            assert (first.is_new, again) == (True, Stored(first.message, is_new=False))
        assert len(page(store, alice.person).messages) == 3

    def test_id_of_another_sender_is_another_message(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        assert alice.say("one", message_id=bytes(16)).sequence < bob.say("two", message_id=bytes(16)).sequence

    @pytest.mark.parametrize(
        "change",
        [
            {"text": "changed"},
            {"room": "books"},
            {"room": "", "recipient_id": 1, "recipient": "alice"},
            {"attachment": PICTURE},
        ],
    )
    def test_earlier_id_with_something_else_is_refused(self, store: Store, change: dict[str, Any]) -> None:
        (alice,) = speakers(store, "alice")
        room(store, alice.person, "books")
        request = alice.request("hello")
        perform(store, request)
        assert code(store, replace(request, **change)) == ErrorCode.MESSAGE_CHANGED
        assert history(store, alice.person) == ["hello"]

    def test_repeated_private_message_is_the_same_whoever_has_the_nickname_now(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        request = alice.request("psst", to=bob.person)
        first = perform(store, request)
        other = admit(store, "Bob", identity=key_of("another")).person
        again = perform(store, replace(request, recipient_id=other.person_id, recipient="Bob"))
        assert again == Stored(first.message, is_new=False)

    def test_what_a_guest_said_is_the_same_message_when_the_account_of_the_same_key_says_it(self, store: Store) -> None:
        (guest_,) = speakers(store, "guest")
        walter = speaker(store, account(store, "walter"))
        stranger = speaker(store, account(store, "stranger"))
        for request in (guest_.request("hello"), guest_.request("", attachment=PICTURE)):
            first = perform(store, request)
            again = replace(request, sender_id=walter.person.person_id, sender="walter")
            assert perform(store, replace(again, identity=key_of("guest"))) == Stored(first.message, is_new=False)
            changed = replace(again, identity=key_of("guest"), text="changed")
            assert code(store, changed) == ErrorCode.MESSAGE_CHANGED
            other = replace(request, sender_id=stranger.person.person_id, sender="stranger")
            assert perform(store, replace(other, identity=key_of("stranger"))).is_new
        assert len(find(store, guest_.person)) == 4

    def test_message_is_found_by_its_sender_and_id(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        stored = perform(store, alice.request("hello", message_id=message_id(7)))
        again = Stored(stored.message, is_new=False)
        walter = account(store, "walter").person_id
        assert perform(store, FindMessage(1, message_id(7), alice.person.person_id)) == again
        assert perform(store, FindMessage(1, message_id(7), walter, key_of("alice"))) == again
        for sender_id, identity in ((bob.person.person_id, key_of("bob")), (walter, b""), (walter, key_of("bob"))):
            assert perform(store, FindMessage(1, message_id(7), sender_id, identity)) is None
        assert perform(store, FindMessage(1, message_id(8), alice.person.person_id)) is None

    def test_only_members_speak_in_a_room(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        room(store, alice.person, "Books")
        assert alice.say("hello", room="books").room == "Books"
        for name in ("books", "nowhere"):
            assert code(store, bob.request("hello", room=name)) == ErrorCode.NOT_IN_ROOM
        enter(store, bob.person, "books")
        request = bob.request("hello", room="books")
        stored = perform(store, request)
        perform(store, LeaveRoom(1, bob.person.person_id, "books"))
        assert perform(store, request) == Stored(stored.message, is_new=False)
        assert code(store, bob.request("once more", room="books")) == ErrorCode.NOT_IN_ROOM

    @pytest.mark.parametrize(
        "wrong",
        [
            {"room": ""},
            {"recipient_id": 1, "recipient": "x"},
            {"message_id": b"short"},
            {"text": "x" * 4_097},
        ],
    )
    def test_what_is_no_message_is_our_own_mistake(self, store: Store, wrong: dict[str, Any]) -> None:
        (alice,) = speakers(store, "alice")
        with pytest.raises(UsageError):
            perform(store, replace(alice.request("hello"), **wrong))

    # -- lanes ---------------------------------------------------------------------------------------------------------

    def test_messages_that_wait_together_are_stored_in_order_and_refusals_are_their_own(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        room(store, alice.person, "books")
        alice.say("taken", message_id=message_id(99))
        requests = [
            alice.request("1"),
            bob.request("not a member", room="books"),
            alice.request("2"),
            alice.request("changed", message_id=message_id(99)),
            bob.request("3"),
        ]
        requests.append(requests[0])
        jobs = [store.submit(request) for request in requests]
        assert {job.lane for job in jobs if isinstance(job, Job)} == {Lane.MESSAGES}
        outcomes = [job.finish(job.run()) for job in jobs if isinstance(job, Job)]
        assert [getattr(each, "code", None) for each in outcomes] == [
            None,
            ErrorCode.NOT_IN_ROOM,
            None,
            ErrorCode.MESSAGE_CHANGED,
            None,
            None,
        ]
        stored = [each for each in outcomes if isinstance(each, Stored)]
        assert [(each.message.text, each.is_new) for each in stored] == [
            ("1", True),
            ("2", True),
            ("3", True),
            ("1", False),
        ]
        assert history(store, alice.person) == ["taken", "1", "2", "3"]
        sequences = [each.message.sequence for each in stored[:3]]
        assert sequences == list(range(sequences[0], sequences[0] + 3))

    def test_requests_happen_in_the_order_they_were_made(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        room(store, alice.person, "books")
        first = bob.request("too early", room="books")
        enters = store.submit(first), store.submit(LeaveRoom(1, alice.person.person_id, "books"))
        last = store.submit(alice.request("too late", room="books"))
        outcomes = [job.finish(job.run()) for job in (*enters, last) if isinstance(job, Job)]
        assert [getattr(each, "code", None) for each in outcomes] == [
            ErrorCode.NOT_IN_ROOM,
            None,
            ErrorCode.NOT_IN_ROOM,
        ]

    # -- catching up ---------------------------------------------------------------------------------------------------

    def test_pages_follow_one_another_until_all_is_accounted_for(self, store: Store) -> None:
        alice, bob, carol = speakers(store, "alice", "bob", "carol")
        said = [alice.say(f"line {number}") for number in range(7)]
        alice.say("not for bob", to=carol.person)
        first = page(store, bob.person, limit=3)
        assert (texts(first.messages), first.upto) == (["line 0", "line 1", "line 2"], said[2].sequence)
        second = page(store, bob.person, first.upto, limit=3)
        last = page(store, bob.person, second.upto, limit=3)
        assert texts(last.messages) == ["line 6"]
        newest = admit(store, "bob").newest
        assert last.upto == newest
        assert page(store, bob.person, newest) == Page((), newest)
        assert page(store, bob.person, newest + 5) == Page((), newest + 5)

    def test_empty_store_has_an_empty_page(self, store: Store) -> None:
        admission = admit(store, "alice")
        assert page(store, admission.person, admission.newest) == Page((), admission.newest)
        assert page(store, admission.person, 0) == Page((), admission.newest)

    def test_everybody_gets_what_they_may_see_and_nothing_else(self, store: Store) -> None:
        alice, bob, carol = speakers(store, "alice", "bob", "carol")
        room(store, alice.person, "books")
        enter(store, bob.person, "books")
        alice.say("all")
        alice.say("readers", room="books")
        alice.say("bob alone", to=bob.person)
        bob.say("alice alone", to=alice.person)
        assert texts(page(store, alice.person).messages) == ["all", "readers", "bob alone", "alice alone"]
        assert texts(page(store, bob.person).messages) == ["all", "readers", "bob alone", "alice alone"]
        assert texts(page(store, carol.person).messages) == ["all"]

    # -- forgetting ----------------------------------------------------------------------------------------------------

    def test_old_messages_are_forgotten_everywhere(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        room(store, alice.person, "books")
        for at in (NOW - 2, NOW - 1, NOW, NOW + 1):
            alice.say(f"cake in the lobby {at - NOW}", sent_at=at)
            alice.say(f"cake among books {at - NOW}", room="books", sent_at=at)
            alice.say(f"cake for bob {at - NOW}", to=bob.person, sent_at=at)
        alice.say("a\0zebra", attachment=PICTURE, sent_at=NOW - 1)
        assert len(find(store, alice.person, words="cake")) == 12
        assert perform(store, PruneMessages(1, NOW)) == 7
        for conditions in ({}, {"words": "cake"}, {"sent_until": NOW + 9}, {"sender": "alice"}):
            assert len(find(store, alice.person, **conditions)) == 6
        assert len(find(store, alice.person, words="cake", room="books")) == 2
        for words in ("sommerfest", "zebra"):
            assert find(store, alice.person, words=words) == ()
        assert len(page(store, bob.person).messages) == 4
        assert perform(store, PruneMessages(1, NOW)) == 0

    def test_sequences_are_not_used_again(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        last = [alice.say("old", sent_at=NOW - 1) for _ in range(3)][-1]
        assert perform(store, PruneMessages(1, NOW)) == 3
        assert admit(store, "alice").newest == last.sequence
        assert page(store, alice.person) == Page((), last.sequence)
        assert alice.say("new").sequence == last.sequence + 1
        assert texts(page(store, alice.person).messages) == ["new"]

    def test_one_request_forgets_so_many_and_says_how_many(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        jobs = [store.submit(alice.request("old", sent_at=NOW - 1)) for _ in range(MAX_PRUNED + 1)]
        for job in jobs:
            assert isinstance(job, Job)
            job.finish(job.run())
        assert [perform(store, PruneMessages(1, NOW)) for _ in range(3)] == [MAX_PRUNED, 1, 0]

    def test_guests_who_left_nothing_and_were_not_here_are_forgotten(self, store: Store) -> None:
        silent, author, reader = (guest(store, nick) for nick in ("silent", "author", "reader"))
        registered = account(store, "registered")
        recent = admit(store, "recent", at=NOW + 10).person
        room(store, silent, "quiet")
        speaker(store, author).say("to reader", to=reader, sent_at=NOW + 9)
        assert perform(store, PruneMessages(1, NOW + 5)) == 0
        later = NOW + 20
        for person in (author, reader, recent):
            assert admit(store, person.nick, at=later).person.person_id == person.person_id
        assert admit(store, "x", person_id=registered.person_id, at=later).person.person_id == registered.person_id
        again = admit(store, "silent", at=later)
        assert again.person.person_id > silent.person_id  # an id means one person for ever
        assert again.rooms == ()

    def test_guests_are_forgotten_also_where_messages_are_kept(self, store: Store) -> None:
        silent = guest(store, "silent")
        room(store, silent, "quiet")
        author = speakers(store, "author")[0]
        author.say("hello", sent_at=NOW - 1)
        assert perform(store, PruneMessages(1, 0, guests_before=NOW)) == 0
        assert admit(store, "silent").person.person_id == silent.person_id
        assert perform(store, PruneMessages(1, 0, guests_before=NOW + 1)) == 0
        assert admit(store, "silent", at=NOW + 1).person.person_id > silent.person_id
        assert [each.room for each in perform(store, ListRooms(1))] == ["lobby"]
        assert texts(find(store, author.person)) == ["hello"]

    def test_rooms_in_which_nobody_is_and_nothing_was_said_are_forgotten(self, store: Store) -> None:
        alice = speakers(store, "alice")[0]
        for name in ("spoken", "member"):
            room(store, alice.person, name)
        room(store, guest(store, "gone"), "empty")
        alice.say("hello", room="spoken", sent_at=NOW + 9)
        admit(store, "alice", at=NOW + 9)
        perform(store, LeaveRoom(1, alice.person.person_id, "spoken"))
        perform(store, PruneMessages(1, NOW))
        assert len(perform(store, ListRooms(1))) == 4
        perform(store, PruneMessages(1, NOW + 1))
        assert [each.room for each in perform(store, ListRooms(1))] == ["lobby", "member", "spoken"]
