"""People who were away or are slow: they read what they missed, page by page, and then are live."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chat.speaker import CLEAN, Speaker, come, connection_of, line, lines, said, wait, world_of
from tests.world import SERVER
from udpchat.chat.delivery import Delivery
from udpchat.chat.ports import Message
from udpchat.config import KIB, LAG_LIMIT, MILLISECOND, PAGE_SIZE, SECOND, Config
from udpchat.net.hosts import ServerCore
from udpchat.sim.disk import DiskSpec
from udpchat.sim.link import LinkSpec
from udpchat.wire.records import Login, Register

KEY = bytes(31) + b"k"
FAST = Config(message_rate=0)
DEAD = LinkSpec(delay=1, loss=1.0)


@pytest.mark.parametrize("missed", [PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE + 7])
def test_any_number_of_missed_messages_comes_once_and_in_order(missed: int) -> None:
    world, (anna,) = world_of("anna", config=FAST)
    ben = come(world, "ben", key=KEY)
    ben.vanish()
    texts = lines(anna, missed)
    back = come(world, "ben", key=KEY)
    wait(world, 1)
    said(anna.say("live"))
    assert back.texts == [*texts, "live"]


def test_what_is_said_while_somebody_catches_up_comes_after_what_they_missed() -> None:
    world, (anna,) = world_of("anna", config=FAST)
    ben = come(world, "ben", key=KEY)
    ben.vanish()
    texts = lines(anna, 2 * PAGE_SIZE)
    world.server.disk.spec = DiskSpec(delay=30 * MILLISECOND)
    back = Speaker(world, "ben", key=KEY)
    for first in range(2 * PAGE_SIZE, 2 * PAGE_SIZE + 40):
        anna.send(line(anna, f"{first:05d}"))
        world.network.run_for(7 * MILLISECOND)
    wait(world, 3)
    assert back.texts == texts + [f"{number:05d}" for number in range(2 * PAGE_SIZE, 2 * PAGE_SIZE + 40)]


def test_somebody_slow_costs_no_memory_and_loses_nothing() -> None:
    world, (anna, ben) = world_of("anna", "ben", config=FAST)
    world.network.connect(SERVER, ben.address, DEAD)
    texts = [text for first in range(0, 300, 20) for text in lines(anna, 20, first=first, size=4 * KIB)]
    connection = connection_of(world, ben)
    assert connection.transmitter.messages.channels[0].queued < LAG_LIMIT + 8 * KIB
    assert len(texts) * 4 * KIB > 4 * LAG_LIMIT
    world.network.connect(SERVER, ben.address, CLEAN)
    world.run_until(lambda: len(ben.texts) >= len(texts), 60)
    said(anna.say("live again"))
    wait(world, 0.5)
    assert ben.texts == [*texts, "live again"]
    assert anna.texts == [*texts, "live again"], "who is fast is not held up"


def test_a_slow_line_brings_all_that_was_missed_at_its_own_speed() -> None:
    world, (anna,) = world_of("anna", config=FAST)
    ben = come(world, "ben", key=KEY)
    ben.vanish()
    texts = [text for first in range(0, 200, 20) for text in lines(anna, 20, first=first, size=4 * KIB)]
    slow = LinkSpec(rate=200_000, delay=5 * MILLISECOND)
    back = come(world, "ben", key=KEY, link=slow)
    queued = 0
    for _ in range(100):
        wait(world, 0.1)
        queued = max(queued, connection_of(world, back).transmitter.messages.channels[0].queued)
    assert back.texts == texts
    assert LAG_LIMIT // 2 < queued < LAG_LIMIT + 8 * KIB


def test_a_small_queue_is_not_overrun_by_somebody_who_catches_up() -> None:
    config = Config(message_rate=0, max_send_queue=32 * KIB)
    world, (anna,) = world_of("anna", config=config)
    ben = come(world, "ben", key=KEY)
    ben.vanish()
    texts = lines(anna, 60, size=2 * KIB)
    back = come(world, "ben", key=KEY)
    wait(world, 5)
    assert back.texts == texts
    assert back.closed is None


def test_a_page_that_cannot_be_read_is_read_again() -> None:
    world, (anna,) = world_of("anna")
    ben = come(world, "ben", key=KEY)
    ben.vanish()
    texts = lines(anna, 5)
    world.server.disk.spec = DiskSpec(delay=SECOND)
    back = Speaker(world, "ben", key=KEY)
    wait(world, 0.2)
    world.server.disk.spec = DiskSpec(delay=0, error=1.0)  # from the first page on
    wait(world, 2.5)
    assert back.is_in
    assert not back.messages
    world.server.disk.spec = DiskSpec(delay=0)
    wait(world, 1.5)
    assert back.texts == texts


def test_what_a_page_has_brought_is_not_told_again_when_the_disk_answers_its_sender_later() -> None:
    world, (anna, ben) = world_of("anna", "ben")
    said(anna.say("hello"))
    assert isinstance(world.server.core, ServerCore)
    delivery = Delivery(world.server.core.chat.hall)
    (heard,) = ben.messages
    late = Message(heard.sequence, heard.sent_at, 1, "anna", "lobby", 0, "", "hello")
    world.do(lambda: delivery.deliver(late, world.network.now))
    world.do(lambda: delivery.deliver(replace(late, sequence=heard.sequence + 1, text="next"), world.network.now))
    wait(world, 0.1)
    assert ben.texts == ["hello", "next"]


def test_who_logs_in_while_they_catch_up_gets_everything_as_the_account_and_no_more_as_the_guest() -> None:
    world, (anna,) = world_of("anna", config=FAST)
    walter = come(world, "walter")
    walter.ask(Register("walter", "password"), SECOND)
    walter.leave()
    guest = come(world, "guest", key=KEY)
    guest.vanish()
    texts = lines(anna, 12 * PAGE_SIZE)
    said(anna.tell("walter", "for walter"))
    world.server.disk.spec = DiskSpec(delay=100 * MILLISECOND)
    back = come(world, "guest", key=KEY)
    request = back.send(Login("walter", "password"))
    world.run_until(lambda: bool(back.answers(request)), 5)
    as_guest = len(back.texts)
    assert as_guest < 10 * PAGE_SIZE, "the guest was still catching up"
    wait(world, 5)
    assert back.texts == [*texts[:as_guest], *texts, "for walter"]
