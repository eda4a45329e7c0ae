"""Every scheme brings every file home, both ways, whatever is lost; chat is never hurt."""

from __future__ import annotations

import hashlib

import pytest

from tests.files.shop import get, open_shop, put
from tests.world import client
from udpchat.chat.events import Answered
from udpchat.config import ARQ_SCHEMES, CONTROLLERS, MILLISECOND, Config
from udpchat.sim.link import LinkSpec

BAD = LinkSpec(rate=2_000_000, delay=5 * MILLISECOND, loss=0.1)
WORSE = LinkSpec(rate=2_000_000, delay=5 * MILLISECOND, loss=0.1, burst=3, reorder=0.1, duplicate=0.05, corrupt=0.02)
SIZE = 60_000


@pytest.mark.parametrize("link", [BAD, WORSE], ids=["loss", "everything"])
@pytest.mark.parametrize("arq", ARQ_SCHEMES)
def test_files_arrive_up_and_down_at_ten_percent_loss_both_ways(arq: str, link: LinkSpec) -> None:
    for seed in range(5):
        congestion = CONTROLLERS[seed % len(CONTROLLERS)]
        config = Config(arq=arq, window=(0, 1, 7)[seed % 3], congestion=congestion, plaintext=bool(seed % 2))
        world, (anna, ben) = open_shop("anna", "ben", link=link, config=config, seed=seed)
        data = world.random.randbytes(SIZE)
        up, down = put(world, anna, data), get(world, ben)
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        assert up.md5_stored == down.md5_stored == digest, f"seed {seed}"


@pytest.mark.parametrize("arq", ARQ_SCHEMES)
def test_nothing_is_sent_twice_where_nothing_is_lost(arq: str) -> None:
    link = LinkSpec(rate=2_000_000, delay=5 * MILLISECOND)
    world, (anna,) = open_shop("anna", link=link, config=Config(arq=arq, window=8, congestion="fixed"))
    put(world, anna, world.random.randbytes(SIZE))
    connection = client(anna).endpoint.connection
    assert connection is not None
    counters = connection.transmitter.recovery.counters
    assert (counters.lost_packets, counters.spurious_losses, counters.repeated_packets) == (0, 0, 0)
    assert (counters.probe_timeouts, connection.receiver.drops) == (0, {})


@pytest.mark.parametrize("arq", ARQ_SCHEMES)
def test_a_line_is_acknowledged_in_a_round_trip_while_a_file_goes_out(arq: str) -> None:
    link = LinkSpec(rate=2_000_000, delay=5 * MILLISECOND)
    world, (anna,) = open_shop("anna", link=link, config=Config(arq=arq, window=4))
    anna.store.local["a.bin"] = world.random.randbytes(500_000)
    world.do(lambda: client(anna).files.put("a.bin"))
    world.network.run_for(50 * MILLISECOND)
    began = world.network.now
    world.do(lambda: client(anna).chat.say("hello"))
    world.run_until(lambda: bool(anna.told(Answered)))
    assert world.network.now - began < 20 * MILLISECOND
