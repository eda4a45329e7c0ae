"""NewReno against the rules of RFC 9002 section 7 and appendix B."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.arq.congestion.samples import MSS, sample
from udpchat.arq.congestion import NewReno


def full_ack(control: NewReno, *, now: int, acked: int = MSS) -> None:
    """An ACK of acked bytes while the window is full."""
    window = control.congestion_window
    control.on_ack(sample(now=now, acked=acked, in_flight=window - acked))


def lose(control: NewReno, *, now: int, sent_at: int) -> None:
    control.on_ack(
        sample(now=now, lost=MSS, lost_sent_at=sent_at, sent_at=sent_at, in_flight=control.congestion_window)
    )


def in_avoidance(window_packets: int) -> NewReno:
    """A controller that has left recovery with that window."""
    control = NewReno(MSS)
    control.congestion_window = 2 * window_packets * MSS
    lose(control, now=1_000_000, sent_at=900_000)
    return control


def test_window_starts_at_ten_datagrams() -> None:
    assert NewReno(MSS).congestion_window == 10 * MSS


def test_first_flight_is_not_paced() -> None:
    assert NewReno(MSS).pacing_rate == 0


@pytest.mark.parametrize("acked", [MSS, 3 * MSS, 10 * MSS])
def test_slow_start_grows_by_what_is_acknowledged(acked: int) -> None:
    control = NewReno(MSS)
    full_ack(control, now=1_000_000, acked=acked)
    assert control.congestion_window == 10 * MSS + acked


def test_loss_halves_the_window() -> None:
    control = NewReno(MSS)
    control.congestion_window = 40 * MSS
    lose(control, now=1_000_000, sent_at=900_000)
    assert control.congestion_window == 20 * MSS
    assert control.slow_start_threshold == 20 * MSS


def test_losses_of_one_round_trip_reduce_once() -> None:
    control = NewReno(MSS)
    control.congestion_window = 40 * MSS
    lose(control, now=1_000_000, sent_at=900_000)
    lose(control, now=1_020_000, sent_at=950_000)
    lose(control, now=1_040_000, sent_at=1_000_000)
    assert control.congestion_window == 20 * MSS


def test_loss_of_a_packet_sent_after_the_reduction_reduces_again() -> None:
    control = NewReno(MSS)
    control.congestion_window = 40 * MSS
    lose(control, now=1_000_000, sent_at=900_000)
    lose(control, now=1_100_000, sent_at=1_000_001)
    assert control.congestion_window == 10 * MSS


def test_window_never_falls_below_two_datagrams() -> None:
    control = NewReno(MSS)
    for step in range(10):
        lose(control, now=1_000_000 * (step + 1), sent_at=1_000_000 * (step + 1) - 1)
    assert control.congestion_window == 2 * MSS


def test_acks_of_packets_sent_before_the_reduction_do_not_grow_the_window() -> None:
    control = in_avoidance(20)
    control.on_ack(sample(now=1_010_000, acked=MSS, sent_at=990_000, in_flight=19 * MSS))
    assert control.congestion_window == 20 * MSS
    assert control.state == "recovery"


def test_avoidance_adds_one_datagram_per_window() -> None:
    control = in_avoidance(20)
    for _ in range(20):
        full_ack(control, now=1_100_000)
    assert 20 * MSS + MSS * 95 // 100 <= control.congestion_window <= 21 * MSS
    assert control.state == "avoidance"


def test_window_that_is_not_used_does_not_grow() -> None:
    control = in_avoidance(20)
    control.on_ack(sample(now=1_100_000, acked=15 * MSS, in_flight=5 * MSS))
    window = control.congestion_window
    control.on_ack(sample(now=1_200_000, acked=MSS, in_flight=5 * MSS))
    assert control.congestion_window == window


def test_app_limited_ack_does_not_grow_the_window() -> None:
    control = NewReno(MSS)
    control.on_ack(sample(acked=MSS, in_flight=9 * MSS, app_limited=True))
    assert control.congestion_window == 10 * MSS


def test_persistent_congestion_leaves_two_datagrams_and_slow_start() -> None:
    control = NewReno(MSS)
    control.congestion_window = 40 * MSS
    control.on_loss(20 * MSS, 900_000, 1_000_000, persistent=True)
    assert control.congestion_window == 2 * MSS
    assert control.state == "slow start"


def test_loss_found_by_a_timer_reduces_like_one_found_by_an_ack() -> None:
    control = NewReno(MSS)
    control.congestion_window = 40 * MSS
    control.on_loss(MSS, 900_000, 1_000_000, persistent=False)
    assert control.congestion_window == 20 * MSS


def test_reduction_is_taken_back_when_all_its_losses_were_spurious() -> None:
    control = NewReno(MSS)
    control.congestion_window = 40 * MSS
    lose(control, now=1_000_000, sent_at=900_000)
    lose(control, now=1_010_000, sent_at=910_000)
    control.on_spurious_loss(MSS, 900_000, 1_020_000)
    assert control.congestion_window == 20 * MSS
    control.on_spurious_loss(MSS, 910_000, 1_020_000)
    assert control.congestion_window == 40 * MSS
    assert control.state == "slow start"


def test_pacing_is_five_quarters_of_window_per_round_trip() -> None:
    control = NewReno(MSS)
    full_ack(control, now=1_000_000)
    assert control.pacing_rate == 11 * MSS * 5 * 20 // 4  # 50 ms are a twentieth of a second


def test_larger_datagrams_keep_an_untouched_initial_window_at_ten() -> None:
    control = NewReno(MSS)
    control.set_datagram_size(1_472)
    assert control.congestion_window == 10 * 1_472


def test_new_path_starts_again() -> None:
    control = in_avoidance(40)
    control.on_new_path(2_000_000)
    assert (control.congestion_window, control.pacing_rate, control.state) == (10 * MSS, 0, "slow start")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ack", "loss", "late", "persistent"]), st.integers(1, 60)), max_size=60))
def test_whatever_happens_the_window_stays_between_two_datagrams_and_what_was_sent(
    events: list[tuple[str, int]],
) -> None:
    control, now, acked = NewReno(MSS), 1_000_000, 0
    for kind, packets in events:
        now += 10_000
        if kind == "ack":
            full_ack(control, now=now, acked=packets * MSS)
            acked += packets * MSS
        elif kind == "late":
            control.on_spurious_loss(packets * MSS, now - 40_000, now)
        else:
            control.on_loss(packets * MSS, now - 20_000, now, persistent=kind == "persistent")
        assert 2 * MSS <= control.congestion_window <= 10 * MSS + acked
