"""What all controllers promise, and the constant one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.arq.congestion.samples import MSS, sample
from udpchat.arq.congestion import CONTROLLERS, Fixed, make_controller
from udpchat.errors import UsageError


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_controller_is_made_by_its_name(name: str) -> None:
    assert make_controller(name, MSS, 0).name == name


def test_unknown_name_is_our_own_mistake() -> None:
    with pytest.raises(UsageError, match="vegas"):
        make_controller("vegas", MSS, 0)


@pytest.mark.parametrize("name", [name for name in CONTROLLERS if name != "fixed"])
def test_first_flight_is_at_most_sixteen_packets_and_leaves_at_once(name: str) -> None:
    control = make_controller(name, MSS, 0)
    assert MSS <= control.congestion_window <= 16 * MSS
    assert control.pacing_rate == 0


@pytest.mark.parametrize("name", ["bbr", "newreno", "cubic"])
def test_new_path_forgets_the_old_one(name: str) -> None:
    control = make_controller(name, MSS, 0)
    first = control.congestion_window
    control.on_loss(5 * MSS, 900_000, 1_000_000, persistent=True)
    assert control.congestion_window == 2 * MSS
    control.on_new_path(2_000_000)
    assert (control.congestion_window, control.pacing_rate) == (first, 0)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_messages_in_an_unused_window_do_not_move_it(name: str) -> None:
    control = make_controller(name, MSS, 0)
    window = control.congestion_window
    for now in range(0, 10_000_000, 25_000):
        control.on_message_ack(now, 10_000, 10_000, now + 10_000)
    assert control.congestion_window == window


@pytest.mark.parametrize("name", ["newreno", "cubic"])
def test_after_messages_a_window_grows_by_what_a_file_uses_and_not_by_what_one_used_before(name: str) -> None:
    control = make_controller(name, MSS, 0)
    control.on_sent(MSS, control.congestion_window - MSS, 0)  # a file had filled it
    control.on_message_ack(100_000, 10_000, 10_000, 110_000)
    window = control.congestion_window
    control.on_sent(MSS, 0, 120_000)
    control.on_ack(sample(now=130_000, acked=MSS, prior=MSS, rtt=10_000))
    assert control.congestion_window == window


def test_messages_show_that_a_path_is_short() -> None:
    control = make_controller("bbr", MSS, 0)
    control.on_message_ack(0, 40_000, 40_000, 40_000)
    assert control.state == "startup"
    control.on_message_ack(50_000, 500, 30_000, 50_500)
    assert control.state == "short path"


def test_fixed_window_counts_packets_and_nothing_moves_it() -> None:
    control = Fixed(MSS, packets=4)
    control.on_ack(sample(acked=MSS, lost=MSS, lost_sent_at=1))
    control.on_loss(MSS, 0, 1_000_000, persistent=True)
    assert (control.congestion_window, control.pacing_rate) == (4 * MSS, 0)
    control.set_datagram_size(1_472)
    assert control.congestion_window == 4 * 1_472


def test_fixed_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="one packet"):
        Fixed(MSS, packets=0)


ACKS = st.lists(
    st.tuples(
        st.integers(0, 200_000),  # us since the ACK before
        st.integers(0, 64),  # packets acknowledged
        st.integers(0, 8),  # packets lost
        st.integers(0, 300_000),  # latest RTT
        st.integers(-(1 << 33), 1 << 33),  # step of the receiver's clock: it may lie
        st.booleans(),
    ),
    max_size=80,
)


@pytest.mark.parametrize("name", CONTROLLERS)
@settings(max_examples=40, deadline=None)
@given(acks=ACKS)
def test_no_sequence_of_acks_stops_a_controller_or_opens_it_without_bound(
    name: str, acks: list[tuple[int, int, int, int, int, bool]]
) -> None:
    control, now, number, delivered, arrival = make_controller(name, MSS, 0), 0, 0, 0, 0
    for pause, acked, lost, rtt, step, app_limited in acks:
        now, arrival = now + pause, arrival + step
        number, delivered = number + acked + lost, delivered + acked * MSS
        control.on_sent(acked * MSS, 0, now)
        control.on_ack(
            sample(
                now=now,
                acked=acked * MSS,
                lost=lost * MSS,
                rtt=rtt,
                number=number if acked else -1,
                sent_at=now - rtt,
                lost_sent_at=now - rtt if lost else -1,
                next_number=number + 1,
                delivered=delivered,
                arrival=arrival,
                app_limited=app_limited,
            )
        )
        assert 2 * MSS <= control.congestion_window < 1 << 40
        assert 0 <= control.pacing_rate < 1 << 46
        assert control.state
