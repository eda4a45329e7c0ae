"""The textbook formulas at points that can be worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpchat.errors import UsageError
from udpchat.lab.formulas import either_lost, go_back_n, propagation_ratio, selective_repeat, stop_and_wait

SHARES = st.floats(0, 0.99)


@pytest.mark.parametrize(
    ("packet_time", "rtt", "loss", "timeout", "share"),
    [
        (1.0, 1.0, 0.0, 1.0, 1.0),
        (1.0, 3.0, 0.0, 3.0, 1 / 3),  # 1 / (1 + 2a) with a = 1
        (1.0, 4.0, 0.5, 4.0, 1 / 8),  # one timeout for each packet
        (1.0, 3.0, 0.1, 3.0, 0.9 / 3),  # a timer that ends with the round trip: (1 - P) / (1 + 2a)
    ],
)
def test_stop_and_wait(packet_time: float, rtt: float, loss: float, timeout: float, share: float) -> None:
    assert stop_and_wait(packet_time, rtt, loss, timeout) == pytest.approx(share)


@pytest.mark.parametrize(
    ("window", "a", "loss", "share"),
    [
        (7, 1.0, 0.0, 1.0),
        (7, 10.0, 0.0, 1 / 3),
        (127, 10.0, 0.1, 0.3),  # 0.9 / 3
        (7, 10.0, 0.1, 7 * 0.9 / (21 * 1.6)),
        (1, 1.0, 0.1, 0.3),  # stop-and-wait
    ],
)
def test_go_back_n(window: int, a: float, loss: float, share: float) -> None:
    assert go_back_n(window, a, loss) == pytest.approx(share)


@pytest.mark.parametrize(
    ("window", "a", "loss", "share"), [(127, 10.0, 0.1, 0.9), (7, 10.0, 0.0, 1 / 3), (7, 10.0, 0.1, 0.3)]
)
def test_selective_repeat(window: int, a: float, loss: float, share: float) -> None:
    assert selective_repeat(window, a, loss) == pytest.approx(share)


@given(window=st.integers(1, 500), a=st.floats(0, 1_000), loss=SHARES)
def test_repeating_less_is_never_worse(window: int, a: float, loss: float) -> None:
    few, many = selective_repeat(window, a, loss), go_back_n(window, a, loss)
    assert 0 <= many <= few * (1 + 1e-9) <= 1 + 1e-9


@given(a=st.floats(0, 1_000), loss=SHARES)
def test_the_two_halves_of_go_back_n_meet(a: float, loss: float) -> None:
    window = int(1 + 2 * a)
    edge = window - 1.0
    assert go_back_n(window, edge / 2, loss) == pytest.approx(
        window * (1 - loss) / ((1 + edge) * (1 - loss + window * loss))
    )


def test_a_is_found_from_the_round_trip() -> None:
    assert propagation_ratio(1.0, 21.0) == 10


def test_a_packet_counts_as_lost_when_its_ack_is() -> None:
    assert either_lost(0.1, 0.2) == pytest.approx(0.28)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: stop_and_wait(1, 3, 0, 2),
        lambda: stop_and_wait(0, 3, 0, 3),
        lambda: go_back_n(0, 1, 0),
        lambda: go_back_n(1, -1, 0),
        lambda: selective_repeat(1, 1, 1.0),
        lambda: selective_repeat(1, 1, -0.1),
        lambda: propagation_ratio(2, 1),
        lambda: either_lost(1.0, 0),
    ],
)
def test_what_cannot_be_is_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(UsageError):
        wrong()
