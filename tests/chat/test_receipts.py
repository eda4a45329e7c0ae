"""Who is told that their messages have come, and when."""

from __future__ import annotations

import pytest

from tests.chat.speaker import Speaker, come, confirm, refused, said, wait, world_of
from udpchat.config import RECEIPT_INTERVAL, SECOND
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import JoinFlag, ReceiptState
from udpchat.wire.records import CreateRoom, EnterRoom, LeaveRoom, Login, Read, Receipt, Register, Seen

KEY = bytes(31) + b"k"
INTERVAL = RECEIPT_INTERVAL / SECOND


def receipts(who: Speaker, state: ReceiptState = ReceiptState.DELIVERED) -> list[tuple[int, str, str]]:
    return [(each.sequence, each.room, each.nick) for each in who.told(Receipt) if each.state == state]


# -- private -----------------------------------------------------------------------------------------------------------


def test_the_sender_of_a_private_message_hears_at_once_that_it_has_come() -> None:
    _, (anna, ben, carl) = world_of("anna", "ben", "carl")
    sequence = said(anna.tell("ben", "hello")).sequence
    assert not receipts(anna)
    confirm(ben)
    assert receipts(anna) == [(sequence, "", "ben")]
    assert not receipts(ben)
    assert not receipts(carl)


def test_one_receipt_covers_all_messages_up_to_it_and_each_sender_gets_their_own() -> None:
    _, (anna, ben, carl) = world_of("anna", "ben", "carl")
    said(anna.tell("ben", "1"))
    second = said(anna.tell("ben", "2")).sequence
    third = said(carl.tell("ben", "3")).sequence
    confirm(ben)
    assert receipts(anna) == [(second, "", "ben")]
    assert receipts(carl) == [(third, "", "ben")]


def test_what_the_sender_confirms_of_their_own_says_nothing_of_the_reader() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    said(anna.tell("ben", "hello"))
    confirm(anna)
    wait(world, 1)
    assert not receipts(anna)
    assert not receipts(ben)


def test_who_logs_in_does_not_confirm_what_the_guest_was_told() -> None:
    world, (anna, walter) = world_of("anna", "walter")
    walter.ask(Register("walter", "password"), SECOND)
    walter.leave()
    guest = come(world, "guest")
    said(anna.tell("guest", "for the guest"))
    guest.ask(Login("walter", "password"), SECOND)
    said(anna.say("for all"))
    confirm(guest)
    assert not receipts(anna)


@pytest.mark.parametrize("told", [2, 3, 4])
def test_unconfirmed_private_messages_are_remembered_up_to_a_number(told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpchat.chat.receipts.MAX_PRIVATE", 3)
    _, (anna, ben, carl) = world_of("anna", "ben", "carl")
    first = said(anna.tell("ben", "0")).sequence
    for number in range(1, told):
        last = said(carl.tell("ben", f"{number}")).sequence
    confirm(ben)
    assert receipts(anna) == ([(first, "", "ben")] if told <= 3 else []), "the oldest goes"
    assert receipts(carl) == [(last, "", "ben")]


@pytest.mark.parametrize("lines", [2, 3, 4])
def test_unconfirmed_lines_of_rooms_are_remembered_up_to_a_number(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpchat.chat.receipts.MAX_OUTSTANDING", 3)
    world, (anna, ben) = world_of("anna", "ben")
    first = said(anna.say("0")).sequence
    for number in range(1, lines):
        last = said(ben.say(f"{number}")).sequence
    confirm(anna, ben)
    wait(world, 2 * INTERVAL)
    assert receipts(anna) == ([(first, "lobby", "")] if lines <= 3 else []), "the oldest goes"
    assert receipts(ben) == [(last, "lobby", "")]


def test_only_what_was_confirmed_is_delivered() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    first = said(anna.tell("ben", "1")).sequence
    said(anna.tell("ben", "2"))
    ben.send(Seen(first))
    wait(world, 3)
    assert receipts(anna) == [(first, "", "ben")]


def test_a_message_that_waited_is_delivered_when_its_reader_has_come_and_confirmed() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    said(anna.tell("ben", "live"))
    ben.vanish()
    sequence = said(anna.tell("ben", "missed")).sequence
    back = come(world, "ben", key=KEY)
    wait(world, 0.1)
    assert back.texts == ["live", "missed"]
    assert not receipts(anna)
    confirm(back)
    assert receipts(anna) == [(sequence, "", "ben")]


@pytest.mark.parametrize("restart", [False, True])
def test_a_reader_who_comes_back_with_a_message_has_got_it(restart: bool) -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    sequence = said(anna.tell("ben", "hello")).sequence
    ben.vanish()
    if restart:
        world.server = world.start_server(world.crash_server())
        anna = come(world, "anna", key=anna.key, seen=sequence)
    back = come(world, "ben", key=KEY, seen=sequence)
    wait(world, 0.1)
    assert not back.messages
    assert receipts(anna) == [(sequence, "", "ben")]


def test_a_sender_who_comes_back_hears_how_far_their_messages_have_come() -> None:
    world, (ben,) = world_of("ben")
    anna = come(world, "anna", key=KEY)
    first = said(anna.tell("ben", "1")).sequence
    second = said(anna.tell("ben", "2")).sequence
    anna.vanish()
    ben.send(Seen(second))
    ben.send(Read(first, "anna"))
    wait(world, 6)
    back = come(world, "anna", key=KEY)
    wait(world, 0.1)
    assert receipts(back) == [(second, "", "ben")]
    assert receipts(back, ReceiptState.READ) == [(first, "", "ben")]


# -- read --------------------------------------------------------------------------------------------------------------


def test_the_sender_hears_that_a_message_was_read() -> None:
    world, (anna, ben, carl) = world_of("anna", "ben", "carl")
    sequence = said(anna.tell("ben", "hello")).sequence
    ben.send(Read(sequence, "Anna"))
    wait(world, 0.1)
    assert receipts(anna, ReceiptState.READ) == [(sequence, "", "ben")]
    assert not carl.told(Receipt)
    assert not ben.told(Receipt)


@pytest.mark.parametrize("nick", ["anna", "carl", "nobody", "", "n" * 255])
def test_reading_what_nobody_wrote_is_told_to_nobody(nick: str) -> None:
    world, (anna, ben, carl) = world_of("anna", "ben", "carl")
    said(ben.tell("anna", "the other way"))
    ben.send(Read(100, nick))
    wait(world, 0.1)
    assert not any(each.told(Receipt) for each in (anna, ben, carl))


def test_nobody_reads_what_is_not_written_yet() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    sequence = said(anna.tell("ben", "1")).sequence
    ben.send(Read(2**53 - 1, "anna"))
    wait(world, 0.1)
    assert receipts(anna, ReceiptState.READ) == [(sequence, "", "ben")]
    said(anna.tell("ben", "2"))
    anna.leave()
    wait(world, 0.1)
    back = come(world, "anna", key=anna.key)
    wait(world, 0.1)
    assert receipts(back, ReceiptState.READ) == [(sequence, "", "ben")]


def test_reading_that_the_disk_refuses_to_keep_is_refused_to_the_reader_alone() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    sequence = said(anna.tell("ben", "hello")).sequence
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    (answer,) = ben.ask(Read(sequence, "anna"))
    assert refused(answer).code == ErrorCode.STORAGE_FAILED
    assert not receipts(anna, ReceiptState.READ)


# -- rooms -------------------------------------------------------------------------------------------------------------


def test_a_line_has_come_when_everybody_in_the_room_has_confirmed_it() -> None:
    world, (anna, ben, carl) = world_of("anna", "ben", "carl")
    sequence = said(anna.say("hello")).sequence
    confirm(anna, ben)
    wait(world, 2 * INTERVAL)
    assert not receipts(anna)
    confirm(carl)
    wait(world, INTERVAL)
    assert receipts(anna) == [(sequence, "lobby", "")]
    assert not receipts(ben)
    wait(world, 3 * INTERVAL)
    assert len(receipts(anna)) == 1


def test_each_speaker_hears_of_the_newest_of_their_lines() -> None:
    world, people = world_of("anna", "ben", "carl")
    anna, ben, carl = people
    said(anna.say("1"))
    second = said(anna.say("2")).sequence
    third = said(ben.say("3")).sequence
    confirm(*people)
    wait(world, 2 * INTERVAL)
    assert receipts(anna) == [(second, "lobby", "")]
    assert receipts(ben) == [(third, "lobby", "")]
    assert not receipts(carl)


def test_who_has_left_is_not_waited_for() -> None:
    world, (anna, ben, carl) = world_of("anna", "ben", "carl")
    sequence = said(anna.say("hello")).sequence
    confirm(anna, ben)
    carl.leave()
    wait(world, 2 * INTERVAL)
    assert receipts(anna) == [(sequence, "lobby", "")]


def test_who_came_after_a_line_is_not_waited_for() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    carl = come(world, "carl", key=KEY)
    carl.vanish()
    wait(world, 61)  # now the server has noticed
    sequence = said(anna.say("hello")).sequence
    back = come(world, "carl", key=KEY)
    wait(world, 0.1)
    assert back.texts == ["hello"], "carl catches up, and has not confirmed it"
    confirm(anna, ben)
    wait(world, 2 * INTERVAL)
    assert receipts(anna) == [(sequence, "lobby", "")]


def test_only_the_members_of_a_room_are_waited_for_and_not_who_entered_later() -> None:
    world, (anna, ben, carl, dora) = world_of("anna", "ben", "carl", "dora")
    anna.ask(CreateRoom("cellar", ""))
    ben.ask(EnterRoom("cellar"))
    sequence = said(anna.say("down here", room="cellar")).sequence
    carl.ask(EnterRoom("cellar"))
    confirm(anna)
    wait(world, 2 * INTERVAL)
    assert not receipts(anna), "ben has not confirmed it"
    confirm(ben)
    wait(world, INTERVAL)
    assert receipts(anna) == [(sequence, "cellar", "")]
    assert not dora.messages


def test_who_has_left_the_room_is_not_waited_for() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    anna.ask(CreateRoom("cellar", ""))
    ben.ask(EnterRoom("cellar"))
    sequence = said(anna.say("down here", room="cellar")).sequence
    confirm(anna)
    ben.ask(LeaveRoom("cellar"))
    wait(world, 2 * INTERVAL)
    assert receipts(anna) == [(sequence, "cellar", "")]


def test_visitors_are_not_waited_for_and_get_no_receipts() -> None:
    world, (anna,) = world_of("anna")
    visitor = come(world, "guest", flags=JoinFlag.VISITOR)
    said(visitor.say("from a script"))
    sequence = said(anna.say("hello")).sequence
    confirm(anna)
    wait(world, 2 * INTERVAL)
    assert receipts(anna) == [(sequence, "lobby", "")]
    assert not visitor.told(Receipt)


def test_an_account_keeps_its_receipts_across_the_change_from_guest() -> None:
    _, (anna, ben) = world_of("annabell", "ben")
    sequence = said(anna.tell("ben", "as a guest")).sequence
    anna.ask(Register("annabell", "password"), SECOND)
    confirm(ben)
    assert receipts(anna) == [(sequence, "", "ben")]
