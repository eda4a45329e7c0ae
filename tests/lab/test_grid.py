from typing import Any

import pytest

from udpchat.config import ARQ_SCHEMES, MILLISECOND
from udpchat.errors import UsageError
from udpchat.lab.grid import GO_BACK_N, SELECTIVE_REPEAT, STOP_AND_WAIT, Cell, Grid, run_cell, run_grid, textbook

RTT = 10 * MILLISECOND


def grid(**fields: Any) -> Grid:
    given: dict[str, Any] = {
        "schemes": ARQ_SCHEMES,
        "losses": (0.0,),
        "round_trips": (RTT,),
        "rate": 2_500_000,
        "size": 400_000,
        "repeat": 1,
        **fields,
    }
    return Grid(**given)


def efficiency(cell: Cell) -> float:
    assert not cell.missing
    assert cell.efficiency is not None
    return cell.efficiency.median


@pytest.mark.parametrize("scheme", [SELECTIVE_REPEAT, STOP_AND_WAIT])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_cell_agrees_with_the_textbook(scheme: str, loss: float) -> None:
    cell = run_cell(grid(repeat=3), scheme, loss, RTT)
    assert cell.textbook is not None
    assert efficiency(cell) == pytest.approx(cell.textbook, rel=0.1)
    assert cell.deviation == pytest.approx(efficiency(cell) / cell.textbook - 1)


def test_a_window_below_the_round_trip_limits() -> None:
    half = grid(window=9).window_of(GO_BACK_N, RTT) * grid().packet_time / grid().whole_round_trip(RTT)
    for scheme in (GO_BACK_N, SELECTIVE_REPEAT):
        cell = run_cell(grid(window=9), scheme, 0.0, RTT)
        assert efficiency(cell) == pytest.approx(half, rel=0.1)


def test_the_schemes_are_ranked_as_everybody_learns() -> None:
    cells = {cell.scheme: cell for cell in run_grid(grid(losses=(0.05,), size=800_000))}
    assert efficiency(cells[SELECTIVE_REPEAT]) > efficiency(cells[GO_BACK_N]) > efficiency(cells[STOP_AND_WAIT])
    back, selective = cells[GO_BACK_N].retransmitted, cells[SELECTIVE_REPEAT].retransmitted
    assert back is not None
    assert selective is not None
    assert back.median > 3 * selective.median


def test_the_same_grid_gives_the_same_cells() -> None:
    tried = grid(losses=(0.0, 0.1), chat=20.0, schemes=(GO_BACK_N,))
    assert list(run_grid(tried)) == list(run_grid(tried))


def test_cells_come_by_round_trip_then_scheme_then_loss() -> None:
    tried = grid(schemes=(GO_BACK_N, SELECTIVE_REPEAT), losses=(0.0, 0.1), round_trips=(1_000, 2_000), size=100_000)
    found = [(cell.round_trip, cell.scheme, cell.loss) for cell in run_grid(tried)]
    assert found == [(rtt, arq, loss) for rtt in (1_000, 2_000) for arq in tried.schemes for loss in (0.0, 0.1)]


def test_chat_has_a_run_of_its_own() -> None:
    quiet, loud = (run_cell(grid(chat=chat), SELECTIVE_REPEAT, 0.0, RTT) for chat in (0.0, 50.0))
    assert (quiet.chat_p50, quiet.runs, loud.runs) == (None, 1, 2)
    assert quiet.efficiency == loud.efficiency
    assert loud.chat_p50 is not None
    assert loud.chat_p99 is not None
    assert RTT <= loud.chat_p50 <= loud.chat_p99


def test_another_controller_has_no_formula() -> None:
    cell = run_cell(grid(congestion="bbr", size=1_000_000), SELECTIVE_REPEAT, 0.0, RTT)
    assert (cell.textbook, cell.deviation) == (None, None)
    assert efficiency(cell) > 0.5


def test_a_window_that_fills_the_path_is_that_of_the_scheme() -> None:
    tried = grid()
    packets = tried.whole_round_trip(RTT) / tried.packet_time
    assert tried.window_of(STOP_AND_WAIT, RTT) == grid(window=9).window_of(STOP_AND_WAIT, RTT) == 1
    assert packets < tried.window_of(GO_BACK_N, RTT) < tried.window_of(SELECTIVE_REPEAT, RTT) < 1.3 * packets + 3
    assert grid(window=9).window_of(GO_BACK_N, RTT) == 9


@pytest.mark.parametrize("scheme", ARQ_SCHEMES)
def test_the_textbook_promises_less_the_more_is_lost(scheme: str) -> None:
    promised = [textbook(grid(), scheme, loss, RTT) or 0 for loss in (0.0, 0.01, 0.1, 0.5)]
    assert promised == sorted(promised, reverse=True)
    assert 0 < promised[-1] < promised[0] <= 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rate": 0}, "needs a rate"),
        ({"losses": (1.0,)}, "everything is lost"),
        ({"losses": ()}, "1 to 1000 cells"),
        ({"losses": tuple(number / 1_000 for number in range(400))}, "1 to 1000 cells"),
        ({"size": 20_000}, "shorter than two windows"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        grid(**wrong)
