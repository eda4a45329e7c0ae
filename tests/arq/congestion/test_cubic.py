"""CUBIC against the formulas of RFC 9438."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.arq.congestion.samples import MSS, sample
from udpchat.arq.congestion import Cubic
from udpchat.arq.congestion.cubic import cube_root

SECOND = 1_000_000


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 90))
def test_cube_root_is_the_largest_integer_whose_cube_fits(value: int) -> None:
    root = cube_root(value)
    assert root**3 <= value < (root + 1) ** 3


def test_cube_root_of_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        cube_root(-1)


def after_loss_at(packets: int) -> Cubic:
    """A controller that lost at time 0 (1 s on the clock) with a window of so many packets."""
    control = Cubic(MSS)
    control.congestion_window = packets * MSS
    control.on_ack(sample(now=SECOND, lost=MSS, lost_sent_at=SECOND - 1, in_flight=packets * MSS))
    return control


def grow_until(control: Cubic, start: int, stop: int, rtt: int) -> None:
    """Full windows of ACKs, ten per round trip."""
    for now in range(start, stop, rtt // 10):
        window = control.congestion_window
        control.on_ack(sample(now=now, acked=window // 10, in_flight=window * 9 // 10, rtt=rtt, sent_at=now - 1))


def test_loss_keeps_seven_tenths() -> None:
    assert after_loss_at(100).congestion_window == 70 * MSS


@pytest.mark.parametrize(("packets", "k"), [(100, 4.217), (1_000, 9.086), (10_000, 19.574)])
def test_plateau_is_reached_after_k_seconds(packets: int, k: float) -> None:
    """K = cbrt(W_max (1 - beta) / C), RFC 9438 section 4.2; at a long round trip Reno is not in the way."""
    control = after_loss_at(packets)
    rtt = 400_000
    grow_until(control, 2 * SECOND, int((2 + k - rtt / SECOND) * SECOND), rtt)
    assert control.congestion_window == pytest.approx(packets * MSS, rel=0.01)


@pytest.mark.parametrize("seconds", [2.0, 4.0, 6.0])
def test_growth_follows_the_cubic_curve(seconds: float) -> None:
    control = after_loss_at(1_000)
    rtt = 200_000
    grow_until(control, 2 * SECOND, int((2 + seconds) * SECOND), rtt)
    curve = 0.4 * (seconds - 9.086) ** 3 + 1_000
    assert control.congestion_window == pytest.approx(curve * MSS, rel=0.02)


def test_short_round_trips_grow_as_fast_as_reno() -> None:
    """RFC 9438 section 4.3: 9/17 of a segment per round trip until the plateau."""
    control = after_loss_at(20)
    rtt = 2_000
    grow_until(control, 2 * SECOND, 2 * SECOND + 8 * rtt, rtt)
    assert control.congestion_window == pytest.approx((14 + 8 * 9 / 17) * MSS, rel=0.03)


def test_window_grows_at_most_by_half_in_a_round_trip() -> None:
    control = after_loss_at(100)
    grow_until(control, 2 * SECOND, 2 * SECOND + 20_000, 100_000)
    before = control.congestion_window
    grow_until(control, 200 * SECOND, 200 * SECOND + 100_000, 100_000)
    assert before < control.congestion_window <= before * 1.65  # 1.05 ** 10


def test_second_loss_below_the_plateau_gives_room_to_a_new_flow() -> None:
    """Fast convergence (RFC 9438 section 4.7): the curve then aims at 0.85 of the window."""
    control = after_loss_at(1_000)
    control.on_ack(sample(now=2 * SECOND, lost=MSS, lost_sent_at=2 * SECOND - 1, in_flight=700 * MSS))
    assert control.congestion_window == 490 * MSS
    k = (105 / 0.4) ** (1 / 3)
    grow_until(control, 3 * SECOND, int((3 + k - 0.4) * SECOND), 400_000)
    assert control.congestion_window == pytest.approx(595 * MSS, rel=0.01)


def test_time_with_nothing_to_send_is_no_time_on_the_curve() -> None:
    control = after_loss_at(1_000)
    grow_until(control, 2 * SECOND, 3 * SECOND, 100_000)
    window = control.congestion_window
    control.on_ack(sample(now=60 * SECOND, acked=MSS, in_flight=MSS, app_limited=True))
    assert control.congestion_window == window
    grow_until(control, 60 * SECOND + 1, 60 * SECOND + 100_001, 100_000)
    assert control.congestion_window < window * 1.1
