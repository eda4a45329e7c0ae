"""Several things at once: fair to each other, and chat before all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.files.shop import act, connection, finish, open_shop, put, upload
from tests.sharers import Sharer, Sharing
from tests.world import SERVER, End, World, client
from udpchat.chat.events import LineSaid
from udpchat.config import KIB, MIB, MILLISECOND, SECOND, Config
from udpchat.files.events import Downloaded, Uploaded
from udpchat.sim.link import LinkSpec

LINK = LinkSpec(rate=1_250_000, delay=10 * MILLISECOND)


@pytest.mark.parametrize("controller", ["newreno", "cubic", "bbr"])
def test_three_transfers_of_one_connection_share_fairly(controller: str) -> None:
    world, (anna,) = open_shop("anna", link=LINK, config=Config(congestion=controller))
    for number in range(3):
        upload(world, anna, bytes(8 * MIB), f"{number}.bin")
    world.network.run_for(SECOND)
    last = [0, 0, 0]
    for _ in range(2):
        world.network.run_for(2 * SECOND)
        done = [each.done for each in client(anna).files.progress()]
        gained = [now - before for now, before in zip(done, last, strict=True)]
        last = done
        assert all(0.7 <= share * 3 / sum(gained) <= 1.3 for share in gained), gained


def _line_delays(world: World, speaker: End, hearer: End, count: int) -> list[int]:
    """From the sender's call to the recipient's event, line after line."""
    delays = []
    for _ in range(count):
        start, heard = world.network.now, len(hearer.told(LineSaid))
        world.do(lambda: client(speaker).chat.say("hello"))
        world.run_until(lambda heard=heard: len(hearer.told(LineSaid)) > heard, 10)  # type: ignore[misc]
        delays.append(world.network.now - start)
        world.network.run_for(37 * MILLISECOND)
    return sorted(delays)


def test_chat_is_quick_while_files_fill_the_line_both_ways() -> None:
    link = LinkSpec(rate=2_500_000, delay=20 * MILLISECOND, loss=0.01)
    world, (anna, ben) = open_shop("anna", "ben", link=link)
    put(world, ben, bytes(2 * MIB), "down.bin")
    first = upload(world, anna, bytes(4 * MIB), "up.bin")
    second = act(world, lambda: client(ben).files.get("down.bin"))
    world.network.run_for(300 * MILLISECOND)
    delays = _line_delays(world, anna, ben, 15) + _line_delays(world, ben, anna, 5)
    assert sorted(delays)[-2] <= 150 * MILLISECOND
    assert isinstance(finish(world, anna, first), Uploaded)
    assert isinstance(finish(world, ben, second), Downloaded)


def _repair_time(seed: int) -> int:
    """How long a line takes whose first packet is lost, and which nothing follows."""
    clean = LinkSpec(delay=20 * MILLISECOND)
    world, (anna, ben) = open_shop("anna", "ben", link=clean, seed=seed)
    world.network.run_for(3 * SECOND)
    start = world.network.now
    world.network.connect(anna.address, SERVER, replace(clean, blackouts=((start, MILLISECOND),)), clean)
    world.do(lambda: client(anna).chat.say("hello"))
    world.run_until(lambda: bool(ben.told(LineSaid)), 2)
    assert connection(anna).transmitter.copies.sent >= 1
    return world.network.now - start


def test_a_lost_line_that_nothing_follows_is_repaired_before_a_probe_timeout() -> None:
    for seed in range(20):
        assert 45 * MILLISECOND <= _repair_time(seed) <= 60 * MILLISECOND


def test_two_clients_share_a_server() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=LINK)
    ids = [upload(world, end, bytes(500 * KIB), f"{end.address[0]}") for end in (anna, ben)]
    events = [finish(world, end, number) for end, number in zip((anna, ben), ids, strict=True)]
    assert all(isinstance(event, Uploaded) for event in events)


@pytest.mark.parametrize("clients", [1, 4])
def test_four_uploads_get_a_quarter_of_the_line_each(clients: int) -> None:
    link = LinkSpec(rate=3_125_000, delay=20 * MILLISECOND, loss=0.01)
    sharing = Sharing(1, link, [Sharer(number % clients) for number in range(4)])
    sharing.run(8)
    shares = sharing.shares(5, 8)
    assert all(0.2 <= share <= 0.3 for share in shares), shares
    assert sharing.used(5, 8) >= 0.93
