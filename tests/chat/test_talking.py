"""Lines: to everybody or to one, once, in one order, whoever repeats what."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chat.test_joining import ID, send, world_with
from tests.world import SERVER, client
from udpchat.chat.events import Answered, LineSaid, NoticeGiven, PrivateSaid, Refusal
from udpchat.config import MAX_TEXT, MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode, UsageError
from udpchat.sim.link import LinkSpec
from udpchat.wire.records import Say, Tell


def test_all_hear_the_same_lines_in_the_same_order() -> None:
    world, ends = world_with("anna", "ben", "carl")
    for number in range(20):
        for end in ends:
            world.do(lambda end=end, number=number: client(end).chat.say(f"{number}"))  # type: ignore[misc]
        world.network.run_for(3 * MILLISECOND)
    world.run_until(lambda: all(len(end.told(LineSaid)) == 60 for end in ends), 2)
    heard = [[(line.sequence, line.sender, line.text) for line in end.told(LineSaid)] for end in ends]
    assert heard[0] == heard[1] == heard[2]
    assert [sequence for sequence, _, _ in heard[0]] == list(range(1, 61))
    assert all(len(end.told(Answered)) == 20 for end in ends)


def test_the_same_message_id_is_the_same_line_and_gets_the_first_answer() -> None:
    world, (anna, ben) = world_with("anna", "ben")
    for text in ("first", "first", "other words"):
        send(world, anna, Say(ID, "lobby", text))
    send(world, ben, Say(ID, "lobby", "ben's own"))
    assert [(line.sender, line.text) for line in ben.told(LineSaid)] == [("anna", "first"), ("ben", "ben's own")]


def test_what_was_said_before_a_connection_was_lost_is_not_said_again_by_the_same_client() -> None:
    world, (ben,) = world_with("ben")
    key = bytes(31) + b"k"
    anna = world.add_client("anna", identity=key)
    world.join(anna)
    send(world, anna, Say(ID, "lobby", "once"))
    world.network.connect(anna.address, SERVER, LinkSpec(delay=1, loss=1.0))
    again = world.add_client("anna", identity=key)
    world.join(again)
    send(world, again, Say(ID, "lobby", "another client, so another message"))
    assert [line.text for line in ben.told(LineSaid)] == ["once", "another client, so another message"]


def test_remembered_messages_are_capped_and_the_oldest_is_forgotten() -> None:
    world, (anna, ben) = world_with("anna", "ben", config=Config(max_remembered_messages=3))
    ids = [bytes(15) + bytes([number]) for number in range(4)]
    for message_id in [*ids[:3], ids[0], ids[3], ids[0], ids[3]]:
        send(world, anna, Say(message_id, "lobby", message_id.hex()[-1]))
    assert [line.text for line in ben.told(LineSaid)] == ["0", "1", "2", "3", "0"]


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ("x", True),
        ("x" * MAX_TEXT, True),
        ("é" * (MAX_TEXT // 2), True),
        ("x" * (MAX_TEXT + 1), False),
        ("é" * (MAX_TEXT // 2) + "x", False),
        ("", False),
        (" \t ", False),
    ],
)
def test_what_a_line_may_be(text: str, is_fine: bool) -> None:
    world, (anna, ben) = world_with("anna", "ben")
    world.do(lambda: (client(anna).chat.say(text), client(anna).chat.tell("ben", text)))
    world.run_until(lambda: len(anna.told(Answered)) + len(anna.told(Refusal)) == 2, 2)
    if is_fine:
        world.run_until(lambda: bool(ben.told(LineSaid) and ben.told(PrivateSaid)), 1)
        assert ben.told(LineSaid)[0].text == ben.told(PrivateSaid)[0].text == text
    else:
        assert {event.code for event in anna.told(Refusal)} == {ErrorCode.TEXT_NOT_ALLOWED}
        assert not ben.told(LineSaid)
        assert not ben.told(PrivateSaid)


def test_a_private_line_reaches_the_two_and_nobody_else() -> None:
    world, (anna, ben, carl) = world_with("anna", "ben", "carl")
    world.do(lambda: client(anna).chat.tell("BEN", "secret"))
    world.network.run_for(SECOND)
    for end in (anna, ben):
        assert [(e.sender, e.recipient, e.text) for e in end.told(PrivateSaid)] == [("anna", "ben", "secret")]
    assert not carl.told(PrivateSaid)
    assert "secret" not in str(world.server.events)


def test_a_private_line_to_oneself_arrives_once() -> None:
    world, (anna,) = world_with("anna")
    world.do(lambda: client(anna).chat.tell("anna", "note"))
    world.network.run_for(SECOND)
    assert len(anna.told(PrivateSaid)) == 1


def test_a_private_line_to_nobody_is_refused() -> None:
    world, (anna,) = world_with("anna")
    world.do(lambda: client(anna).chat.tell("nobody", "hello?"))
    world.run_until(lambda: bool(anna.told(Refusal)), 1)
    assert anna.told(Refusal)[0].code == ErrorCode.UNKNOWN_USER


def test_a_private_line_repeated_after_its_recipient_left_gets_the_first_answer() -> None:
    world, (anna, ben) = world_with("anna", "ben")
    connection = client(anna).endpoint.connection
    assert connection is not None
    send(world, anna, Tell(ID, "ben", "hello"))
    world.do(client(ben).chat.leave)
    world.network.run_for(SECOND)
    refused: list[int] = []
    request = client(anna).chat.requests.start(lambda _id, code, _text: refused.append(code))
    send(world, anna, Tell(ID, "ben", "hello"), request)
    assert refused == []
    assert [event.request_id for event in anna.told(Answered)] == [request]


def test_a_room_that_is_not_there_is_refused() -> None:
    world, (anna, ben) = world_with("anna", "ben")
    refused: list[int] = []
    request = client(anna).chat.requests.start(lambda _id, code, _text: refused.append(code))
    send(world, anna, Say(ID, "cellar", "hello"), request)
    assert refused == [ErrorCode.UNKNOWN_ROOM]
    assert not ben.told(LineSaid)


def test_a_notice_reaches_everybody() -> None:
    world, ends = world_with("anna", "ben")
    world.do(lambda: world.server.core.chat.announce("closing at six", world.network.now))  # type: ignore[union-attr]
    world.run_until(lambda: all(end.told(NoticeGiven) for end in ends), 1)
    assert {end.told(NoticeGiven)[0].text for end in ends} == {"closing at six"}


@pytest.mark.parametrize("lines", [4, 5, 6])
def test_the_newest_lines_are_kept(lines: int) -> None:
    world, (anna,) = world_with("anna", config=Config(max_lines=5))
    for number in range(lines):
        world.do(lambda number=number: client(anna).chat.say(f"{number}"))  # type: ignore[misc]
    world.run_until(lambda: len(anna.told(LineSaid)) == lines, 1)
    kept = [line.text for line in world.server.core.chat.lines]  # type: ignore[union-attr]
    assert kept == [f"{number}" for number in range(lines)][-5:]


def test_verbs_without_a_connection_are_our_mistake() -> None:
    world, (anna,) = world_with("anna")
    world.do(client(anna).chat.leave)
    world.network.run_for(SECOND)
    verbs: tuple[Callable[[], int], ...] = (
        lambda: client(anna).chat.say("x"),
        client(anna).chat.list_users,
        lambda: client(anna).files.put("x"),
        lambda: client(anna).files.get("x"),
        client(anna).files.list_files,
    )
    for verb in verbs:
        with pytest.raises(UsageError):
            verb()


def test_a_reader_who_takes_nothing_is_closed_before_memory_grows() -> None:
    world, (anna, ben) = world_with("anna", "ben", config=Config(max_send_queue=20_000))
    world.network.connect(SERVER, ben.address, LinkSpec(delay=1, loss=1.0))
    for number in range(30):
        world.do(lambda number=number: client(anna).chat.say(f"{number}" * 1_000))  # type: ignore[misc]
        world.network.run_for(20 * MILLISECOND)
    world.run_until(lambda: len(anna.told(Answered)) == 30, 2)
    assert [session.nick for session in world.server.core.desk.members] == ["anna"]  # type: ignore[union-attr]
