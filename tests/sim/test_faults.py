from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpchat.sim.faults import MAX_APPENDED, LossModel, corrupt_bytes


def fates(probability: float, burst: float, count: int = 100_000) -> list[bool]:
    model, draw = LossModel(probability, burst), Random(5).random
    return [model.drops(draw()) for _ in range(count)]


def runs(lost: list[bool]) -> list[int]:
    lengths, length = [], 0
    for drop in [*lost, False]:
        if drop:
            length += 1
        elif length:
            lengths.append(length)
            length = 0
    return lengths


@pytest.mark.parametrize(
    ("probability", "burst"),
    [(0.0, 1), (1.0, 1), (0.05, 1), (0.3, 1), (0.05, 4), (0.1, 10), (0.2, 5), (0.9, 2), (1.0, 4), (0.0, 4)],
)
def test_mean_loss_is_the_one_asked_for_whatever_the_burst_length(probability: float, burst: float) -> None:
    share = sum(fates(probability, burst)) / 100_000
    # Losses in bursts are correlated: the variance of the mean is about twice the burst length times the binomial one.
    deviation = (probability * (1 - probability) * max(1, 2 * burst) / 100_000) ** 0.5
    assert abs(share - probability) <= 4 * deviation


@pytest.mark.parametrize(("probability", "burst"), [(0.05, 4), (0.1, 10), (0.2, 5)])
def test_mean_run_of_losses_is_the_burst_length(probability: float, burst: float) -> None:
    lengths = runs(fates(probability, burst))
    assert sum(lengths) / len(lengths) == pytest.approx(burst, rel=0.1)


def test_independent_losses_run_as_long_as_chance_has_it() -> None:
    lengths = runs(fates(0.3, 1))
    assert sum(lengths) / len(lengths) == pytest.approx(1 / 0.7, rel=0.03)


@given(data=st.binary(max_size=1_472), seed=st.integers(0, 2**32))
@settings(max_examples=200)
def test_damage_always_shows_and_adds_little(data: bytes, seed: int) -> None:
    damaged = corrupt_bytes(data, Random(seed))
    assert damaged != data
    assert len(damaged) <= len(data) + MAX_APPENDED


def test_damage_is_a_function_of_the_seed() -> None:
    data = bytes(range(200))
    assert [corrupt_bytes(data, Random(seed)) for seed in range(50)] == [
        corrupt_bytes(data, Random(seed)) for seed in range(50)
    ]


def test_damage_comes_in_all_kinds() -> None:
    data = bytes(range(1, 201))
    damaged = [corrupt_bytes(data, Random(seed)) for seed in range(200)]
    assert any(len(other) < len(data) for other in damaged), "cut short"
    assert any(len(other) > len(data) for other in damaged), "lengthened"
    assert any(other[-2:] == bytes(2) and len(other) == len(data) for other in damaged), "tail zeroed"
    same = [other for other in damaged if len(other) == len(data) and other[-1] == data[-1]]
    assert all(sum(a != b for a, b in zip(data, other, strict=True)) == 1 for other in same), "one byte changed"
    assert same
