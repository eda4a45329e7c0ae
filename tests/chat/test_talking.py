"""Lines, as the server takes them: checked, stored, acknowledged, told; or refused, and nobody else hears of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chat.people import PASSWORD, make_account
from tests.chat.speaker import burst, come, only, refused, said, wait, world_of
from tests.world import SERVER
from udpchat.chat.events import LineSaid, PrivateSaid
from udpchat.config import MAX_TEXT, MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import JoinFlag
from udpchat.wire.records import (
    CreateRoom,
    LeaveRoom,
    Line,
    Login,
    Record,
    Refused,
    Register,
    Said,
    Say,
    Tell,
    encode_record,
)

ID = bytes(15) + b"\1"


# -- lines -------------------------------------------------------------------------------------------------------------


def test_all_hear_the_same_lines_in_the_same_order() -> None:
    world, people = world_of("anna", "ben", "carl", disk=DiskSpec(delay=3 * MILLISECOND))
    for number in range(20):
        for each in people:
            each.send(Say(world.random.randbytes(16), "lobby", f"{each.nick} {number}"))
        world.network.run_for(2 * MILLISECOND)
    wait(world, 1)
    first = [(line.sequence, line.sent_at, line.text) for line in people[0].told(Line)]
    assert len(first) == 60
    assert [sequence for sequence, _, _ in first] == sorted({sequence for sequence, _, _ in first})
    for each in people:
        assert [(line.sequence, line.sent_at, line.text) for line in each.told(Line)] == first
        assert [text for _, _, text in first if text.startswith(each.nick)] == [f"{each.nick} {n}" for n in range(20)]


def test_a_line_is_acknowledged_with_the_place_and_time_that_all_are_told() -> None:
    _, (anna, ben) = world_of("anna", "ben")
    answer = said(anna.say("hello", message_id=ID))
    (line,) = ben.told(Line)
    assert answer.message_id == ID
    assert (answer.sequence, answer.sent_at) == (line.sequence, line.sent_at)
    assert (line.room, line.sender, line.text) == ("lobby", "anna", "hello")


def test_nothing_is_acknowledged_or_told_before_it_is_stored() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    world.server.disk.spec = DiskSpec(delay=2 * SECOND)
    request = anna.send(Say(ID, "lobby", "slow"))
    wait(world, 0.9)
    assert not anna.answers(request)
    assert not ben.messages
    wait(world, 1.5)
    assert said(only(anna.answers(request)))
    assert ben.texts == ["slow"]


def test_an_empty_room_means_the_lobby_and_the_application_hears_the_line() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    said(anna.say("hello", room=""))
    assert [line.room for line in ben.told(Line)] == ["lobby"]
    assert [(event.room, event.sender, event.text) for event in world.server.told(LineSaid)] == [
        ("lobby", "anna", "hello")
    ]


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ("x", True),
        ("x" * (MAX_TEXT - 1), True),
        ("x" * MAX_TEXT, True),
        ("é" * (MAX_TEXT // 2), True),
        ("a\0b\x1b[2J\u202e\u200d👩‍🚀", True),
        ("e\u0301", True),
        ("x" * (MAX_TEXT + 1), False),
        ("é" * (MAX_TEXT // 2) + "x", False),
        ("x" * 60_000, False),
        ("", False),
        (" \t ", False),
    ],
)
def test_a_line_goes_through_intact_or_is_refused(text: str, is_fine: bool) -> None:
    _, (anna, ben) = world_of("anna", "ben")
    answers = [anna.say(text), anna.tell("ben", text)]
    if is_fine:
        assert [type(answer) for answer in answers] == [Said, Said]
        assert ben.texts == [text, text]
    else:
        assert {refused(answer).code for answer in answers} == {ErrorCode.TEXT_NOT_ALLOWED}
        assert not ben.records[1:], "nobody else hears of it"


# -- the same message --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda text: Say(ID, "lobby", text), lambda text: Tell(ID, "ben", text)])
def test_a_repeated_id_gets_the_first_answer_and_is_told_once(make: Callable[[str], Record]) -> None:
    world, (anna, ben) = world_of("anna", "ben")
    first, second = only(anna.ask(make("hello"))), only(anna.ask(make("hello")))
    assert said(first) == second
    assert ben.texts == anna.texts == ["hello"]
    assert len(world.server.told(LineSaid) + world.server.told(PrivateSaid)) == 1


@pytest.mark.parametrize(
    "other",
    [Say(ID, "lobby", "other words"), Tell(ID, "ben", "hello"), Tell(ID, "carl", "hello"), Say(ID, "cellar", "hello")],
)
def test_an_id_with_another_text_or_for_others_is_refused(other: Record) -> None:
    _, (anna, ben, carl) = world_of("anna", "ben", "carl")
    anna.ask(CreateRoom("cellar", ""))
    said(anna.say("hello", message_id=ID))
    refusal = refused(only(anna.ask(other)))
    assert refusal.code == ErrorCode.MESSAGE_CHANGED
    assert "NOT stored" in refusal.text
    assert ben.texts == carl.texts == ["hello"]


def test_the_id_of_another_person_is_another_message() -> None:
    _, (anna, ben) = world_of("anna", "ben")
    said(anna.say("anna's", message_id=ID))
    said(ben.say("ben's", message_id=ID))
    assert anna.texts == ["anna's", "ben's"]


def test_a_line_said_again_after_a_lost_connection_and_a_crash_of_the_server_is_told_once() -> None:
    world, (ben,) = world_of("ben")
    anna = come(world, "anna", key=bytes(32))
    first = said(anna.say("once", message_id=ID))
    world.server = world.start_server(world.crash_server())
    back = come(world, "anna", key=bytes(32), seen=first.sequence)
    assert said(back.say("once", message_id=ID)).sequence == first.sequence
    listener = come(world, "ben", key=ben.key, seen=first.sequence)
    wait(world, 0.2)
    assert ben.texts == ["once"]
    assert not back.messages
    assert not listener.messages


def test_a_private_line_said_again_after_its_guest_has_left_gets_the_first_answer() -> None:
    _, (anna, ben) = world_of("anna", "ben")
    first = said(anna.tell("ben", "hello", ID))
    ben.leave()
    again = said(anna.tell("ben", "hello", ID))
    assert again.sequence == first.sequence
    assert refused(anna.tell("ben", "something new")).code == ErrorCode.UNKNOWN_USER


def test_a_private_line_said_again_after_a_crash_while_its_guest_is_away_gets_the_first_answer() -> None:
    world, (ben,) = world_of("ben")
    anna = come(world, "anna", key=bytes(32))
    first = said(anna.tell("ben", "hello", ID))
    ben.vanish()
    anna.vanish()
    world.server = world.start_server(world.crash_server())
    back = come(world, "anna", key=bytes(32))
    again = said(back.tell("ben", "hello", ID))
    assert (again.sequence, again.sent_at) == (first.sequence, first.sent_at)
    assert refused(back.tell("ben", "something else", ID)).code == ErrorCode.MESSAGE_CHANGED
    assert refused(back.tell("ben", "something new")).code == ErrorCode.UNKNOWN_USER
    wait(world, 0.1)
    assert come(world, "ben", key=ben.key, seen=first.sequence).texts == []


def test_a_private_line_said_again_when_somebody_else_has_the_nickname_is_not_told_to_them() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    first = said(anna.tell("ben", "for the first ben", ID))
    ben.leave()
    other = come(world, "ben")
    assert said(anna.tell("ben", "for the first ben", ID)).sequence == first.sequence
    wait(world, 0.1)
    assert not other.messages


# -- before and after a login ------------------------------------------------------------------------------------------


def test_what_a_guest_said_and_the_account_says_again_is_stored_once() -> None:
    world, (anna,) = world_of("anna")
    make_account(world, "walter")
    guest = come(world, "guest", key=bytes(32))
    first = said(guest.say("once", message_id=ID))
    private = said(guest.tell("anna", "once", b"p" * 16))
    to_walter = said(guest.tell("walter", "to myself, as it turns out", b"w" * 16))
    (account,) = guest.log_in("walter", PASSWORD)
    guest.vanish()
    back = come(world, "walter", key=bytes(32), ticket=account.ticket)
    assert said(back.say("once", message_id=ID)).sequence == first.sequence
    assert said(back.tell("anna", "once", b"p" * 16)).sequence == private.sequence
    again = back.ask(Tell(b"w" * 16, "walter", "to myself, as it turns out"))
    assert said(only(again)).sequence == to_walter.sequence
    assert refused(back.say("other words", message_id=ID)).code == ErrorCode.MESSAGE_CHANGED
    wait(world, 0.1)
    assert anna.texts == ["once", "once"]


def test_lines_that_wait_are_said_under_the_name_they_were_written_under_before_anybody_logs_in() -> None:
    world, (anna,) = world_of("anna", config=Config(message_rate=10, message_burst=1))
    make_account(world, "walter")
    guest = come(world, "guest")
    burst(guest, 5)
    assert refused(only(guest.ask(Login("walter", PASSWORD)))).code == ErrorCode.TRY_LATER
    assert refused(only(guest.ask(Register("newname", PASSWORD)))).code == ErrorCode.TRY_LATER
    wait(world, 1)
    (account,) = guest.log_in("walter", PASSWORD)
    assert account.nick == "walter"
    said(guest.say("as walter"))
    texts = [*(f"guest {number}" for number in range(5)), "as walter"]
    assert [(each.sender, each.text) for each in anna.told(Line)] == list(
        zip([*["guest"] * 5, "walter"], texts, strict=True)
    )


def test_a_line_that_still_waits_when_a_login_is_done_is_refused_and_not_said_under_the_other_name() -> None:
    world, (anna,) = world_of("anna", config=Config(message_rate=1, message_burst=2))
    make_account(world, "walter")
    guest = come(world, "guest")
    login = guest.send(Login("walter", PASSWORD))
    requests = burst(guest, 4)
    wait(world, 5)
    assert guest.answers(login)
    answers = [only(guest.answers(request)) for request in requests]
    assert [type(answer) for answer in answers] == [Said, Said, Refused, Refused]
    assert {refused(answer).code for answer in answers[2:]} == {ErrorCode.TRY_LATER}
    assert "NOT stored" in answers[2].text
    assert [(each.sender, each.text) for each in anna.told(Line)] == [("guest", "guest 0"), ("guest", "guest 1")]


# -- rooms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ["cellar", "nowhere", "l" * 255, "\x1b"])
def test_a_line_in_a_room_one_is_not_in_is_refused_whether_it_is_there_or_not(room: str) -> None:
    _, (anna, ben) = world_of("anna", "ben")
    ben.ask(CreateRoom("cellar", ""))
    refusal = refused(anna.say("hello", room=room))
    assert refusal.code == ErrorCode.NOT_IN_ROOM
    assert refusal.text.startswith(f"you are in no room called {room}")
    assert not ben.messages


def test_a_line_in_a_room_is_for_its_members_under_its_written_name() -> None:
    _, (anna, ben, carl) = world_of("anna", "ben", "carl")
    ben.ask(CreateRoom("Cellar", ""))
    ben.say("down here", room="CELLAR")
    assert [line.room for line in ben.told(Line)] == ["Cellar"]
    assert not anna.messages
    assert not carl.messages


def test_who_has_left_a_room_neither_speaks_nor_hears_there() -> None:
    _, (anna, ben) = world_of("anna", "ben")
    anna.ask(CreateRoom("cellar", ""))
    anna.ask(LeaveRoom("cellar"))
    assert refused(anna.say("still here?", room="cellar")).code == ErrorCode.NOT_IN_ROOM
    assert not ben.messages


# -- visitors ----------------------------------------------------------------------------------------------------------


def test_a_visitor_speaks_and_hears_nothing_but_the_answer() -> None:
    world, (anna,) = world_of("anna")
    visitor = come(world, "guest", flags=JoinFlag.VISITOR)
    said(visitor.say("from a script"))
    said(visitor.tell("anna", "a word"))
    said(anna.say("hello back"))
    assert anna.texts == ["from a script", "a word", "hello back"]
    assert not visitor.messages
    assert refused(anna.tell("guest", "are you there?")).code == ErrorCode.UNKNOWN_USER


def test_what_a_visitor_tells_is_echoed_to_the_session_of_the_same_person() -> None:
    world, (ben,) = world_of("ben")
    anna = come(world, "anna", key=bytes(32))
    visitor = come(world, "anna", key=bytes(32), flags=JoinFlag.VISITOR)
    said(visitor.tell("ben", "a word"))
    assert anna.texts == ben.texts == ["a word"]
    assert anna.closed is None
    assert "that is you" in refused(visitor.tell("anna", "to myself")).text


# -- what no client would send -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [Say(ID, "lobby", "marker"), Tell(ID, "ben", "marker")])
def test_a_text_that_is_no_utf_8_closes_its_connection_and_nobody_else_hears_of_it(record: Say | Tell) -> None:
    world, (anna, ben) = world_of("anna", "ben")
    connection = anna.desk.endpoint.find(anna.connection_id)
    assert connection is not None
    damaged = encode_record(record, 7).replace(b"marker", b"\xff\xfe\xed\xa0\x80!")
    world.do(lambda: connection.send_encoded(damaged))
    wait(world, 0.2)
    assert anna.closed is not None
    assert anna.closed[0] == ErrorCode.MALFORMED_RECORD
    assert not ben.messages
    assert ben.closed is None
    said(ben.say("the server goes on"))


# -- the disk ----------------------------------------------------------------------------------------------------------


def test_what_the_disk_refuses_is_not_stored_and_said_so_and_the_server_goes_on() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    make_account(world, "walter")
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)
    for answer in (anna.say("lost", message_id=ID), anna.tell("ben", "lost"), anna.tell("walter", "lost")):
        assert refused(answer).code == ErrorCode.STORAGE_FAILED
        assert refused(answer).text.startswith("NOT stored: ")
    assert not ben.messages
    world.server.disk.spec = DiskSpec(delay=0)
    said(anna.say("lost", message_id=ID))
    said(anna.tell("walter", "kept"))
    assert ben.texts == ["lost"]
    assert anna.closed is ben.closed is None


def test_a_disk_that_stands_still_does_not_pile_up_lines_without_end() -> None:
    world, (anna, ben) = world_of("anna", "ben", config=Config(message_rate=0))
    world.server.disk.spec = DiskSpec(delay=30 * SECOND)
    requests = [anna.send(Say(number.to_bytes(16), "lobby", f"{number}")) for number in range(1_030)]
    wait(world, 2)
    refusals = [refused(answer) for request in requests for answer in anna.answers(request)]
    assert [refusal.code for refusal in refusals] == [ErrorCode.TOO_MANY_REQUESTS] * 6
    assert all("NOT stored" in refusal.text for refusal in refusals)
    request = ben.send(Tell(ID, "ben", "is the server there?"))
    wait(world, 1)
    assert refused(only(ben.answers(request))).code == ErrorCode.UNKNOWN_USER


def test_a_client_that_is_gone_when_its_line_is_stored_hurts_nobody() -> None:
    world, (anna, ben) = world_of("anna", "ben", disk=DiskSpec(delay=500 * MILLISECOND))
    anna.send(Say(ID, "lobby", "goodbye"))
    world.network.run_for(20 * MILLISECOND)
    anna.leave()
    world.network.connect(SERVER, anna.address, LinkSpec(delay=1))
    wait(world, 1)
    assert ben.texts == ["goodbye"]
