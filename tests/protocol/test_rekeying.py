"""Keys that change in mid-connection, under loss and reordering: nothing is lost, and no key is used for long."""

from __future__ import annotations

import pytest

from tests.files.shop import connection, finish, open_shop, put, upload
from tests.world import World, client, connections, seeds
from udpchat.chat.events import Disconnected, LineSaid
from udpchat.config import KIB, MILLISECOND, SECOND, Config
from udpchat.crypto.keylog import parse_line
from udpchat.files.events import Uploaded
from udpchat.sim.link import LinkSpec

LINKS = {
    "clean": LinkSpec(rate=12_500_000, delay=5 * MILLISECOND),
    "loss": LinkSpec(rate=12_500_000, delay=5 * MILLISECOND, loss=0.1),
    "reordering": LinkSpec(rate=12_500_000, delay=5 * MILLISECOND, reorder=0.2),
    "duplication": LinkSpec(rate=12_500_000, delay=5 * MILLISECOND, duplicate=0.5),
    "all": LinkSpec(rate=12_500_000, delay=5 * MILLISECOND, loss=0.05, reorder=0.1, duplicate=0.1, corrupt=0.02),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_file_goes_through_many_keys(name: str) -> None:
    for seed in seeds(4):
        world, (anna,) = open_shop("anna", link=LINKS[name], config=Config(rekey_packets=50), seed=seed)
        data = world.random.randbytes(400 * KIB)
        event = finish(world, anna, upload(world, anna, data))
        assert isinstance(event, Uploaded), event
        sizes = [each.receiver.drops["not-authentic"] for each in connections(world.server.core.endpoint)]
        if name == "clean":
            assert sizes == [0]


def test_keys_follow_each_other_in_both_directions_and_each_is_logged_once() -> None:
    lines: list[str] = []
    world = World(1, LINKS["clean"], Config(rekey_packets=50), keylog=lines.append)
    anna = world.add_client("anna")
    world.join(anna)
    put(world, anna, bytes(600 * KIB))
    keys = [parse_line(line) for line in lines]
    for direction in ("client", "server"):
        epochs = [key.epoch for key in keys if key.direction == direction]
        assert epochs == list(range(len(epochs)))
        assert len(epochs) >= 3
    assert len({key.key for key in keys}) == len(keys)


def test_keys_change_with_age_in_a_silent_session() -> None:
    lines: list[str] = []
    world = World(1, LINKS["clean"], Config(rekey_interval=100 * SECOND), keylog=lines.append)
    anna, ben = world.add_client("anna"), world.add_client("ben")
    world.join(anna, ben)
    world.network.run_for(1_000 * SECOND)
    assert not anna.told(Disconnected)
    assert 2 * 2 * 9 <= len(lines) <= 2 * 2 * 22
    world.do(lambda: client(anna).chat.say("still here"))
    world.run_until(lambda: bool(ben.told(LineSaid)), 1)


def test_a_plaintext_session_outlives_the_age_of_keys() -> None:
    world, (anna,) = open_shop("anna", config=Config(plaintext=True, rekey_interval=30 * SECOND))
    world.network.run_for(200 * SECOND)
    assert connection(anna).is_alive
    deadline = connection(anna).next_timeout()
    assert deadline is not None
    assert deadline > world.network.now
