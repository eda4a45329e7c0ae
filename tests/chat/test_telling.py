"""Private lines: for the two and nobody else, in order, also when one of them is not here."""

from __future__ import annotations

import pytest

from tests.chat.people import make_account
from tests.chat.speaker import only, refused, said, wait, world_of
from udpchat.chat.events import PrivateSaid
from udpchat.config import MILLISECOND
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import SaidFlag
from udpchat.wire.records import (
    Private,
    Record,
    Say,
    Tell,
)

ID = bytes(15) + b"\1"


def test_a_private_line_reaches_the_two_and_nobody_else() -> None:
    world, (anna, ben, carl) = world_of("anna", "ben", "carl")
    said(anna.tell("BEN", "secret"))
    for each in (anna, ben):
        assert [(e.sender, e.recipient, e.text) for e in each.told(Private)] == [("anna", "ben", "secret")]
    assert "secret" not in str(carl.records)
    assert "secret" not in str(world.server.events)
    assert [(event.sender, event.recipient) for event in world.server.told(PrivateSaid)] == [("anna", "ben")]


@pytest.mark.parametrize("name", ["anna", "ANNA"])
def test_a_private_line_to_oneself_is_refused(name: str) -> None:
    _, (anna,) = world_of("anna")
    refusal = refused(anna.tell(name, "note"))
    assert refusal.code == ErrorCode.UNKNOWN_USER
    assert "that is you" in refusal.text
    assert not anna.messages


@pytest.mark.parametrize(
    ("name", "hint"),
    [("bem", "did you mean ben?"), ("BENN", "did you mean ben?"), ("xyz", ""), ("", ""), ("b" * 255, "")],
)
def test_a_private_line_to_nobody_is_refused_and_the_nearest_name_is_told(name: str, hint: str) -> None:
    _, (anna, _) = world_of("anna", "ben")
    refusal = refused(anna.tell(name, "hello?"))
    assert refusal.code == ErrorCode.UNKNOWN_USER
    assert refusal.text.endswith(hint)
    assert ("did you mean" in refusal.text) == bool(hint)


def test_a_nickname_is_found_in_whichever_normal_form_it_is_typed() -> None:
    _, (anna, zoe) = world_of("anna", "Zoë")
    said(anna.tell("zoe\u0308", "hello"))
    assert zoe.texts == ["hello"]


def test_a_line_for_an_absent_account_waits_and_says_so() -> None:
    world, (anna,) = world_of("anna")
    make_account(world, "walter")
    assert said(anna.tell("Walter", "later")).flags == SaidFlag.WAITS
    assert [(line.recipient, line.text) for line in anna.told(Private)] == [("walter", "later")]
    assert not said(anna.say("now")).flags


def test_lines_of_one_person_keep_their_order_while_a_recipient_is_looked_up() -> None:
    world, (anna, ben) = world_of("anna", "ben", disk=DiskSpec(delay=20 * MILLISECOND))
    make_account(world, "walter")
    records: list[Record] = [
        Tell(bytes(15) + b"a", "walter", "1"),
        Say(bytes(15) + b"b", "lobby", "2"),
        Tell(bytes(15) + b"c", "nobody", "-"),
        Tell(bytes(15) + b"d", "ben", "3"),
        Tell(bytes(15) + b"e", "walter", "4"),
        Say(bytes(15) + b"f", "lobby", "5"),
    ]
    requests = [anna.send(record) for record in records]
    wait(world, 1)
    answers = [only(anna.answers(request)) for request in requests]
    assert refused(answers.pop(2)).code == ErrorCode.UNKNOWN_USER
    sequences = [said(answer).sequence for answer in answers]
    assert sequences == sorted(sequences)
    assert anna.texts == ["1", "2", "3", "4", "5"]
    assert ben.texts == ["2", "3", "5"]


def test_one_whose_recipient_is_looked_up_holds_up_nobody_else() -> None:
    world, (anna, ben) = world_of("anna", "ben", disk=DiskSpec(delay=200 * MILLISECOND))
    anna.send(Tell(ID, "nobody", "?"))
    anna.send(Say(bytes(16), "lobby", "anna's"))
    world.network.run_for(20 * MILLISECOND)
    ben.send(Say(ID, "lobby", "ben's"))
    wait(world, 2)
    assert anna.texts == ["ben's", "anna's"]
