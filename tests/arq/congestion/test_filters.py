"""Largest rate, smallest RTT, delivery rate."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.arq.congestion.samples import MSS, sample
from udpchat.arq.congestion.filters import Aggregation, DeliveryRate, RateSample, SmallestRtt, WindowedMax

SPAN, SILENCE = 10_000, 100_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1_000)), min_size=1), st.integers(1, 8))
def test_windowed_max_is_the_largest_of_the_newest_ticks(steps: list[tuple[int, int]], length: int) -> None:
    window, seen, tick = WindowedMax(length), [], 0
    for step, value in steps:
        tick += step
        seen.append((tick, value))
        window.add(tick, value)
        assert window.value == max(value for at, value in seen if at > tick - length)


def test_reset_maximum_knows_one_value() -> None:
    window = WindowedMax(10)
    window.add(1, 900)
    window.reset(2, 5)
    assert window.value == 5


def test_smallest_rtt_is_kept_while_samples_come_near_it() -> None:
    rtt = SmallestRtt(0)
    for second in range(60):
        rtt.add(40_000 if second == 0 else 42_000, 5_000, second * 1_000_000)
    assert rtt.value == 40_000


def test_smallest_rtt_is_forgotten_after_ten_seconds_far_above_it() -> None:
    rtt = SmallestRtt(0)
    rtt.add(40_000, 5_000, 0)
    for second in range(1, 12):
        rtt.add(90_000 + second, 5_000, second * 1_000_000)
    assert rtt.value == 90_001


def test_queue_delay_ignores_a_single_late_packet() -> None:
    rtt = SmallestRtt(0)
    for value in (40_000, 41_000, 80_000):
        rtt.add(value, 5_000, 0)
    assert rtt.queue_delay == 0


def test_jitter_is_the_mean_difference_of_neighbouring_samples() -> None:
    shaken, queued = SmallestRtt(0), SmallestRtt(0)
    for number in range(400):
        shaken.add(40_000 + number % 2 * 8_000, 5_000, 0)
        queued.add(40_000 + number * 100, 5_000, 0)
    assert 7_500 <= shaken.jitter <= 8_500
    assert queued.jitter <= 200


def test_acks_at_the_pace_of_the_bandwidth_are_no_aggregation() -> None:
    aggregation = Aggregation(10)
    for number in range(100):
        aggregation.add(MSS, MSS * 1_000, 1_000 * number, number // 10)
    assert aggregation.value <= 2 * MSS


def test_bytes_acknowledged_at_once_after_a_silence_are_aggregation() -> None:
    aggregation = Aggregation(10)
    for number in range(50):
        aggregation.add(MSS, MSS * 1_000, 1_000 * number, 0)
    for _ in range(20):  # 20 ms later at one time
        aggregation.add(MSS, MSS * 1_000, 70_000, 1)
    assert 19 * MSS <= aggregation.value <= 21 * MSS


class Arrivals:
    """Feeds a DeliveryRate with ACKs of one packet each."""

    def __init__(self) -> None:
        self.rate = DeliveryRate()
        self.count = 0

    def ack(self, *, arrival: int, sent_at: int, packets: int = 1) -> RateSample | None:
        self.count += packets
        ack = sample(
            acked=packets * MSS, number=self.count, delivered=self.count * MSS, arrival=arrival, sent_at=sent_at
        )
        return self.rate.add(ack, SPAN, SILENCE)


def test_rate_is_bytes_over_the_receivers_clock() -> None:
    arrivals = Arrivals()
    rates = [arrivals.ack(arrival=500 * n, sent_at=100 * n) for n in range(100)]
    assert rates[0] is None
    newest = rates[-1]
    assert newest is not None
    assert newest.rate == MSS * 2_000  # one packet every 500 us
    assert SPAN <= newest.span <= SPAN + 1_000


def test_lost_acks_do_not_change_the_rate() -> None:
    arrivals = Arrivals()
    newest = None
    for n in range(0, 100, 5):
        newest = arrivals.ack(arrival=500 * n, sent_at=100 * n, packets=5 if n else 1)
    assert newest is not None
    assert newest.rate == MSS * 2_000


def test_less_than_a_millisecond_counts_as_one() -> None:
    arrivals = Arrivals()
    arrivals.ack(arrival=0, sent_at=0)
    newest = arrivals.ack(arrival=10, sent_at=0, packets=8)
    assert newest is not None
    assert newest.rate == 8 * MSS * 1_000


def test_packets_at_one_tick_of_a_coarse_clock_give_a_cautious_guess() -> None:
    newest = Arrivals().ack(arrival=0, sent_at=0, packets=8)
    assert newest is not None
    assert newest.rate == 8 * MSS * 1_000_000 // (SILENCE // 2)
    assert newest.span == 0


def test_few_packets_at_one_tick_say_nothing() -> None:
    assert Arrivals().ack(arrival=0, sent_at=0, packets=2) is None


def test_nothing_arrives_faster_than_it_was_sent() -> None:
    arrivals = Arrivals()
    arrivals.ack(arrival=0, sent_at=0)
    newest = arrivals.ack(arrival=2_000, sent_at=10_000, packets=10)
    assert newest is not None
    assert newest.rate == 10 * MSS * 100


def test_one_long_pause_does_not_count_as_a_slow_train() -> None:
    arrivals = Arrivals()
    for n in range(9):
        arrivals.ack(arrival=500 * n + (5_000 if n >= 4 else 0), sent_at=250 * n)
    span, send_span = arrivals.rate.steady_spans()
    assert (span, send_span) == (4_000, 2_000)


def test_pause_in_sending_starts_a_new_train() -> None:
    arrivals = Arrivals()
    arrivals.ack(arrival=0, sent_at=0)
    assert arrivals.ack(arrival=200_000, sent_at=SILENCE + 1) is None
    newest = arrivals.ack(arrival=202_000, sent_at=SILENCE + 1, packets=4)
    assert newest is not None
    assert newest.rate == 4 * MSS * 500


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-5_000, 5_000), st.integers(0, 5_000), st.integers(1, 64)), max_size=60))
def test_a_lying_clock_cannot_make_the_rate_exceed_what_was_sent(steps: list[tuple[int, int, int]]) -> None:
    arrivals, arrival, sent_at, total = Arrivals(), 0, 0, 0
    for step, pause, packets in steps:
        arrival, sent_at, total = arrival + step, sent_at + pause, total + packets
        newest = arrivals.ack(arrival=arrival, sent_at=sent_at, packets=packets)
        assert newest is None or newest.rate <= total * MSS * 1_000
        assert newest is None or newest.rate * newest.send_span <= newest.size * 1_000_000
