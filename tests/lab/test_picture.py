from pathlib import Path
from xml.etree import ElementTree

import pytest

from udpchat.config import ARQ_SCHEMES
from udpchat.errors import UsageError
from udpchat.lab.figures import Spread
from udpchat.lab.grid import Cell, Grid, textbook
from udpchat.lab.picture import check_picture, draw_grid

GRID = Grid(schemes=ARQ_SCHEMES, losses=(0.0, 0.1), round_trips=(2_000, 20_000), rate=2_500_000, size=1_000_000)


def cells(chat: int | None, congestion: str = "fixed") -> list[Cell]:
    return [
        Cell(
            scheme=scheme,
            loss=loss,
            round_trip=round_trip,
            window=9,
            runs=3,
            missing=(),
            throughput=Spread(1e6, 9e5, 2e6),
            efficiency=Spread(0.5 - loss, 0.3 - loss, 0.6),
            textbook=textbook(GRID, scheme, loss, round_trip) if congestion == "fixed" else None,
            seconds=Spread(1, 1, 1),
            retransmitted=None,
            chat_p50=chat,
            chat_p99=chat,
        )
        for round_trip in GRID.round_trips
        for scheme in GRID.schemes
        for loss in GRID.losses
    ]


@pytest.mark.parametrize("chat", [None, 21_000])
def test_the_same_cells_give_the_same_picture(tmp_path: Path, chat: int | None) -> None:
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        draw_grid(GRID, cells(chat), tmp_path / name)
    for suffix in ("svg", "png"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_grid_in_which_nothing_arrived_is_drawn_empty(tmp_path: Path) -> None:
    nothing = [
        Cell(
            scheme=cell.scheme,
            loss=cell.loss,
            round_trip=cell.round_trip,
            window=9,
            runs=1,
            missing=("seed 0: nothing",),
            throughput=None,
            efficiency=None,
            textbook=None,
            seconds=None,
            retransmitted=None,
            chat_p50=None,
            chat_p99=None,
        )
        for cell in cells(None)
    ]
    draw_grid(GRID, nothing, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1_000


def test_only_pictures_are_drawn() -> None:
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        check_picture(Path("a.pdf"))
