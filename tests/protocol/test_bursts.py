"""The law: a burst of K datagrams gives the same events, ACKs and deadlines as K datagrams at the same time."""

from __future__ import annotations

from random import Random

import pytest

from tests.protocol.pair import Channel, Datagrams, Pair
from tests.world import seeds
from udpchat.chat.events import Joined
from udpchat.config import Config
from udpchat.files.events import Downloaded, Uploaded
from udpchat.sim.faults import corrupt_bytes


class Weather:
    """Loses, doubles, damages and swaps datagrams; the same for the same seed."""

    def __init__(self, seed: str, share: float) -> None:
        self._random = Random(seed)
        self._share = share

    def __call__(self, datagrams: Datagrams) -> Datagrams:
        random, arrived = self._random, Datagrams()
        for datagram in datagrams:
            fate = random.random() / self._share if self._share else 9.0
            if fate < 1:
                continue
            # An empty datagram has no place in a burst: what is damaged keeps a byte.
            arrived.append((corrupt_bytes(datagram, random) or datagram[:1]) if fate < 2 else datagram)
            if 2 <= fate < 3:
                arrived.append(datagram)
            elif 3 <= fate < 4 and len(arrived) > 1:
                arrived[-2:] = reversed(arrived[-2:])
        return arrived


def play(seed: int, config: Config, share: float, *, whole: bool) -> Pair:
    """A join, lines, an upload and a download at the same time."""
    pair = Pair(seed, config, whole=whole)
    up: Channel = Weather(f"up {seed}", share)
    down: Channel = Weather(f"down {seed}", share)
    pair.until(lambda: any(isinstance(event, Joined) for event in pair.client.told), up, down)
    pair.client.store.local["a.bin"] = Random(seed).randbytes(150_000)
    pair.user.files.put("a.bin")
    pair.user.chat.say("first")
    pair.until(lambda: any(isinstance(event, Uploaded) for event in pair.client.told), up, down)
    pair.client.store.local["b.bin"] = Random(seed).randbytes(60_000)
    pair.user.files.get("a.bin")
    pair.user.files.put("b.bin")
    for number in range(5):
        pair.user.chat.say(f"line {number} " + "x" * 900)
    pair.user.chat.asking.users()
    done = (Uploaded, Downloaded)
    pair.until(lambda: sum(isinstance(event, done) for event in pair.client.told) == 3, up, down)
    return pair


@pytest.mark.parametrize("share", [0.0, 0.02, 0.08])
@pytest.mark.parametrize("plaintext", [False, True])
def test_a_burst_means_what_its_datagrams_mean(share: float, plaintext: bool) -> None:
    for seed in seeds(4):
        config = Config(plaintext=plaintext, congestion=("newreno", "cubic", "bbr")[seed % 3], rekey_packets=40)
        burst, single = (play(seed, config, share, whole=whole) for whole in (True, False))
        for number, (left, right) in enumerate(zip(burst.log, single.log, strict=False)):
            assert left == right, f"seed {seed}, round {number}"
        assert len(burst.log) == len(single.log)
        for one, other in ((burst.server, single.server), (burst.client, single.client)):
            assert one.told == other.told, f"seed {seed}"
        for one_end, other_end in zip(burst.connected(), single.connected(), strict=True):
            assert one_end.receiver.drops == other_end.receiver.drops, f"seed {seed}"
