"""ReceiveWindow: grows with the sender, never past its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.arq.flow import ReceiveWindow, WindowBudget
from udpchat.config import KIB, MIB

RTT = 40_000


def window_of(initial: int = MIB, maximum: int = 16 * MIB, budget: WindowBudget | None = None) -> ReceiveWindow:
    window = ReceiveWindow(initial, maximum, budget)
    window.update_rtt(RTT)
    return window


@pytest.mark.parametrize(("received", "size"), [(256 * KIB, MIB), (256 * KIB + 1, 4 * MIB), (3 * MIB, 12 * MIB)])
def test_the_window_grows_fourfold_when_more_than_a_quarter_arrives_in_a_round_trip(received: int, size: int) -> None:
    window = window_of()
    window.on_received(received, RTT)
    assert window.window == size


def test_what_arrives_in_different_round_trips_is_not_added_up() -> None:
    window = window_of()
    for step in range(1, 20):
        window.on_received(200 * KIB, step * RTT)
    assert window.window == MIB


def test_a_steady_sender_gets_no_more_than_it_can_use() -> None:
    window = window_of()
    for step in range(2_000):
        window.on_received(100 * KIB, step * RTT // 10)  # 1,000 KiB in a round trip
    assert 2 * 1_000 * KIB <= window.window <= 16 * 1_000 * KIB


@settings(max_examples=100)
@given(
    st.integers(0, RTT), st.integers(1, 40), st.integers(10_000, 2_000_000), st.sampled_from([RTT // 2, RTT, 3 * RTT])
)
def test_a_sender_that_doubles_each_round_trip_is_never_held_back(
    phase: int, bursts: int, flight: int, measured_rtt: int
) -> None:
    window = window_of(maximum=2**50)
    window.update_rtt(measured_rtt)
    flight = min(flight, window.window // 2)
    for round_trip in range(10):
        assert flight <= window.window
        for burst in range(bursts):
            window.on_received(flight // bursts, phase + round_trip * RTT + burst * RTT // bursts)
        flight *= 2


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 2 * RTT), st.integers(1, 60)), max_size=60))
def test_a_burst_is_the_same_as_its_packets(bursts: list[tuple[int, int]]) -> None:
    whole, single, now = window_of(100_000, 2_000_000), window_of(100_000, 2_000_000), 0
    for pause, count in bursts:
        now += pause
        whole.on_received(1_400 * count, now)
        for _ in range(count):
            single.on_received(1_400, now)
        assert whole.window == single.window


def test_the_window_stops_at_its_maximum() -> None:
    window = window_of(maximum=3 * MIB)
    for step in range(10):
        window.on_received(3 * MIB, step * RTT)
    assert window.window == 3 * MIB
    assert ReceiveWindow(initial=5 * MIB, maximum=3 * MIB).window == 3 * MIB


def test_windows_of_a_server_grow_within_one_budget() -> None:
    budget = WindowBudget(4 * MIB)
    first, second, third = (window_of(budget=budget) for _ in range(3))
    first.on_received(MIB, RTT)
    second.on_received(2 * MIB, RTT)
    third.on_received(2 * MIB, RTT)
    assert [first.window, second.window, third.window] == [4 * MIB, 2 * MIB, MIB]
    assert budget.left == 0


def test_a_window_that_shrinks_gives_back_what_it_claimed() -> None:
    budget = WindowBudget(4 * MIB)
    first, second = window_of(budget=budget), window_of(budget=budget)
    first.on_received(8 * MIB, RTT)
    assert (first.window, budget.left) == (5 * MIB, 0)
    first.shrink()
    first.shrink()
    assert (first.window, budget.left) == (MIB, 4 * MIB)
    second.on_received(8 * MIB, RTT)
    assert second.window == 5 * MIB
