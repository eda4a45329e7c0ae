import csv
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from udpchat.ui.cli.exits import ExitCode
from udpchat.ui.cli.lab_report import COLUMNS
from udpchat.ui.cli.main import make_app

SMALL = ("--arq", "selective-repeat,go-back-n", "--loss", "0,10%", "--rtt", "4ms", "--size", "200k", "--repeat", "1")


def lab(*arguments: str) -> Result:
    return CliRunner().invoke(make_app("lab"), ["lab", *arguments])


def test_people_get_a_table() -> None:
    result = lab(*SMALL, "--chat", "0")
    assert result.exit_code == ExitCode.OK, result.output
    about, header, *rows = result.stdout.splitlines()
    assert about == "200.0 kB over 20 Mbit/s, of which a file can have 18.8; fixed; one run each"
    assert header.split()[:4] == ["scheme", "loss", "RTT", "ms"]
    assert [row.split()[:3] for row in rows] == [
        [scheme, loss, "4"] for scheme in ("selective-repeat", "go-back-n") for loss in ("0%", "10%")
    ]
    assert len({len(row) for row in (header, *rows)}) == 1


def test_programs_get_objects_and_a_table(tmp_path: Path) -> None:
    table = tmp_path / "grid.csv"
    result = lab(*SMALL, "--json", "--csv", str(table), "--chat", "20")
    assert result.exit_code == ExitCode.OK, result.output
    cells = [json.loads(line) for line in result.stdout.splitlines()]
    header, *rows = csv.reader(table.read_text().splitlines())
    assert tuple(header) == COLUMNS
    assert len(rows) == len(cells) == 4
    for cell, row in zip(cells, rows, strict=True):
        assert cell.pop("event") == "cell"
        assert cell.pop("missing") == []
        assert [str(value) for value in cell.values()] == row
        assert cell["deviation"] == pytest.approx(cell["efficiency"] / cell["textbook"] - 1, abs=0.001)
        assert cell["chat_p50_ms"] > 4


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "grid.svg"
    result = lab(*SMALL, "--out", str(picture))
    assert result.exit_code == ExitCode.OK, result.output
    assert result.stdout.splitlines()[-1] == f"picture: {picture}"
    assert picture.read_text().startswith("<?xml")


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    result = lab(*SMALL, "--csv", str(tmp_path / "missing" / "grid.csv"))
    assert result.exit_code == ExitCode.LOCAL_FILE
    assert re.fullmatch(r"udpchat lab: cannot write .*: No such file or directory.*\n", result.stderr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--arq", "hope"), "go-back-n"),
        (("--loss", "0,1%,nothing"), "not a probability"),
        (("--loss", "100%"), "everything is lost"),
        (("--rtt", "5"), "needs a unit"),
        (("--size", "20k"), "choose a larger one"),
        (("--rate", "0"), "needs a rate"),
        (("--out", "grid.pdf"), ".png or .svg"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = lab(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert words in " ".join(result.stderr.replace("│", " ").split())
