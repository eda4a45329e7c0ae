"""Losses from packet numbers."""

import pytest

from udpchat.config import BASE_DATAGRAM, SKIP_INTERVAL
from udpchat.net.doctor.tally import Losses, missing, vanished

CEILING = 1_472


@pytest.mark.parametrize(
    ("largest", "received", "probes", "losses"),
    [
        (-1, 0, 0, Losses(0, 0)),
        (9, 10, 0, Losses(10, 0)),
        (9, 7, 0, Losses(10, 3)),
        (9, 7, 3, Losses(7, 0)),
        (9, 7, 5, Losses(7, 0)),  # a search that was not at its end
        (SKIP_INTERVAL, SKIP_INTERVAL, 0, Losses(SKIP_INTERVAL, 0)),  # one number may be left out
        (SKIP_INTERVAL - 1, SKIP_INTERVAL - 1, 0, Losses(SKIP_INTERVAL, 1)),
    ],
)
def test_what_did_not_come_is_what_the_numbers_leave_open(
    largest: int, received: int, probes: int, losses: Losses
) -> None:
    assert missing(largest, received, probes) == losses


def test_a_share_of_nothing_is_nothing() -> None:
    assert Losses(0, 0).share == 0.0
    assert Losses(8, 2).share == 0.25


@pytest.mark.parametrize(("passed", "lost"), [(CEILING, 0), (BASE_DATAGRAM, 3 * 6)])
def test_a_search_loses_three_probes_of_each_size_that_does_not_pass(passed: int, lost: int) -> None:
    assert vanished(CEILING, passed) == lost


def test_a_path_that_carries_less_loses_probes() -> None:
    assert all(vanished(CEILING, passed) % 3 == 0 < vanished(CEILING, passed) for passed in range(1_200, 1_472))
