"""What every store must do: people, accounts, tickets, bans, passwords."""

from __future__ import annotations

import pytest

from tests.store.actions import refusal
from tests.store.talk import (
    HOST,
    NOW,
    account,
    account_request,
    admit,
    admit_request,
    code,
    enter,
    guest,
    key_of,
    page,
    room,
    speaker,
    speakers,
    texts,
    ticket_of,
)
from udpchat.chat.ports import (
    NOBODY,
    AddBan,
    AddTicket,
    BanEntry,
    FindAccount,
    FindPerson,
    HashPassword,
    ListAccounts,
    ListBans,
    MarkRead,
    Progress,
    RemoveBan,
    SaveProgress,
    SetPassword,
    VerifyPassword,
)
from udpchat.config import TICKET_LIFETIME
from udpchat.errors import ErrorCode
from udpchat.protocol.ports import Store, perform

DAY = 24 * 3600 * 1_000_000


class PeopleContract:
    """Who may come in, and as whom."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    # -- guests --------------------------------------------------------------------------------------------------------

    def test_guest_is_known_by_the_key_and_has_the_newest_nickname(self, store: Store) -> None:
        first = admit(store, "alice").person
        again = admit(store, "alicia", identity=key_of("alice"), at=NOW + 5).person
        assert (again.person_id, again.nick, again.last_seen) == (first.person_id, "alicia", NOW + 5)
        assert not again.is_account
        assert admit(store, "alice", identity=key_of("bob")).person.person_id != first.person_id

    def test_guest_who_is_only_looked_up_leaves_no_trace(self, store: Store) -> None:
        alice = admit(store, "alice").person
        looked_up = perform(store, admit_request("alicia", identity=key_of("alice"), at=NOW + 5, remembers=False))
        assert looked_up.person == alice
        stranger = perform(store, admit_request("bob", remembers=False)).person
        assert (stranger.person_id, stranger.nick, stranger.is_account) == (NOBODY, "bob", False)
        assert admit(store, "carol").person.person_id == alice.person_id + 1
        assert admit(store, "alice").person.last_seen == NOW

    def test_who_is_only_looked_up_is_banned_and_kept_from_accounts_all_the_same(self, store: Store) -> None:
        bertha = account(store, "bertha", ticket=ticket_of("b"))
        assert code(store, admit_request("bertha", identity=key_of("x"), remembers=False)) == ErrorCode.NICK_REGISTERED
        entered = perform(store, admit_request("bertha", ticket=ticket_of("b"), at=NOW + 7, remembers=False)).person
        assert (entered.person_id, entered.last_seen) == (bertha.person_id, NOW + 7)
        perform(store, AddBan(1, HOST, b"", NOBODY, HOST, "", "", NOW))
        assert code(store, admit_request("bob", remembers=False)) == ErrorCode.BANNED

    def test_server_takes_so_many_accounts(self, store: Store) -> None:
        for number in range(4):
            account(store, f"account-{number}")
        refused = refusal(store, account_request("one-more"))
        assert (refused.code, "4 accounts" in refused.text) == (ErrorCode.NOT_ALLOWED, True)
        assert code(store, account_request("account-0")) == ErrorCode.NAME_TAKEN

    def test_when_somebody_was_here_last_does_not_go_backwards(self, store: Store) -> None:
        admit(store, "alice", at=NOW)
        assert admit(store, "alice", at=NOW - 5).person.last_seen == NOW

    def test_admission_tells_rooms_and_the_newest_message(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        empty = admit(store, "alice")
        assert (empty.rooms, empty.progress) == ((), ())
        room(store, alice.person, "Zoo")
        room(store, alice.person, "art")
        message = alice.say("hello")
        assert message.sequence > empty.newest > 0  # 0 says "as the server remembers"
        admission = admit(store, "alice")
        assert (admission.rooms, admission.newest) == (("art", "Zoo"), message.sequence)
        assert admit(store, "bob").rooms == ()

    def test_progress_goes_forwards_only(self, store: Store) -> None:
        person = guest(store, "alice")
        for delivered, last_seen in ((7, NOW + 9), (5, NOW + 3)):
            request = SaveProgress(1, ((person.person_id, delivered, last_seen), (999, 1, 1)))
            assert perform(store, request) is None
        again = admit(store, "alice").person
        assert (again.delivered, again.last_seen) == (7, NOW + 9)

    # -- accounts ------------------------------------------------------------------------------------------------------

    def test_guest_becomes_the_account_of_the_nickname_with_all_that_is_theirs(self, store: Store) -> None:
        (alice,) = speakers(store, "alice")
        room(store, alice.person, "books")
        message = alice.say("mine")
        person = perform(store, account_request("Alice", identity=key_of("alice"), ticket=ticket_of("t")))
        assert (person.person_id, person.nick, person.is_account) == (alice.person.person_id, "Alice", True)
        admission = admit(store, "alice", ticket=ticket_of("t"))
        assert (admission.person, admission.rooms) == (person, ("books",))
        again = speaker(store, person).request("mine", message_id=bytes(16))
        assert perform(store, again).message == message

    def test_key_of_a_guest_who_became_an_account_is_free_for_another_guest(self, store: Store) -> None:
        person = account(store, guest(store, "alice").nick)
        assert admit(store, "other", identity=key_of("alice")).person.person_id != person.person_id

    def test_guest_of_another_nickname_stays_a_guest(self, store: Store) -> None:
        alice = guest(store, "alice")
        bob = perform(store, account_request("robert", identity=key_of("alice")))
        assert bob.person_id != alice.person_id
        assert admit(store, "alice").person == alice

    def test_name_is_taken_once_however_it_is_written(self, store: Store) -> None:
        account(store, "Straße")
        assert code(store, account_request("STRASSE", identity=key_of("other"))) == ErrorCode.NAME_TAKEN

    def test_registered_nickname_cannot_be_taken_by_a_guest(self, store: Store) -> None:
        account(store, "alice")
        for identity in (key_of("alice"), key_of("mallory")):
            refused = refusal(store, admit_request("ALICE", identity=identity))
            assert refused.code == ErrorCode.NICK_REGISTERED
            assert "log in" in refused.text

    def test_who_has_logged_in_comes_in_as_the_account(self, store: Store) -> None:
        person = account(store, "alice", is_admin=True)
        admitted = admit(store, "whoever", identity=key_of("new laptop"), person_id=person.person_id).person
        assert admitted == person
        assert admitted.is_admin

    def test_account_and_its_password_are_found_by_name(self, store: Store) -> None:
        person = account(store, "Alice")
        secret = perform(store, FindAccount(1, "ALICE"))
        assert (secret.person, secret.password_hash) == (person, "hash of Alice")
        assert "hash of" not in repr(secret)
        assert perform(store, FindPerson(1, "aLICE")) == person
        guest(store, "bob")
        for name in ("bob", "nobody", ""):
            assert perform(store, FindAccount(1, name)) is None
            assert perform(store, FindPerson(1, name)) is None

    def test_accounts_are_listed_by_name(self, store: Store) -> None:
        guest(store, "guest")
        people = [account(store, nick) for nick in ("Zoe", "anna", "Émile", "Bob")]
        listed = perform(store, ListAccounts(1))
        assert [person.nick for person in listed] == ["anna", "Bob", "Zoe", "Émile"]
        assert set(listed) == set(people)

    def test_what_is_said_to_a_new_account_before_its_first_login_waits_for_it(self, store: Store) -> None:
        alice, bob = speaker(store, guest(store, "alice")), account(store, "bobby")
        alice.say("welcome", to=bob)
        person = admit(store, "bobby", person_id=bob.person_id).person
        assert person.delivered > 0  # 0 says that nobody knows, and delivery would begin with what comes next
        assert texts(page(store, person, person.delivered).messages) == ["welcome"]

    def test_new_account_does_not_get_what_was_said_before_it(self, store: Store) -> None:
        speakers(store, "alice")[0].say("long ago")
        person = account(store, "bobby")
        assert page(store, person, person.delivered).messages == ()

    # -- tickets -------------------------------------------------------------------------------------------------------

    def test_ticket_works_for_its_key_and_account_only(self, store: Store) -> None:
        person = account(store, "alice", ticket=ticket_of("t"))
        account(store, "bobby")
        assert admit(store, "alice", ticket=ticket_of("t")).person.person_id == person.person_id
        for nick, identity, ticket in (
            ("alice", key_of("mallory"), "t"),
            ("alice", key_of("alice"), "x"),
            ("bobby", key_of("alice"), "t"),
        ):
            request = admit_request(nick, identity=identity, ticket=ticket_of(ticket))
            assert code(store, request) == ErrorCode.NICK_REGISTERED

    def test_ticket_expires_when_it_is_not_used(self, store: Store) -> None:
        account(store, "alice", ticket=ticket_of("t"))
        admit(store, "alice", ticket=ticket_of("t"), at=NOW + TICKET_LIFETIME)
        admit(store, "alice", ticket=ticket_of("t"), at=NOW + 2 * TICKET_LIFETIME)
        late = admit_request("alice", ticket=ticket_of("t"), at=NOW + 3 * TICKET_LIFETIME + 1)
        assert code(store, late) == ErrorCode.NICK_REGISTERED

    def test_new_ticket_of_a_key_replaces_the_former_and_leaves_those_of_other_keys(self, store: Store) -> None:
        person = account(store, "alice", ticket=ticket_of("1"))
        for identity, word in ((key_of("alice"), "2"), (key_of("laptop"), "3")):
            assert perform(store, AddTicket(1, person.person_id, identity, ticket_of(word), NOW)) is None
        assert code(store, admit_request("alice", ticket=ticket_of("1"))) == ErrorCode.NICK_REGISTERED
        assert admit(store, "alice", ticket=ticket_of("2")).person.is_account
        assert admit(store, "alice", identity=key_of("laptop"), ticket=ticket_of("3")).person.is_account

    def test_new_password_ends_all_tickets_but_the_new_one(self, store: Store) -> None:
        person = account(store, "alice", ticket=ticket_of("1"))
        perform(store, AddTicket(1, person.person_id, key_of("laptop"), ticket_of("2"), NOW))
        change = SetPassword(1, person.person_id, "new hash", key_of("alice"), ticket_of("3"), NOW)
        assert perform(store, change) is None
        assert perform(store, FindAccount(1, "alice")).password_hash == "new hash"
        assert admit(store, "alice", ticket=ticket_of("3")).person == person
        for identity, word in ((key_of("alice"), "1"), (key_of("laptop"), "2")):
            request = admit_request("alice", identity=identity, ticket=ticket_of(word))
            assert code(store, request) == ErrorCode.NICK_REGISTERED

    def test_empty_ticket_is_none(self, store: Store) -> None:
        person = account(store, "alice")
        perform(store, SetPassword(1, person.person_id, "new hash", key_of("alice"), b"", NOW))
        assert code(store, admit_request("alice")) == ErrorCode.NICK_REGISTERED

    def test_guests_have_no_passwords_and_tickets(self, store: Store) -> None:
        for person_id in (guest(store, "alice").person_id, 999, NOBODY):
            ticket = AddTicket(1, person_id, key_of("alice"), ticket_of("t"), NOW)
            assert code(store, ticket) == ErrorCode.UNKNOWN_ACCOUNT
            change = SetPassword(1, person_id, "hash", key_of("alice"), ticket_of("t"), NOW)
            assert code(store, change) == ErrorCode.UNKNOWN_ACCOUNT

    # -- bans ----------------------------------------------------------------------------------------------------------

    def test_ban_counts_for_key_account_and_address(self, store: Store) -> None:
        person = account(store, "alice", ticket=ticket_of("t"))
        bans = [
            AddBan(1, "mallory", key_of("mallory"), NOBODY, "", "root", "spam", NOW),
            AddBan(1, "Alice", b"", person.person_id, "", "", "", NOW + 1),
            AddBan(1, "192.0.2.66", b"", NOBODY, "192.0.2.66", "", "", NOW + 2),
        ]
        entries = tuple(perform(store, ban) for ban in bans)
        assert entries[0] == BanEntry("mallory", "root", "spam", NOW)
        assert perform(store, ListBans(1)) == entries
        refused = refusal(store, admit_request("another", identity=key_of("mallory")))
        assert (refused.code, "spam" in refused.text) == (ErrorCode.BANNED, True)
        assert code(store, admit_request("carol", host="192.0.2.66")) == ErrorCode.BANNED
        assert code(store, admit_request("alice", ticket=ticket_of("t"))) == ErrorCode.BANNED
        assert code(store, admit_request("x", person_id=person.person_id)) == ErrorCode.BANNED
        assert admit(store, "mallory", identity=key_of("another mallory")).person.nick == "mallory"

    def test_ban_without_key_account_and_address_bans_nobody(self, store: Store) -> None:
        perform(store, AddBan(1, "ghost", b"", NOBODY, "", "", "", NOW))
        assert perform(store, FindPerson(1, "ghost")) is None
        request = admit_request("ghost", identity=b"", host="")
        assert perform(store, request).person.nick == "ghost"

    def test_banned_guest_is_not_remembered(self, store: Store) -> None:
        perform(store, AddBan(1, HOST, b"", NOBODY, HOST, "", "", NOW))
        assert code(store, admit_request("alice")) == ErrorCode.BANNED
        perform(store, RemoveBan(1, HOST))
        assert admit(store, "alice", at=NOW - 9).person.last_seen == NOW - 9

    def test_lifted_ban_is_gone_and_there_is_none_to_lift_twice(self, store: Store) -> None:
        for identity in ("mallory", "mallory's other key"):
            perform(store, AddBan(1, "Mallory", key_of(identity), NOBODY, "", "", identity, NOW))
        assert [ban.reason for ban in perform(store, ListBans(1))] == ["mallory's other key"]
        assert code(store, admit_request("mallory")) == ErrorCode.BANNED
        assert perform(store, RemoveBan(1, "MALLORY")) is True
        assert perform(store, RemoveBan(1, "mallory")) is False
        assert perform(store, ListBans(1)) == ()
        admit(store, "mallory")

    # -- how far messages have come ------------------------------------------------------------------------------------

    def test_sender_learns_at_the_next_login_how_far_private_messages_came(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        carol = account(store, "carol")
        first, second, third = (alice.say(text, to=bob.person) for text in ("1", "2", "3"))
        waiting = alice.say("for carol", to=carol)
        alice.say("in the lobby")
        bob.say("back", to=alice.person)
        assert admit(store, "alice").progress == ()
        perform(store, SaveProgress(1, ((bob.person.person_id, second.sequence, NOW),)))
        assert perform(store, MarkRead(1, bob.person.person_id, "Alice", first.sequence)).nick == "alice"
        assert admit(store, "alice").progress == (Progress("bob", second.sequence, first.sequence),)
        perform(store, SaveProgress(1, ((carol.person_id, waiting.sequence + 9, NOW),)))
        perform(store, MarkRead(1, bob.person.person_id, "alice", third.sequence + 100))
        assert set(admit(store, "alice").progress) == {
            Progress("bob", second.sequence, third.sequence),
            Progress("carol", waiting.sequence, 0),
        }
        assert admit(store, "alice", at=NOW + 8 * DAY).progress == ()

    def test_nothing_is_read_of_who_wrote_nothing(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        message = alice.say("to bob", to=bob.person)
        alice.say("to all")
        for person, nick, sequence in (
            (bob.person, "carol", message.sequence),
            (bob.person, "alice", message.sequence - 1),
            (alice.person, "alice", message.sequence),
            (alice.person, "bob", message.sequence),
        ):
            assert perform(store, MarkRead(1, person.person_id, nick, sequence)) is None
        assert admit(store, "alice").progress == ()

    def test_read_does_not_go_backwards(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        first, second = alice.say("1", to=bob.person), alice.say("2", to=bob.person)
        for sequence in (second.sequence, first.sequence):
            assert perform(store, MarkRead(1, bob.person.person_id, "alice", sequence)) is not None
        assert admit(store, "alice").progress == (Progress("bob", 0, second.sequence),)

    # -- passwords -----------------------------------------------------------------------------------------------------

    def test_password_is_right_or_wrong(self, store: Store) -> None:
        stored = perform(store, HashPassword(1, "correct horse"))
        assert "correct" not in stored
        assert perform(store, VerifyPassword(1, "correct horse", stored)) is True
        for wrong in ("Correct horse", "", "correct horse "):
            assert perform(store, VerifyPassword(1, wrong, stored)) is False
        assert perform(store, VerifyPassword(1, "", "")) is False
        assert perform(store, HashPassword(1, "correct horse")) != stored

    def test_members_of_a_room_stay_members_as_an_account(self, store: Store) -> None:
        alice, bob = speakers(store, "alice", "bob")
        room(store, alice.person, "books")
        enter(store, bob.person, "books")
        account(store, "bob", ticket=ticket_of("t"))
        assert admit(store, "bob", ticket=ticket_of("t")).rooms == ("books",)
