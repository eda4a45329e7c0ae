"""Who gets which message: once, in order, from where they were, however slow they are."""

from __future__ import annotations

import pytest

from tests.chat.people import PASSWORD, make_account
from tests.chat.speaker import Speaker, come, confirm, connection_of, lines, said, wait, world_of
from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import JoinFlag
from udpchat.wire.records import CreateRoom, EnterRoom, LeaveRoom, Login, Receipt, Register, Seen, Welcome

KEY = bytes(31) + b"k"
FAST = Config(message_rate=0)
DEAD = LinkSpec(delay=1, loss=1.0)
SLOW_LINK = LinkSpec(delay=300 * MILLISECOND)


def welcome(who: Speaker) -> Welcome:
    (record,) = (heard.record for heard in who.records if isinstance(heard.record, Welcome))
    assert isinstance(record, Welcome)
    return record


# -- where it begins ---------------------------------------------------------------------------------------------------


def test_somebody_new_hears_what_is_said_from_now_on() -> None:
    world, (anna,) = world_of("anna")
    lines(anna, 3)
    ben = come(world, "ben")
    assert welcome(ben).sequence == anna.messages[-1].sequence
    said(anna.say("now"))
    assert ben.texts == ["now"]


def test_somebody_new_misses_nothing_from_their_joining_on_even_when_they_confirm_nothing() -> None:
    world, (anna,) = world_of("anna")
    lines(anna, 3)
    ben = come(world, "ben", key=KEY)
    ben.vanish()
    texts = lines(anna, 2, first=3)
    back = come(world, "ben", key=KEY)
    wait(world, 0.1)
    assert back.texts == texts


def test_the_first_message_of_a_server_is_not_missed_either() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    ben.vanish()
    said(anna.say("first"))
    back = come(world, "ben", key=KEY, seen=welcome(ben).sequence)
    wait(world, 0.1)
    assert back.texts == ["first"]


@pytest.mark.parametrize("restart", [False, True])
def test_who_comes_back_gets_what_they_have_not_confirmed(restart: bool) -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    texts = lines(anna, 3)
    confirm(ben)
    texts = lines(anna, 2, first=3)
    ben.leave()
    texts += lines(anna, 2, first=5)
    if restart:
        world.server = world.start_server(world.crash_server())
    back = come(world, "ben", key=KEY)
    wait(world, 0.1)
    assert back.texts == texts


def test_what_was_confirmed_is_saved_within_seconds_also_when_the_server_dies() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    lines(anna, 3)
    confirm(ben)
    wait(world, 6)
    world.server = world.start_server(world.crash_server())
    back = come(world, "ben", key=KEY)
    wait(world, 0.2)
    assert not back.messages


@pytest.mark.parametrize(("others", "is_kept"), [(1, True), (2, True), (3, False)])
def test_unsaved_progress_is_kept_for_a_number_of_people(
    others: int, is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udpchat.chat.delivery.KEPT_PER_PLACE", 4 / Config().max_users)
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    people = [come(world, f"user{number}") for number in range(others)]
    lines(anna, 3)
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    confirm(ben)
    ben.leave()
    confirm(anna)
    for each in people:
        confirm(each)
    world.server.disk.spec = DiskSpec(delay=0)
    wait(world, 6)
    back = come(world, "ben", key=KEY)
    wait(world, 0.1)
    assert bool(back.messages) != is_kept


def test_the_progress_of_many_who_leave_at_once_is_saved_together() -> None:
    world, people = world_of("anna", *[f"user{number}" for number in range(20)])
    anna, *others = people
    lines(anna, 2)
    for each in others:
        confirm(each)
    world.server.disk.spec = DiskSpec(delay=SECOND)
    for each in others:
        each.leave()
    wait(world, 3)
    store = world.crash_server()
    world.server = world.start_server(store)
    world.server.disk.spec = DiskSpec(delay=0)
    returned = [come(world, each.nick, key=each.key) for each in others]
    wait(world, 0.1)
    assert not any(each.messages for each in returned)


def test_who_confirms_all_the_time_is_saved_as_well() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    for number in range(14):
        said(anna.say(f"{number}"))
        confirm(ben)
        wait(world, 1)
    world.server = world.start_server(world.crash_server())
    back = come(world, "ben", key=KEY)
    wait(world, 0.2)
    assert len(back.texts) <= 5


def test_what_a_client_says_it_has_counts_more_than_what_the_server_remembers() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    lines(anna, 5)
    has = ben.messages[2].sequence
    ben.vanish()
    back = come(world, "ben", key=KEY, seen=has)
    wait(world, 0.1)
    assert back.texts == ["00003", "00004"]


def test_a_client_that_has_more_than_there_is_hears_what_is_said_next() -> None:
    world, (anna,) = world_of("anna")
    lines(anna, 2)
    ben = come(world, "ben", seen=2**53 - 1)
    assert welcome(ben).sequence == anna.messages[-1].sequence
    said(anna.say("next"))
    assert ben.texts == ["next"]


def test_progress_that_the_disk_refuses_to_save_is_saved_later() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    lines(anna, 3)
    confirm(ben)
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    wait(world, 6)
    world.server.disk.spec = DiskSpec(delay=0)
    wait(world, 6)
    world.server = world.start_server(world.crash_server())
    back = come(world, "ben", key=KEY)
    wait(world, 0.1)
    assert not back.messages


def test_a_session_that_is_taken_over_goes_on_where_the_former_was() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    lines(anna, 3)
    confirm(ben)
    texts = lines(anna, 2, first=3)
    back = come(world, "ben", key=KEY)
    wait(world, 0.1)
    assert ben.closed is not None
    assert ben.closed[0] == ErrorCode.TAKEN_OVER
    assert back.texts == texts


# -- who may see what --------------------------------------------------------------------------------------------------


def test_a_message_for_an_absent_account_is_delivered_at_the_next_login_and_once() -> None:
    world, (anna,) = world_of("anna")
    walter = come(world, "walter")
    walter.ask(Register("walter", "password"), SECOND)
    walter.leave()
    said(anna.tell("walter", "for you"))
    back = come(world, "somebody")
    back.log_in("walter")
    assert back.texts == ["for you"]
    confirm(back)
    back.leave()
    again = come(world, "somebody", key=back.key)
    again.log_in("walter")
    assert not again.messages


def test_an_account_is_brought_all_that_it_missed_whatever_the_guest_was_told_on_the_same_connection() -> None:
    world, (anna,) = world_of("anna")
    walter = come(world, "walter")
    walter.ask(Register("walter", "password"), SECOND)
    walter.leave()
    missed = lines(anna, 2)
    guest = come(world, "guest")
    heard = lines(anna, 2, first=2)
    assert guest.texts == heard
    guest.log_in("walter")
    said(anna.say("afterwards"))
    assert guest.texts == [*heard, *missed, *heard, "afterwards"]


def test_a_room_that_the_guest_entered_late_is_brought_to_the_account_from_where_the_account_was() -> None:
    world, (anna,) = world_of("anna")
    walter = come(world, "walter")
    anna.ask(CreateRoom("cellar", ""))
    walter.ask(EnterRoom("cellar"))
    walter.ask(Register("walter", "password"), SECOND)
    walter.leave()
    guest = come(world, "guest")
    said(anna.say("before the guest entered", "cellar"))
    guest.ask(EnterRoom("cellar"))
    said(anna.say("after", "cellar"))
    guest.log_in("walter")
    assert guest.texts == ["after", "before the guest entered", "after"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_a_guest_confirmed_on_the_way_does_not_count_for_the_account(number: int) -> None:
    world, (anna,) = world_of("anna")
    make_account(world, "walter")
    said(anna.tell("walter", "waiting for walter"))
    guest = come(world, "guest", link=SLOW_LINK)
    for _ in range(number):
        said(anna.say("heard as a guest"))
    wait(world, 1)
    guest.send(Login("walter", PASSWORD))
    wait(world, 0.2)
    guest.send(Seen(guest.messages[-1].sequence))  # it comes when the login is done, and its answer on the way
    wait(world, 0.3)
    assert not [text for text in guest.texts if text == "waiting for walter"]
    guest.vanish()
    wait(world, 1)
    assert not anna.told(Receipt)
    back = come(world, "somebody")
    back.log_in("walter", PASSWORD)
    assert back.texts[0] == "waiting for walter"


def test_an_account_confirms_from_when_it_says_that_it_begins_anew() -> None:
    world, (anna,) = world_of("anna")
    make_account(world, "walter")
    sequence = said(anna.tell("walter", "for walter")).sequence
    guest = come(world, "guest")
    guest.ask(Login("walter", PASSWORD), SECOND)
    guest.send(Seen(sequence))
    wait(world, 0.1)
    assert not anna.told(Receipt)
    assert connection_of(world, guest).receiver.drops["seen-before-login"] == 1
    guest.send(Seen(0))
    guest.send(Seen(sequence))
    wait(world, 0.1)
    assert [(each.sequence, each.nick) for each in anna.told(Receipt)] == [(sequence, "walter")]


def test_one_person_under_another_spelling_goes_on_where_it_was() -> None:
    _, (anna, ben) = world_of("anna", "bernhard")
    sequence = said(anna.tell("bernhard", "not confirmed yet")).sequence
    ben.ask(Register("Bernhard", "password"), SECOND)
    assert ben.texts == ["not confirmed yet"], "it came on this connection, to this person"
    confirm(ben)
    assert [(each.sequence, each.nick) for each in anna.told(Receipt)] == [(sequence, "Bernhard")]


def test_a_room_is_heard_from_entering_to_leaving() -> None:
    _, (anna, ben) = world_of("anna", "ben")
    anna.ask(CreateRoom("cellar", ""))
    said(anna.say("before", room="cellar"))
    ben.ask(EnterRoom("cellar"))
    said(anna.say("while", room="cellar"))
    ben.ask(LeaveRoom("cellar"))
    said(anna.say("after", room="cellar"))
    assert ben.texts == ["while"]


def test_who_is_away_catches_up_with_rooms_and_private_lines_but_not_with_those_of_others() -> None:
    world, (anna, carl) = world_of("anna", "carl")
    ben = come(world, "ben", key=KEY)
    for each in (anna, ben):
        each.ask(CreateRoom("cellar", "") if each is anna else EnterRoom("cellar"))
    ben.vanish()
    said(anna.say("lobby"))
    said(anna.say("cellar", room="cellar"))
    said(anna.tell("ben", "for ben"))
    said(anna.tell("carl", "for carl"))
    carl.ask(CreateRoom("attic", ""))
    said(carl.say("attic", room="attic"))
    back = come(world, "ben", key=KEY)
    wait(world, 0.1)
    assert back.texts == ["lobby", "cellar", "for ben"]


def test_a_visitor_gets_no_messages_even_when_its_person_missed_some() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    ben.vanish()
    lines(anna, 2)
    visitor = come(world, "ben", key=KEY, flags=JoinFlag.VISITOR)
    lines(anna, 2, first=2)
    assert not visitor.messages


# -- confirming --------------------------------------------------------------------------------------------------------


def test_who_confirms_what_they_were_never_sent_is_counted_and_not_believed() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    texts = lines(anna, 2)
    ben.send(Seen(2**53 - 1))
    ben.send(Seen(ben.messages[-1].sequence + 1))
    wait(world, 0.1)
    assert connection_of(world, ben).receiver.drops["seen-unsent"] == 2
    ben.leave()
    back = come(world, "ben", key=KEY)
    wait(world, 0.1)
    assert back.texts == texts


def test_confirming_less_than_before_takes_nothing_back() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    lines(anna, 3)
    first = ben.messages[0].sequence
    confirm(ben)
    ben.send(Seen(first))
    ben.send(Seen(0))
    wait(world, 0.1)
    ben.leave()
    back = come(world, "ben", key=KEY)
    wait(world, 0.2)
    assert not back.messages
