"""A server that goes away lets nobody in, and tells those who wait."""

from __future__ import annotations

from tests.chat.people import core, stand_at_the_door
from tests.chat.speaker import Speaker, wait, world_of
from udpchat.config import Config
from udpchat.errors import ErrorCode
from udpchat.sim.disk import DiskSpec
from udpchat.wire.numbers import JoinFlag
from udpchat.wire.records import Queued

GOING = (ErrorCode.SHUTTING_DOWN, "back at noon")


def test_who_waits_in_the_queue_or_at_the_door_is_told_that_the_server_goes() -> None:
    world, (anna, _) = world_of("anna", "ben", config=Config(max_users=2))
    waiting = Speaker(world, "carl", flags=JoinFlag.WAIT)
    world.run_until(lambda: any(isinstance(heard.record, Queued) for heard in waiting.records))
    stranger = stand_at_the_door(world)
    world.do(lambda: core(world).chat.reception.close("back at noon"))
    anna.leave()
    wait(world, 1)
    assert (waiting.closed, stranger.closed) == (GOING, GOING)
    assert not waiting.is_in


def test_who_comes_while_the_server_goes_is_told_so_at_once() -> None:
    world, (anna,) = world_of("anna")
    world.do(lambda: core(world).chat.reception.close("back at noon"))
    late = Speaker(world, "late")
    wait(world, 1)
    assert late.closed == GOING
    assert anna.closed is None, "the server closes those who are here itself"


def test_who_is_being_looked_up_when_the_server_goes_is_not_let_in() -> None:
    world, _ = world_of("anna")
    world.server.disk.spec = DiskSpec(delay=50_000_000)
    ben = Speaker(world, "ben")
    wait(world, 0.1)
    world.do(lambda: core(world).chat.reception.close("back at noon"))
    wait(world, 60)
    assert (ben.closed, ben.is_in) == (GOING, False)
    assert [session.nick for session in core(world).desk.members] == ["anna"]
