"""Accounts: a nickname with a password, and tickets that stand for it."""

from __future__ import annotations

import pytest

from tests.chat.people import (
    CLEAN,
    KEY,
    LOSSY,
    OTHER,
    PASSWORD,
    add,
    ask,
    change,
    changes,
    codes,
    core,
    enter,
    gather,
    here,
    join_again,
    key_of,
    leave,
    log_in,
    login,
    make_account,
    register,
    rest,
    stand_at_the_door,
    with_bertha,
)
from tests.world import World, client, seeds
from udpchat.chat.events import (
    AccountChanged,
    AccountHappened,
    Disconnected,
    Joined,
    LineSaid,
    PrivateSaid,
    Refusal,
)
from udpchat.config import MAX_PASSWORD, MILLISECOND, Config
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import Change, JoinFlag, Outcome, UserFlag
from udpchat.wire.records import Account, Login, Refused, Register

ACCOUNT = UserFlag.PRESENT | UserFlag.ACCOUNT


# -- registering -------------------------------------------------------------------------------------------------------


def test_a_guest_registers_the_nickname_and_goes_on_as_before() -> None:
    world, (ben, bertha) = gather("ben", "bertha")
    answer = register(world, bertha, "bertha")
    assert (answer.outcome, answer.nick, answer.flags, len(answer.ticket)) == (
        Outcome.REGISTERED,
        "bertha",
        ACCOUNT,
        32,
    )
    rest(world)
    assert changes(ben) == [("bertha", Change.JOINED, 2)]
    users = ask(world, ben, client(ben).chat.asking.users).users
    assert [user.flags for user in users] == [UserFlag.PRESENT, ACCOUNT]
    ask(world, bertha, lambda: client(bertha).chat.say("still here"))
    rest(world)
    assert [event.sender for event in ben.told(LineSaid)] == ["bertha"]


def test_a_registered_name_cannot_be_taken_by_a_guest() -> None:
    world, bertha, _ = with_bertha()
    leave(world, bertha)
    for nick in ("bertha", "BERTHA"):
        assert codes(enter(world, nick, key_of(2))) == [ErrorCode.NICK_REGISTERED]
    assert codes(enter(world, "bertha", KEY)) == [ErrorCode.NICK_REGISTERED]  # the key alone is not the account


def test_registering_another_free_nickname_changes_into_it() -> None:
    world, (ben, guest) = gather("ben", "guest")
    assert register(world, guest, "bertha").nick == "bertha"
    rest(world)
    assert here(world) == ["ben", "bertha"]
    assert changes(ben)[1:] == [("guest", Change.LEFT, 1), ("bertha", Change.JOINED, 2)]


def test_one_may_register_before_joining_on_a_server_that_wants_accounts() -> None:
    world = World(1, CLEAN, Config(require_account=True))
    bertha = enter(world, "bertha", KEY)
    assert codes(bertha) == [ErrorCode.LOGIN_REQUIRED]
    assert register(world, bertha, "bertha").outcome == Outcome.REGISTERED
    join_again(world, bertha, "bertha")
    assert here(world) == ["bertha"]


def test_a_stranger_without_a_key_registers_nothing() -> None:
    stranger = stand_at_the_door(World(1, CLEAN))
    (answer,) = stranger.ask(Register("bertha", PASSWORD))
    assert (type(answer), answer.code) == (Refused, ErrorCode.NOT_JOINED)


@pytest.mark.parametrize(
    ("nick", "password", "code"),
    [
        ("berta", PASSWORD, ErrorCode.TOO_SHORT),
        ("bertha", "12345", ErrorCode.TOO_SHORT),
        ("李雷李雷李雷", "密码密码密码", None),
        ("anatol", PASSWORD, ErrorCode.NAME_TAKEN),
        ("ANATOL", PASSWORD, ErrorCode.NAME_TAKEN),
        ("beatrix", PASSWORD, ErrorCode.NICK_IN_USE),
        ("ad min", PASSWORD, ErrorCode.NICK_NOT_ALLOWED),
        ("server", PASSWORD, ErrorCode.NICK_NOT_ALLOWED),
        ("аdministrator", PASSWORD, ErrorCode.NICK_NOT_ALLOWED),
        ("bertha", "x" * MAX_PASSWORD, None),
        ("bertha", "x" * (MAX_PASSWORD + 1), ErrorCode.TEXT_NOT_ALLOWED),
        ("bertha", "密" * (MAX_PASSWORD // 3 + 1), ErrorCode.TEXT_NOT_ALLOWED),
        ("bertha", "x" * 65_000, ErrorCode.TEXT_NOT_ALLOWED),
    ],
)
def test_what_may_be_registered(nick: str, password: str, code: ErrorCode | None) -> None:
    world, (_, guest) = gather("beatrix", "guest")
    make_account(world, "anatol")
    answer = register(world, guest, nick, password)
    if code is None:
        assert (type(answer), answer.outcome) == (AccountChanged, Outcome.REGISTERED)
    else:
        assert (type(answer), answer.code) == (Refusal, code)
        assert here(world) == ["beatrix", "guest"]


def test_too_short_says_how_long_it_must_be() -> None:
    world, (guest,) = gather("guest")
    texts = [register(world, guest, nick, password).text for nick, password in [("bert", PASSWORD), ("bertha", "1")]]
    assert texts == [
        "too short: the name of an account has 6 characters or more, its password 6 or more",
        "too short: a password has at least 6 characters",
    ]


@pytest.mark.parametrize(("name", "password", "is_fine"), [("ab", "x", True), ("a", "x", False), ("ab", "", False)])
def test_how_long_they_must_be_is_configuration(name: str, password: str, is_fine: bool) -> None:
    world, (guest,) = gather("guest", config=Config(min_account_name=2, min_password=1))
    answer = register(world, guest, name, password)
    assert isinstance(answer, AccountChanged) if is_fine else answer.code == ErrorCode.TOO_SHORT


def test_an_account_does_not_register_another() -> None:
    world, bertha, _ = with_bertha()
    answer = register(world, bertha, "second")
    assert (answer.code, answer.text.startswith("you are logged in as bertha")) == (ErrorCode.NOT_ALLOWED, True)


@pytest.mark.parametrize("seed", seeds(1))
def test_of_two_who_want_a_name_at_once_one_gets_it_and_nobody_holds_it_as_a_guest(seed: int) -> None:
    world, (anna, ben) = gather("anna", "ben", seed=seed, link=LOSSY)
    world.server.disk.spec = DiskSpec(delay=50 * MILLISECOND)
    late = add(world, "bertha")
    world.do(lambda: client(anna).chat.asking.register("bertha", PASSWORD))
    world.do(lambda: client(ben).chat.asking.register("bertha", PASSWORD))
    rest(world, 5)
    answers = [event for end in (anna, ben) for event in end.events if isinstance(event, AccountChanged | Refusal)]
    registered = [event for event in answers if isinstance(event, AccountChanged)]
    assert len(answers) == 2
    assert len(registered) + len(late.told(Joined)) == 1
    assert here(world).count("bertha") == 1


# -- logging in --------------------------------------------------------------------------------------------------------


def test_outcomes_of_logging_in_are_told_apart() -> None:
    world, (guest,) = gather("guest")
    make_account(world, "bertha")
    unknown = login(world, guest, "berthe")
    wrong = login(world, guest, "bertha", OTHER)
    rest(world, 2)
    right = login(world, guest, "bertha")
    assert (type(unknown), unknown.code, unknown.text) == (
        Refusal,
        ErrorCode.UNKNOWN_ACCOUNT,
        "there is no account berthe: register it, or look at the spelling",
    )
    assert (type(wrong), wrong.code, wrong.text) == (Refusal, ErrorCode.WRONG_PASSWORD, "the password is wrong")
    assert (type(right), right.outcome, right.flags) == (AccountChanged, Outcome.LOGGED_IN, ACCOUNT)


def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    times = []
    for nick in ("bertha", "berthe"):
        world, (guest,) = gather("guest")
        make_account(world, "bertha")
        world.server.disk.spec = DiskSpec(delay=100 * MILLISECOND)
        begun = world.network.now
        assert isinstance(login(world, guest, nick, OTHER), Refusal)
        times.append(world.network.now - begun)
    assert times[0] == times[1] > 100 * MILLISECOND


def test_who_is_refused_at_the_door_logs_in_and_comes_in() -> None:
    world, (ben,) = gather("ben")
    make_account(world, "bertha")
    bertha = log_in(world, "Bertha", KEY)
    assert codes(bertha) == [ErrorCode.NICK_REGISTERED]
    assert bertha.told(Joined)[0].nick == "bertha"
    assert bertha.told(Joined)[0].flags == ACCOUNT
    rest(world)
    assert changes(ben) == [("bertha", Change.JOINED, 2)]


@pytest.mark.parametrize("seed", seeds(1))
def test_a_guest_who_logs_in_changes_into_the_account_on_the_same_connection(seed: int) -> None:
    world, (ben, guest) = gather("ben", "guest", seed=seed, link=LOSSY)
    make_account(world, "bertha")
    assert login(world, guest, "bertha").nick == "bertha"
    rest(world, 5)
    assert changes(ben)[1:] == [("guest", Change.LEFT, 1), ("bertha", Change.JOINED, 2)]
    assert changes(guest) == []
    ask(world, guest, lambda: client(guest).chat.say("it is me"))
    rest(world, 5)
    assert [event.sender for event in ben.told(LineSaid)] == ["bertha"]
    assert not guest.told(Disconnected)


def test_logging_in_brings_the_rooms_of_the_account_and_what_waits_for_it() -> None:
    world, bertha, _ = with_bertha()
    ben = enter(world, "ben")
    ask(world, ben, lambda: client(ben).chat.asking.create_room("den", ""))
    ask(world, bertha, lambda: client(bertha).chat.asking.enter_room("den"))
    leave(world, bertha)
    ask(world, ben, lambda: client(ben).chat.tell("bertha", "call me"))
    guest = enter(world, "guest", key_of(2))
    login(world, guest, "bertha")
    rest(world, 2)
    assert [event.text for event in guest.told(PrivateSaid)] == ["call me"]
    assert changes(ben)[-1] == ("bertha", Change.JOINED, 2)
    ask(world, ben, lambda: client(ben).chat.say("to the den", "den"))
    rest(world)
    assert [event.text for event in guest.told(LineSaid)] == ["to the den"]


def test_the_answer_comes_before_what_was_waiting_for_the_account() -> None:
    world, bertha, _ = with_bertha()
    ben = enter(world, "ben")
    leave(world, bertha)
    ask(world, ben, lambda: client(ben).chat.tell("bertha", "call me"))
    guest = enter(world, "guest", key_of(2))
    login(world, guest, "bertha")
    rest(world, 2)
    kinds = [type(event) for event in guest.events]
    assert kinds.index(AccountChanged) < kinds.index(PrivateSaid)


def test_what_a_guest_has_heard_is_not_told_again_to_the_account() -> None:
    world, bertha, _ = with_bertha()
    ben = enter(world, "ben")
    leave(world, bertha)
    ask(world, ben, lambda: client(ben).chat.say("before"))
    guest = enter(world, "guest", key_of(2))
    ask(world, ben, lambda: client(ben).chat.say("heard by the guest"))
    ask(world, ben, lambda: client(ben).chat.tell("bertha", "call me"))
    login(world, guest, "bertha")
    rest(world, 2)
    ask(world, ben, lambda: client(ben).chat.say("after"))
    rest(world, 2)
    heard = [event.text for event in guest.events if isinstance(event, LineSaid | PrivateSaid)]
    assert sorted(heard) == ["after", "before", "call me", "heard by the guest"]
    assert heard[-1] == "after"


def test_logging_in_elsewhere_ends_the_former_session_of_the_account() -> None:
    world, bertha, _ = with_bertha()
    ben = enter(world, "ben")
    guest = enter(world, "guest", key_of(2))
    login(world, guest, "bertha")
    rest(world)
    assert [event.code for event in bertha.told(Disconnected)] == [ErrorCode.TAKEN_OVER]
    assert changes(ben)[1:] == [
        ("guest", Change.LEFT, 2),
        ("bertha", Change.LEFT, 1),
        ("bertha", Change.JOINED, 2),
    ]


def test_a_guest_gives_a_nickname_up_that_the_administrator_made_an_account() -> None:
    world, (holder,) = gather("bertha")
    make_account(world, "bertha")
    owner = log_in(world, "bertha", KEY)
    rest(world)
    assert owner.told(Joined)
    assert [event.code for event in holder.told(Disconnected)] == [ErrorCode.NICK_REGISTERED]
    assert here(world) == ["bertha"]


def test_a_stranger_logs_in_without_a_key_and_gets_no_ticket() -> None:
    world = World(1, CLEAN)
    make_account(world, "bertha")
    stranger = stand_at_the_door(world)
    (answer,) = stranger.ask(Login("bertha", PASSWORD))
    assert (type(answer), answer.nick, answer.ticket) == (Account, "bertha", b"")


def test_a_visitor_may_log_in_and_is_still_not_seen() -> None:
    world, (ben,) = gather("ben")
    make_account(world, "bertha")
    visitor = add(world, "bertha", KEY, flags=JoinFlag.VISITOR)
    world.join(visitor)
    login(world, visitor, "bertha")
    join_again(world, visitor, "bertha")
    assert visitor.told(Joined)[0].flags == ACCOUNT
    assert here(world) == ["ben"]
    assert changes(ben) == []


# -- what is never told ------------------------------------------------------------------------------------------------


def test_the_server_is_told_what_happens_to_accounts_and_never_a_password() -> None:
    world, (guest,) = gather("guest")
    login(world, guest, "bertha", "secret one")
    rest(world, 2)
    register(world, guest, "bertha", "secret two")
    change(world, guest, "secret two", "secret three")
    told = world.server.told(AccountHappened)
    assert [(event.nick, event.text.partition(":")[0]) for event in told] == [
        ("bertha", "refused"),
        ("bertha", "registered"),
        ("bertha", "password changed"),
    ]
    assert all(event.address == "{} port {}".format(*guest.address) for event in told)
    everything = repr([*world.server.events, *guest.told(Refusal), Login("bertha", "secret one")])
    assert "secret" not in everything


@pytest.mark.parametrize("verb", ["register", "login"])
def test_a_server_whose_sessions_are_not_sealed_takes_no_passwords(verb: str) -> None:
    world, (guest,) = gather("guest", config=Config(plaintext=True))
    answer = register(world, guest, "bertha") if verb == "register" else login(world, guest, "bertha")
    assert (type(answer), answer.code) == (Refusal, ErrorCode.NOT_IN_PLAINTEXT)
    assert here(world) == ["guest"]


def test_a_server_whose_sessions_are_not_sealed_takes_no_tickets() -> None:
    world = World(1, CLEAN, Config(plaintext=True))
    end = enter(world, "bertha", KEY, ticket=bytes(32))
    assert codes(end) == [ErrorCode.NOT_IN_PLAINTEXT]
    assert here(world) == []


@pytest.mark.parametrize("verb", ["register", "login"])
def test_when_the_disk_fails_the_asker_is_told_and_may_try_again(verb: str) -> None:
    world, (guest,) = gather("guest")
    make_account(world, "carola")
    world.server.disk.spec = DiskSpec(error=1.0)
    failed = register(world, guest, "bertha") if verb == "register" else login(world, guest, "carola")
    assert (type(failed), failed.code) == (Refusal, ErrorCode.STORAGE_FAILED)
    assert here(world) == ["guest"]
    world.server.disk.spec = DiskSpec()
    again = register(world, guest, "bertha") if verb == "register" else login(world, guest, "carola")
    assert isinstance(again, AccountChanged)
    assert core(world).chat.reception.account_of(client(guest).chat.me.connection_id) is not None


def test_when_the_disk_fails_nobody_comes_in_unknown() -> None:
    world = World(1, CLEAN)
    world.server.disk.spec = DiskSpec(error=1.0)
    anna = enter(world, "anna")
    assert codes(anna) == [ErrorCode.STORAGE_FAILED]
    world.server.disk.spec = DiskSpec()
    join_again(world, anna, "anna")
    assert here(world) == ["anna"]
