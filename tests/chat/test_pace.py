"""Requests that others hear of come at a pace, and a flood of news cuts nobody off."""

from __future__ import annotations

import pytest

from tests.chat.speaker import Speaker, come, refused, said, wait, world_of
from udpchat.chat.pace import REQUEST_BURST, REQUEST_RATE
from udpchat.config import KIB, MILLISECOND, Config
from udpchat.errors import ErrorCode
from udpchat.net.hosts import ServerCore
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import Scope
from udpchat.wire.records import (
    Away,
    CreateRoom,
    Done,
    EnterRoom,
    Finished,
    LeaveRoom,
    Presence,
    Read,
    Record,
    Refused,
    SetTopic,
    User,
    Users,
)


def flood(who: Speaker, records: list[Record]) -> list[Record]:
    """What requests that come all at once are answered with."""
    asked = [who.send(record) for record in records]
    wait(who.world, 0.2)
    return [answer for request in asked for answer in who.answers(request)]


@pytest.mark.parametrize("count", [REQUEST_BURST - 1, REQUEST_BURST, REQUEST_BURST + 1])
@pytest.mark.parametrize("record", [Away("tea"), EnterRoom("cellar"), SetTopic("cellar", "wine")])
def test_what_others_hear_of_may_come_in_a_burst_and_no_faster(record: Record, count: int) -> None:
    _, (anna, ben) = world_of("anna", "ben")
    ben.ask(CreateRoom("cellar", ""))
    anna.ask(EnterRoom("cellar"))
    wait(anna.world, 10)
    answers = flood(anna, [record] * count)
    assert len(answers) == count
    late = [answer for answer in answers if isinstance(answer, Refused)]
    assert [answer.code for answer in late] == [ErrorCode.TOO_MANY_REQUESTS] * max(0, count - REQUEST_BURST)
    assert not any(isinstance(answer, Refused) for answer in ben.ask(Away("as well")))


def test_making_and_leaving_rooms_counts_as_well() -> None:
    _, (anna,) = world_of("anna")
    records: list[Record] = []
    for number in range(REQUEST_BURST):
        records += [CreateRoom(f"room{number}", ""), LeaveRoom(f"room{number}")]
    answers = flood(anna, records)
    late = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(late) == REQUEST_BURST
    assert "too fast" in late[0].text


def test_after_a_while_requests_are_taken_again() -> None:
    world, (anna,) = world_of("anna")
    flood(anna, [Away(f"tea {number}") for number in range(2 * REQUEST_BURST)])
    wait(world, 1)
    taken = [isinstance(answer, Done) for answer in flood(anna, [Away(f"{n}") for n in range(REQUEST_BURST)])]
    assert taken.count(True) in (REQUEST_RATE, REQUEST_RATE + 1)


def test_every_private_line_may_be_read_on_its_own() -> None:
    _, (anna, ben) = world_of("anna", "ben")
    sequences = [said(ben.tell("anna", f"line {number}")).sequence for number in range(2 * REQUEST_BURST)]
    assert flood(anna, [Read(sequence, "ben") for sequence in sequences]) == []


def test_reading_is_paced_as_lines_are() -> None:
    config = Config(message_rate=10, message_burst=5)
    _, (anna, ben) = world_of("anna", "ben", config=config)
    sequence = said(ben.tell("anna", "line")).sequence
    answers = flood(anna, [Read(sequence, "ben")] * 9)
    assert [refused(answer).code for answer in answers] == [ErrorCode.TOO_MANY_REQUESTS] * 4


def test_news_do_not_cut_off_who_is_slow_and_lines_still_come() -> None:
    config = Config(max_send_queue=32 * KIB)
    world, (anna, ben) = world_of("anna", "ben", config=config)
    slow = Speaker(world, "slow", link=LinkSpec(rate=1_500, delay=5 * MILLISECOND))
    world.run_until(lambda: slow.is_in, 20)
    for number in range(400):
        anna.send(Away(f"{number} " + "x" * 190))
        wait(world, 1 / REQUEST_RATE / 4)
        if number % 4 == 3:
            come(world, f"guest{number}").leave()
    said(anna.say("do you hear me?"))
    wait(world, 60)
    assert slow.closed is None
    assert slow.texts == ["do you hear me?"]
    core = world.server.core
    assert isinstance(core, ServerCore)
    heard_by_ben = [record for record in ben.told(Presence) if record.nick != "slow"]
    assert len(slow.told(Presence)) + core.chat.hall.unheard == len(heard_by_ben)
    assert core.chat.hall.unheard > 0


@pytest.mark.parametrize(("count", "refusals"), [(3, 0), (4, 0), (5, 1), (300, 296)])
def test_all_accounts_are_asked_for_a_few_times_at_once(count: int, refusals: int) -> None:
    _, (anna, ben) = world_of("anna", "ben")
    answers = flood(anna, [Users(Scope.ACCOUNTS, "")] * count)
    late = [answer for answer in answers if isinstance(answer, Refused)]
    assert [answer.code for answer in late] == [ErrorCode.TOO_MANY_REQUESTS] * refusals
    assert sum(isinstance(answer, Finished) for answer in answers) == count - refusals
    assert isinstance(ben.ask(Users(Scope.ACCOUNTS, ""))[-1], Finished)


def test_a_room_is_found_in_either_normal_form() -> None:
    _, (anna,) = world_of("anna")
    anna.ask(CreateRoom("b\u00fccher", ""))
    answers = anna.ask(Users(Scope.PRESENT, "bu\u0308cher"))
    assert [answer.nick for answer in answers if isinstance(answer, User)] == ["anna"]
