"""People who speak too fast: their lines wait in order, the others notice nothing."""

from __future__ import annotations

import pytest

from tests.chat.speaker import burst, come, only, refused, said, wait, world_of
from udpchat.config import MILLISECOND, SECOND, Config
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import JoinFlag
from udpchat.wire.records import (
    Say,
    Slowed,
    Tell,
)

ID = bytes(15) + b"\1"


SLOW = Config(message_rate=10, message_burst=3, max_waiting_lines=5)


def test_lines_that_come_too_fast_wait_in_order_and_their_sender_is_told_once() -> None:
    world, (anna, ben) = world_of("anna", "ben", config=SLOW)
    requests = burst(anna, 8)
    world.network.run_for(50 * MILLISECOND)
    assert len(anna.told(Slowed)) == 1
    assert 0 < anna.told(Slowed)[0].wait <= SECOND // 10
    assert ben.texts == [f"anna {number}" for number in range(3)]
    wait(world, 1)
    assert ben.texts == [f"anna {number}" for number in range(8)]
    assert all(said(only(anna.answers(request))) for request in requests)
    assert len(anna.told(Slowed)) == 1


@pytest.mark.parametrize(("lines", "refusals"), [(7, 0), (8, 0), (9, 1)])
def test_more_waiting_lines_than_may_are_refused(lines: int, refusals: int) -> None:
    world, (anna, ben) = world_of("anna", "ben", config=SLOW)
    requests = burst(anna, lines)
    wait(world, 2)
    answers = [only(anna.answers(request)) for request in requests]
    assert [refused(answer).code for answer in answers[8:]] == [ErrorCode.TOO_MANY_REQUESTS] * refusals
    assert len(ben.texts) == min(lines, 8)


def test_who_speaks_too_fast_slows_nobody_else() -> None:
    world, (anna, ben) = world_of("anna", "ben", config=SLOW)
    burst(anna, 8)
    request = ben.send(Say(ID, "lobby", "ben's"))
    world.network.run_for(50 * MILLISECOND)
    assert said(only(ben.answers(request)))
    assert "ben's" in anna.texts


def test_the_rate_is_the_persons_and_not_the_connections() -> None:
    world, (ben,) = world_of("ben", config=SLOW)
    anna = come(world, "anna", key=bytes(32))
    burst(anna, 3)
    visitor = come(world, "anna", key=bytes(32), flags=JoinFlag.VISITOR)
    request = visitor.send(Say(b"v" * 16, "lobby", "fourth"))
    world.network.run_for(20 * MILLISECOND)
    assert not visitor.answers(request)
    assert visitor.told(Slowed)
    wait(world, 1)
    assert said(only(visitor.answers(request)))
    assert len(ben.texts) == 4


def test_waiting_lines_of_a_lost_connection_are_left_to_who_comes_back() -> None:
    world, (ben,) = world_of("ben", config=SLOW)
    anna = come(world, "anna", key=bytes(32))
    burst(anna, 8)
    world.network.run_for(20 * MILLISECOND)
    back = come(world, "anna", key=bytes(32))
    requests = burst(back, 6)
    wait(world, 2)
    answers = [only(back.answers(request)) for request in requests]
    assert refused(answers.pop()).code == ErrorCode.TOO_MANY_REQUESTS, "as many wait as may, and no old ones"
    assert all(said(answer) for answer in answers)
    assert ben.texts == [f"anna {number}" for number in range(5)]


def test_what_came_after_a_line_that_was_looked_up_goes_with_its_connection() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    world.server.disk.spec = DiskSpec(delay=SECOND)
    anna.send(Tell(ID, "nobody", "?"))
    anna.send(Say(bytes(16), "lobby", "never acknowledged"))
    wait(world, 0.1)
    anna.leave()
    wait(world, 4)
    assert not ben.messages
    assert ben.closed is None


def test_without_a_rate_nobody_is_slowed() -> None:
    world, (anna, ben) = world_of("anna", "ben", config=Config(message_rate=0))
    burst(anna, 250)
    wait(world, 1)
    assert len(ben.texts) == 250
    assert not anna.told(Slowed)
