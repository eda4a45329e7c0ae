"""Hosts and relays that are not scheduled now and then."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pytest

from udpchat.protocol.datagrams import Address, Burst
from udpchat.sim.link import Link, LinkSpec
from udpchat.sim.network import Network
from udpchat.sim.stalls import Stalls, StallSpec

BUSY = StallSpec(mean_interval=30_000, mean_length=5_000)
SENDER: Address = ("10.0.0.1", 4_000)
RECEIVER: Address = ("10.0.0.2", 27_272)
MILLISECOND = 1_000


class Clock:
    """Sends a counted datagram each millisecond, and keeps what it receives with the time."""

    def __init__(self, peer: Address | None, count: int = 0) -> None:
        self.received: list[tuple[int, int]] = []  # number, when
        self.sent: list[int] = []
        self._peer, self._count = peer, count
        self._due: deque[int] = deque(range(0, count * MILLISECOND, MILLISECOND))

    def receive_burst(self, burst: Burst, now: int) -> None:
        self.received.append((int.from_bytes(burst.data, "big"), now))

    def handle_timeout(self, now: int) -> None:
        pass

    def next_event(self) -> None:
        return None

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        while self._peer is not None and self._due and self._due[0] <= now:
            self._due.popleft()
            number = len(self.sent)
            self.sent.append(now)
            yield Burst(self._peer, memoryview(number.to_bytes(4, "big")), 4)

    def next_timeout(self) -> int | None:
        return self._due[0] if self._due else None


def talk(*, sender: StallSpec | None = None, receiver: StallSpec | None = None, seed: int = 1) -> tuple[Clock, Clock]:
    """One end sends 500 datagrams, one each millisecond, to the other."""
    network = Network(seed, LinkSpec(delay=MILLISECOND))
    source, sink = Clock(RECEIVER, 500), Clock(None)
    network.add(source, SENDER)
    network.add(sink, RECEIVER)
    if sender is not None:
        network.stall(SENDER, sender)
    if receiver is not None:
        network.stall(RECEIVER, receiver)
    network.run_for(1_000 * MILLISECOND)
    return source, sink


def test_without_stalls_everything_happens_at_once() -> None:
    stalls = Stalls(StallSpec(), 1)
    assert [stalls.release(now) for now in range(0, 10**6, 999)] == list(range(0, 10**6, 999))


@pytest.mark.parametrize("seed", range(3))
def test_a_stall_ends_once_for_all_and_is_not_longer_than_the_longest(seed: int) -> None:
    stalls = Stalls(BUSY, seed)
    released = [(now, stalls.release(now)) for now in range(0, 3_000_000, 100)]
    assert all(now <= end <= now + BUSY.longest for now, end in released)
    assert [end for _, end in released] == sorted(end for _, end in released)
    share = sum(now < end for now, end in released) / len(released)
    assert 0.08 <= share <= 0.22  # 5 ms of 35


@pytest.mark.parametrize("name", ["mean_interval", "mean_length", "longest"])
def test_negative_times_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="negative"):
        StallSpec(**{name: -1})


def test_a_stalled_host_gets_all_datagrams_late_and_in_order() -> None:
    _, sink = talk(receiver=BUSY)
    assert [number for number, _ in sink.received] == list(range(500))
    delays = [at - number * MILLISECOND for number, at in sink.received]
    assert min(delays) == MILLISECOND
    assert max(delays) > 5 * MILLISECOND


def test_datagrams_of_one_stall_arrive_together_at_its_end() -> None:
    _, sink = talk(receiver=BUSY)
    times = [at for _, at in sink.received]
    assert max(times.count(at) for at in set(times)) >= 5


def test_timeouts_of_a_stalled_host_wait_for_the_end() -> None:
    source, _ = talk(sender=BUSY)
    late = [at - number * MILLISECOND for number, at in enumerate(source.sent)]
    assert len(late) == 500
    assert min(late) == 0
    assert 5 * MILLISECOND < max(late) <= BUSY.longest


def test_the_same_seed_stalls_at_the_same_times() -> None:
    first, again, other = (talk(receiver=BUSY, seed=seed)[1].received for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_healed_network_has_no_stalls() -> None:
    network = Network(1, LinkSpec(delay=MILLISECOND, stalls=BUSY))
    source, sink = Clock(RECEIVER, 500), Clock(None)
    network.add(source, SENDER)
    network.add(sink, RECEIVER)
    network.stall(RECEIVER, BUSY)
    network.heal()
    network.run_for(1_000 * MILLISECOND)
    assert {at - number * MILLISECOND for number, at in sink.received} == {MILLISECOND}


def test_what_waits_in_a_stalled_link_leaves_together_and_in_order() -> None:
    link = Link(LinkSpec(rate=12_500_000, delay=MILLISECOND, queue=1_000, stalls=BUSY), 1)
    arrivals = [link.send(1_458, now)[0].at for now in range(0, 500 * MILLISECOND, MILLISECOND)]
    assert arrivals == sorted(arrivals)
    assert max(arrivals.count(at) for at in set(arrivals)) >= 5
    assert link.queue_delay(1.0) == 0  # the line itself was free
