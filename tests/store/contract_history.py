"""What every store must do: history shows what is asked for, as far as the one who asks may see it."""

from __future__ import annotations

import pytest

from tests.store.talk import (
    NOW,
    PICTURE,
    account,
    admit,
    code,
    enter,
    find,
    find_request,
    guest,
    history,
    key_of,
    room,
    speaker,
    speakers,
)
from udpchat.chat.ports import LeaveRoom
from udpchat.errors import ErrorCode
from udpchat.protocol.ports import Store, perform


class HistoryContract:
    """Looking for messages."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_everything_that_somebody_may_see(self, store: Store) -> None:
        alice, bob, carol = speakers(store, "alice", "bob", "carol")
        room(store, alice.person, "books")
        alice.say("lobby")
        alice.say("books", room="books")
        alice.say("to bob", to=bob.person)
        carol.say("to alice", to=alice.person)
        assert history(store, alice.person) == ["lobby", "books", "to bob", "to alice"]
        assert history(store, bob.person) == ["lobby", "to bob"]
        assert history(store, carol.person) == ["lobby", "to alice"]
        assert history(store, guest(store, "dave")) == ["lobby"]

    def test_members_see_the_whole_room_and_others_nothing(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        room(store, alice.person, "Books")
        alice.say("before bob", room="books")
        assert code(store, find_request(bob.person, room="books")) == ErrorCode.NOT_IN_ROOM
        assert code(store, find_request(bob.person, room="books", words="bob")) == ErrorCode.NOT_IN_ROOM
        assert code(store, find_request(bob.person, room="books", words="?")) == ErrorCode.NOT_IN_ROOM
        assert code(store, find_request(bob.person, room="nowhere")) == ErrorCode.UNKNOWN_ROOM
        enter(store, bob.person, "books")
        for conditions in ({"room": "BOOKS"}, {}, {"words": "before"}):
            assert history(store, bob.person, **conditions) == ["before bob"]
        perform(store, LeaveRoom(1, bob.person.person_id, "books"))
        assert history(store, bob.person) == []
        assert history(store, bob.person, words="before") == []

    def test_no_condition_shows_the_private_messages_of_others(self, store: Store) -> None:
        alice, bob, carol = speakers(store, "alice", "bob", "carol")
        alice.say("secret", to=bob.person)
        for conditions in (
            {},
            {"nick": "alice"},
            {"nick": "bob"},
            {"sender": "alice"},
            {"recipient": "bob"},
            {"words": "secret"},
            {"sender": "alice", "recipient": "bob", "words": "secret"},
            {"room": "lobby"},
            {"after": 1},
        ):
            assert find(store, carol.person, **conditions) == (), conditions

    def test_conversation_with_somebody_goes_both_ways(self, store: Store) -> None:
        alice, bob, carol = speakers(store, "alice", "Bob", "carol")
        alice.say("lobby")
        alice.say("1", to=bob.person)
        bob.say("2", to=alice.person)
        carol.say("3", to=alice.person)
        bob.say("4", to=carol.person)
        assert history(store, alice.person, nick="BOB") == ["1", "2"]
        assert history(store, alice.person, nick="bob", words="2") == ["2"]
        assert history(store, bob.person, nick="alice") == ["1", "2"]
        assert history(store, alice.person, nick="alice") == []
        assert history(store, alice.person, nick="nobody") == []

    def test_all_conditions_hold(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        room(store, alice.person, "books")
        enter(store, bob.person, "books")
        for number, (who, where) in enumerate(
            [(alice, "lobby"), (bob, "lobby"), (alice, "books"), (bob, "books"), (alice, "lobby")]
        ):
            who.say(f"cake {number}", room=where, sent_at=NOW + number)
        alice.say("cake 5", to=bob.person, sent_at=NOW + 5)
        assert history(store, bob.person, sender="ALICE") == ["cake 0", "cake 2", "cake 4", "cake 5"]
        assert history(store, bob.person, sender="alice", room="lobby") == ["cake 0", "cake 4"]
        assert history(store, bob.person, sender="alice", words="cake", room="lobby") == ["cake 0", "cake 4"]
        assert history(store, bob.person, sent_from=NOW + 1, sent_until=NOW + 3) == ["cake 1", "cake 2"]
        assert history(store, bob.person, sent_from=NOW + 4, words="cake") == ["cake 4", "cake 5"]
        assert history(store, bob.person, sent_from=NOW + 6) == []
        assert history(store, bob.person, sent_until=NOW) == []
        assert history(store, bob.person, recipient="Bob") == ["cake 5"]
        assert history(store, bob.person, recipient="bob", words="cake", sender="alice") == ["cake 5"]
        assert history(store, bob.person, recipient="bob", sender="bob") == []
        assert history(store, bob.person, room="lobby", nick="alice") == []
        assert history(store, bob.person, room="lobby", recipient="bob", words="cake") == []
        assert history(store, bob.person, sender="nobody") == []
        assert history(store, bob.person, sender="nobody", words="cake") == []

    def test_times_are_found_whatever_the_clock_did(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        for at in (100, 300, 200, 50, 400):
            alice.say(str(at), sent_at=at)
        assert history(store, alice.person, sent_from=100, sent_until=301) == ["100", "300", "200"]
        assert history(store, alice.person, sent_until=100) == ["50"]

    def test_newest_come_unless_a_page_is_asked_for_and_the_oldest_of_them_is_first(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        room(store, alice.person, "books")
        said = [alice.say(str(number), room=("lobby", "books")[number % 2]) for number in range(8)]
        for words in ("", "*"):
            assert history(store, alice.person, limit=3, words=words) == (["5", "6", "7"] if not words else [])
        assert history(store, alice.person, limit=3, before=said[5].sequence) == ["2", "3", "4"]
        assert history(store, alice.person, limit=3, after=said[2].sequence) == ["3", "4", "5"]
        assert history(store, alice.person, limit=9, after=said[2].sequence, before=said[5].sequence) == ["3", "4"]
        assert history(store, alice.person, limit=2, after=said[2].sequence, room="lobby") == ["4", "6"]
        assert history(store, alice.person, limit=2, before=said[7].sequence, room="books") == ["3", "5"]
        assert history(store, alice.person, after=said[7].sequence) == []
        assert history(store, alice.person, before=said[0].sequence) == []
        assert history(store, alice.person, limit=0) == []

    @pytest.mark.parametrize("number", [2**63 - 2, 2**63 - 1, 2**63, 2**64 - 1])
    def test_numbers_of_any_size_are_compared_like_others(self, store: Store, number: int) -> None:
        (alice,) = speakers(store, "alice")
        alice.say("cake")
        for words in ("", "cake"):
            for field in ("after", "sent_from"):
                assert find(store, alice.person, words=words, **{field: number}) == ()
            for field in ("before", "sent_until"):
                assert history(store, alice.person, words=words, **{field: number}) == ["cake"]

    def test_words_are_paged_as_well(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        said = [alice.say(f"cake {number}", to=bob.person if number % 3 else None) for number in range(8)]
        assert history(store, alice.person, words="cake", limit=3) == ["cake 5", "cake 6", "cake 7"]
        found = history(store, alice.person, words="cake", limit=3, before=said[5].sequence)
        assert found == ["cake 2", "cake 3", "cake 4"]
        assert history(store, alice.person, words="cake", limit=2, after=said[2].sequence) == ["cake 3", "cake 4"]

    def test_words_are_found_in_any_language(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        for text in ("我们去吃饭吧", "局域网聊天室", "Crème brûlée, please", "udp聊天2号", "NEAR and far"):
            alice.say(text)
        for words, expected in {
            "吃饭": ["我们去吃饭吧"],
            "聊天": ["局域网聊天室", "udp聊天2号"],
            "聊天2": ["udp聊天2号"],
            "饭吃": [],
            "creme": ["Crème brûlée, please"],
            '"brulee please"': ["Crème brûlée, please"],
            '"creme please"': [],
            "ple*": ["Crème brûlée, please"],
            "AND": ["NEAR and far"],
            "NEAR (near far)": ["NEAR and far"],
            "scope:r1": [],
            "吧": ["我们去吃饭吧"],
            '"*-:()': [],
        }.items():
            assert history(store, alice.person, words=words) == expected, words

    def test_too_many_words_are_refused(self, store: Store) -> None:
        assert code(store, find_request(guest(store, "alice"), words="a " * 99)) == ErrorCode.TEXT_NOT_ALLOWED

    def test_file_is_found_by_its_name(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        shared = alice.say("look", attachment=PICTURE)
        for words in ("sommerfest", "2026.jpeg", "look", '"look sommerfest"'):
            assert find(store, bob.person, words=words) == (shared,)

    def test_nicknames_in_history_are_those_of_then(self, store: Store) -> None:
        alice = speaker(store, guest(store, "alice"))
        bob = guest(store, "bob")
        old = alice.say("hello", to=bob)
        renamed = admit(store, "alicia", identity=key_of("alice")).person
        new = speaker(store, renamed).say("hello again", to=bob, message_id=b"x" * 16)
        assert [each.sender for each in find(store, bob)] == ["alice", "alicia"]
        assert find(store, bob, nick="alice") == (old,)
        assert find(store, bob, sender="alicia") == (new,)

    def test_messages_of_a_guest_are_those_of_the_account(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        alice.say("mine", to=bob.person)
        bob.say("yours", to=alice.person)
        person = account(store, "alice")
        assert history(store, person, nick="bob") == ["mine", "yours"]
