from collections import Counter, deque
from collections.abc import Iterator

import pytest

from udpchat.errors import UsageError
from udpchat.protocol.datagrams import Address, Burst
from udpchat.sim.link import Link, LinkSpec
from udpchat.sim.network import NOBODY, Network
from udpchat.sim.trace import Happening, SimulationError

CLIENT: Address = ("10.0.0.1", 4_000)
SERVER: Address = ("10.0.0.2", 27_272)
NEW: Address = ("192.0.2.7", 61_000)
RETRY = 200_000
FAULTY = LinkSpec(
    rate=1_000_000, delay=10_000, jitter=2_000, loss=0.2, duplicate=0.05, reorder=0.05, corrupt=0.05, queue=20
)


class Echo:
    """Answers each datagram with its bytes."""

    def __init__(self) -> None:
        self.answers: deque[tuple[Address, bytes]] = deque()
        self.events: deque[bytes] = deque()

    def receive_burst(self, burst: Burst, now: int) -> None:
        assert burst.segment_size == len(burst.data), "a datagram at a time"
        if burst.data:  # damage may leave nothing
            self.answers.append((burst.address, bytes(burst.data)))
        self.events.append(bytes(burst.data))

    def handle_timeout(self, now: int) -> None:
        raise AssertionError("an echo has no deadlines")

    def next_event(self) -> bytes | None:
        return self.events.popleft() if self.events else None

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        while self.answers:
            address, data = self.answers.popleft()
            yield Burst(address, memoryview(data), len(data))

    def next_timeout(self) -> int | None:
        return None


class StopAndWait(Echo):
    """Sends numbers one by one, each again until it comes back."""

    def __init__(self, peer: Address, count: int) -> None:
        super().__init__()
        self.peer = peer
        self.left = deque(range(count))
        self.deadline: int | None = 0
        self.sent_at: list[int] = []

    def receive_burst(self, burst: Burst, now: int) -> None:
        if self.left and bytes(burst.data) == self.message():
            self.events.append(bytes(burst.data))
            self.left.popleft()
            self.deadline = now if self.left else None

    def handle_timeout(self, now: int) -> None:
        if self.deadline is not None and now >= self.deadline:
            self.deadline = now + RETRY
            self.sent_at.append(now)
            self.answers.append((self.peer, self.message()))

    def next_timeout(self) -> int | None:
        return self.deadline

    def message(self) -> bytes:
        return b"%060d" % self.left[0]


class Burster(Echo):
    """Sends what it is told to, at once."""

    def say(self, data: bytes, size: int, to: Address = SERVER) -> None:
        self.outgoing = Burst(to, memoryview(data), size)

    def datagrams_to_send(self, now: int) -> Iterator[Burst]:
        if hasattr(self, "outgoing"):
            yield self.outgoing
            del self.outgoing


def talk(seed: int, spec: LinkSpec = FAULTY, count: int = 30) -> tuple[Network, StopAndWait]:
    network = Network(seed, spec)
    sender = StopAndWait(SERVER, count)
    network.add(Echo(), SERVER)
    network.add(sender, CLIENT)
    return network, sender


def finished(seed: int) -> tuple[str, int, list[int]]:
    network, sender = talk(seed)
    assert network.run_until(lambda: not sender.left, 60_000_000)
    return network.trace_hash(), network.now, sender.sent_at


class Recorder:
    """Remembers what it is told as a tap and as a listener for events."""

    def __init__(self) -> None:
        self.happened: list[tuple[Happening, Address, Address]] = []
        self.events: list[tuple[object, int]] = []

    def on_datagram(self, happening: Happening, now: int, source: Address, destination: Address, data: bytes) -> None:
        self.happened.append((happening, source, destination))

    def on_event(self, end: object, event: object, now: int) -> None:
        self.events.append((event, now))


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_trace_twice(seed: int) -> None:
    assert finished(seed) == finished(seed)


def test_another_seed_gives_another_trace() -> None:
    assert len({finished(seed)[0] for seed in range(5)}) == 5


def test_time_jumps_from_deadline_to_deadline() -> None:
    network, sender = talk(1, LinkSpec(delay=30_000), count=3)
    assert network.run_until(lambda: not sender.left, 1_000_000)
    assert sender.sent_at == [0, 60_000, 120_000]
    assert network.now == 180_000


def test_each_direction_has_its_own_link() -> None:
    network, sender = talk(1, count=1)
    network.connect(CLIENT, SERVER, LinkSpec(delay=10_000), LinkSpec(delay=70_000))
    assert network.run_until(lambda: not sender.left, 1_000_000)
    assert network.now == 80_000
    assert network.link(CLIENT, SERVER).counters.received == 1
    assert network.link(SERVER, CLIENT).counters.delivered == 1


def test_running_out_of_time_is_said_and_time_has_passed() -> None:
    network, sender = talk(1, LinkSpec(loss=1.0))
    assert not network.run_until(lambda: not sender.left, 1_000_000)
    assert network.now == 1_000_000
    assert len(sender.sent_at) == 6


def test_a_healed_network_lets_everything_finish() -> None:
    network, sender = talk(1, LinkSpec(delay=5_000, loss=1.0, mtu=30, blackouts=((0, 10**9),)))
    network.run_for(1_000_000)
    network.heal()
    assert network.run_until(lambda: not sender.left, 2_000_000)
    assert network.link(CLIENT, SERVER).spec == LinkSpec(delay=5_000)


def test_a_link_may_turn_into_a_black_hole_in_mid_run() -> None:
    network, sender = talk(1, LinkSpec(delay=5_000), count=1_000)
    network.call_at(100_000, lambda: network.link(CLIENT, SERVER).replace(LinkSpec(mtu=50)))
    network.run_for(3_000_000)
    assert len(sender.left) == 990
    assert network.link(CLIENT, SERVER).counters.too_large > 5


def test_bursts_are_cut_and_each_datagram_crosses_alone() -> None:
    network = Network(1, LinkSpec(delay=1_000))
    burster, recorder = Burster(), Recorder()
    network.add(burster, CLIENT)
    network.add(Echo(), SERVER, recorder.on_event)
    burster.say(b"aaaabbbbcc", 4)
    network.run_for(1_000)
    assert recorder.events == [(b"aaaa", 1_000), (b"bbbb", 1_000), (b"cc", 1_000)]
    assert network.link(CLIENT, SERVER).counters.received == 3


def test_received_data_is_gone_after_the_next_call() -> None:
    class Keeper(Echo):
        def receive_burst(self, burst: Burst, now: int) -> None:
            kept.append(burst.data)

    network, burster = Network(1), Burster()
    kept: list[memoryview] = []
    network.add(burster, CLIENT)
    network.add(Keeper(), SERVER)
    burster.say(b"firstother", 5)
    network.run_for(10_000)
    assert [bytes(view) for view in kept] == [b"other", b"other"]


def test_after_a_rebinding_packets_come_from_the_new_address_and_the_old_one_is_dead() -> None:
    network, sender = talk(1, LinkSpec(delay=10_000), count=20)
    recorder = Recorder()
    network.run_for(105_000)  # an answer is on its way to the old address
    network.rebind(CLIENT, NEW)
    network.tap(recorder.on_datagram)
    assert network.run_until(lambda: not sender.left, 1_000_000)
    seen = recorder.happened
    assert seen[0] == (Happening.DELIVERED, CLIENT, SERVER)
    assert seen[1:3] == [(Happening.SENT, SERVER, CLIENT), (Happening.DROPPED, SERVER, CLIENT)]
    assert {(source, destination) for _, source, destination in seen[3:]} == {(NEW, SERVER), (SERVER, NEW)}
    assert network.link(NEW, SERVER).counters.received > 20, "the link is the same as before"


def test_injected_datagrams_arrive_from_where_they_claim_to_come_and_answers_go_there() -> None:
    network, recorder = Network(1, LinkSpec(loss=1.0)), Recorder()
    network.add(Echo(), SERVER, recorder.on_event)
    network.tap(recorder.on_datagram)
    network.inject(b"forged", NEW, SERVER, at=5_000)
    network.run_for(10_000)
    assert recorder.events == [(b"forged", 5_000)]
    assert recorder.happened[-2:] == [(Happening.SENT, SERVER, NEW), (Happening.DROPPED, SERVER, NEW)]


def test_taps_tell_the_fate_of_every_datagram() -> None:
    network, sender = talk(4)
    recorder = Recorder()
    network.tap(recorder.on_datagram)
    assert network.run_until(lambda: not sender.left, 60_000_000)
    network.run_for(1_000_000)
    links: list[Link] = [network.link(CLIENT, SERVER), network.link(SERVER, CLIENT)]
    told = Counter(happening for happening, _, _ in recorder.happened)
    assert told[Happening.SENT] == sum(link.counters.received for link in links)
    assert told[Happening.DROPPED] == sum(link.counters.dropped for link in links)
    assert told[Happening.DELIVERED] == sum(link.counters.delivered for link in links)


def test_an_end_that_is_taken_away_hears_nothing_and_its_place_can_be_taken() -> None:
    network, sender = talk(1, LinkSpec(delay=10_000), count=100)
    network.run_for(100_000)
    network.remove(SERVER)
    network.run_for(1_000_000)
    left = len(sender.left)
    network.run_for(1_000_000)
    assert len(sender.left) == left
    network.add(Echo(), SERVER)
    assert network.run_until(lambda: not sender.left, 10_000_000)


def test_an_end_taken_away_is_not_timed_out() -> None:
    network, sender = talk(1)
    network.settle()
    network.remove(CLIENT)
    network.run_for(1_000_000)
    assert sender.sent_at == []


@pytest.mark.parametrize("size", [0, 1_473])
def test_a_datagram_of_impossible_size_fails_with_seed_and_time(size: int) -> None:
    network, burster = Network(77), Burster()
    network.add(burster, CLIENT)
    burster.say(bytes(3_000), size)
    with pytest.raises(SimulationError, match=rf"{size} bytes.* at 0 us \(seed 77\)"):
        network.run_for(1)


def test_a_broken_invariant_fails_with_seed_and_time() -> None:
    network, _ = talk(78, LinkSpec(delay=10_000))

    def three_left(end: object, now: int) -> None:
        assert not isinstance(end, StopAndWait) or len(end.left) > 27, "too few left"

    network.invariant(three_left)
    with pytest.raises(SimulationError, match=r"10\.0\.0\.1:4000 at 60000 us \(seed 78\): too few left"):
        network.run_for(1_000_000)


def test_an_end_may_check_itself() -> None:
    class InFlightForever(StopAndWait):
        def check_invariants(self) -> None:
            assert self.deadline is not None or not self.left, "bytes in flight and no deadline"

        def handle_timeout(self, now: int) -> None:
            super().handle_timeout(now)
            self.deadline = None

    network = Network(79)
    network.add(InFlightForever(SERVER, 3), CLIENT)
    with pytest.raises(SimulationError, match=r"seed 79\): bytes in flight and no deadline"):
        network.run_for(1_000_000)


def test_an_end_that_never_moves_its_deadline_is_caught() -> None:
    class Spinning(StopAndWait):
        def handle_timeout(self, now: int) -> None:
            self.deadline = now

    network = Network(80)
    network.add(Spinning(SERVER, 3), CLIENT)
    with pytest.raises(SimulationError, match=r"keeps its deadline 0 at 0 us \(seed 80\)"):
        network.run_for(1_000_000)


def test_any_failure_of_an_end_carries_the_seed() -> None:
    class Failing(StopAndWait):
        def handle_timeout(self, now: int) -> None:
            raise KeyError("bug")

    network = Network(81, start=5_000)
    network.add(Failing(SERVER, 3), CLIENT)
    with pytest.raises(KeyError) as caught:
        network.run_for(1_000_000)
    assert caught.value.__notes__ == ["SIM_SEED=81 at 5000 us"]


def test_misuse_is_refused() -> None:
    network, _ = talk(1)
    with pytest.raises(UsageError, match="taken"):
        network.add(Echo(), SERVER)
    with pytest.raises(UsageError, match="taken"):
        network.rebind(CLIENT, SERVER)
    with pytest.raises(UsageError, match="nobody"):
        network.link(CLIENT, NEW)


def test_a_network_says_what_becomes_of_a_datagram() -> None:
    network, sender = talk(1, LinkSpec(loss=1), count=1)
    network.run_for(0)
    assert network.fate_of(CLIENT, SERVER).drop == "loss"
    network.remove(SERVER)
    network.run_for(RETRY)
    assert len(sender.sent_at) == 2
    assert network.fate_of(CLIENT, SERVER) == NOBODY


def test_an_observer_sees_every_step_and_changes_nothing() -> None:
    steps: list[int] = []
    network, sender = talk(3)
    network.observe(lambda _, now: steps.append(now))
    assert network.run_until(lambda: not sender.left, 60_000_000)
    assert (network.trace_hash(), network.now, sender.sent_at) == finished(3)
    assert steps == sorted(steps)
    assert set(steps) >= set(sender.sent_at)


def test_a_tap_that_is_taken_off_hears_nothing_more() -> None:
    network, sender = talk(1, count=2)
    recorder = Recorder()
    network.tap(recorder.on_datagram)
    network.run_until(lambda: len(sender.left) == 1, 60_000_000)
    heard = len(recorder.happened)
    network.untap(recorder.on_datagram)
    network.run_until(lambda: not sender.left, 60_000_000)
    assert len(recorder.happened) == heard > 0


def test_an_unchecked_network_leaves_the_rules_of_ends_alone() -> None:
    class Wrong(StopAndWait):
        def check_invariants(self) -> None:
            raise AssertionError("never right")

    network = Network(1, checked=False)
    network.add(Wrong(SERVER, 1), CLIENT)
    network.run_for(1_000)
    network = Network(1)
    network.add(Wrong(SERVER, 1), CLIENT)
    with pytest.raises(SimulationError, match="never right"):
        network.run_for(1_000)
