"""The schemes in the simulator against the textbook: share of the line's time in which new bytes cross it.

The path is shorter than 2 ms, where the receiver answers every packet as in the books; on longer ones it holds ACKs
back for up to an eighth of a round trip. Nobody else uses the line, and its queue takes everything.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import pytest

from tests.files.shop import connection, upload
from tests.world import SERVER, World
from udpchat.config import GRANULARITY, SECOND, Config
from udpchat.lab.formulas import either_lost, go_back_n, propagation_ratio, selective_repeat, stop_and_wait
from udpchat.protocol.writer import DATA_OVERHEAD
from udpchat.sim.link import FRAMING, LinkSpec

RATE = 50_000_000  # bytes per second
DATAGRAM = 1_200  # bytes
CHUNK = DATAGRAM - DATA_OVERHEAD
ACK = 95 + FRAMING  # bytes on the wire, with one range
LINK = LinkSpec(rate=RATE, delay=900, queue=10_000)
PACKET_TIME = (DATAGRAM + FRAMING) * SECOND / RATE
RTT = 2 * LINK.delay + PACKET_TIME + ACK * SECOND / RATE
A = propagation_ratio(PACKET_TIME, RTT)  # 36: a round trip is 74 packets long
FULL, SMALL = 76, 30  # windows: more than a round trip, less than one
LOSSES = (0.0, 0.01, 0.05, 0.1)
SEEDS = (1, 2, 3)
TOLERANCE = 0.10


def share(arq: str, window: int, loss: float, packets: int, seed: int) -> float:
    """What a file gets of the line from its first packet until the sender has no new bytes left."""
    config = Config(
        arq=arq, window=window, congestion="fixed", max_datagram=DATAGRAM, transfer_credit=1 << 40, plaintext=True
    )
    world = World(seed, LINK, config)
    anna = world.add_client("anna")
    world.join(anna)
    world.network.connect(anna.address, SERVER, replace(LINK, loss=loss))  # both ways: ACKs are lost as well
    upload(world, anna, bytes(packets * CHUNK))
    transfers = connection(anna).transmitter.transfers
    world.run_until(lambda: len(transfers) > 0)
    began = world.network.now
    transfer = transfers.find(1)
    assert transfer is not None
    world.run_until(lambda: transfer.is_sent, 600)
    first_answer = began + RTT - PACKET_TIME
    return transfer.acked_bytes / CHUNK * PACKET_TIME / (world.network.now - first_answer)


@pytest.mark.parametrize("loss", LOSSES)
def test_stop_and_wait_is_as_slow_as_the_textbook_says(loss: float) -> None:
    expected = stop_and_wait(PACKET_TIME, RTT, either_lost(loss, loss), RTT + GRANULARITY)
    assert mean(share("stop-and-wait", 0, loss, 400, seed) for seed in SEEDS) == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("window", [FULL, SMALL])
def test_go_back_n_is_as_wasteful_as_the_textbook_says(window: int, loss: float) -> None:
    expected, packets = go_back_n(window, A, loss), 1_600 if window == FULL else 1_000
    assert mean(share("go-back-n", window, loss, packets, seed) for seed in SEEDS) == pytest.approx(
        expected, rel=TOLERANCE
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("window", [FULL, SMALL])
def test_selective_repeat_is_as_good_as_the_textbook_says(window: int, loss: float) -> None:
    expected = selective_repeat(window, A, loss)
    found = mean(share("selective-repeat", window, loss, 800, seed) for seed in SEEDS)
    assert found == pytest.approx(expected, rel=TOLERANCE)
