"""The largest datagram: found quickly, given up quickly, and never at the price of the window."""

from __future__ import annotations

import pytest

from tests.files.shop import connection, finish, open_shop, put, upload
from tests.world import SERVER, client
from udpchat.chat.events import LineSaid
from udpchat.config import BASE_DATAGRAM, MAX_DATAGRAM_IPV4, MIB, MILLISECOND, SECOND, Config
from udpchat.files.events import Uploaded
from udpchat.sim.link import IP_HEADERS, LinkSpec

DELAY = 20 * MILLISECOND


def link(mtu: int = 0, loss: float = 0.0) -> LinkSpec:
    return LinkSpec(rate=5_000_000, delay=DELAY, mtu=mtu and mtu + IP_HEADERS, loss=loss)


def test_1472_is_found_within_five_round_trips() -> None:
    world, (anna,) = open_shop("anna", link=link())
    began = world.network.now
    world.run_until(lambda: connection(anna).transmitter.mtu.datagram_size == MAX_DATAGRAM_IPV4, 1)
    assert world.network.now - began <= 5 * 2 * DELAY


@pytest.mark.parametrize("mtu", [1_200, 1_201, 1_280, 1_300, 1_400, 1_471])
def test_what_the_path_carries_is_found_and_the_search_is_no_congestion(mtu: int) -> None:
    world, (anna,) = open_shop("anna", link=link(mtu), config=Config(congestion="newreno"))
    window = connection(anna).transmitter.recovery.controller.congestion_window
    world.network.run_for(30 * SECOND)
    transmitter = connection(anna).transmitter
    assert mtu - 16 < transmitter.mtu.datagram_size <= mtu or transmitter.mtu.datagram_size == BASE_DATAGRAM
    assert transmitter.recovery.counters.lost_packets == 0
    assert transmitter.recovery.controller.congestion_window >= window
    assert put(world, anna, bytes(100_000)).size == 100_000


@pytest.mark.parametrize("controller", ["newreno", "cubic", "bbr"])
@pytest.mark.parametrize("way", ["up", "both"])
def test_a_black_hole_that_appears_in_mid_file_costs_less_than_a_second(controller: str, way: str) -> None:
    taken = []
    for mtu in (0, 1_300):
        world, (anna,) = open_shop("anna", link=link(), config=Config(congestion=controller))
        world.network.run_for(SECOND)
        request_id = upload(world, anna, bytes(3 * MIB))
        began = world.network.now
        world.network.run_for(250 * MILLISECOND)
        world.network.connect(anna.address, SERVER, link(mtu), link(mtu if way == "both" else 0))
        event = finish(world, anna, request_id)
        assert isinstance(event, Uploaded)
        taken.append(world.network.now - began)
        if mtu:
            assert connection(anna).transmitter.mtu.datagram_size <= mtu
    slower = taken[0] * 1_420 / 1_148  # datagrams of 1,200 bytes carry less each
    assert taken[1] - slower < SECOND


def test_chat_survives_a_black_hole() -> None:
    world, (anna, ben) = open_shop("anna", "ben", link=link())
    world.network.run_for(SECOND)
    for end in (anna, ben):
        world.network.connect(end.address, SERVER, link(1_250))
    world.do(lambda: client(anna).chat.say("x" * 4_000))
    world.run_until(lambda: bool(ben.told(LineSaid)), 3)


def test_probes_that_are_lost_by_chance_do_not_end_the_search() -> None:
    for seed in range(10):
        world, (anna,) = open_shop("anna", link=link(loss=0.2), seed=seed)
        put(world, anna, bytes(200_000))
        world.network.run_for(5 * SECOND)
        assert connection(anna).transmitter.mtu.datagram_size >= 1_400
