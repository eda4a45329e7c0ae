"""Rates and priorities of transfers on a whole connection, with every scheme of repetition."""

from __future__ import annotations

from random import Random

import pytest

from tests.protocol.pair import one
from tests.sharers import ENDLESS, Sharer, Sharing, Zeros
from udpchat.config import DEFAULT_PORT, MIB, MILLISECOND, SECOND, Config
from udpchat.crypto.keys import ServerKeys
from udpchat.protocol.connection import Connection
from udpchat.protocol.datagrams import Address, Burst
from udpchat.protocol.endpoint import ClientEndpoint, ServerEndpoint
from udpchat.protocol.events import TransferAcked
from udpchat.sim.link import LinkSpec
from udpchat.wire.numbers import Priority

LINK = LinkSpec(rate=2_500_000, delay=10 * MILLISECOND)
GOODPUT = LINK.rate * 1_420 / 1_514


def rates(sharing: Sharing, start: float, stop: float) -> list[float]:
    """File bytes a second of each transfer between two times."""
    total = sharing.used(start, stop) * GOODPUT
    return [share * total for share in sharing.shares(start, stop)]


def play(*sharers: Sharer, link: LinkSpec = LINK, config: Config | None = None, seed: int = 1) -> Sharing:
    """Five seconds of transfers on one line."""
    sharing = Sharing(seed, link, list(sharers), config)
    sharing.run(5)
    return sharing


@pytest.mark.parametrize("loss", [0.0, 0.02])
def test_a_rate_is_kept_within_two_percent_of_each_second_repeated_bytes_included(loss: float) -> None:
    sharing = Sharing(1, LinkSpec(rate=LINK.rate, delay=LINK.delay, loss=loss), [Sharer(0, rate=500_000)])
    sharing.run(1)
    transfer = sharing.connection(0).transmitter.transfers.find(1)
    assert transfer is not None
    for _ in range(4):
        before = transfer.sent_bytes
        sharing.run(1)
        assert abs(transfer.sent_bytes - before - 500_000) <= 10_000
    assert bool(transfer.retransmitted_bytes) == bool(loss)


@pytest.mark.parametrize("scheme", ["go-back-n", "stop-and-wait"])
def test_other_schemes_keep_a_rate_too(scheme: str) -> None:
    config = Config(plaintext=True, arq=scheme, congestion="fixed", window=20)
    (rate,) = rates(play(Sharer(0, rate=40_000), config=config), 1, 5)
    assert abs(rate - 40_000) <= 800


def test_a_limited_transfer_leaves_the_rest_of_the_line_to_the_others() -> None:
    limited, free = rates(play(Sharer(0, rate=250_000), Sharer(0)), 2, 5)
    assert abs(limited - 250_000) <= 5_000
    assert limited + free >= 0.93 * GOODPUT


def test_a_limited_transfer_alone_does_not_spoil_the_estimate_of_the_line() -> None:
    sharing = Sharing(1, LINK, [Sharer(0, rate=250_000)])
    sharing.run(5)
    sharing.connection(0).transmitter.transfers.set_pace(1, 0, Priority.NORMAL)
    sharing.run(2)
    (rate,) = rates(sharing, 6, 7)
    assert rate >= 0.9 * GOODPUT


def test_a_higher_priority_gets_four_times_as_much() -> None:
    low, normal, high = rates(
        play(Sharer(0, priority=Priority.LOW), Sharer(0), Sharer(0, priority=Priority.HIGH)), 1, 5
    )
    total = low + normal + high
    assert abs(low / total - 1 / 21) <= 0.02
    assert abs(normal / total - 4 / 21) <= 0.03
    assert abs(high / total - 16 / 21) <= 0.04
    assert total >= 0.93 * GOODPUT


def test_the_same_seed_gives_the_same_datagrams() -> None:
    def trace() -> str:
        link = LinkSpec(rate=LINK.rate, delay=LINK.delay, loss=0.02)
        return play(Sharer(0, rate=300_000), Sharer(0, priority=2), link=link).network.trace_hash()

    assert trace() == trace()


# -- the burst law -----------------------------------------------------------------------------------------------------

SERVER: Address = ("10.0.0.1", DEFAULT_PORT)
CLIENT: Address = ("10.0.1.1", 40_000)
FILE = 300_000


class Two:
    """A server and a client without services; whole: bursts are handed over whole, else datagram by datagram."""

    def __init__(self, seed: int, *, whole: bool) -> None:
        random = Random(f"two {seed}")
        config = Config(plaintext=True)
        self.now = 0
        self.log: list[tuple[list[str], list[tuple[int, bytes]], int | None]] = []
        self.server = ServerEndpoint(config, ServerKeys.from_master(random.randbytes(32)), random.randbytes)
        self.client = ClientEndpoint(SERVER, config, random.randbytes, 0)
        self._whole = whole
        self._fates = Random(f"fates {seed}")
        self._sent: dict[Address, list[tuple[int, bytes]]] = {SERVER: [], CLIENT: []}

    def round(self) -> None:
        """What was sent in the last round arrives, but for a few packets; then both act."""
        self.now += 5 * MILLISECOND
        arriving, self._sent = self._sent, {SERVER: [], CLIENT: []}
        for source, end in ((CLIENT, self.server), (SERVER, self.client)):
            told: list[str] = []
            for size, data in arriving[source]:
                for burst in self._bursts(size, data, source):
                    end.receive_burst(burst, self.now)
                    told += self._told(end)
            if (deadline := end.next_timeout()) is not None and deadline <= self.now:
                end.handle_timeout(self.now)
            address = SERVER if end is self.server else CLIENT
            sent = [(burst.segment_size, bytes(burst.data)) for burst in end.datagrams_to_send(self.now)]
            self._sent[address] = sent
            end.check_invariants()
            self.log.append((told + self._told(end), sent, end.next_timeout()))

    def connected(self) -> tuple[Connection, Connection]:
        """The connection at the client and at the server."""
        near = self.client.connection
        assert near is not None
        far = self.server.find(near.connection_id)
        assert far is not None
        return near, far

    def _bursts(self, size: int, data: bytes, source: Address) -> list[Burst]:
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        cut = len(pieces) if self._fates.random() > 0.1 else self._fates.randrange(len(pieces))  # one of them is lost
        kept = [b"".join(part) for part in (pieces[:cut], pieces[cut + 1 :]) if part]
        if self._whole:
            return [Burst(source, memoryview(bytearray(part)), min(size, len(part))) for part in kept]
        return [one(part[at : at + size], source) for part in kept for at in range(0, len(part), size)]

    def _told(self, end: ServerEndpoint | ClientEndpoint) -> list[str]:
        return [
            f"{type(event).__name__} {getattr(event, 'transfer_id', '')}"
            for event in iter(end.next_event, None)
            if type(event).__name__ != "DataReceived"  # a burst may tell of its bytes in one piece
        ]


def play_two(seed: int, *, whole: bool) -> Two:
    """Two transfers, one with a rate, and bytes of the other that are asked for once more."""
    two = Two(seed, whole=whole)
    while two.client.connection is None:
        two.round()
    near, far = two.connected()
    for number in (1, 2):
        far.receiver.expect(number, FILE, FILE)
        near.send_transfer(number, FILE, Zeros(), FILE)
    near.transmitter.transfers.set_pace(1, 200_000, Priority.HIGH)
    for step in range(600):
        two.client.find(near.connection_id)
        if step == 150:
            missing = ((1_000, 50_000), (200_000, 200_001))
            received = far.receiver.find(2)
            assert received is not None
            received.reopen(missing)
            assert near.transmitter.transfers.send_again(2, missing)
        two.round()
    assert all(transfer is not None and transfer.is_complete for transfer in map(far.receiver.find, (1, 2)))
    return two


def test_a_burst_means_what_its_datagrams_mean_with_rates_and_repairs_too() -> None:
    for seed in range(4):
        whole, single = (play_two(seed, whole=whole) for whole in (True, False))
        assert whole.log == single.log, f"seed {seed}"
        told = [line for told, _, _ in whole.log for line in told]
        assert told.count("TransferAcked 1") == 1
        assert told.count("TransferAcked 2") == 2
        assert told.count("TransferSent 2") == 1


def test_a_rate_does_not_make_the_connection_wake_up_for_nothing() -> None:
    two = Two(1, whole=True)
    while two.client.connection is None:
        two.round()
    near, far = two.connected()
    far.receiver.expect(1, ENDLESS, ENDLESS)
    near.send_transfer(1, ENDLESS, Zeros(), ENDLESS)
    near.transmitter.transfers.set_pace(1, MIB, Priority.NORMAL)
    for _ in range(50):
        two.round()
    for _ in range(50):
        two.round()
        deadline = near.next_timeout()
        assert deadline is not None
        assert deadline > two.now
        assert deadline <= two.now + SECOND // 20


def test_the_last_byte_tells_that_all_is_acknowledged() -> None:
    two = Two(2, whole=True)
    while two.client.connection is None:
        two.round()
    near, far = two.connected()
    far.receiver.expect(1, 10, 10)
    near.send_transfer(1, 10, Zeros(), 10)
    for _ in range(40):
        two.round()
    told = [line for told, _, _ in two.log for line in told]
    assert told.count(f"{TransferAcked.__name__} 1") == 1
