"""A network that is gone for a while: the session is kept, the transfer goes on soon after, and nothing bursts."""

from __future__ import annotations

import pytest

from tests.files.shop import act, connection, finish, get, is_done, listing, open_shop, put, upload
from tests.scenarios.runs import CONTROLLERS
from tests.world import SERVER, client
from udpchat.chat.events import Disconnected, LineSaid
from udpchat.config import KIB, MILLISECOND, SECOND, Config
from udpchat.files.events import Downloaded, Uploaded
from udpchat.sim.link import LinkSpec

LINK = LinkSpec(rate=1_250_000, delay=10 * MILLISECOND)
SIZE = 400 * KIB


@pytest.mark.parametrize("way", ["up", "down", "both"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_30_s_of_darkness_at_any_point_of_a_file_cost_little_more_than_30_s(way: str, share: float) -> None:
    controller = CONTROLLERS[(len(way) + int(share * 100)) % 3]
    world, (anna, ben) = open_shop("anna", "ben", link=LINK, config=Config(congestion=controller))
    put(world, ben, bytes(SIZE), "b.bin")
    up, down = upload(world, anna, bytes(SIZE)), act(world, lambda: client(anna).files.get("b.bin"))
    wanted = int(share * SIZE)
    counters = connection(anna).transmitter.recovery.counters
    world.run_until(lambda: counters.acked_bytes >= wanted or bool(anna.told(Uploaded)))
    dark = LinkSpec(rate=LINK.rate, delay=LINK.delay, loss=1.0)
    world.network.connect(anna.address, SERVER, dark if way != "down" else LINK, dark if way != "up" else LINK)
    world.do(lambda: client(anna).chat.say("is anybody there?"))
    world.network.run_for(30 * SECOND)
    world.network.connect(anna.address, SERVER, LINK)
    back = world.network.now
    world.run_until(lambda: bool(anna.told(LineSaid) and ben.told(LineSaid)), 5)
    assert isinstance(finish(world, anna, up), Uploaded)
    assert isinstance(finish(world, anna, down), Downloaded)
    assert not anna.told(Disconnected)
    assert world.network.now - back < 8 * SECOND
    assert len(ben.told(LineSaid)) == len(anna.told(LineSaid)) == 1


@pytest.mark.parametrize("when", ["joining", "committing", "leaving"])
def test_darkness_while_something_else_is_on_its_way(when: str) -> None:
    dark = LinkSpec(rate=LINK.rate, delay=LINK.delay, loss=1.0)
    world, (ben,) = open_shop("ben", link=LINK)
    anna = world.add_client("anna")
    if when == "joining":
        world.network.run_for(45 * MILLISECOND)  # the cookie came, the REPLY did not
        world.network.connect(anna.address, SERVER, dark)
        world.network.run_for(4 * SECOND)
        world.network.connect(anna.address, SERVER, LINK)
        world.join(anna)
        return
    world.join(anna)
    request_id = upload(world, anna, bytes(50 * KIB))
    if when == "committing":
        world.run_until(lambda: any(each.done == each.size for each in client(anna).files.progress()), 5)
        world.network.connect(anna.address, SERVER, dark)
        world.network.run_for(20 * SECOND)
        world.network.connect(anna.address, SERVER, LINK)
        assert isinstance(finish(world, anna, request_id), Uploaded)
        assert len(listing(world, ben)) == 1
    else:
        finish(world, anna, request_id)
        world.network.connect(anna.address, SERVER, dark)
        world.do(client(anna).chat.leave)
        world.network.run_for(100 * SECOND)
        assert [session.nick for session in world.server.core.desk.members] == ["ben"]  # type: ignore[union-attr]


def test_five_minutes_end_the_session_and_the_same_file_goes_on_afterwards() -> None:
    world, _ = open_shop("ben", link=LINK)
    key = bytes(31) + b"k"
    anna = world.add_client("anna", identity=key)
    world.join(anna)
    request_id = upload(world, anna, world.random.randbytes(SIZE))
    world.run_until(lambda: connection(anna).transmitter.recovery.counters.acked_bytes > SIZE // 2)
    world.network.connect(anna.address, SERVER, LinkSpec(delay=1, loss=1.0))
    world.network.run_for(300 * SECOND)
    assert anna.told(Disconnected)
    assert not is_done(anna, request_id), "an upload is not given up because the connection is"
    again = world.add_client("anna", identity=key, store=anna.store)
    world.join(again)
    done = finish(world, again, act(world, lambda: client(again).files.put("a.bin")))
    assert isinstance(done, Uploaded)
    assert done.resumed > 0.4 * SIZE
    assert connection(again).transmitter.recovery.counters.sent_bytes < 0.6 * SIZE
    assert get(world, again).size == SIZE


def test_nothing_bursts_into_a_network_that_has_just_come_back() -> None:
    world, (anna,) = open_shop("anna", link=LINK)
    upload(world, anna, bytes(4 * SIZE))
    world.network.run_for(400 * MILLISECOND)
    world.network.connect(anna.address, SERVER, LinkSpec(rate=LINK.rate, delay=LINK.delay, loss=1.0))
    world.network.run_for(30 * SECOND)
    world.network.connect(anna.address, SERVER, LINK)
    link = world.network.link(anna.address, SERVER)
    before, most = link.counters.received, 0
    for _ in range(400):
        world.network.run_for(10 * MILLISECOND)
        most, before = max(most, link.counters.received - before), link.counters.received
    assert most <= 40, "what the line takes in 10 ms, and a first flight"
